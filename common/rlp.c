#include "common/rlp.h"

/* Short strings and lists carry their length in the prefix, longer ones the length's length. */
static void header(struct buf *out, uint8_t base, size_t len)
{
    size_t bytes = 0;

    if (len <= 55) {
        buf_append_u8(out, (uint8_t)(base + len));
        return;
    }
    for (size_t rest = len; rest; rest >>= 8)
        bytes++;
    buf_append_u8(out, (uint8_t)(base + 55 + bytes));
    buf_append_be(out, len, bytes);
}

void rlp_bytes(struct buf *out, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    if (len != 1 || bytes[0] >= 0x80)
        header(out, 0x80, len);
    buf_append(out, data, len);
}

static void trimmed(struct buf *out, const uint8_t *bytes, size_t len)
{
    while (len && !*bytes) {
        bytes++;
        len--;
    }
    rlp_bytes(out, bytes, len);
}

void rlp_uint(struct buf *out, uint64_t value)
{
    uint8_t bytes[8];

    for (int i = 7; i >= 0; i--, value >>= 8)
        bytes[i] = (uint8_t)value;
    trimmed(out, bytes, sizeof(bytes));
}

void rlp_uint256(struct buf *out, const uint8_t value[32])
{
    trimmed(out, value, 32);
}

void rlp_list(struct buf *out, const void *items, size_t len)
{
    header(out, 0xc0, len);
    buf_append(out, items, len);
}
