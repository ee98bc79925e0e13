#include "broker-plugin/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct given {
    uint32_t sequence;
    uint32_t timestamp_s;
    uint64_t import_wh;
};

/* Stands for the content. */
static uint64_t fingerprint_of(const struct given *given)
{
    return (uint64_t)given->sequence << 40 | (uint64_t)given->timestamp_s << 20 | given->import_wh;
}

static struct report report_of(const struct given *given)
{
    struct report report = {.meter = 65537, .sequence = given->sequence, .count = 1};
    report.readings[0].timestamp_s = given->timestamp_s;
    report.readings[0].import_wh = given->import_wh;
    return report;
}

static enum cause offer(struct history *history, struct given given, bool *ret_resent)
{
    struct err err = ERR_INIT;
    struct report report = report_of(&given);
    uint64_t fingerprint = fingerprint_of(&given);
    enum cause cause = history_check(history, ret_resent, &report, fingerprint, &err);
    if (cause == CAUSE_NONE && !*ret_resent)
        history_add(history, &report, fingerprint);
    assert_int_equal(cause != CAUSE_NONE, err.text[0] != '\0');
    return cause;
}

static enum cause offer_new(struct history *history, struct given given)
{
    bool resent = false;
    enum cause cause = offer(history, given, &resent);
    assert_false(resent);
    return cause;
}

static void the_first_report_may_be_any(void **state)
{
    (void)state;
    struct history history = {0};
    assert_int_equal(offer_new(&history, (struct given){900, 5000, 70}), CAUSE_NONE);
    assert_int_equal(history.sequence, 900);
}

static void a_report_after_the_last_is_new(void **state)
{
    (void)state;
    struct history history = {0};
    assert_int_equal(offer_new(&history, (struct given){1, 100, 10}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){2, 101, 10}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){7, 200, 11}), CAUSE_NONE);
}

static void a_lower_register_is_a_rollback(void **state)
{
    (void)state;
    struct history history = {0};
    assert_int_equal(offer_new(&history, (struct given){1, 100, 10}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){2, 101, 9}), CAUSE_ROLLBACK);
    assert_int_equal(offer_new(&history, (struct given){2, 99, 9}), CAUSE_ROLLBACK);
    assert_int_equal(history.sequence, 1);
}

static void the_export_register_is_watched_too(void **state)
{
    (void)state;
    struct history history = {.sequence = 9, .last = {.timestamp_s = 100, .export_wh = 50}};
    uint64_t fingerprint = 7;
    struct err err = ERR_INIT;
    bool resent = false;
    struct report report = report_of(&(struct given){10, 101, 0});
    report.readings[0].export_wh = 49;
    assert_int_equal(history_check(&history, &resent, &report, fingerprint, &err), CAUSE_ROLLBACK);
    report = report_of(&(struct given){8, 99, 0});
    report.readings[0].export_wh = 51;
    assert_int_equal(history_check(&history, &resent, &report, fingerprint, &err), CAUSE_ROLLBACK);
}

static void a_new_sequence_with_an_old_time_is_stale(void **state)
{
    (void)state;
    struct history history = {0};
    assert_int_equal(offer_new(&history, (struct given){1, 100, 10}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){2, 99, 10}), CAUSE_STALE);
    assert_int_equal(offer_new(&history, (struct given){2, 100, 10}), CAUSE_CONFLICT);
}

static void an_exact_repeat_passes_as_resent(void **state)
{
    (void)state;
    struct history history = {0};
    for (uint32_t i = 1; i <= 40; i++)
        assert_int_equal(offer_new(&history, (struct given){i, 100 + i, i}), CAUSE_NONE);
    for (uint32_t i = 9; i <= 40; i++) {
        bool resent = false;
        assert_int_equal(offer(&history, (struct given){i, 100 + i, i}, &resent), CAUSE_NONE);
        assert_true(resent);
    }
}

static void the_same_sequence_with_other_content_is_a_conflict(void **state)
{
    (void)state;
    struct history history = {0};
    assert_int_equal(offer_new(&history, (struct given){1, 100, 10}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){2, 101, 11}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){2, 101, 12}), CAUSE_CONFLICT);
    assert_int_equal(offer_new(&history, (struct given){1, 100, 11}), CAUSE_CONFLICT);
}

static void a_forgotten_sequence_passes_where_it_can_be_true(void **state)
{
    (void)state;
    struct history history = {0};
    for (uint32_t i = 1; i <= 100; i++)
        assert_int_equal(offer_new(&history, (struct given){i, 100 + i, i}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){3, 103, 3}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){3, 203, 3}), CAUSE_CONFLICT);
    assert_int_equal(offer_new(&history, (struct given){3, 103, 101}), CAUSE_ROLLBACK);
    assert_int_equal(history.sequence, 100);
}

static void a_report_that_comes_late_for_the_first_time_passes(void **state)
{
    (void)state;
    struct history history = {0};
    bool resent = false;
    assert_int_equal(offer_new(&history, (struct given){1, 100, 10}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){3, 300, 30}), CAUSE_NONE);
    assert_int_equal(offer_new(&history, (struct given){2, 200, 20}), CAUSE_NONE);
    assert_int_equal(offer(&history, (struct given){2, 200, 20}, &resent), CAUSE_NONE);
    assert_true(resent);
    assert_int_equal(history.last.timestamp_s, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_report_may_be_any),
        cmocka_unit_test(a_report_after_the_last_is_new),
        cmocka_unit_test(a_lower_register_is_a_rollback),
        cmocka_unit_test(the_export_register_is_watched_too),
        cmocka_unit_test(a_new_sequence_with_an_old_time_is_stale),
        cmocka_unit_test(an_exact_repeat_passes_as_resent),
        cmocka_unit_test(the_same_sequence_with_other_content_is_a_conflict),
        cmocka_unit_test(a_forgotten_sequence_passes_where_it_can_be_true),
        cmocka_unit_test(a_report_that_comes_late_for_the_first_time_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
