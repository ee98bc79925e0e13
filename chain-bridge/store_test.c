#include "chain-bridge/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/store_batch.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/testing.h"

static int set_up(void **state)
{
    struct bench *bench = malloc(sizeof(*bench));
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

static struct report_row row_of(struct bench *bench, uint32_t meter, uint32_t sequence)
{
    struct report_row row;
    bool found;
    assert_int_equal(store_report_find(bench->store, &row, &found, meter, sequence, NULL), 0);
    assert_true(found);
    return row;
}

static struct batch_claim claim_of(struct claim_report *reports, size_t count, uint64_t nonce)
{
    struct batch_claim claim = {.reports = reports, .report_count = count, .readings = 1};
    claim.tx.nonce = nonce;
    claim.tx.gas_limit = 90000;
    buf_append(&claim.tx.data, "data", 4);
    buf_append(&claim.tx.raw, "raw", 3);
    memset(claim.attempt.hash.b, (int)nonce + 1, sizeof(claim.attempt.hash.b));
    return claim;
}

static void drop_claim(struct batch_claim *claim)
{
    buf_free(&claim->tx.data);
    buf_free(&claim->tx.raw);
}

static void a_report_survives_a_restart_unchanged(void **state)
{
    struct bench *bench = *state;
    bench_store_report(bench, BENCH_METER(1), 1, 96);
    bench_reopen(bench);
    struct report sent = bench_report(bench, BENCH_METER(1), 1, 96);
    struct report_row row = row_of(bench, BENCH_METER(1), 1);
    assert_true(report_equal(&row.report, &sent));
    assert_int_equal(row.state, REPORT_STORED);
}

static void neighbours_are_the_nearest_that_count(void **state)
{
    struct bench *bench = *state;
    struct report_row row;
    bool found;
    for (uint32_t sequence = 1; sequence <= 9; sequence += 2)
        bench_store_report(bench, BENCH_METER(1), sequence, 1);
    row = row_of(bench, BENCH_METER(1), 3);
    assert_int_equal(store_report_reject(bench->store, row.id, CAUSE_ROLLBACK, NULL), 0);
    assert_int_equal(store_report_before(bench->store, &row, &found, BENCH_METER(1), 4, NULL), 0);
    assert_true(found);
    assert_int_equal(row.report.sequence, 1);
    assert_int_equal(store_report_after(bench->store, &row, &found, BENCH_METER(1), 5, NULL), 0);
    assert_int_equal(row.report.sequence, 7);
    assert_int_equal(store_report_after(bench->store, &row, &found, BENCH_METER(1), 9, NULL), 0);
    assert_false(found);
}

struct found {
    size_t count;
    uint64_t nonce;
    size_t attempts;
};

static void on_tx(void *cookie, struct tx_row *row)
{
    struct found *found = cookie;
    found->count++;
    found->nonce = row->nonce;
    assert_int_equal(row->data.len, 4);
    buf_free(&row->data);
    buf_free(&row->raw);
}

static void on_attempt(void *cookie, const struct tx_attempt *attempt)
{
    struct found *found = cookie;
    (void)attempt;
    found->attempts++;
}

static void a_claim_is_whole_after_a_restart(void **state)
{
    struct bench *bench = *state;
    struct found found = {0};
    uint64_t nonce;
    bool any;
    struct meter_row meter;
    bench_store_report(bench, BENCH_METER(1), 1, 1);
    struct claim_report report = {row_of(bench, BENCH_METER(1), 1).id, BENCH_METER(1), 1};
    struct batch_claim claim = claim_of(&report, 1, 7);
    assert_int_equal(store_batch_claim(bench->store, &claim, NULL), 0);
    bench_reopen(bench);
    assert_int_equal(row_of(bench, BENCH_METER(1), 1).state, REPORT_CLAIMED);
    assert_int_equal(store_tx_open(bench->store, on_tx, &found, NULL), 0);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.nonce, 7);
    assert_int_equal(store_tx_next_nonce(bench->store, &nonce, &any, NULL), 0);
    assert_int_equal(nonce, 8);
    assert_int_equal(store_meter_get(bench->store, &meter, BENCH_METER(1), NULL), 0);
    assert_int_equal(meter.claimed, 1);
    assert_string_equal(meter.serial, "meter-1");
    struct buf raw = BUF_INIT;
    buf_append(&raw, "raw2", 4);
    assert_int_equal(store_tx_replace(bench->store, 7, &raw, &claim.attempt, NULL), 0);
    assert_int_equal(store_tx_attempts(bench->store, 7, on_attempt, &found, NULL), 0);
    assert_int_equal(found.attempts, 2);
    buf_free(&raw);
    drop_claim(&claim);
}

static void a_claim_of_what_is_claimed_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct err err = ERR_INIT;
    struct found found = {0};
    bench_store_report(bench, BENCH_METER(1), 1, 1);
    bench_store_report(bench, BENCH_METER(2), 1, 1);
    struct claim_report reports[2] = {{row_of(bench, BENCH_METER(1), 1).id, BENCH_METER(1), 1},
                                      {row_of(bench, BENCH_METER(2), 1).id, BENCH_METER(2), 1}};
    struct batch_claim first = claim_of(&reports[1], 1, 0), second = claim_of(reports, 2, 1);
    assert_int_equal(store_batch_claim(bench->store, &first, NULL), 0);
    assert_int_equal(store_batch_claim(bench->store, &second, &err), -1);
    assert_int_equal(row_of(bench, BENCH_METER(1), 1).state, REPORT_STORED);
    assert_int_equal(store_tx_open(bench->store, on_tx, &found, NULL), 0);
    assert_int_equal(found.count, 1);
    drop_claim(&first);
    drop_claim(&second);
}

