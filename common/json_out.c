#include "common/json_out.h"

#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/json.h"

/* A comma where something stands before, and the key. */
static void begin(struct buf *out, const char *key)
{
    uint8_t last = out->len > 0 ? out->data[out->len - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        buf_append_u8(out, ',');
    if (!key)
        return;
    json_append_string(out, key);
    buf_append_u8(out, ':');
}

void json_put_object(struct buf *out, const char *key)
{
    begin(out, key);
    buf_append_u8(out, '{');
}

void json_put_array(struct buf *out, const char *key)
{
    begin(out, key);
    buf_append_u8(out, '[');
}

void json_put_end_object(struct buf *out)
{
    buf_append_u8(out, '}');
}

void json_put_end_array(struct buf *out)
{
    buf_append_u8(out, ']');
}

void json_put_text(struct buf *out, const char *key, const char *text)
{
    begin(out, key);
    json_append_string(out, text ? text : "");
}

void json_put_text_or_null(struct buf *out, const char *key, const char *text)
{
    if (text && text[0])
        json_put_text(out, key, text);
    else
        json_put_null(out, key);
}

void json_put_uint(struct buf *out, const char *key, uint64_t value)
{
    begin(out, key);
    buf_printf(out, "%llu", (unsigned long long)value);
}

void json_put_int(struct buf *out, const char *key, int64_t value)
{
    begin(out, key);
    buf_printf(out, "%lld", (long long)value);
}

void json_put_tenths(struct buf *out, const char *key, int64_t tenths)
{
    begin(out, key);
    buf_printf(out, "%s%lld.%lld", tenths < 0 ? "-" : "", (long long)llabs(tenths) / 10,
               (long long)llabs(tenths) % 10);
}

void json_put_bool(struct buf *out, const char *key, bool value)
{
    begin(out, key);
    buf_printf(out, "%s", value ? "true" : "false");
}

void json_put_null(struct buf *out, const char *key)
{
    begin(out, key);
    buf_printf(out, "null");
}

void json_put_hex(struct buf *out, const char *key, const void *data, size_t len)
{
    begin(out, key);
    buf_append_u8(out, '"');
    hex0x_append(out, data, len);
    buf_append_u8(out, '"');
}

void json_put_raw(struct buf *out, const char *key, const char *json)
{
    begin(out, key);
    buf_append(out, json, strlen(json));
}
