/* A store of each version that there ever was, opened by this program. */
#include "chain-bridge/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain-bridge/report_blob.h"
#include "chain-bridge/store_batch.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/store_report.h"
#include "common/test_dir.h"

/* Rows in the tables of version 1, one of a kind; the report's body is bound. */
static const char *const ROWS[] = {
    "INSERT INTO identity VALUES (1, 31337, zeroblob(20), zeroblob(20))",
    "INSERT INTO cursor VALUES (1, 77, zeroblob(32))",
    "INSERT INTO meter VALUES (65537, 'M-01', 2)",
    "INSERT INTO batch VALUES (5, zeroblob(32), 1, 1, 1, 1000, zeroblob(32), 9, 3, 50000, 7, 0,"
    " 2000)",
    "INSERT INTO batch (id, root, state, reports, readings, created_ms)"
    " VALUES (6, zeroblob(32), 0, 1, 1, 3000)",
    "INSERT INTO tx VALUES (11, 5, 0, 100000, NULL, NULL)",
    "INSERT INTO tx VALUES (12, 6, 1, 100000, x'0102', x'0304')",
    "INSERT INTO attempt VALUES (1, 12, zeroblob(32), 5, 6, 3000)",
    "INSERT INTO quarantine VALUES (1, 4000, 7, 'text', 'topic', 65537, 9, x'7b7d')",
};
static const char *const REPORT_ROW =
    "INSERT INTO report (id, meter, sequence, state, received_ms, readings, digest, body, batch)"
    " VALUES (?, 65537, ?, ?, 1000, 1, zeroblob(32), ?, ?)";

enum { ROW_COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };

static struct report make_report(uint32_t sequence)
{
    struct report report = {.meter = 65537, .sequence = sequence, .count = 1};
    report.readings[0] = (struct reading){.timestamp_s = 1000 * sequence, .import_wh = sequence};
    report.signature.b[64] = 27;
    return report;
}

static void put_report(struct db *db, uint32_t sequence, enum report_state state, uint64_t batch)
{
    struct buf body = BUF_INIT;
    struct report report = make_report(sequence);
    struct db_stmt *stmt = db_stmt(db, ROW_COUNT);
    report_blob_encode(&body, &report);
    db_bind_u64(stmt, 0, sequence);
    db_bind_u64(stmt, 1, sequence);
    db_bind_u64(stmt, 2, state);
    db_bind_blob(stmt, 3, body.data, body.len);
    if (batch)
        db_bind_u64(stmt, 4, batch);
    assert_int_equal(db_run(stmt, NULL), 0);
    buf_free(&body);
}

/* A file as the program of that version left it. */
static void make_old(const char *path, size_t version)
{
    const char *statements[ROW_COUNT + 1];
    struct db *db = NULL;
    struct db_schema old = store_schema;
    memcpy(statements, ROWS, sizeof(ROWS));
    statements[ROW_COUNT] = REPORT_ROW;
    old.migration_count = 1;
    old.statements = statements;
    old.statement_count = ROW_COUNT + 1;
    assert_int_equal(db_open(&db, path, DB_OWNER, &old, NULL), 0);
    for (size_t i = 0; i < ROW_COUNT; i++)
        assert_int_equal(db_run(db_stmt(db, i), NULL), 0);
    put_report(db, 1, REPORT_SEALED, 5);
    put_report(db, 2, REPORT_CLAIMED, 6);
    put_report(db, 3, REPORT_STORED, 0);
    db_close(db);
    old.migration_count = version;
    old.statement_count = 0;
    assert_int_equal(db_open(&db, path, DB_OWNER, &old, NULL), 0);
    db_close(db);
}

static void check_reports(struct store *store)
{
    static const enum report_state STATES[] = {REPORT_SEALED, REPORT_CLAIMED, REPORT_STORED};
    static const uint64_t BATCHES[] = {5, 6, 0};
    for (uint32_t i = 0; i < 3; i++) {
        struct report_row row;
        struct report report = make_report(i + 1);
        bool found;
        assert_int_equal(store_report_find(store, &row, &found, 65537, i + 1, NULL), 0);
        assert_true(found);
        assert_int_equal(row.state, STATES[i]);
        assert_int_equal(row.batch, BATCHES[i]);
        assert_true(report_equal(&row.report, &report));
    }
}

static bool count_row(void *cookie, const struct report_row *row)
{
    assert_int_equal(row->report.sequence, 1);
    return ++*(int *)cookie;
}

