#include "common/json_scan.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Longer than any key that a row can have; what is longer still cannot be known. */
#define KEY_MAX 32

struct scan {
    const char *start;
    const char *at;
    const char *end;
    struct err *err;
};

/* The keys of the rows are ours; texts from outside are quoted as printable ASCII. */
static int not_json(const struct scan *scan, const char *expected)
{
    return err_set(scan->err, "not JSON: %s expected at byte %zu", expected,
                   (size_t)(scan->at - scan->start));
}

/* The next byte that is no white space; '\0' at the end, which no token starts with. */
static char peek(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
    return scan->at < scan->end ? *scan->at : '\0';
}

static bool take(struct scan *scan, char token)
{
    if (peek(scan) != token)
        return false;
    scan->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX; -1 where they are none. */
static int scan_code(struct scan *scan)
{
    int code = 0;

    if (scan->end - scan->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*scan->at++);
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* What follows a backslash, as one character; '\0' where JSON knows no such escape. Only ASCII is
 * told apart: nothing that is asked for here holds more. */
static char scan_escape(struct scan *scan)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    char c = scan->at < scan->end ? *scan->at++ : '\0';

    if (c == 'u') {
        int code = scan_code(scan);
        return code < 0 ? '\0' : (char)(code >= 1 && code < 0x80 ? code : '?');
    }
    const char *found = c ? strchr(FROM, c) : NULL;
    return found ? TO[found - FROM] : '\0';
}

/* One character of a string whose end is not reached; '\0' where it is none. */
static char scan_character(struct scan *scan)
{
    char c = scan->at < scan->end ? *scan->at++ : '\0';

    if (c == '\\')
        return scan_escape(scan);
    return (unsigned char)c < 0x20 ? '\0' : c;
}

/* A string into key, cut to its size: cut keys are longer than any known one. */
static int scan_key(struct scan *scan, char key[KEY_MAX + 1])
{
    size_t len = 0;

    if (!take(scan, '"'))
        return not_json(scan, "a key");
    while (scan->at < scan->end && *scan->at != '"') {
        char c = scan_character(scan);
        if (!c)
            return not_json(scan, "a character");
        if (len < KEY_MAX)
            key[len++] = c;
    }
    key[len] = '\0';
    if (!take(scan, '"'))
        return not_json(scan, "'\"'");
    return take(scan, ':') ? 0 : not_json(scan, "':'");
}

static void store_uint(void *field, size_t size, uint64_t value)
{
    switch (size) {
    case 1:
        *(uint8_t *)field = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)field = (uint16_t)value;
        break;
    case 4:
        *(uint32_t *)field = (uint32_t)value;
        break;
    case 8:
        *(uint64_t *)field = value;
        break;
    default:
        break;
    }
}

