#include "meter-client/registers.h"

#include <string.h>

#define MODULUS_MIN_WH UINT64_C(100000000)      /* five digits of kWh, with three decimals */
#define MODULUS_MAX_WH UINT64_C(10000000000000) /* ten */
#define EDGE           100                      /* a hundredth of the modulus */

/** A register below its base has fallen: below it no report stands either, so zero tells it. */
static uint64_t shown(const struct register_base *base, uint64_t raw_wh)
{
    return raw_wh >= base->raw_wh ? base->shown_wh + (raw_wh - base->raw_wh) : 0;
}

/** Where the register rolled over between last_wh, as reported, and raw_wh: its new base. */
static bool roll_over(struct register_base *base, uint64_t raw_wh, uint64_t last_wh)
{
    uint64_t before_wh = last_wh - base->shown_wh + base->raw_wh;

    if (last_wh < base->shown_wh || raw_wh >= before_wh)
        return false;
    for (uint64_t modulus = MODULUS_MIN_WH; modulus <= MODULUS_MAX_WH; modulus *= 10) {
        if (before_wh < modulus && before_wh >= modulus - modulus / EDGE &&
            raw_wh < modulus / EDGE) {
            base->shown_wh = last_wh + (modulus - before_wh);
            base->raw_wh = 0;
            return true;
        }
    }
    return false;
}

static void exchange(struct registers *registers, const struct measurement *m,
                     const struct reading *last)
{
    registers->import = (struct register_base){m->import_wh, last->import_wh};
    registers->export = (struct register_base){m->export_wh, last->export_wh};
}

enum registers_change registers_follow(struct registers *registers, struct measurement *measurement,
                                       const struct reading *last)
{
    enum registers_change change = REGISTERS_SAME;
    struct measurement *m = measurement;

    if (m->serial[0] && strcmp(m->serial, registers->serial) != 0) {
        change = registers->serial[0] && last->timestamp_s ? REGISTERS_EXCHANGED : REGISTERS_NAMED;
        memcpy(registers->serial, m->serial, sizeof(registers->serial));
    }
    if (change == REGISTERS_EXCHANGED) {
        exchange(registers, m, last);
    } else if (last->timestamp_s) {
        bool import = roll_over(&registers->import, m->import_wh, last->import_wh);
        bool export = roll_over(&registers->export, m->export_wh, last->export_wh);

        change = import || export ? REGISTERS_ROLLED_OVER : change;
    }
    m->import_wh = shown(&registers->import, m->import_wh);
    m->export_wh = shown(&registers->export, m->export_wh);
    return change;
}

static uint64_t raw(const struct register_base *base, uint64_t shown_wh)
{
    return shown_wh >= base->shown_wh ? base->raw_wh + (shown_wh - base->shown_wh) : 0;
}

void registers_raw(const struct registers *registers, struct reading *reading)
{
    reading->import_wh = raw(&registers->import, reading->import_wh);
    reading->export_wh = raw(&registers->export, reading->export_wh);
}
