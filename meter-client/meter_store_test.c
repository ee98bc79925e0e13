#include "meter-client/meter_store_control.h"
#include "meter-client/meter_store_reports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/test_dir.h"

static const struct meter_store_identity IDENTITY = {
    .serial = "M1", .meter = 65537, .chain_id = 31337, .contract = {{1}}, .signer = {{2}}};

static struct meter_store *open_store(const char *path)
{
    struct meter_store *store = NULL;
    struct err err = ERR_INIT;

    if (meter_store_open(&store, path, &IDENTITY, &err))
        fail_msg("%s", err.text);
    return store;
}

static struct report report_of(const struct meter_store *store, uint32_t first_s, uint32_t count)
{
    struct report report = {
        .meter = 65537, .sequence = meter_store_next_sequence(store), .count = count};

    for (uint32_t i = 0; i < count; i++)
        report.readings[i] =
            (struct reading){.timestamp_s = first_s + i, .import_wh = first_s + i, .export_wh = 3};
    report.signature.b[64] = 27;
    return report;
}

static void add_report(struct meter_store *store, uint32_t first_s, uint32_t count)
{
    struct report report = report_of(store, first_s, count);

    assert_int_equal(meter_store_add_report(store, &report, NULL), 0);
}

static uint64_t apply(struct meter_store *store, enum receipt_status status, uint32_t first,
                      uint32_t last, uint32_t now_s)
{
    struct receipt receipt = {.status = status,
                              .meter = 65537,
                              .first = first,
                              .last = last,
                              .batch = {{0xaa}},
                              .transaction = {{0xbb}},
                              .block = 12,
                              .cause = CAUSE_ROLLBACK};
    uint64_t changed = 99;

    assert_int_equal(meter_store_apply(store, &changed, &receipt, now_s, NULL), 0);
    return changed;
}

static void assert_counts(struct meter_store *store, uint64_t queued, uint64_t stored,
                          uint64_t sealed, uint64_t rejected, uint64_t open)
{
    struct meter_store_counts counts;

    assert_int_equal(meter_store_counts(store, &counts, NULL), 0);
    assert_int_equal(counts.reports[REPORT_QUEUED], queued);
    assert_int_equal(counts.reports[REPORT_STORED], stored);
    assert_int_equal(counts.reports[REPORT_SEALED], sealed);
    assert_int_equal(counts.reports[REPORT_REJECTED], rejected);
    assert_int_equal(counts.readings_open, open);
}

static void a_report_lives_until_it_is_sealed(void **state)
{
    char *path = test_path(*state, "life.db");
    struct meter_store *store = open_store(path);
    struct buf payload = BUF_INIT;
    uint32_t sequence = 0;

    assert_int_equal(meter_store_next_sequence(store), 1);
    add_report(store, 100, 2);
    add_report(store, 200, 1);
    assert_counts(store, 2, 0, 0, 0, 3);
    assert_int_equal(meter_store_next_queued(store, &sequence, &payload, 0, NULL), 1);
    assert_int_equal(sequence, 1);
    assert_non_null(strstr(buf_str(&payload), "\"sequence\":1,"));
    assert_int_equal(apply(store, RECEIPT_STORED, 1, 1, 50), 1);
    assert_int_equal(meter_store_next_queued(store, &sequence, &payload, 0, NULL), 1);
    assert_int_equal(sequence, 2);
    assert_counts(store, 1, 1, 0, 0, 3);
    assert_int_equal(apply(store, RECEIPT_SEALED, 1, 2, 50), 2);
    assert_counts(store, 0, 0, 2, 0, 0);
    assert_int_equal(meter_store_next_queued(store, &sequence, &payload, 0, NULL), 0);
    assert_int_equal(apply(store, RECEIPT_SEALED, 1, 2, 50), 0);
    assert_int_equal(apply(store, RECEIPT_STORED, 1, 2, 50), 0);
    assert_int_equal(apply(store, RECEIPT_REJECTED, 1, 2, 50), 0);
    assert_counts(store, 0, 0, 2, 0, 0);
    buf_free(&payload);
    meter_store_close(store);
    free(path);
}

