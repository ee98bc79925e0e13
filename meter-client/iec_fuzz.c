/* Any bytes as a stream of readouts: whatever comes out is in range. */
#include "meter-client/iec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_ident(void *cookie, const char *ident)
{
    (void)cookie;
    (void)ident;
}

static void on_readout(void *cookie, const struct iec_readout *readout)
{
    (void)cookie;
    if (readout->import_wh > READING_WH_MAX || readout->export_wh > READING_WH_MAX)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iec_handlers handlers = {on_ident, on_readout, NULL};

    for (int unchecked = 0; unchecked < 2; unchecked++) {
        struct iec *iec = iec_new(unchecked, &handlers);

        iec_feed(iec, data, size);
        iec_timeout(iec);
        iec_free(iec);
    }
    return 0;
}
