#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_manual_clock_moves_only_when_moved(void **state)
{
    struct clock *clock = clock_manual_new(1767225600123);

    (void)state;
    assert_int_equal(clock_unix_s(clock), 1767225600);
    assert_int_equal(clock_mono_ms(clock), 0);
    clock_advance_ms(clock, 1500);
    assert_true(clock_unix_ms(clock) == 1767225601623);
    assert_int_equal(clock_mono_ms(clock), 1500);
    clock_free(clock);
}

static void a_jump_of_the_wall_clock_leaves_monotonic_time_alone(void **state)
{
    struct clock *clock = clock_manual_new(5000);

    (void)state;
    clock_set_unix_ms(clock, 1000);
    assert_int_equal(clock_unix_ms(clock), 1000);
    assert_int_equal(clock_mono_ms(clock), 0);
    clock_free(clock);
}

static void the_system_clock_does_not_go_back(void **state)
{
    struct clock *clock = clock_system_new();
    uint64_t before = clock_mono_ms(clock);

    (void)state;
    assert_true(clock_unix_ms(clock) > UINT64_C(1700000000000));
    assert_true(clock_mono_ms(clock) >= before);
    clock_free(clock);
}

static void times_are_written_in_utc(void **state)
{
    char text[CLOCK_TEXT];

    (void)state;
    assert_string_equal(clock_format_ms(text, 1767323045678), "2026-01-02T03:04:05.678Z");
    assert_string_equal(clock_format_ms(text, 0), "1970-01-01T00:00:00.000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manual_clock_moves_only_when_moved),
        cmocka_unit_test(a_jump_of_the_wall_clock_leaves_monotonic_time_alone),
        cmocka_unit_test(the_system_clock_does_not_go_back),
        cmocka_unit_test(times_are_written_in_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