static void a_nonce_cannot_be_used_twice(void **state)
{
    struct bench *bench = *state;
    bench_store_report(bench, BENCH_METER(1), 1, 1);
    bench_store_report(bench, BENCH_METER(2), 1, 1);
    struct claim_report reports[2] = {{row_of(bench, BENCH_METER(1), 1).id, BENCH_METER(1), 1},
                                      {row_of(bench, BENCH_METER(2), 1).id, BENCH_METER(2), 1}};
    struct batch_claim first = claim_of(&reports[0], 1, 3), second = claim_of(&reports[1], 1, 3);
    assert_int_equal(store_batch_claim(bench->store, &first, NULL), 0);
    assert_int_equal(store_batch_claim(bench->store, &second, NULL), -1);
    assert_int_equal(row_of(bench, BENCH_METER(2), 1).state, REPORT_STORED);
    drop_claim(&first);
    drop_claim(&second);
}

static void sealing_marks_the_good_and_the_rejected(void **state)
{
    struct bench *bench = *state;
    struct batch_row batch;
    struct found found = {0};
    bench_store_report(bench, BENCH_METER(1), 1, 1);
    bench_store_report(bench, BENCH_METER(2), 1, 1);
    struct claim_report reports[2] = {{row_of(bench, BENCH_METER(1), 1).id, BENCH_METER(1), 1},
                                      {row_of(bench, BENCH_METER(2), 1).id, BENCH_METER(2), 1}};
    struct batch_claim claim = claim_of(reports, 2, 0);
    assert_int_equal(store_batch_claim(bench->store, &claim, NULL), 0);
    struct batch_row outcome = {.block = 9, .number = 4, .gas_used = 5, .rejected = 1};
    struct batch_rejection rejected = {reports[1].id, CAUSE_STALE};
    assert_int_equal(store_begin(bench->store, NULL), 0);
    assert_int_equal(
        store_batch_seal(bench->store, claim.tx.batch, 0, &outcome, &rejected, 1, 1, NULL), 0);
    assert_int_equal(store_commit(bench->store, NULL), 0);
    bench_reopen(bench);
    assert_int_equal(row_of(bench, BENCH_METER(1), 1).state, REPORT_SEALED);
    assert_int_equal(row_of(bench, BENCH_METER(2), 1).state, REPORT_REJECTED);
    assert_int_equal(row_of(bench, BENCH_METER(2), 1).cause, CAUSE_STALE);
    assert_int_equal(store_batch_get(bench->store, &batch, claim.tx.batch, NULL), 0);
    assert_int_equal(batch.block, 9);
    assert_int_equal(batch.number, 4);
    assert_int_equal(store_tx_open(bench->store, on_tx, &found, NULL), 0);
    assert_int_equal(found.count, 0);
    drop_claim(&claim);
}

static void a_store_of_another_chain_contract_or_account_is_refused(void **state)
{
    struct bench *bench = *state;
    struct err err = ERR_INIT;
    struct store *store;
    struct store_identity other = bench->identity;
    store_close(bench->store);
    other.chain_id++;
    assert_int_equal(store_open(&store, bench->store_path, &other, &err), -1);
    assert_non_null(strstr(err.text, "chain id 31337"));
    other = bench->identity;
    other.account.b[0]++;
    assert_int_equal(store_open(&store, bench->store_path, &other, &err), -1);
    other = bench->identity;
    other.contract.b[0]++;
    assert_int_equal(store_open(&store, bench->store_path, &other, &err), -1);
    assert_int_equal(store_open(&bench->store, bench->store_path, &bench->identity, &err), 0);
}

static void a_store_in_use_is_refused(void **state)
{
    struct bench *bench = *state;
    struct err err = ERR_INIT;
    struct store *store;
    assert_int_equal(store_open(&store, bench->store_path, &bench->identity, &err), -1);
    assert_non_null(strstr(err.text, "in use"));
}

static void the_cursor_is_kept(void **state)
{
    struct bench *bench = *state;
    struct store_cursor cursor = {.block = 77}, got;
    bool found;
    assert_int_equal(store_cursor_get(bench->store, &got, &found, NULL), 0);
    assert_false(found);
    assert_int_equal(store_cursor_put(bench->store, &cursor, NULL), 0);
    cursor.block = 78;
    assert_int_equal(store_cursor_put(bench->store, &cursor, NULL), 0);
    bench_reopen(bench);
    assert_int_equal(store_cursor_get(bench->store, &got, &found, NULL), 0);
    assert_true(found);
    assert_int_equal(got.block, 78);
}

static void an_uncommitted_change_is_gone(void **state)
{
    struct bench *bench = *state;
    struct meter_row meter;
    assert_int_equal(store_begin(bench->store, NULL), 0);
    assert_int_equal(store_meter_put(bench->store, BENCH_METER(5), "x", NULL), 0);
    store_rollback(bench->store);
    assert_int_equal(store_meter_get(bench->store, &meter, BENCH_METER(5), NULL), 0);
    assert_string_equal(meter.serial, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_report_survives_a_restart_unchanged),
        TEST(neighbours_are_the_nearest_that_count),
        TEST(a_claim_is_whole_after_a_restart),
        TEST(a_claim_of_what_is_claimed_changes_nothing),
        TEST(a_nonce_cannot_be_used_twice),
        TEST(sealing_marks_the_good_and_the_rejected),
        TEST(a_store_of_another_chain_contract_or_account_is_refused),
        TEST(a_store_in_use_is_refused),
        TEST(the_cursor_is_kept),
        TEST(an_uncommitted_change_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
