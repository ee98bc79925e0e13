#include "meter-client/obis.h"

#include <string.h>
#include <strings.h>

#include "common/reading.h"

#define KILO 3
#define MEGA 6

bool text_is(struct text text, const char *literal)
{
    return text.len == strlen(literal) && memcmp(text.at, literal, text.len) == 0;
}

bool obis_decimal(uint64_t *ret_value, struct text text, unsigned shift)
{
    uint64_t value = 0;
    bool fraction = false;
    size_t digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '.' && !fraction && digits > 0) {
            fraction = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        digits++;
        if (fraction && shift == 0)
            continue;
        if (value > READING_WH_MAX)
            return false;
        value = value * 10 + (uint64_t)(c - '0');
        shift -= fraction ? 1 : 0;
    }
    for (; shift > 0 && value <= READING_WH_MAX; shift--)
        value *= 10;
    if (digits == 0 || value > READING_WH_MAX)
        return false;
    *ret_value = value;
    return true;
}

bool obis_quantity(uint64_t *ret_value, struct text value, const char *unit, unsigned shift)
{
    const char *star = memchr(value.at, '*', value.len);
    struct text number = {value.at, star ? (size_t)(star - value.at) : value.len};
    struct text told = {NULL, 0};

    if (!star)
        return false;
    told.at = star + 1;
    told.len = value.len - number.len - 1;
    if (told.len > 1 && strchr("kKM", told.at[0])) {
        shift += told.at[0] == 'M' ? MEGA : KILO;
        told.at++;
        told.len--;
    }
    return told.len == strlen(unit) && strncasecmp(told.at, unit, told.len) == 0 &&
           obis_decimal(ret_value, number, shift);
}

void obis_u32(uint32_t *ret_value, struct text value, const char *unit, unsigned shift)
{
    uint64_t number;

    if (obis_quantity(&number, value, unit, shift) && number <= UINT32_MAX)
        *ret_value = (uint32_t)number;
}

static bool energy(uint64_t *ret_wh, struct text value, bool bare)
{
    const char *star = memchr(value.at, '*', value.len);
    struct text number = {value.at, star ? (size_t)(star - value.at) : value.len};

    if (bare && (!star || number.len + 1 == value.len))
        return obis_decimal(ret_wh, number, KILO);
    return obis_quantity(ret_wh, value, "Wh", 0);
}

void obis_energy_take(struct obis_energy *energy_of, char tariff, struct text value, bool bare)
{
    unsigned index = (unsigned)(tariff - '0');

    if (index > OBIS_TARIFFS)
        return;
    if (energy_of->seen & 1u << index || !energy(&energy_of->wh[index], value, bare))
        energy_of->bad = true;
    energy_of->seen |= 1u << index;
}

bool obis_energy_total(const struct obis_energy *energy_of, uint64_t *ret_wh)
{
    uint64_t sum = 0;

    if (energy_of->bad)
        return false;
    for (unsigned i = 1; i <= OBIS_TARIFFS; i++)
        sum += energy_of->seen & 1u << i ? energy_of->wh[i] : 0;
    *ret_wh = energy_of->seen & 1 ? energy_of->wh[0] : sum;
    return energy_of->seen != 0 && *ret_wh <= READING_WH_MAX;
}
