#include "common/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"

json_t *json_parse(const void *text, size_t len, struct err *err)
{
    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

    if (!value)
        err_set(err, "not JSON: %s at byte %d", error.text, error.position);
    return value;
}

void json_reader_init(struct json_reader *reader, json_t *object, struct err *err)
{
    *reader = (struct json_reader){object, 0, false, err};
    if (!json_is_object(object))
        json_fail(reader, "not a JSON object");
}

void json_fail(struct json_reader *reader, const char *format, ...)
{
    char text[256];
    va_list args;

    if (reader->failed)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    err_set(reader->err, "%s", text);
    reader->failed = true;
}

json_t *json_take(struct json_reader *reader, const char *key, bool required)
{
    if (reader->failed)
        return NULL;
    json_t *value = json_object_get(reader->object, key);
    if (value)
        reader->taken++;
    else if (required)
        json_fail(reader, "'%s' is missing", key);
    return value;
}

uint64_t json_take_uint(struct json_reader *reader, const char *key, uint64_t min, uint64_t max)
{
    json_t *value = json_take(reader, key, true);

    if (!value)
        return min;
    if (!json_is_integer(value)) {
        json_fail(reader, "'%s' is not a whole number", key);
        return min;
    }
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
        json_fail(reader, "'%s' is not within %" PRIu64 "..%" PRIu64, key, min, max);
        return min;
    }
    return (uint64_t)number;
}

const char *json_take_string(struct json_reader *reader, const char *key, bool required)
{
    json_t *value = json_take(reader, key, required);

    if (!value)
        return "";
    /* JSON may hold \u0000, which a C string would cut short. */
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value)) {
        json_fail(reader, "'%s' is not a string", key);
        return "";
    }
    return json_string_value(value);
}

void json_take_hex(struct json_reader *reader, const char *key, void *ret_data, size_t len)
{
    const char *text = json_take_string(reader, key, true);
    struct err err = ERR_INIT;

    if (!reader->failed && hex0x_decode(ret_data, len, text, &err))
        json_fail(reader, "'%s': %s", key, err.text);
}

int json_done(struct json_reader *reader)
{
    const char *key;
    json_t *value;

    if (reader->failed)
        return -1;
    if (reader->taken == json_object_size(reader->object))
        return 0;
    /* Which one is left over cannot be told from the count alone; say the keys there are. */
    struct buf keys = BUF_INIT;
    json_object_foreach(reader->object, key, value)
    {
        if (keys.len < 100)
            buf_printf(&keys, " %.32s", key);
    }
    json_fail(reader, "an unknown key among:%s", buf_str(&keys));
    buf_free(&keys);
    return -1;
}

/* Length of the UTF-8 sequence that starts here; 0 where it is none (RFC 3629). */
static size_t utf8_len(const unsigned char *at)
{
    static const struct {
        unsigned char from, to, second_from, second_to;
        size_t len;
    } FORMS[] = {
        {0x20, 0x7e, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};

    for (size_t i = 0; i < AMR_COUNT(FORMS); i++) {
        if (*at < FORMS[i].from || *at > FORMS[i].to)
            continue;
        if (FORMS[i].len > 1 && (at[1] < FORMS[i].second_from || at[1] > FORMS[i].second_to))
            return 0;
        for (size_t more = 2; more < FORMS[i].len; more++)
            if (at[more] < 0x80 || at[more] > 0xbf)
                return 0;
        return FORMS[i].len;
    }
    return 0;
}

void json_append_string(struct buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    buf_append_u8(out, '"');
    while (*at) {
        size_t len = utf8_len(at);
        if (*at == '"' || *at == '\\')
            buf_printf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            buf_printf(out, "\\u%04x", *at);
        else if (len)
            buf_append(out, at, len);
        else
            buf_append_u8(out, '?'); /* a cut or foreign byte must not spoil the document */
        at += len ? len : 1;
    }
    buf_append_u8(out, '"');
}
