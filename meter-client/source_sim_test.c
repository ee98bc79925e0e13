#include "meter-client/source_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START_MS UINT64_C(1751360400000) /* a summer morning */

static struct source *open_sim(const struct clock *clock, struct reading last, uint32_t pv_wp,
                               uint32_t speed)
{
    struct source_config config = {
        .spec = "sim", .clock = clock, .seed = 5, .pv_wp = pv_wp, .speed = speed, .last = last};
    struct source *source = NULL;

    assert_int_equal(source_open(&source, &config, NULL), 0);
    return source;
}

static struct measurement measured(struct source *source)
{
    struct measurement measurement;

    assert_int_equal(source_read(source, &measurement, NULL), 1);
    return measurement;
}

static void registers_are_the_sum_of_the_power(void **state)
{
    struct clock *clock = clock_manual_new(START_MS);
    struct source *source = open_sim(clock, (struct reading){0}, 0, 1);
    struct measurement before = measured(source);
    struct measurement after = before;
    uint64_t watt_seconds = 0;

    (void)state;
    for (unsigned minute = 0; minute < 24 * 60; minute++) {
        watt_seconds += after.import_w * UINT64_C(60);
        clock_advance_ms(clock, 60000);
        after = measured(source);
        assert_true(after.import_wh >= before.import_wh);
    }
    assert_in_range(after.import_wh - before.import_wh, watt_seconds / 3600 - 1,
                    watt_seconds / 3600 + 1);
    assert_int_equal(after.export_wh, 0);
    source_close(source);
    clock_free(clock);
}

static void looking_often_or_seldom_gives_the_same_registers(void **state)
{
    struct clock *clock = clock_manual_new(START_MS);
    struct source *often = open_sim(clock, (struct reading){0}, 4000, 1);
    struct source *seldom = open_sim(clock, (struct reading){0}, 4000, 1);
    struct measurement a = measured(often);
    struct measurement b;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        clock_advance_ms(clock, 1777);
        a = measured(often);
    }
    b = measured(seldom);
    assert_int_equal(a.import_wh, b.import_wh);
    assert_int_equal(a.export_wh, b.export_wh);
    assert_true(a.export_wh > 0);
    source_close(often);
    source_close(seldom);
    clock_free(clock);
}

static void registers_go_on_after_a_restart(void **state)
{
    struct clock *clock = clock_manual_new(START_MS);
    struct reading last = {
        .timestamp_s = START_MS / 1000 - 3600, .import_wh = 100000, .export_wh = 50};
    struct source *source = open_sim(clock, last, 0, 1);
    struct measurement m = measured(source);

    (void)state;
    assert_in_range(m.import_wh, 100020, 105000); /* an hour's use later */
    assert_int_equal(m.export_wh, 50);
    source_close(source);
    clock_free(clock);
}

static void a_clock_set_back_never_turns_a_register_back(void **state)
{
    struct clock *clock = clock_manual_new(START_MS);
    struct source *source = open_sim(clock, (struct reading){0}, 0, 1);
    struct measurement before;
    struct measurement after;

    (void)state;
    clock_advance_ms(clock, 3600000);
    before = measured(source);
    clock_set_unix_ms(clock, START_MS);
    after = measured(source);
    assert_int_equal(after.import_wh, before.import_wh);
    clock_advance_ms(clock, 2 * 3600000);
    after = measured(source);
    assert_true(after.import_wh > before.import_wh);
    source_close(source);
    clock_free(clock);
}

static void speed_multiplies_what_flows(void **state)
{
    struct clock *clock = clock_manual_new(START_MS);
    struct source *slow = open_sim(clock, (struct reading){0}, 0, 1);
    struct source *fast = open_sim(clock, (struct reading){0}, 0, 3600);
    uint64_t start_wh = measured(slow).import_wh;

    (void)state;
    assert_int_equal(measured(fast).import_wh, start_wh);
    clock_advance_ms(clock, 24000);
    assert_true(measured(slow).import_wh < start_wh + 50);
    assert_true(measured(fast).import_wh > start_wh + 3000); /* a day in 24 s */
    source_close(slow);
    source_close(fast);
    clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_are_the_sum_of_the_power),
        cmocka_unit_test(looking_often_or_seldom_gives_the_same_registers),
        cmocka_unit_test(registers_go_on_after_a_restart),
        cmocka_unit_test(a_clock_set_back_never_turns_a_register_back),
        cmocka_unit_test(speed_multiplies_what_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
