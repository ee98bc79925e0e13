#include "chain-bridge/settle.h"

#include "chain-bridge/ledger.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/submitter_bench.h"

static void a_skipped_reading_is_rejected_and_kept(void **state)
{
    struct world *world = *state;
    struct report bad = bench_report(&world->bench, BENCH_METER(2), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    world->fake.skips[0] =
        (struct fake_skip){0, BENCH_METER(2), bad.readings[0].timestamp_s, LEDGER_REASON_ROLLBACK};
    world->fake.skip_count = 1;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_SEALED);
    assert_int_equal(state_of(world, BENCH_METER(2), 1), REPORT_REJECTED);
    assert_int_equal(heard_receipts(&world->bench.heard, RECEIPT_REJECTED, BENCH_METER(2), 1), 1);
    assert_true(heard_alarm(&world->bench.heard, "rollback"));
    uint64_t rows;
    assert_int_equal(store_quarantine_count(world->bench.store, &rows, NULL), 0);
    assert_int_equal(rows, 1);
}

/* The contract skips all of that report in our first batch. */
static void skip_all(struct world *world, const struct report *report)
{
    for (uint32_t i = 0; i < report->count; i++)
        world->fake.skips[world->fake.skip_count++] = (struct fake_skip){
            0, report->meter, report->readings[i].timestamp_s, LEDGER_REASON_STALE};
}

static struct receipt only_receipt(struct world *world)
{
    assert_int_equal(world->bench.heard.receipt_count, 1);
    return world->bench.heard.receipts[0];
}

static void submit_report_that_is_stale(struct world *world, const struct report *report)
{
    for (int i = 0; i < 100; i++)
        fake_mine_empty(&world->fake); /* the search has to go back some pages */
    bench_store_report(&world->bench, report->meter, report->sequence, report->count);
    skip_all(world, report);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
}

static void what_a_twin_sealed_is_sealed_where_the_twin_put_it(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 4);
    const struct fake_twin *twin = fake_twin(&world->fake, &report);
    submit_report_that_is_stale(world, &report);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_SEALED);
    struct receipt receipt = only_receipt(world);
    assert_true(eth_hash_equal(&receipt.batch, &twin->root));
    assert_true(eth_hash_equal(&receipt.transaction, &twin->transaction));
    bench_store_report(&world->bench, BENCH_METER(1), 2, 4);
    assert_int_equal(batch(world), 1);
}

static void what_a_twin_sealed_with_other_values_is_stale(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 4);
    struct fake_twin *twin = fake_twin(&world->fake, &report);
    twin->records[2].reading.import_wh++;
    submit_report_that_is_stale(world, &report);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_REJECTED);
    assert_int_equal(only_receipt(world).cause, CAUSE_STALE);
}

static void what_a_twin_could_not_get_in_is_stale(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 4);
    fake_twin(&world->fake, &report)->refused = 1;
    submit_report_that_is_stale(world, &report);
    assert_int_equal(only_receipt(world).cause, CAUSE_STALE);
}

static void a_batch_that_was_there_before_is_told_as_it_was(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 2);
    struct fake_twin *twin = fake_twin(&world->fake, &report);
    twin->refused = 1;
    world->fake.repeats = true;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 2);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 2);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    twin->root = world->fake.txs[0].root;
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_REJECTED);
    assert_int_equal(state_of(world, BENCH_METER(2), 1), REPORT_SEALED);
    assert_int_equal(world->bench.heard.batches[0].block, twin->block);
}

/* The contract skips the report's one reading in our n-th batch. */
static void skip_one(struct world *world, uint64_t nonce, uint32_t meter, uint32_t sequence,
                     uint8_t reason)
{
    struct report report = bench_report(&world->bench, meter, sequence, 1);
    world->fake.skips[world->fake.skip_count++] =
        (struct fake_skip){nonce, meter, report.readings[0].timestamp_s, reason};
}

static void a_report_ahead_of_the_chains_clock_is_tried_again(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    skip_one(world, 0, BENCH_METER(1), 1, LEDGER_REASON_FUTURE);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    fake_mine(&world->fake);
    assert_int_equal(batch(world), 0); /* not before it is known what was skipped */
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_STORED);
    assert_int_equal(heard_receipts(&world->bench.heard, RECEIPT_REJECTED, BENCH_METER(1), 1), 0);
    assert_true(heard_alarm(&world->bench.heard, "future"));
    assert_int_equal(batch(world), 0);
    pass(world, 60000);
    assert_int_equal(batch(world), 1);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 2), 1);
}

static void the_very_same_batch_is_not_sent_again_after_a_refusal(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    skip_one(world, 0, BENCH_METER(1), 1, LEDGER_REASON_FUTURE);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    pass(world, 60000);
    assert_int_equal(batch(world), 0); /* the contract would take it for a repeat */
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
}

static void a_closed_meters_report_may_come_again(void **state)
{
    struct world *world = *state;
    struct report_row row;
    bool found;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    skip_one(world, 0, BENCH_METER(1), 1, LEDGER_REASON_CLOSED);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(store_report_find(world->bench.store, &row, &found, BENCH_METER(1), 1, NULL),
                     0);
    assert_false(found);
    assert_int_equal(only_receipt(world).cause, CAUSE_CLOSED);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1); /* reopened */
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    assert_int_equal(batch(world), 1);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_skipped_reading_is_rejected_and_kept),
        TEST(what_a_twin_sealed_is_sealed_where_the_twin_put_it),
        TEST(what_a_twin_sealed_with_other_values_is_stale),
        TEST(what_a_twin_could_not_get_in_is_stale),
        TEST(a_batch_that_was_there_before_is_told_as_it_was),
        TEST(a_report_ahead_of_the_chains_clock_is_tried_again),
        TEST(the_very_same_batch_is_not_sent_again_after_a_refusal),
        TEST(a_closed_meters_report_may_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