static bool at_digit(const struct scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static int scan_uint(struct scan *scan, const struct scan_row *row, void *field)
{
    bool negative = take(scan, '-'), too_big = false;
    const char *first = scan->at;
    uint64_t value = 0;

    for (; at_digit(scan); scan->at++) {
        too_big = too_big || value > (UINT64_MAX - 9) / 10;
        value = value * 10 + (uint64_t)(*scan->at - '0');
    }
    size_t digits = (size_t)(scan->at - first);
    char next = scan->at < scan->end ? *scan->at : '\0';
    if (digits == 0 || next == '.' || next == 'e' || next == 'E')
        return err_set(scan->err, "'%s' is not a whole number", row->key);
    if (digits > 1 && *first == '0')
        return not_json(scan, "a number without leading zeros");
    if (too_big || (negative && value) || value < row->min || value > row->max)
        return err_set(scan->err, "'%s' is not within %" PRIu64 "..%" PRIu64, row->key, row->min,
                       row->max);
    store_uint(field, row->size, value);
    return 0;
}

/* The next digit of a hexadecimal string; -1 where it is none, as its end is none. */
static int scan_digit(struct scan *scan)
{
    if (scan->at < scan->end && *scan->at != '\\')
        return hex_digit(*scan->at++);
    return hex_digit(scan_character(scan));
}

static int scan_hex(struct scan *scan, const struct scan_row *row, uint8_t *field)
{
    if (!take(scan, '"'))
        return err_set(scan->err, "'%s' is not a string", row->key);
    char zero = scan_character(scan), x = scan_character(scan);
    if (zero != '0' || x != 'x')
        return err_set(scan->err, "'%s': hexadecimal text without 0x", row->key);
    for (size_t i = 0; i < row->size; i++) {
        int high = scan_digit(scan);
        int low = high < 0 ? -1 : scan_digit(scan);
        if (low < 0)
            return err_set(scan->err, "'%s' does not hold %zu hexadecimal digits", row->key,
                           2 * row->size);
        field[i] = (uint8_t)(high << 4 | low);
    }
    if (scan->at == scan->end || *scan->at++ != '"')
        return err_set(scan->err, "'%s' holds more than %zu hexadecimal digits", row->key,
                       2 * row->size);
    return 0;
}

static int scan_object(struct scan *scan, const struct scan_row *rows, size_t row_count,
                       uint8_t *ret_struct);

static int wrong_count(const struct scan *scan, const struct scan_row *row)
{
    return err_set(scan->err, "'%s' is not an array of %" PRIu64 " to %" PRIu64, row->key, row->min,
                   row->max);
}

static int scan_array(struct scan *scan, const struct scan_row *row, uint8_t *field,
                      uint32_t *ret_count)
{
    uint32_t count = 0;

    if (!take(scan, '['))
        return wrong_count(scan, row);
    bool more = peek(scan) != ']';
    for (; more; more = take(scan, ',')) {
        if (count == row->max)
            return wrong_count(scan, row);
        if (scan_object(scan, row->rows, row->row_count, field + count * row->size))
            return err_wrap(scan->err, "%s[%" PRIu32 "]", row->key, count);
        count++;
    }
    if (!take(scan, ']'))
        return not_json(scan, "',' or ']'");
    if (count < row->min)
        return wrong_count(scan, row);
    *ret_count = count;
    return 0;
}

static int scan_value(struct scan *scan, const struct scan_row *row, uint8_t *ret_struct)
{
    uint8_t *field = ret_struct + row->offset;

    switch (row->kind) {
    case SCAN_KIND_UINT:
        return scan_uint(scan, row, field);
    case SCAN_KIND_HEX:
        return scan_hex(scan, row, field);
    case SCAN_KIND_ARRAY:
        return scan_array(scan, row, field, (void *)(ret_struct + row->count_offset));
    }
    return -1;
}

static int unknown_key(const struct scan *scan, char *key)
{
    for (char *c = key; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return err_set(scan->err, "unknown key '%s'", key);
}

/* The row of a key; row_count where there is none. Keys mostly come in the order of the rows. */
static size_t find_row(const struct scan_row *rows, size_t row_count, const char *key, size_t hint)
{
    if (hint < row_count && strcmp(rows[hint].key, key) == 0)
        return hint;
    size_t i = 0;
    while (i < row_count && strcmp(rows[i].key, key) != 0)
        i++;
    return i;
}

/* One "key": value; seen has a bit for each row that had its turn. */
static int scan_member(struct scan *scan, const struct scan_row *rows, size_t row_count,
                       uint8_t *ret_struct, uint32_t *seen, size_t hint)
{
    char key[KEY_MAX + 1];

    if (scan_key(scan, key))
        return -1;
    size_t i = find_row(rows, row_count, key, hint);
    if (i == row_count)
        return unknown_key(scan, key);
    if (*seen & UINT32_C(1) << i)
        return err_set(scan->err, "duplicate key '%s'", key);
    *seen |= UINT32_C(1) << i;
    return scan_value(scan, &rows[i], ret_struct);
}

static int scan_object(struct scan *scan, const struct scan_row *rows, size_t row_count,
                       uint8_t *ret_struct)
{
    uint32_t seen = 0;

    if (!take(scan, '{'))
        return err_set(scan->err, "not a JSON object");
    bool more = peek(scan) != '}';
    for (size_t number = 0; more; more = take(scan, ','))
        if (scan_member(scan, rows, row_count, ret_struct, &seen, number++))
            return -1;
    if (!take(scan, '}'))
        return not_json(scan, "',' or '}'");
    for (size_t i = 0; i < row_count; i++)
        if (!(seen & UINT32_C(1) << i))
            return err_set(scan->err, "'%s' is missing", rows[i].key);
    return 0;
}

int json_scan(void *ret_struct, const struct scan_row *rows, size_t row_count, const void *text,
              size_t len, struct err *err)
{
    struct scan scan = {text, text, (const char *)text + len, err};

    if (peek(&scan) != '{' && peek(&scan) != '[')
        return not_json(&scan, "'{'");
    if (scan_object(&scan, rows, row_count, ret_struct))
        return -1;
    peek(&scan);
    return scan.at == scan.end ? 0 : not_json(&scan, "the end");
}
