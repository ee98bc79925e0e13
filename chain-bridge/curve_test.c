#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chain-bridge/curve.h"

#define FROM 900000
#define STEP 900

static void add(struct curve *curve, uint32_t at, uint64_t import_wh, uint8_t quality)
{
    struct reading reading = {FROM + at, import_wh, import_wh / 10, quality};
    curve_add(curve, &reading);
}

static void close_to(double is, double wanted)
{
    assert_true(is > wanted - 0.001 && is < wanted + 0.001);
}

static void readings_on_the_interval_give_exact_energy(void **state)
{
    struct curve curve;
    (void)state;
    curve_init(&curve, FROM, FROM + 4 * STEP, STEP);
    add(&curve, 0, 1000, 0);
    add(&curve, STEP, 1100, 0);
    add(&curve, 2 * STEP, 1350, 0);
    curve_expect(&curve, FROM, FROM + 4 * STEP);
    struct curve_sum sum = curve_sum(&curve, FROM, FROM + 4 * STEP);
    close_to(sum.import_wh, 350);
    close_to(sum.export_wh, 35);
    close_to(sum.peak_w, 1000);
    assert_int_equal(sum.peak_s, FROM + STEP);
    assert_int_equal(sum.expected, 4);
    assert_int_equal(sum.measured, 2);
    curve_clear(&curve);
}

static void a_gap_is_missing_and_its_energy_estimated(void **state)
{
    struct curve curve;
    (void)state;
    curve_init(&curve, FROM, FROM + 6 * STEP, STEP);
    add(&curve, 0, 1000, 0);
    add(&curve, STEP, 1100, 0);
    add(&curve, 5 * STEP, 1500, 0);
    add(&curve, 6 * STEP, 1600, 0);
    curve_expect(&curve, FROM, FROM + 6 * STEP);
    struct curve_sum sum = curve_sum(&curve, FROM, FROM + 6 * STEP);
    close_to(sum.import_wh, 600);
    close_to(sum.estimated_wh, 400);
    assert_int_equal(sum.expected - sum.measured, 4);
    close_to(sum.peak_w, 400);
    close_to(curve.slots[2].import_wh, 100);
    assert_false(curve_is_measured(&curve, 2));
    curve_clear(&curve);
}

static void readings_between_intervals_are_shared_out(void **state)
{
    struct curve curve;
    (void)state;
    curve_init(&curve, FROM, FROM + 2 * STEP, STEP);
    for (uint32_t i = 0; i < 5; i++)
        add(&curve, 600 * i, 1000 + 60 * i, 0);
    struct curve_sum sum = curve_sum(&curve, FROM, FROM + 2 * STEP);
    close_to(sum.import_wh, 180);
    close_to(curve.slots[0].import_wh, 90);
    assert_true(curve_is_measured(&curve, 0) && curve_is_measured(&curve, 1));
    curve_clear(&curve);
}

static void what_lies_outside_is_left_out(void **state)
{
    struct curve curve;
    struct reading before = {FROM - 450, 1000, 0, 0};
    (void)state;
    curve_init(&curve, FROM, FROM + STEP, STEP);
    curve_add(&curve, &before);
    add(&curve, 450, 1090, 0);
    add(&curve, 1350, 1180, 0);
    struct curve_sum sum = curve_sum(&curve, FROM, FROM + STEP);
    close_to(sum.import_wh, 90);
    curve_clear(&curve);
    curve_init(&curve, FROM, FROM, STEP);
    add(&curve, 1, 5, 0);
    add(&curve, 2, 6, 0);
    assert_int_equal(curve.count, 0);
    curve_clear(&curve);
}

static void quality_marks_its_interval(void **state)
{
    struct curve curve;
    (void)state;
    curve_init(&curve, FROM, FROM + 3 * STEP, STEP);
    add(&curve, 0, 1000, 0);
    add(&curve, STEP, 1100, QUALITY_SUBSTITUTED);
    add(&curve, 2 * STEP, 1200, QUALITY_CLOCK_UNSURE);
    add(&curve, 3 * STEP, 1300, 0);
    curve_expect(&curve, FROM, FROM + 3 * STEP);
    struct curve_sum sum = curve_sum(&curve, FROM, FROM + 3 * STEP);
    assert_int_equal(sum.measured, 3);
    assert_int_equal(sum.substituted, 1);
    assert_int_equal(sum.doubtful, 1);
    curve_clear(&curve);
}

static void intervals_that_are_not_over_are_not_expected(void **state)
{
    struct curve curve;
    (void)state;
    curve_init(&curve, FROM, FROM + 4 * STEP, STEP);
    curve_expect(&curve, FROM + STEP, FROM + 3 * STEP + 899);
    assert_int_equal(curve_sum(&curve, FROM, FROM + 4 * STEP).expected, 2);
    curve_clear(&curve);
}

static void a_group_is_measured_where_all_its_meters_are(void **state)
{
    struct curve first, second, group;
    (void)state;
    curve_init(&first, FROM, FROM + 2 * STEP, STEP);
    curve_init(&second, FROM, FROM + 2 * STEP, STEP);
    curve_init(&group, FROM, FROM + 2 * STEP, STEP);
    add(&first, 0, 0, 0);
    add(&first, STEP, 100, 0);
    add(&first, 2 * STEP, 200, 0);
    add(&second, 0, 0, 0);
    add(&second, STEP, 50, 0);
    curve_expect(&first, FROM, FROM + 2 * STEP);
    curve_expect(&second, FROM, FROM + 2 * STEP);
    curve_join(&group, &first);
    curve_join(&group, &second);
    assert_true(curve_is_measured(&group, 0));
    assert_false(curve_is_measured(&group, 1));
    struct curve_sum sum = curve_sum(&group, FROM, FROM + 2 * STEP);
    close_to(sum.import_wh, 250);
    close_to(sum.estimated_wh, 0);
    close_to(sum.peak_w, 600);
    curve_clear(&first);
    curve_clear(&second);
    curve_clear(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_on_the_interval_give_exact_energy),
        cmocka_unit_test(a_gap_is_missing_and_its_energy_estimated),
        cmocka_unit_test(readings_between_intervals_are_shared_out),
        cmocka_unit_test(what_lies_outside_is_left_out),
        cmocka_unit_test(quality_marks_its_interval),
        cmocka_unit_test(intervals_that_are_not_over_are_not_expected),
        cmocka_unit_test(a_group_is_measured_where_all_its_meters_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
