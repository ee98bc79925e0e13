#include "chain-bridge/alarm_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/testing.h"
#include "common/db.h"

#define NOW_MS ((uint64_t)BENCH_UNIX_S * 1000)

struct seen {
    size_t count;
    uint64_t ids[64];
    uint64_t counts[64];
    uint64_t meters;
    uint64_t acknowledged_ms;
    char by[40];
    char serial[40];
    char text[80];
};

static bool see(void *cookie, const struct alarm_group *group)
{
    struct seen *seen = cookie;
    seen->ids[seen->count] = group->id;
    seen->counts[seen->count++] = group->count;
    seen->meters = group->meters;
    seen->acknowledged_ms = group->acknowledged_ms;
    snprintf(seen->by, sizeof(seen->by), "%s", group->acknowledged_by);
    snprintf(seen->serial, sizeof(seen->serial), "%s", group->serial);
    snprintf(seen->text, sizeof(seen->text), "%s", group->text);
    return seen->count < 64;
}

static void count_alarm(void *cookie, const struct alarm *alarm)
{
    size_t *count = cookie;
    assert_non_null(alarm->text);
    (*count)++;
}

struct fixture {
    struct bench bench;
    struct alarm_log *log;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    bench_open(&f->bench);
    f->log = alarm_log_new(f->bench.store);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    alarm_log_free(f->log);
    bench_close(&f->bench);
    free(f);
    return 0;
}

static void offer(struct fixture *f, uint64_t after_ms, const char *cause, const char *serial)
{
    struct alarm alarm = {.unix_ms = NOW_MS + after_ms,
                          .source = "broker",
                          .cause = cause,
                          .serial = serial,
                          .meter = serial ? BENCH_METER(1) : 0,
                          .text = "something"};
    alarm_log_offer(f->log, &alarm);
}

static struct seen list(struct fixture *f, struct alarm_query query)
{
    struct seen seen = {0};
    if (query.limit == 0)
        query.limit = 50;
    assert_int_equal(alarm_log_list(store_db(f->bench.store), &query, see, &seen, NULL), 0);
    return seen;
}

static void flush(struct fixture *f)
{
    struct err err = ERR_INIT;
    if (alarm_log_flush(f->log, &err) < 0)
        fail_msg("%s", err.text);
}

static void alarms_that_fall_at_once_are_one_group(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < 5; i++)
        offer(f, i * 1000, "rollback", i % 2 ? "A" : "B");
    offer(f, 500, "rate", "A");
    flush(f);
    struct seen seen = list(f, (struct alarm_query){.cause = "rollback"});
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.counts[0], 5);
    assert_int_equal(seen.meters, 2);
    assert_string_equal(seen.serial, "");
    assert_int_equal(list(f, (struct alarm_query){0}).count, 2);
}

static void an_alarm_after_a_quiet_minute_opens_a_new_group(void **state)
{
    struct fixture *f = *state;
    offer(f, 0, "rollback", "A");
    offer(f, ALARM_GROUP_GAP_MS, "rollback", "A");
    offer(f, 2 * ALARM_GROUP_GAP_MS + 1, "rollback", "A");
    flush(f);
    struct seen seen = list(f, (struct alarm_query){0});
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.counts[0], 1);
    assert_int_equal(seen.counts[1], 2);
    assert_string_equal(seen.serial, "A");
}

static void acknowledging_keeps_by_whom_and_when_and_only_the_first(void **state)
{
    struct fixture *f = *state;
    bool changed = false;
    offer(f, 0, "rollback", "A");
    flush(f);
    uint64_t id = list(f, (struct alarm_query){0}).ids[0];
    assert_int_equal(
        alarm_log_acknowledge(f->bench.store, id, "eva", "seen", NOW_MS + 5, &changed, NULL), 0);
    assert_true(changed);
    assert_int_equal(
        alarm_log_acknowledge(f->bench.store, id, "bob", "", NOW_MS + 9, &changed, NULL), 0);
    assert_false(changed);
    struct seen seen = list(f, (struct alarm_query){.filter = ALARM_ACKNOWLEDGED});
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.by, "eva");
    assert_int_equal(seen.acknowledged_ms, NOW_MS + 5);
    assert_int_equal(list(f, (struct alarm_query){.filter = ALARM_OPEN}).count, 0);
}

static void an_alarm_after_the_acknowledgement_opens_a_new_group(void **state)
{
    struct fixture *f = *state;
    bool changed;
    struct alarm_counts counts;
    offer(f, 0, "rollback", "A");
    flush(f);
    uint64_t id = list(f, (struct alarm_query){0}).ids[0];
    assert_int_equal(alarm_log_acknowledge(f->bench.store, id, "eva", "", NOW_MS, &changed, NULL),
                     0);
    offer(f, 10, "rollback", "A");
    flush(f);
    assert_int_equal(list(f, (struct alarm_query){0}).count, 2);
    assert_int_equal(alarm_log_counts(store_db(f->bench.store), &counts, NULL), 0);
    assert_int_equal(counts.open, 1);
    assert_int_equal(counts.revision, 3);
}

static void a_storm_is_counted_in_full_and_kept_in_part(void **state)
{
    struct fixture *f = *state;
    size_t members = 0;
    for (uint64_t i = 0; i < 3000; i++)
        offer(f, i, "rate", NULL);
    flush(f);
    offer(f, 3001, "rate", NULL);
    flush(f);
    struct seen seen = list(f, (struct alarm_query){0});
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.counts[0], 3001);
    assert_int_equal(
        alarm_log_members(store_db(f->bench.store), seen.ids[0], count_alarm, &members, NULL), 0);
    assert_int_equal(members, ALARM_MEMBERS_MAX);
}

static void pages_and_changes_are_found_by_id_and_revision(void **state)
{
    struct fixture *f = *state;
    const char *causes[] = {"rate", "rollback", "stale", "unknown"};
    for (size_t i = 0; i < 4; i++)
        offer(f, i, causes[i], "A");
    flush(f);
    struct seen page = list(f, (struct alarm_query){.limit = 2});
    assert_int_equal(page.count, 2);
    struct seen rest = list(f, (struct alarm_query){.before = page.ids[1]});
    assert_int_equal(rest.count, 2);
    assert_true(rest.ids[0] < page.ids[1]);
    assert_int_equal(list(f, (struct alarm_query){.after_revision = 3}).count, 1);
    assert_int_equal(list(f, (struct alarm_query){.serial = "A"}).count, 4);
    assert_int_equal(list(f, (struct alarm_query){.serial = "B"}).count, 0);
}

static void what_could_not_be_written_is_written_later(void **state)
{
    struct fixture *f = *state;
    offer(f, 0, "rate", "A");
    /* Our own connection is in a transaction already: SQLite refuses a second one. */
    assert_int_equal(db_begin(store_db(f->bench.store), NULL), 0);
    assert_int_equal(alarm_log_flush(f->log, NULL), -1);
    db_rollback(store_db(f->bench.store));
    offer(f, 1, "rate", "A");
    flush(f);
    assert_int_equal(list(f, (struct alarm_query){0}).counts[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alarms_that_fall_at_once_are_one_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_alarm_after_a_quiet_minute_opens_a_new_group, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(acknowledging_keeps_by_whom_and_when_and_only_the_first,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_alarm_after_the_acknowledgement_opens_a_new_group,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_storm_is_counted_in_full_and_kept_in_part, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(pages_and_changes_are_found_by_id_and_revision, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_written_is_written_later, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
