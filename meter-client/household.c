#include "meter-client/household.h"

#include <stdbool.h>

#define DAY_S      86400
#define MINUTE_S   60
#define LOCAL_S    3600
#define YEAR_H     8766
#define USE_KWH    2000 /* smallest annual use */
#define USE_SPREAD 3000

/* Per mille of the day's average power, by hour. */
static const uint16_t WORKDAY[24] = {490,  420,  390,  380,  400,  560,  900,  1100,
                                     1040, 980,  960,  1050, 1200, 1120, 990,  950,
                                     1040, 1280, 1600, 1760, 1680, 1390, 1030, 700};
static const uint16_t WEEKEND[24] = {560,  470,  420,  400,  400,  430,  560,  830,
                                     1150, 1330, 1390, 1470, 1560, 1360, 1160, 1060,
                                     1100, 1260, 1480, 1570, 1460, 1230, 960,  720};
/* Per mille of the year's average, by month. */
static const uint16_t MONTH[12] = {1240, 1190, 1090, 980,  890,  840,
                                   830,  850,  910,  1000, 1130, 1230};
/* Sunrise and sunset in minutes of the local day, and the best output per mille of peak. */
static const struct {
    uint16_t rise;
    uint16_t set;
    uint16_t best;
} SUN[12] = {{500, 990, 330},  {460, 1040, 480}, {405, 1095, 640}, {340, 1150, 760},
             {295, 1195, 820}, {275, 1220, 840}, {285, 1215, 830}, {325, 1165, 790},
             {370, 1100, 690}, {415, 1030, 520}, {465, 980, 370},  {500, 965, 280}};

/** SplitMix64: a well-mixed number from seed, a kind of event and its time slot. */
static uint64_t mixed(uint64_t seed, uint64_t kind, uint64_t slot)
{
    uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + kind * UINT64_C(0xd1b54a32d192ed03) + slot;

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** The month, as good as a profile needs it: twelfths of the year. */
static unsigned month_of(uint64_t local_s)
{
    uint64_t day = local_s / DAY_S * 100 % 36525 / 100;

    return (unsigned)(day * 12 / 366);
}

static uint32_t shape(const uint16_t table[24], uint32_t second_of_day)
{
    uint32_t hour = second_of_day / 3600;
    uint32_t part = second_of_day % 3600;

    return (table[hour] * (3600 - part) + table[(hour + 1) % 24] * part) / 3600;
}

uint32_t household_load_w(const struct household *household, uint64_t unix_s)
{
    uint64_t local_s = unix_s - unix_s % MINUTE_S + LOCAL_S;
    uint64_t weekday = (local_s / DAY_S + 3) % 7; /* 1970-01-01 was a Thursday; 0 is Monday */
    const uint16_t *table = weekday < 5 ? WORKDAY : WEEKEND;
    uint64_t use_kwh = USE_KWH + mixed(household->seed, 1, 0) % USE_SPREAD;
    uint64_t watts = use_kwh * 1000 / YEAR_H;

    watts = watts * shape(table, (uint32_t)(local_s % DAY_S)) / 1000;
    watts = watts * MONTH[month_of(local_s)] / 1000;
    watts = watts * (600 + mixed(household->seed, 2, local_s / MINUTE_S) % 600) / 1000;
    /* One quarter of an hour in 40 has a kettle, an oven or a washing machine in it. */
    if (mixed(household->seed, 3, local_s / 900) % 40 == 0)
        watts += 800 + mixed(household->seed, 4, local_s / 900) % 2200;
    return (uint32_t)watts;
}

uint32_t household_pv_w(const struct household *household, uint64_t unix_s)
{
    uint64_t local_s = unix_s - unix_s % MINUTE_S + LOCAL_S;
    uint32_t minute = (uint32_t)(local_s % DAY_S / MINUTE_S);
    unsigned month = month_of(local_s);
    uint64_t from_rise = minute - SUN[month].rise;
    uint64_t to_set = SUN[month].set - minute;
    uint64_t daylight = SUN[month].set - SUN[month].rise;
    uint64_t watts;

    if (household->pv_wp == 0 || minute <= SUN[month].rise || minute >= SUN[month].set)
        return 0;
    watts = (uint64_t)household->pv_wp * SUN[month].best / 1000;
    watts = watts * 4 * from_rise * to_set / (daylight * daylight);
    watts = watts * (250 + mixed(household->seed, 5, local_s / 1800) % 750) / 1000; /* clouds */
    return (uint32_t)watts;
}

uint32_t household_voltage_dv(const struct household *household, uint64_t unix_s)
{
    return (uint32_t)(2260 + mixed(household->seed, 6, unix_s / 10) % 90);
}
