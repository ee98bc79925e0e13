#include "meter-client/p1.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "meter-client/obis.h"

/** After the "!": at most four digits, CR and LF. */
#define TAIL_MAX      6
#define EMUCS_VERSION 50
#define CRC_VERSION   40 /* 1-3:0.2.8 from which a CRC is printed */

enum state { OUTSIDE, INSIDE, TAIL };

struct p1 {
    enum p1_checksum checksum;
    void (*on_telegram)(void *cookie, const struct p1_telegram *telegram);
    void *cookie;
    uint64_t faults[P1_FAULT_COUNT];
    enum state state;
    bool noise;    /* OUTSIDE: counted already */
    bool seen_crc; /* of this stream */
    size_t len;
    size_t body; /* bytes up to and including "!" */
    char data[P1_TELEGRAM_MAX + TAIL_MAX];
};

/** What the lines of one telegram say, before it is decided whether that is enough. */
struct fields {
    struct p1_telegram telegram;
    struct obis_energy import;
    struct obis_energy export;
    unsigned version;
};

static uint16_t crc16_arc(const char *data, size_t len)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xa001) : (uint16_t)(crc >> 1);
    }
    return crc;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** The equipment identifier is ASCII written as hex. */
static void take_serial(char serial[SERIAL_MAX + 1], struct text value)
{
    char decoded[SERIAL_MAX + 1];
    size_t len = value.len / 2;

    if (value.len % 2 || len == 0 || len > SERIAL_MAX)
        return;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(value.at[2 * i]);
        int low = hex_digit(value.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return;
        decoded[i] = (char)(high << 4 | low);
    }
    decoded[len] = 0;
    if (strlen(decoded) == len && serial_valid(decoded))
        memcpy(serial, decoded, len + 1);
}

/** Days since 1970-01-01 of a date of the Gregorian calendar (year 2000 to 2099). */
static uint32_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    static const uint16_t BEFORE[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    unsigned since = year - 1970;
    unsigned leap_days = (since + 1) / 4; /* every fourth year is one from 1972 to 2099 */

    if (month > 2 && year % 4 == 0)
        leap_days++;
    return since * 365 + leap_days + BEFORE[month - 1] + day - 1;
}

/** YYMMDDhhmmssX with X = S (summer, UTC+2) or W (winter, UTC+1). */
static void take_clock(uint32_t *ret_clock_s, struct text value)
{
    unsigned part[6];

    if (value.len != 13 || (value.at[12] != 'S' && value.at[12] != 'W'))
        return;
    for (int i = 0; i < 6; i++) {
        char tens = value.at[2 * i];
        char ones = value.at[2 * i + 1];

        if (tens < '0' || tens > '9' || ones < '0' || ones > '9')
            return;
        part[i] = (unsigned)(tens - '0') * 10 + (unsigned)(ones - '0');
    }
    if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 ||
        part[4] > 59 || part[5] > 59)
        return;
    *ret_clock_s = days_since_1970(2000 + part[0], part[1], part[2]) * 86400 + part[3] * 3600 +
                   part[4] * 60 + part[5] - (value.at[12] == 'S' ? 7200 : 3600);
}

static void take_version(unsigned *ret_version, struct text value)
{
    uint64_t number;

    if (obis_decimal(&number, value, 0) && number < 1000)
        *ret_version = (unsigned)number;
}

static void take_object(struct fields *fields, struct text obis, struct text value)
{
    struct p1_telegram *telegram = &fields->telegram;

    if (obis.len == 9 && memcmp(obis.at, "1-0:1.8.", 8) == 0)
        obis_energy_take(&fields->import, obis.at[8], value, false);
    else if (obis.len == 9 && memcmp(obis.at, "1-0:2.8.", 8) == 0)
        obis_energy_take(&fields->export, obis.at[8], value, false);
    else if (text_is(obis, "1-0:1.7.0"))
        obis_u32(&telegram->import_w, value, "W", 0);
    else if (text_is(obis, "1-0:2.7.0"))
        obis_u32(&telegram->export_w, value, "W", 0);
    else if (text_is(obis, "1-0:32.7.0"))
        obis_u32(&telegram->voltage_dv, value, "V", 1);
    else if (text_is(obis, "0-0:1.0.0"))
        take_clock(&telegram->clock_s, value);
    else if (text_is(obis, "0-0:96.1.1"))
        take_serial(telegram->serial, value);
    else if (text_is(obis, "1-3:0.2.8"))
        take_version(&fields->version, value);
    else if (text_is(obis, "0-0:96.1.4")) /* Belgium's eMUCS, which is DSMR 5 and more */
        fields->version = EMUCS_VERSION;
}

