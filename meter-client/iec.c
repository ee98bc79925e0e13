#include "meter-client/iec.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "meter-client/obis.h"

#define STX 0x02
#define ETX 0x03
#define ACK 0x06

#define ADDRESS_MAX 32
#define VALUE_MAX   160

enum state {
    OUTSIDE,
    IDENT,
    GAP,     /* after the identification: echo or STX may come */
    ECHO,    /* of our own acknowledgement, to its line end */
    ADDRESS, /* of a data set */
    VALUE,
    END,  /* after "!" */
    CHECK /* after ETX */
};

struct iec {
    struct iec_handlers handlers;
    bool unchecked;
    uint64_t faults[IEC_FAULT_COUNT];
    enum state state;
    bool noise;  /* OUTSIDE: counted already */
    bool framed; /* STX was there: a block check follows */
    uint8_t bcc;
    size_t len; /* bytes of this readout */
    char ident[IEC_IDENT_MAX + 1];
    size_t ident_len;
    char address[ADDRESS_MAX];
    size_t address_len;
    char value[VALUE_MAX];
    size_t value_len;
    struct iec_readout readout;
    struct obis_energy import;
    struct obis_energy export;
};

/* DATA SETS */

/** The code without medium ("1-0:"), and without "*255", which means now. */
static struct text code_of(const struct iec *iec)
{
    struct text code = {iec->address, iec->address_len};
    const char *colon = memchr(code.at, ':', code.len);

    if (colon) {
        code.len -= (size_t)(colon + 1 - code.at);
        code.at = colon + 1;
    }
    if (code.len > 4 && memcmp(code.at + code.len - 4, "*255", 4) == 0)
        code.len -= 4;
    return code;
}

static void take_serial(struct iec *iec, struct text value)
{
    char serial[SERIAL_MAX + 1];

    if (value.len == 0 || value.len > SERIAL_MAX || iec->readout.serial[0])
        return;
    memcpy(serial, value.at, value.len);
    serial[value.len] = 0;
    if (serial_valid(serial))
        memcpy(iec->readout.serial, serial, value.len + 1);
}

static void take_error(struct iec *iec, struct text value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] != '0')
            iec->readout.quality |= QUALITY_METER_ERROR;
    }
}

static void take_data_set(struct iec *iec)
{
    struct text code = code_of(iec);
    struct text value = {iec->value, iec->value_len};

    if (code.len == 5 && memcmp(code.at, "1.8.", 4) == 0)
        obis_energy_take(&iec->import, code.at[4], value, true);
    else if (code.len == 5 && memcmp(code.at, "2.8.", 4) == 0)
        obis_energy_take(&iec->export, code.at[4], value, true);
    else if (text_is(code, "1.8") || text_is(code, "2.8"))
        obis_energy_take(code.at[0] == '1' ? &iec->import : &iec->export, '0', value, true);
    else if (text_is(code, "1.7.0"))
        obis_u32(&iec->readout.import_w, value, "W", 0);
    else if (text_is(code, "2.7.0"))
        obis_u32(&iec->readout.export_w, value, "W", 0);
    else if (text_is(code, "32.7.0"))
        obis_u32(&iec->readout.voltage_dv, value, "V", 1);
    else if (text_is(code, "C.1.0") || text_is(code, "C.1") || text_is(code, "0.0.0"))
        take_serial(iec, value);
    else if (text_is(code, "F.F"))
        take_error(iec, value);
}

/* THE STREAM */

static void fault(struct iec *iec, enum iec_fault fault)
{
    iec->faults[fault]++;
    iec->state = OUTSIDE;
    iec->noise = true; /* what follows of it is not counted again */
}

static void finish(struct iec *iec)
{
    struct iec_readout *readout = &iec->readout;

    iec->state = OUTSIDE;
    iec->noise = false;
    if (!obis_energy_total(&iec->import, &readout->import_wh) || iec->export.bad ||
        (iec->export.seen && !obis_energy_total(&iec->export, &readout->export_wh)))
        iec->faults[IEC_FAULT_VALUE]++;
    else
        iec->handlers.on_readout(iec->handlers.cookie, readout);
}

static void start_ident(struct iec *iec)
{
    iec->state = IDENT;
    iec->ident_len = 0;
    iec->len = 0;
}

static void start_block(struct iec *iec, bool framed)
{
    iec->state = ADDRESS;
    iec->framed = framed;
    iec->bcc = 0;
    iec->address_len = 0;
    memset(&iec->readout, 0, sizeof(iec->readout));
    memset(&iec->import, 0, sizeof(iec->import));
    memset(&iec->export, 0, sizeof(iec->export));
}

