#include "common/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char DIGITS[] = "0123456789abcdef";

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *hex0x_encode(char *text, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    char *at = text;

    *at++ = '0';
    *at++ = 'x';
    for (size_t i = 0; i < len; i++) {
        *at++ = DIGITS[bytes[i] >> 4];
        *at++ = DIGITS[bytes[i] & 15];
    }
    *at = '\0';
    return text;
}

void hex0x_append(struct buf *out, const void *data, size_t len)
{
    char *text = (char *)buf_extend(out, HEX0X_SIZE(len));

    hex0x_encode(text, data, len);
    out->len--; /* not the zero */
}

static int decode_pairs(uint8_t *out, const char *digits, size_t len, struct err *err)
{
    for (size_t i = 0; i < len; i++) {
        int high = digit_value(digits[2 * i]);
        int low = high < 0 ? -1 : digit_value(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return err_set(err, "not a hexadecimal digit at position %zu", 2 * i + (high >= 0));
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

int hex0x_decode(void *ret_data, size_t len, const char *text, struct err *err)
{
    uint8_t bytes[256];
    size_t text_len = strlen(text);

    if (len > sizeof(bytes))
        return err_set(err, "too long to decode in one piece");
    if (text_len < 2 || text[0] != '0' || text[1] != 'x')
        return err_set(err, "hexadecimal text without 0x");
    if (text_len != 2 + 2 * len)
        return err_set(err, "%zu hexadecimal digits where %zu are wanted", text_len - 2, 2 * len);
    if (decode_pairs(bytes, text + 2, len, err))
        return -1;
    memcpy(ret_data, bytes, len);
    return 0;
}

int hex_decode_append(struct buf *out, size_t max, const char *text, size_t text_len,
                      struct err *err)
{
    if (text_len >= 2 && text[0] == '0' && text[1] == 'x') {
        text += 2;
        text_len -= 2;
    }
    if (text_len % 2)
        return err_set(err, "an odd number of hexadecimal digits");
    if (text_len / 2 > max)
        return err_set(err, "%zu bytes where at most %zu are allowed", text_len / 2, max);
    size_t before = out->len;
    if (decode_pairs(buf_extend(out, text_len / 2), text, text_len / 2, err)) {
        out->len = before;
        return -1;
    }
    return 0;
}

int hex_quantity_decode(uint64_t *ret_value, const char *text, struct err *err)
{
    uint64_t value = 0;

    if (text[0] != '0' || text[1] != 'x' || !text[2])
        return err_set(err, "quantity without 0x and a digit");
    for (const char *at = text + 2; *at; at++) {
        int digit = digit_value(*at);
        if (digit < 0)
            return err_set(err, "not a hexadecimal digit in a quantity");
        if (value >> 60)
            return err_set(err, "quantity above 64 bits");
        value = value << 4 | (uint64_t)digit;
    }
    *ret_value = value;
    return 0;
}

char *hex_quantity_encode(char *text, uint64_t value)
{
    snprintf(text, 19, "0x%" PRIx64, value);
    return text;
}