/** obis(value): obis may carry a group F such as *255, of which only "now" is of use. */
static void take_line(struct fields *fields, struct text line)
{
    const char *open = memchr(line.at, '(', line.len);
    const char *star;
    struct text obis;
    struct text value;
    const char *close;

    if (!open)
        return;
    obis = (struct text){line.at, (size_t)(open - line.at)};
    value.at = open + 1;
    value.len = line.len - obis.len - 1;
    close = memchr(value.at, ')', value.len);
    if (!close)
        return;
    value.len = (size_t)(close - value.at);
    star = memchr(obis.at, '*', obis.len);
    if (star && text_is((struct text){star, obis.len - (size_t)(star - obis.at)}, "*255"))
        obis.len = (size_t)(star - obis.at);
    take_object(fields, obis, value);
}

static void take_lines(struct fields *fields, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t line_len = end ? (size_t)(end - data) : len;
        struct text line = {data, line_len};

        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        take_line(fields, line);
        line_len += end ? 1 : 0;
        data += line_len;
        len -= line_len;
    }
}

/** Whether the digits after "!" are the checksum, or may be missing. */
static bool checksum_fits(struct p1 *p1, unsigned version)
{
    unsigned told = 0;
    unsigned digits = 0;

    if (p1->checksum == P1_CHECKSUM_NONE)
        return true;
    for (size_t i = p1->body; i < p1->len && p1->data[i] != '\r' && p1->data[i] != '\n'; i++) {
        int digit = hex_digit(p1->data[i]);

        if (digit < 0 || ++digits > 4)
            return false;
        told = told << 4 | (unsigned)digit;
    }
    if (digits == 0)
        return p1->checksum == P1_CHECKSUM_AUTO && !p1->seen_crc && version < CRC_VERSION;
    if (told != crc16_arc(p1->data, p1->body))
        return false;
    p1->seen_crc = true;
    return true;
}

static void finish(struct p1 *p1)
{
    struct fields fields;
    struct p1_telegram *telegram = &fields.telegram;

    memset(&fields, 0, sizeof(fields));
    p1->state = OUTSIDE;
    p1->noise = false;
    take_lines(&fields, p1->data, p1->body - 1);
    if (!checksum_fits(p1, fields.version)) {
        p1->faults[P1_FAULT_CRC]++;
        return;
    }
    if (!obis_energy_total(&fields.import, &telegram->import_wh) || fields.export.bad ||
        (fields.export.seen && !obis_energy_total(&fields.export, &telegram->export_wh))) {
        p1->faults[P1_FAULT_VALUE]++;
        return;
    }
    p1->on_telegram(p1->cookie, telegram);
}

static void drop(struct p1 *p1, enum p1_fault fault)
{
    p1->faults[fault]++;
    p1->state = OUTSIDE;
    p1->noise = true; /* what follows of it is not counted again */
}

static void start(struct p1 *p1)
{
    p1->state = INSIDE;
    p1->data[0] = '/';
    p1->len = 1;
}

static void feed_outside(struct p1 *p1, char c)
{
    if (c == '/') {
        start(p1);
    } else if (!p1->noise && c != '\r' && c != '\n' && c != 0) {
        p1->faults[P1_FAULT_NO_START]++;
        p1->noise = true;
    }
}

static void feed_inside(struct p1 *p1, char c)
{
    bool line_start = p1->data[p1->len - 1] == '\n';

    if (line_start && c == '/') {
        p1->faults[P1_FAULT_CRC]++;
        start(p1);
    } else if (p1->len == P1_TELEGRAM_MAX) {
        drop(p1, P1_FAULT_OVERLONG);
    } else {
        p1->data[p1->len++] = c;
        if (line_start && c == '!') {
            p1->state = TAIL;
            p1->body = p1->len;
        }
    }
}

static void feed_tail(struct p1 *p1, char c)
{
    p1->data[p1->len++] = c;
    if (c == '\n')
        finish(p1);
    else if (p1->len - p1->body == TAIL_MAX)
        drop(p1, P1_FAULT_CRC);
}

struct p1 *p1_new(enum p1_checksum checksum,
                  void (*on_telegram)(void *cookie, const struct p1_telegram *telegram),
                  void *cookie)
{
    struct p1 *p1 = xcalloc(1, sizeof(*p1));

    p1->checksum = checksum;
    p1->on_telegram = on_telegram;
    p1->cookie = cookie;
    return p1;
}

void p1_free(struct p1 *p1)
{
    free(p1);
}

void p1_feed(struct p1 *p1, const void *data, size_t len)
{
    const char *bytes = data;

    for (size_t i = 0; i < len; i++) {
        if (p1->state == OUTSIDE)
            feed_outside(p1, bytes[i]);
        else if (p1->state == INSIDE)
            feed_inside(p1, bytes[i]);
        else
            feed_tail(p1, bytes[i]);
    }
}

void p1_timeout(struct p1 *p1)
{
    if (p1->state == TAIL)
        finish(p1); /* whole but for its line end */
    else if (p1->state == INSIDE)
        p1->faults[P1_FAULT_TIMEOUT]++;
    p1->state = OUTSIDE;
    p1->noise = false;
}

uint64_t p1_faults(const struct p1 *p1, enum p1_fault fault)
{
    return p1->faults[fault];
}
