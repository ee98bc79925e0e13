/* libFuzzer target: a P1 stream in pieces; the first byte is the size of the pieces. */
#include "meter-client/p1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_telegram(void *cookie, const struct p1_telegram *telegram)
{
    uint64_t *sum = cookie;

    if (telegram->import_wh > READING_WH_MAX || telegram->export_wh > READING_WH_MAX ||
        (telegram->serial[0] && !serial_valid(telegram->serial)))
        __builtin_trap();
    *sum += telegram->import_wh;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint64_t sum = 0;
    struct p1 *p1;
    size_t piece;

    if (len == 0)
        return 0;
    p1 = p1_new(P1_CHECKSUM_NONE, on_telegram, &sum);
    piece = data[0] ? data[0] : 256;
    for (size_t at = 1; at < len; at += piece)
        p1_feed(p1, data + at, len - at < piece ? len - at : piece);
    p1_timeout(p1);
    p1_free(p1);
    return 0;
}