static void check_batches(struct store *store)
{
    struct batch_row batch;
    struct buf others = BUF_INIT;
    int unarchived = 0;
    assert_int_equal(store_batch_get(store, &batch, 5, NULL), 0);
    assert_int_equal(batch.state, BATCH_SEALED);
    assert_int_equal(batch.number, 3);
    assert_int_equal(store_batch_others(store, &others, 5, NULL), 0);
    assert_int_equal(others.len, 0);
    assert_int_equal(store_report_unarchived(store, count_row, &unarchived, NULL), 0);
    assert_int_equal(unarchived, 1);
}

static void check_tx(void *cookie, struct tx_row *row)
{
    assert_int_equal(row->nonce, 12);
    assert_int_equal(row->batch, 6);
    assert_int_equal(row->raw.len, 2);
    buf_free(&row->data);
    buf_free(&row->raw);
    ++*(int *)cookie;
}

static void check_attempt(void *cookie, const struct tx_attempt *attempt)
{
    assert_int_equal(attempt->max_fee_wei, 6);
    ++*(int *)cookie;
}

static void check_rest(struct store *store)
{
    int seen = 0;
    uint64_t quarantined, nonce;
    bool any;
    struct meter_row meter;
    assert_int_equal(store_tx_open(store, check_tx, &seen, NULL), 0);
    assert_int_equal(store_tx_attempts(store, 12, check_attempt, &seen, NULL), 0);
    assert_int_equal(seen, 2);
    assert_int_equal(store_tx_next_nonce(store, &nonce, &any, NULL), 0);
    assert_int_equal(nonce, 13);
    assert_int_equal(store_quarantine_count(store, &quarantined, NULL), 0);
    assert_int_equal(quarantined, 1);
    assert_int_equal(store_meter_get(store, &meter, 65537, NULL), 0);
    assert_string_equal(meter.serial, "M-01");
    assert_int_equal(meter.claimed, 2);
}

static void a_store_of_any_version_keeps_what_it_has(void **state)
{
    const struct store_identity identity = {.chain_id = 31337};
    char path[256];
    for (size_t version = 1; version <= store_schema.migration_count; version++) {
        struct store *store = NULL;
        struct err err = ERR_INIT;
        snprintf(path, sizeof(path), "%s/version-%zu.db", (const char *)*state, version);
        make_old(path, version);
        if (store_open(&store, path, &identity, &err) < 0)
            fail_msg("version %zu: %s", version, err.text);
        check_reports(store);
        check_batches(store);
        check_rest(store);
        store_close(store);
    }
}

static void a_store_of_a_newer_program_is_refused(void **state)
{
    const struct store_identity identity = {.chain_id = 31337};
    struct db_schema newer = store_schema;
    const char *migrations[100];
    struct store *store = NULL;
    struct db *db = NULL;
    struct err err = ERR_INIT;
    char *path = test_path(*state, "newer.db");
    memcpy(migrations, store_schema.migrations,
           store_schema.migration_count * sizeof(migrations[0]));
    migrations[newer.migration_count++] = "CREATE TABLE later (x)";
    newer.migrations = migrations;
    newer.statement_count = 0;
    assert_int_equal(db_open(&db, path, DB_OWNER, &newer, NULL), 0);
    db_close(db);
    assert_int_equal(store_open(&store, path, &identity, &err), -1);
    assert_non_null(strstr(err.text, "newer than this program's"));
    free(path);
}

static void a_damaged_store_is_refused_at_the_start(void **state)
{
    const struct store_identity identity = {.chain_id = 31337};
    struct store *store = NULL;
    struct err err = ERR_INIT;
    char *path = test_path(*state, "damaged.db"), junk[4096];
    make_old(path, store_schema.migration_count);
    memset(junk, 0xa5, sizeof(junk));
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (long page = 2; page < 12; page++) {
        assert_int_equal(fseek(file, page * (long)sizeof(junk), SEEK_SET), 0);
        assert_int_equal(fwrite(junk, 1, sizeof(junk), file), sizeof(junk));
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(store_open(&store, path, &identity, &err), -1);
    assert_non_null(strstr(err.text, path));
    assert_true(strstr(err.text, "corrupt") || strstr(err.text, "malformed"));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_of_any_version_keeps_what_it_has),
        cmocka_unit_test(a_store_of_a_newer_program_is_refused),
        cmocka_unit_test(a_damaged_store_is_refused_at_the_start),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
