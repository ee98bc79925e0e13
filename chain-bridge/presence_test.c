#include "chain-bridge/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/testing.h"

#define METER BENCH_METER(1)

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    bench_open(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_close(*state);
    free(*state);
    return 0;
}

static struct presence take(struct bench *bench, enum topic_kind kind, const char *serial,
                            struct backlog backlog)
{
    struct err err = ERR_INIT;
    struct presence presence;
    struct verdict verdict = {.kind = kind, .meter = backlog.meter, .backlog = backlog};
    snprintf(verdict.serial, sizeof(verdict.serial), "%s", serial);
    assert_int_equal(presence_take(bench->store, &presence, &verdict, &err), 0);
    return presence;
}

static uint32_t open_of(struct bench *bench)
{
    struct meter_row row;
    assert_int_equal(store_meter_get(bench->store, &row, METER, NULL), 0);
    return row.open;
}

static void a_meter_that_nothing_is_known_of_is_asked_for_all_it_holds(void **state)
{
    struct bench *bench = *state;
    struct presence first = take(bench, TOPIC_BIRTH, "meter-1", (struct backlog){.meter = METER});
    assert_true(first.there && first.asks);
    assert_int_equal(first.receipt.status, RECEIPT_MISSING);
    assert_true(first.receipt.first == 1 && first.receipt.last == UINT32_MAX);
    assert_false(take(bench, TOPIC_BIRTH, "meter-1", (struct backlog){.meter = METER}).asks);
}

static void what_a_meter_holds_and_the_store_lacks_is_asked_for(void **state)
{
    struct bench *bench = *state;
    for (uint32_t i = 1; i <= 4; i++)
        bench_store_report(bench, METER, i, 1);
    struct presence told =
        take(bench, TOPIC_BACKLOG, "meter-1", (struct backlog){METER, 1, 3, 9, false});
    assert_true(told.asks && told.receipt.first == 5 && told.receipt.last == 8);
    assert_int_equal(open_of(bench), 3);
    told = take(bench, TOPIC_BACKLOG, "meter-1", (struct backlog){METER, 1, 3, 9, true});
    assert_false(told.asks); /* an answer: it is sending already */
    told = take(bench, TOPIC_BACKLOG, "meter-1", (struct backlog){METER, 1, 3, 5, false});
    assert_false(told.asks);
}

static void an_answer_about_later_reports_only_says_nothing_of_earlier_ones(void **state)
{
    struct bench *bench = *state;
    bench_store_report(bench, METER, 9, 1);
    struct presence told =
        take(bench, TOPIC_BACKLOG, "meter-1", (struct backlog){METER, 6, 9, 10, true});
    assert_false(told.settled);
    assert_int_equal(open_of(bench), 0);
    told = take(bench, TOPIC_BACKLOG, "meter-1", (struct backlog){METER, 1, 9, 10, true});
    assert_true(told.settled);
    assert_int_equal(open_of(bench), 9);
}

static void an_answer_counts_where_all_before_it_is_here(void **state)
{
    struct bench *bench = *state;
    bench_store_report(bench, METER, 1, 1);
    bench_store_report(bench, METER, 2, 1);
    bench_store_report(bench, METER, 9, 1);
    assert_true(
        take(bench, TOPIC_BACKLOG, "meter-1", (struct backlog){METER, 3, 9, 10, true}).settled);
    assert_int_equal(open_of(bench), 9);
}

static void another_serial_speaks_for_no_known_meter(void **state)
{
    struct bench *bench = *state;
    bench_store_report(bench, METER, 9, 1);
    struct presence told =
        take(bench, TOPIC_BACKLOG, "meter-2", (struct backlog){METER, 1, 9, 12, false});
    assert_false(told.there || told.asks || told.settled);
    assert_int_equal(open_of(bench), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_meter_that_nothing_is_known_of_is_asked_for_all_it_holds,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_meter_holds_and_the_store_lacks_is_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            an_answer_about_later_reports_only_says_nothing_of_earlier_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_counts_where_all_before_it_is_here, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_serial_speaks_for_no_known_meter, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
