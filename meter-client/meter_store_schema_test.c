/* A store of each version that there ever was, opened by this program. */
#include "meter-client/meter_store_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/test_dir.h"
#include "meter-client/meter_store_control.h"
#include "meter-client/meter_store_reports.h"

/* Rows in the tables of version 1: a reading in no report, and a report in each state. */
static const char *const ROWS[] = {
    "INSERT INTO identity VALUES (1, 'M-01', 65537, 31337, zeroblob(20), zeroblob(20), 4, 900)",
    "INSERT INTO reading VALUES (9000, 90, 0, 0)",
    "INSERT INTO report VALUES (1, 2, 1, 1000, 1000, 10, 0, '{\"n\":1}', 1001, zeroblob(32),"
    " zeroblob(32), 8, NULL)",
    "INSERT INTO report VALUES (2, 3, 1, 2000, 2000, 20, 0, '{\"n\":2}', NULL, NULL, NULL, NULL,"
    " 'stale')",
    "INSERT INTO report VALUES (3, 1, 1, 3000, 3000, 30, 0, '{\"n\":3}', 3001, NULL, NULL, NULL,"
    " NULL)",
    "INSERT INTO report VALUES (4, 0, 2, 4000, 4001, 40, 0, '{\"n\":4}', NULL, NULL, NULL, NULL,"
    " NULL)",
    "INSERT INTO event VALUES (7, 5000, 0, '{\"e\":7}')",
};

enum { ROW_COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };

static const struct meter_store_identity IDENTITY = {
    .serial = "M-01", .meter = 65537, .chain_id = 31337};

/* A file as the program of that version left it. */
static void make_old(const char *path, size_t version)
{
    struct db *db = NULL;
    struct db_schema old = *meter_store_schema();
    old.migration_count = 1;
    old.statements = ROWS;
    old.statement_count = ROW_COUNT;
    assert_int_equal(db_open(&db, path, DB_OWNER, &old, NULL), 0);
    for (size_t i = 0; i < ROW_COUNT; i++)
        assert_int_equal(db_run(db_stmt(db, i), NULL), 0);
    db_close(db);
    old.migration_count = version;
    old.statement_count = 0;
    assert_int_equal(db_open(&db, path, DB_OWNER, &old, NULL), 0);
    db_close(db);
}

static void check_row(void *cookie, const struct meter_store_row *row)
{
    static const enum report_state STATES[] = {REPORT_SEALED, REPORT_REJECTED, REPORT_STORED,
                                               REPORT_QUEUED};
    char payload[16];
    uint32_t sequence = ++*(uint32_t *)cookie;
    snprintf(payload, sizeof(payload), "{\"n\":%u}", (unsigned)sequence);
    assert_int_equal(row->sequence, sequence);
    assert_int_equal(row->state, STATES[sequence - 1]);
    assert_string_equal(row->payload, payload);
    if (row->state == REPORT_SEALED)
        assert_int_equal(row->block, 8);
    if (row->state == REPORT_REJECTED)
        assert_string_equal(row->cause, "stale");
}

static void a_store_of_any_version_keeps_what_it_has(void **state)
{
    char path[256];
    for (size_t version = 1; version <= meter_store_schema()->migration_count; version++) {
        struct meter_store *store = NULL;
        struct meter_store_counts counts;
        struct err err = ERR_INIT;
        uint32_t rows = 0, interval_s = 0;
        snprintf(path, sizeof(path), "%s/version-%zu.db", (const char *)*state, version);
        make_old(path, version);
        if (meter_store_open(&store, path, &IDENTITY, &err) < 0)
            fail_msg("version %zu: %s", version, err.text);
        assert_int_equal(meter_store_session(store), 5);
        assert_int_equal(meter_store_interval(store, &interval_s, 900, NULL), 0);
        assert_int_equal(interval_s, 900);
        assert_int_equal(meter_store_next_sequence(store), 5);
        assert_int_equal(meter_store_counts(store, &counts, NULL), 0);
        assert_int_equal(counts.reports[REPORT_STORED], 1);
        assert_int_equal(counts.readings_open, 4);
        meter_store_close(store);
        assert_int_equal(meter_store_export(path, check_row, &rows, NULL), 0);
        assert_int_equal(rows, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_of_any_version_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
