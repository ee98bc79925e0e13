#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/local_time.h"

static int64_t date(const char *text)
{
    int64_t time_s = 0;
    assert_int_equal(local_date_parse(&time_s, text, NULL), 0);
    return time_s;
}

static int64_t hours_of(const char *text)
{
    return (local_day(date(text), 1) - date(text)) / 3600;
}

static void zone(const char *name)
{
    assert_int_equal(local_time_zone(name, NULL), 0);
}

static void days_have_23_24_or_25_hours(void **state)
{
    (void)state;
    zone("Europe/Berlin");
    assert_int_equal(date("2026-03-29"), 1774738800); /* 2026-03-28T23:00Z */
    assert_int_equal(hours_of("2026-03-28"), 24);
    assert_int_equal(hours_of("2026-03-29"), 23);
    assert_int_equal(hours_of("2026-10-25"), 25);
    zone("UTC");
    assert_int_equal(hours_of("2026-03-29"), 24);
}

/* In Beirut the clock went from midnight to one, in Havana from one back to midnight. */
static void a_day_without_a_midnight_begins_with_its_first_moment(void **state)
{
    char text[LOCAL_TIME_TEXT];
    (void)state;
    zone("Asia/Beirut");
    assert_string_equal(local_time_text(text, date("2024-03-31")), "2024-03-31 01:00 +03:00");
    assert_int_equal(hours_of("2024-03-31"), 23);
    zone("America/Havana");
    assert_string_equal(local_time_text(text, date("2026-11-01")), "2026-11-01 00:00 -04:00");
    assert_int_equal(hours_of("2026-11-01"), 25);
    assert_int_equal(local_day(date("2026-10-31"), 1), date("2026-11-01"));
}

static void months_begin_on_their_first_day(void **state)
{
    char text[LOCAL_TIME_TEXT];
    (void)state;
    zone("Asia/Kathmandu");
    int64_t middle = date("2026-01-31") + 12 * 3600;
    assert_string_equal(local_date_text(text, local_month(middle, 0)), "2026-01-01");
    assert_string_equal(local_date_text(text, local_month(middle, 1)), "2026-02-01");
    assert_string_equal(local_date_text(text, local_month(middle, -1)), "2025-12-01");
    assert_string_equal(local_month_text(text, middle), "2026-01");
    assert_string_equal(local_time_text(text, date("2026-02-01")), "2026-02-01 00:00 +05:45");
}

static void what_is_no_zone_and_no_date_is_refused(void **state)
{
    static const char *const DATES[] = {"2026-02-29", "2026-13-01",  "29.3.2026",
                                        "",           "2026-03-29T", "1950-01-01"};
    int64_t time_s = 0;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(local_time_zone("Europe/Nowhere", &err), -1);
    assert_non_null(strstr(err.text, "Europe/Nowhere"));
    assert_int_equal(local_time_zone("../../../etc/passwd", &err), -1);
    assert_int_equal(local_time_zone("", &err), -1);
    assert_int_equal(local_time_zone("Europe", &err), -1);
    zone("UTC");
    for (size_t i = 0; i < AMR_COUNT(DATES); i++)
        assert_int_equal(local_date_parse(&time_s, DATES[i], &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_have_23_24_or_25_hours),
        cmocka_unit_test(a_day_without_a_midnight_begins_with_its_first_moment),
        cmocka_unit_test(months_begin_on_their_first_day),
        cmocka_unit_test(what_is_no_zone_and_no_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
