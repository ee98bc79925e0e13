#include "meter-client/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct bench {
    struct registers registers;
    struct reading last;
    struct measurement m;
};

/** One look, reported as a reading where it did not fall. */
static enum registers_change look(struct bench *bench, const char *serial, uint64_t import_wh,
                                  uint64_t export_wh)
{
    enum registers_change change;

    bench->m = (struct measurement){.import_wh = import_wh, .export_wh = export_wh};
    snprintf(bench->m.serial, sizeof(bench->m.serial), "%s", serial);
    change = registers_follow(&bench->registers, &bench->m, &bench->last);
    if (bench->m.import_wh >= bench->last.import_wh && bench->m.export_wh >= bench->last.export_wh)
        bench->last = (struct reading){.timestamp_s = bench->last.timestamp_s + 1,
                                       .import_wh = bench->m.import_wh,
                                       .export_wh = bench->m.export_wh};
    return change;
}

static void registers_are_reported_as_shown(void **state)
{
    struct bench bench = {0};

    (void)state;
    assert_int_equal(look(&bench, "", 5, 7), REGISTERS_SAME);
    assert_int_equal(bench.m.import_wh, 5);
    assert_int_equal(look(&bench, "A", 6, 7), REGISTERS_NAMED);
    assert_int_equal(look(&bench, "A", 7, 8), REGISTERS_SAME);
    assert_int_equal(look(&bench, "", 8, 9), REGISTERS_SAME); /* not told is not changed */
    assert_int_equal(bench.m.import_wh, 8);
    assert_int_equal(bench.m.export_wh, 9);
}

static void a_rollover_counts_on(void **state)
{
    static const uint64_t MODULI[] = {UINT64_C(100000000), UINT64_C(1000000000),
                                      UINT64_C(10000000000)};

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(MODULI); i++) {
        struct bench bench = {0};

        look(&bench, "A", MODULI[i] - 10, 3);
        assert_int_equal(look(&bench, "A", 5, 4), REGISTERS_ROLLED_OVER);
        assert_int_equal(bench.m.import_wh, MODULI[i] + 5);
        assert_int_equal(bench.m.export_wh, 4);
        assert_int_equal(look(&bench, "A", 6, 4), REGISTERS_SAME);
        assert_int_equal(bench.m.import_wh, MODULI[i] + 6);
    }
}

static void a_fall_that_is_no_rollover_stays_a_fall(void **state)
{
    static const struct {
        uint64_t before;
        uint64_t after;
    } CASES[] = {{1000, 999},          {1000, 0},      {99999999, 1000000}, {98999999, 5},
                 {99999999, 99999998}, {500000000, 5}, {9999999, 0}};

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct bench bench = {0};

        look(&bench, "A", CASES[i].before, 0);
        assert_int_equal(look(&bench, "A", CASES[i].after, 0), REGISTERS_SAME);
        assert_true(bench.m.import_wh < bench.last.import_wh);
    }
}

static void an_exchanged_meter_goes_on_from_where_the_old_one_was(void **state)
{
    struct bench bench = {0};

    (void)state;
    look(&bench, "A", 5000, 70);
    assert_int_equal(look(&bench, "B", 900000, 0), REGISTERS_EXCHANGED); /* no spike */
    assert_int_equal(bench.m.import_wh, 5000);
    assert_int_equal(bench.m.export_wh, 70);
    assert_int_equal(look(&bench, "B", 900010, 1), REGISTERS_SAME);
    assert_int_equal(bench.m.import_wh, 5010);
    assert_int_equal(bench.m.export_wh, 71);
    registers_raw(&bench.registers, &bench.last);
    assert_int_equal(bench.last.import_wh, 900010);
    assert_int_equal(bench.last.export_wh, 1);
    bench.last.import_wh = 5010;
    bench.last.export_wh = 71;
    look(&bench, "B", 899999, 1); /* below where it began: a fall */
    assert_int_equal(bench.m.import_wh, 0);
    assert_int_equal(look(&bench, "C", 0, 0), REGISTERS_EXCHANGED); /* no step back */
    assert_int_equal(bench.m.import_wh, 5010);
}

static void an_exchanged_meter_may_roll_over_too(void **state)
{
    struct bench bench = {0};

    (void)state;
    look(&bench, "A", 5000, 0);
    look(&bench, "B", 99999990, 0);
    assert_int_equal(look(&bench, "B", 5, 0), REGISTERS_ROLLED_OVER);
    assert_int_equal(bench.m.import_wh, 5015);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_are_reported_as_shown),
        cmocka_unit_test(a_rollover_counts_on),
        cmocka_unit_test(a_fall_that_is_no_rollover_stays_a_fall),
        cmocka_unit_test(an_exchanged_meter_goes_on_from_where_the_old_one_was),
        cmocka_unit_test(an_exchanged_meter_may_roll_over_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