static void feed_outside(struct iec *iec, char c)
{
    if (c == '/') {
        start_ident(iec);
    } else if (!iec->noise && c > ' ' && c < 0x7f) {
        iec->faults[IEC_FAULT_NO_START]++;
        iec->noise = true;
    }
}

static void feed_ident(struct iec *iec, char c)
{
    if (c == '/') {
        start_ident(iec);
    } else if (c == '\n') {
        iec->ident[iec->ident_len] = 0;
        iec->noise = false;
        iec->state = iec->ident[0] == '?' ? OUTSIDE : GAP; /* "?": our own request came back */
        if (iec->state == GAP)
            iec->handlers.on_ident(iec->handlers.cookie, iec->ident);
    } else if (c != '\r' && iec->ident_len < IEC_IDENT_MAX) {
        iec->ident[iec->ident_len++] = c;
    }
}

static void feed_address(struct iec *iec, char c)
{
    if (c == '(') {
        iec->state = VALUE;
        iec->value_len = 0;
    } else if (c == '!') {
        iec->state = END;
    } else if (c == '/' && iec->address_len == 0) {
        iec->faults[IEC_FAULT_BCC]++;
        start_ident(iec);
    } else if (c == '\r' || c == '\n') {
        iec->address_len = 0;
    } else if (iec->address_len < ADDRESS_MAX) {
        iec->address[iec->address_len++] = c;
    }
}

/** Only the first value after an address is of use; a further one has no address of its own. */
static void feed_value(struct iec *iec, char c)
{
    if (c == ')') {
        if (iec->address_len > 0 && iec->value_len < VALUE_MAX)
            take_data_set(iec);
        iec->state = ADDRESS;
        iec->address_len = 0;
    } else if (iec->value_len < VALUE_MAX) {
        iec->value[iec->value_len++] = c;
    }
}

static void feed_gap(struct iec *iec, char c)
{
    if (c == ACK) {
        iec->state = ECHO;
    } else if (c == '/') {
        start_ident(iec);
    } else if (c > ' ' && c < 0x7f) {
        start_block(iec, false);
        feed_address(iec, c);
    }
}

static void feed_end(struct iec *iec, char c)
{
    if (iec->framed && c == ETX)
        iec->state = CHECK;
    else if (!iec->framed && c == '\n')
        finish(iec);
    else if (c != '\r' && c != '\n')
        fault(iec, IEC_FAULT_BCC);
}

static void feed_check(struct iec *iec, char c)
{
    if (iec->unchecked || (uint8_t)c == iec->bcc)
        finish(iec);
    else
        fault(iec, IEC_FAULT_BCC);
}

static void feed_byte(struct iec *iec, char c)
{
    static void (*const FEED[])(struct iec * iec, char c) = {
        [IDENT] = feed_ident, [GAP] = feed_gap, [ADDRESS] = feed_address,
        [VALUE] = feed_value, [END] = feed_end, [CHECK] = feed_check,
    };

    if (iec->state == OUTSIDE) {
        feed_outside(iec, c);
    } else if (iec->state == ECHO) {
        iec->state = c == '\n' ? GAP : ECHO;
    } else if (++iec->len > IEC_READOUT_MAX) {
        fault(iec, IEC_FAULT_OVERLONG);
    } else if (c == STX && iec->state != IDENT && iec->state != CHECK) {
        start_block(iec, true); /* what came before was noise of the change of speed */
    } else {
        if (iec->state != CHECK)
            iec->bcc ^= (uint8_t)c;
        FEED[iec->state](iec, c);
    }
}

struct iec *iec_new(bool unchecked, const struct iec_handlers *handlers)
{
    struct iec *iec = xcalloc(1, sizeof(*iec));

    iec->handlers = *handlers;
    iec->unchecked = unchecked;
    return iec;
}

void iec_free(struct iec *iec)
{
    free(iec);
}

void iec_feed(struct iec *iec, const void *data, size_t len)
{
    const char *bytes = data;

    for (size_t i = 0; i < len; i++)
        feed_byte(iec, (char)(bytes[i] & 0x7f));
}

void iec_timeout(struct iec *iec)
{
    if (iec->state == END && (iec->unchecked || !iec->framed))
        finish(iec);
    else if (iec->state == END || iec->state == CHECK)
        iec->faults[IEC_FAULT_BCC]++;
    else if (iec->state != OUTSIDE)
        iec->faults[IEC_FAULT_TIMEOUT]++;
    iec->state = OUTSIDE;
    iec->noise = false;
}

bool iec_inside(const struct iec *iec)
{
    return iec->state != OUTSIDE;
}

uint64_t iec_faults(const struct iec *iec, enum iec_fault fault)
{
    return iec->faults[fault];
}
