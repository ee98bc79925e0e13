/*
 * obis.h: values as meters print them (IEC 62056-21 data sets, DSMR P1 lines), read exactly.
 *
 * "0123.456*kWh": digits, an optional fraction, and a unit after the star. Energy becomes whole
 * watt-hours; digits beyond are cut, as the meter's own display does. An energy register comes as
 * a total (OBIS 1.8.0), as tariffs (1.8.1 to 1.8.4) or both. Pure functions on borrowed text.
 */
#ifndef AMR_METER_OBIS_H
#define AMR_METER_OBIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

#define OBIS_TARIFFS 4

struct text {
    const char *at;
    size_t len;
};

bool text_is(struct text text, const char *literal);

/** Times ten to the power of `shift`; false where it is no number or above READING_WH_MAX. */
bool obis_decimal(uint64_t *ret_value, struct text text, unsigned shift);
/** In units of 10^-shift of `unit`; "k" or "M" before the unit count. The unit must stand there. */
bool obis_quantity(uint64_t *ret_value, struct text value, const char *unit, unsigned shift);
/** Likewise, when it fits 32 bits; else ret_value stays. */
void obis_u32(uint32_t *ret_value, struct text value, const char *unit, unsigned shift);

struct obis_energy {
    uint64_t wh[OBIS_TARIFFS + 1]; /* [0] total, [1].. tariffs */
    unsigned seen;                 /* bit per element */
    bool bad;                      /* one was told twice, or is no energy */
};

/** tariff is the last digit of the code; bare: a number without unit is taken as kWh. */
void obis_energy_take(struct obis_energy *energy, char tariff, struct text value, bool bare);
/** The total where it is told, else the sum of the tariffs; false where there is neither. */
bool obis_energy_total(const struct obis_energy *energy, uint64_t *ret_wh) AMR_NODISCARD;

#endif
