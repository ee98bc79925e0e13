#include "common/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/attr.h"

static struct report sample(void)
{
    return (struct report){65537, 1, 2, {{100, 10, 5, 0}, {200, 10, 6, 1}}, {{0}}};
}

static void a_plain_report_passes(void **state)
{
    struct report report = sample();

    (void)state;
    assert_int_equal(report_check(&report, NULL), 0);
}

static void falling_registers_and_times_are_told_by_name(void **state)
{
    struct report report;
    struct err err = ERR_INIT;

    (void)state;
    report = sample();
    report.readings[1].import_wh = 9;
    assert_int_equal(report_check(&report, &err), -1);
    assert_string_equal(err.text, "readings[1].import_wh falls");
    report = sample();
    report.readings[1].export_wh = 4;
    assert_int_equal(report_check(&report, &err), -1);
    assert_string_equal(err.text, "readings[1].export_wh falls");
    report = sample();
    report.readings[1].timestamp_s = 100;
    assert_int_equal(report_check(&report, &err), -1);
    assert_string_equal(err.text, "readings[1].t is not after the one before");
}

static void ranges_are_those_of_the_contract(void **state)
{
    struct report report = sample();

    (void)state;
    report.readings[1].import_wh = READING_WH_MAX;
    report.readings[1].export_wh = READING_WH_MAX;
    assert_int_equal(report_check(&report, NULL), 0);
    report.readings[1].import_wh = READING_WH_MAX + 1;
    assert_int_equal(report_check(&report, NULL), -1);
    report = sample();
    report.readings[1].export_wh = READING_WH_MAX + 1;
    assert_int_equal(report_check(&report, NULL), -1);
    report = sample();
    report.readings[0].timestamp_s = 0;
    assert_int_equal(report_check(&report, NULL), -1);
    report = sample();
    report.readings[0].quality = 8;
    assert_int_equal(report_check(&report, NULL), -1);
    report = sample();
    report.count = 0;
    assert_int_equal(report_check(&report, NULL), -1);
    report.count = REPORT_READINGS_MAX + 1;
    assert_int_equal(report_check(&report, NULL), -1);
}

static void equality_notices_every_field(void **state)
{
    struct report a = sample(), b = sample();

    (void)state;
    assert_true(report_equal(&a, &b));
    b.readings[1].quality = 0;
    assert_false(report_equal(&a, &b));
    b = sample();
    b.sequence = 2;
    assert_false(report_equal(&a, &b));
    b = sample();
    b.signature.b[64] = 1;
    assert_false(report_equal(&a, &b));
    b = sample();
    b.readings[2].timestamp_s = 9; /* beyond count: not content */
    assert_true(report_equal(&a, &b));
}

static void serials_are_short_and_plain(void **state)
{
    static const char *const wrong[] = {"",    "a/b", "a+b", "a#b",
                                        "a b", "ä",   "a\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    assert_true(serial_valid("E0044.7_a-B"));
    assert_true(serial_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    for (size_t i = 0; i < AMR_COUNT(wrong); i++)
        assert_false(serial_valid(wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_report_passes),
        cmocka_unit_test(falling_registers_and_times_are_told_by_name),
        cmocka_unit_test(ranges_are_those_of_the_contract),
        cmocka_unit_test(equality_notices_every_field),
        cmocka_unit_test(serials_are_short_and_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
