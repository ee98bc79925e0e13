#include "meter-client/household.h"

#include <stdbool.h>

#define DAY_S      86400
#define MINUTE_S   60
#define LOCAL_S    3600
#define YEAR_H     8766
#define USE_KWH    2000 /* smallest annual use */
#define USE_SPREAD 3000

enum day { WORKDAY, SATURDAY, SUNDAY };
enum season { WINTER, SUMMER, BETWEEN };

/* Per mille of the day's average power, by hour. */
static const uint16_t HOURS[3][24] = {
    [WORKDAY] = {490,  420,  390, 380, 400,  560,  900,  1100, 1040, 980,  960,  1050,
                 1200, 1120, 990, 950, 1040, 1280, 1600, 1760, 1680, 1390, 1030, 700},
    [SATURDAY] = {600,  490,  430,  400,  400,  440,  610,  880,  1150, 1300, 1330, 1360,
                  1420, 1310, 1180, 1110, 1160, 1310, 1500, 1560, 1420, 1200, 1000, 780},
    [SUNDAY] = {620,  510,  440,  410,  390,  400,  480,  700,  1050, 1330, 1460, 1610,
                1720, 1420, 1130, 1010, 1020, 1180, 1420, 1560, 1500, 1270, 960,  680},
};
/* What the season adds to an hour, per mille: lamps and stoves on winter's evenings, long light and
 * fans in summer. Each row sums to about nothing. */
static const int16_t BEND[3][24] = {
    [WINTER] = {-30, -30, -30, -30, -30, -10, 60,  80, 20, -20, -40, -40,
                -50, -50, -40, 0,   110, 190, 160, 80, 0,  -40, -60, -60},
    [SUMMER] = {40, 30, 20, 10, 10,  10,   -30,  -50,  -10, 20, 50, 60,
                70, 70, 60, 40, -30, -120, -200, -180, -60, 60, 90, 60},
    [BETWEEN] = {0},
};
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

/** Month 0 to 11 and day of the month 1 to 31 of a day since 1970 (Gregorian, 1970 to 2099). */
static void date_of(uint64_t days, unsigned *ret_month, unsigned *ret_day)
{
    static const uint8_t LENGTHS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned in_cycle = (unsigned)((days + 731) % 1461); /* of four years from 1968-01-01 on */
    unsigned year = in_cycle < 366 ? 0 : 1 + (in_cycle - 366) / 365;
    unsigned day = in_cycle - (year ? 366 + (year - 1) * 365 : 0);
    unsigned month = 0;

    for (;;) {
        unsigned length = LENGTHS[month] + (month == 1 && year == 0 ? 1u : 0u);

        if (day < length)
            break;
        day -= length;
        month++;
    }
    *ret_month = month;
    *ret_day = day + 1;
}

/** Holidays with a fixed date count as Sundays, the eves of the feasts as Saturdays. */
static enum day kind_of_day(uint64_t days, unsigned month, unsigned day)
{
    unsigned weekday = (unsigned)((days + 3) % 7); /* 1970-01-01 was a Thursday; 0 is Monday */
    bool feast = (month == 0 && day == 1) || (month == 4 && day == 1) ||
                 (month == 11 && (day == 25 || day == 26));
    bool eve = month == 11 && (day == 24 || day == 31);

    if (weekday == 6 || feast)
        return SUNDAY;
    return weekday == 5 || eve ? SATURDAY : WORKDAY;
}

/** Winter is November to 20 March, summer 15 May to 14 September. */
static enum season season_of(unsigned month, unsigned day)
{
    if (month >= 10 || month < 2 || (month == 2 && day <= 20))
        return WINTER;
    if ((month > 4 && month < 8) || (month == 4 && day >= 15) || (month == 8 && day < 15))
        return SUMMER;
    return BETWEEN;
}

static uint32_t shape(enum day day, enum season season, uint32_t second_of_day)
{
    uint32_t hour = second_of_day / 3600;
    uint32_t next = (hour + 1) % 24;
    uint32_t part = second_of_day % 3600;
    uint32_t now = (uint32_t)(HOURS[day][hour] + BEND[season][hour]);
    uint32_t then = (uint32_t)(HOURS[day][next] + BEND[season][next]);

    return (now * (3600 - part) + then * part) / 3600;
}

uint32_t household_load_w(const struct household *household, uint64_t unix_s)
{
    uint64_t local_s = unix_s - unix_s % MINUTE_S + LOCAL_S;
    uint64_t days = local_s / DAY_S;
    uint64_t use_kwh = USE_KWH + mixed(household->seed, 1, 0) % USE_SPREAD;
    uint64_t watts = use_kwh * 1000 / YEAR_H;
    unsigned month;
    unsigned day;

    date_of(days, &month, &day);
    watts =
        watts *
        shape(kind_of_day(days, month, day), season_of(month, day), (uint32_t)(local_s % DAY_S)) /
        1000;
    watts = watts * MONTH[month] / 1000;
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
    unsigned month;
    unsigned day;
    uint64_t from_rise;
    uint64_t to_set;
    uint64_t daylight;
    uint64_t watts;

    date_of(local_s / DAY_S, &month, &day);
    from_rise = minute - SUN[month].rise;
    to_set = SUN[month].set - minute;
    daylight = SUN[month].set - SUN[month].rise;
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