static void everything_is_there_after_reopening(void **state)
{
    char *path = test_path(*state, "reopen.db");
    struct meter_store *store = open_store(path);
    struct reading waiting = {.timestamp_s = 300, .import_wh = 300, .export_wh = 4, .quality = 2};
    struct reading readings[REPORT_READINGS_MAX];
    struct reading last;
    uint32_t count = 0;

    assert_int_equal(meter_store_session(store), 1);
    add_report(store, 100, 2);
    assert_int_equal(apply(store, RECEIPT_STORED, 1, 1, 50), 1);
    assert_int_equal(meter_store_add_reading(store, &waiting, NULL), 0);
    meter_store_close(store);
    store = open_store(path);
    assert_int_equal(meter_store_session(store), 2);
    assert_int_equal(meter_store_next_sequence(store), 2);
    assert_counts(store, 0, 1, 0, 0, 3);
    assert_int_equal(meter_store_pending(store, readings, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(reading_equal(&readings[0], &waiting));
    assert_int_equal(meter_store_last(store, &last, NULL), 0);
    assert_int_equal(last.timestamp_s, 300);
    meter_store_close(store);
    free(path);
}

static void a_report_takes_the_readings_that_waited(void **state)
{
    char *path = test_path(*state, "waited.db");
    struct meter_store *store = open_store(path);
    struct reading readings[REPORT_READINGS_MAX];
    uint32_t count = 9;

    for (uint32_t t = 100; t < 103; t++) {
        struct reading reading = {.timestamp_s = t, .import_wh = t};

        assert_int_equal(meter_store_add_reading(store, &reading, NULL), 0);
    }
    assert_counts(store, 0, 0, 0, 0, 3);
    add_report(store, 100, 4); /* the fourth never waited */
    assert_counts(store, 1, 0, 0, 0, 4);
    assert_int_equal(meter_store_pending(store, readings, &count, NULL), 0);
    assert_int_equal(count, 0);
    meter_store_close(store);
    free(path);
}

static void the_last_reading_is_not_a_rejected_one(void **state)
{
    char *path = test_path(*state, "last.db");
    struct meter_store *store = open_store(path);
    struct reading last;

    assert_int_equal(meter_store_last(store, &last, NULL), 0);
    assert_int_equal(last.timestamp_s, 0);
    add_report(store, 100, 1);
    add_report(store, 900, 1);
    assert_int_equal(apply(store, RECEIPT_REJECTED, 2, 2, 50), 1);
    assert_int_equal(meter_store_last(store, &last, NULL), 0);
    assert_int_equal(last.timestamp_s, 100);
    assert_int_equal(last.import_wh, 100);
    assert_int_equal(last.export_wh, 3);
    assert_counts(store, 1, 0, 0, 1, 1);
    /* A seal is the truth, whatever was said before. */
    assert_int_equal(apply(store, RECEIPT_SEALED, 1, 2, 50), 2);
    assert_counts(store, 0, 0, 2, 0, 0);
    meter_store_close(store);
    free(path);
}

static void what_waits_too_long_for_its_seal_is_queued_again(void **state)
{
    char *path = test_path(*state, "requeue.db");
    struct meter_store *store = open_store(path);
    uint64_t changed = 9;

    add_report(store, 100, 1);
    add_report(store, 200, 1);
    assert_int_equal(apply(store, RECEIPT_STORED, 1, 1, 1000), 1);
    assert_int_equal(apply(store, RECEIPT_STORED, 2, 2, 2000), 1);
    assert_int_equal(meter_store_requeue(store, &changed, 1500, NULL), 0);
    assert_int_equal(changed, 1);
    assert_counts(store, 1, 1, 0, 0, 2);
    assert_int_equal(meter_store_count_queued(store, &changed, 1, NULL), 0);
    assert_int_equal(changed, 1);
    meter_store_close(store);
    free(path);
}

static void pruning_keeps_what_is_open_and_the_sequence(void **state)
{
    char *path = test_path(*state, "prune.db");
    struct meter_store *store = open_store(path);
    struct meter_event event = {.meter = 65537, .timestamp_s = 5, .code = 2};

    for (uint32_t i = 1; i <= 4; i++)
        add_report(store, i * 100, 1);
    for (event.sequence = 1; event.sequence <= 2; event.sequence++) {
        event.signature.b[64] = 27;
        assert_int_equal(meter_store_add_event(store, &event, NULL), 0);
        assert_int_equal(meter_store_event_sent(store, event.sequence, NULL), 0);
    }
    apply(store, RECEIPT_SEALED, 1, 2, 50);
    apply(store, RECEIPT_SEALED, 4, 4, 50);
    assert_int_equal(meter_store_prune(store, 100000, NULL), 0);
    assert_counts(store, 1, 0, 1, 0, 1);
    meter_store_close(store);
    store = open_store(path);
    assert_int_equal(meter_store_next_sequence(store), 5);
    assert_int_equal(meter_store_next_event(store), 3);
    meter_store_close(store);
    free(path);
}

static void another_meters_store_is_refused(void **state)
{
    char *path = test_path(*state, "other.db");
    struct meter_store_identity others[4] = {IDENTITY, IDENTITY, IDENTITY, IDENTITY};

    meter_store_close(open_store(path));
    others[0].serial[1] = '2';
    others[1].meter++;
    others[2].chain_id++;
    others[3].contract.b[0]++;
    for (size_t i = 0; i < AMR_COUNT(others); i++) {
        struct meter_store *store = NULL;
        struct err err = ERR_INIT;

        assert_int_equal(meter_store_open(&store, path, &others[i], &err), -1);
        assert_non_null(strstr(err.text, "belongs to another"));
    }
    free(path);
}

static void a_second_process_is_refused(void **state)
{
    char *path = test_path(*state, "lock.db");
    struct meter_store *store = open_store(path);
    struct meter_store *second = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(meter_store_open(&second, path, &IDENTITY, &err), -1);
    assert_non_null(strstr(err.text, "in use"));
    meter_store_close(store);
    free(path);
}

static void an_event_waits_until_it_is_sent(void **state)
{
    char *path = test_path(*state, "event.db");
    struct meter_store *store = open_store(path);
    struct meter_event event = {
        .meter = 65537, .sequence = 1, .timestamp_s = 5, .code = 2, .signature = {{[64] = 27}}};
    struct buf payload = BUF_INIT;
    uint32_t sequence = 0;

    assert_int_equal(meter_store_add_event(store, &event, NULL), 0);
    assert_int_equal(meter_store_unsent_event(store, &sequence, &payload, 0, NULL), 1);
    assert_int_equal(sequence, 1);
    assert_int_equal(meter_store_unsent_event(store, &sequence, &payload, 1, NULL), 0);
    assert_int_equal(meter_store_event_sent(store, 1, NULL), 0);
    assert_int_equal(meter_store_unsent_event(store, &sequence, &payload, 0, NULL), 0);
    buf_free(&payload);
    meter_store_close(store);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_lives_until_it_is_sealed),
        cmocka_unit_test(everything_is_there_after_reopening),
        cmocka_unit_test(a_report_takes_the_readings_that_waited),
        cmocka_unit_test(the_last_reading_is_not_a_rejected_one),
        cmocka_unit_test(what_waits_too_long_for_its_seal_is_queued_again),
        cmocka_unit_test(pruning_keeps_what_is_open_and_the_sequence),
        cmocka_unit_test(another_meters_store_is_refused),
        cmocka_unit_test(a_second_process_is_refused),
        cmocka_unit_test(an_event_waits_until_it_is_sent),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
