#include "meter-client/household.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define JANUARY_1 1735689600u /* 2025, a Wednesday, 00:00 UTC */
#define JULY_1    1751328000u
#define DAY_S     86400u

static uint64_t day_wh(const struct household *household, uint64_t midnight_s, bool pv)
{
    uint64_t watt_minutes = 0;

    for (uint64_t t = midnight_s; t < midnight_s + DAY_S; t += 60)
        watt_minutes += pv ? household_pv_w(household, t) : household_load_w(household, t);
    return watt_minutes / 60;
}

static void the_same_seed_and_time_give_the_same_power(void **state)
{
    struct household a = {.seed = 7, .pv_wp = 3000};
    struct household b = {.seed = 8, .pv_wp = 3000};
    unsigned differences = 0;

    (void)state;
    for (uint64_t t = JULY_1; t < JULY_1 + DAY_S; t += 61) {
        assert_int_equal(household_load_w(&a, t), household_load_w(&a, t - t % 60));
        differences += household_load_w(&a, t) != household_load_w(&b, t);
    }
    assert_true(differences > 1000);
}

static void a_year_uses_what_households_use(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct household household = {.seed = seed};
        uint64_t wh = 0;

        for (unsigned day = 0; day < 365; day++)
            wh += day_wh(&household, JANUARY_1 + day * DAY_S, false);
        assert_in_range(wh, 1600000, 7000000);
    }
}

static void winter_uses_more_than_summer_and_evenings_more_than_nights(void **state)
{
    struct household household = {.seed = 3};
    uint64_t winter = 0;
    uint64_t summer = 0;
    uint64_t evening = 0;
    uint64_t night = 0;

    (void)state;
    for (unsigned day = 0; day < 28; day++) {
        winter += day_wh(&household, JANUARY_1 + day * DAY_S, false);
        summer += day_wh(&household, JULY_1 + day * DAY_S, false);
        evening += household_load_w(&household, JANUARY_1 + day * DAY_S + 18 * 3600);
        night += household_load_w(&household, JANUARY_1 + day * DAY_S + 2 * 3600);
    }
    assert_true(winter > summer);
    assert_true(evening > 2 * night);
}

/** What 400 households draw on average at an hour of local winter time. */
static uint64_t average_w(uint64_t midnight_s, unsigned hour)
{
    uint64_t sum = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct household household = {.seed = seed};

        sum += household_load_w(&household, midnight_s + (hour - 1) * 3600);
    }
    return sum / 400;
}

static void the_hour_follows_kind_of_day_and_season(void **state)
{
    const uint64_t wednesday = JANUARY_1 + 14 * DAY_S;
    const uint64_t saturday = JANUARY_1 + 17 * DAY_S;
    const uint64_t sunday = JANUARY_1 + 18 * DAY_S;
    const uint64_t christmas_2024 = JANUARY_1 - 7 * DAY_S; /* a Wednesday in a leap year */
    const uint64_t july = JULY_1 + DAY_S;                  /* another one */

    (void)state;
    assert_true(average_w(sunday, 12) > average_w(wednesday, 12) * 12 / 10);
    assert_true(average_w(saturday, 9) > average_w(sunday, 7));
    assert_true(average_w(wednesday, 7) > average_w(saturday, 7) * 12 / 10);
    assert_true(average_w(christmas_2024, 12) >
                average_w(christmas_2024 - 7 * DAY_S, 12) * 12 / 10);
    /* Of an evening's power at noon: summer's evenings are light. */
    assert_true(average_w(wednesday, 18) * 100 / average_w(wednesday, 12) >
                average_w(july, 18) * 100 / average_w(july, 12) + 10);
}

static void the_sun_shines_by_day_and_mostly_in_summer(void **state)
{
    struct household household = {.seed = 3, .pv_wp = 5000};
    struct household none = {.seed = 3};

    (void)state;
    assert_int_equal(household_pv_w(&household, JULY_1 + 22 * 3600), 0);
    assert_true(household_pv_w(&household, JULY_1 + 11 * 3600) > 500);
    assert_true(day_wh(&household, JULY_1, true) > 2 * day_wh(&household, JANUARY_1, true));
    assert_int_equal(day_wh(&none, JULY_1, true), 0);
    for (uint64_t t = JANUARY_1; t < JANUARY_1 + 365 * DAY_S; t += 977)
        assert_true(household_pv_w(&household, t) <= 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_and_time_give_the_same_power),
        cmocka_unit_test(a_year_uses_what_households_use),
        cmocka_unit_test(winter_uses_more_than_summer_and_evenings_more_than_nights),
        cmocka_unit_test(the_hour_follows_kind_of_day_and_season),
        cmocka_unit_test(the_sun_shines_by_day_and_mostly_in_summer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
