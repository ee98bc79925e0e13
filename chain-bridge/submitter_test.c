#include "chain-bridge/submitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/batcher.h"
#include "chain-bridge/chain_fake.h"
#include "chain-bridge/ledger.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/testing.h"

struct world {
    struct bench bench;
    struct chain_fake fake;
    struct submitter_config config;
    struct submitter *submitter;
    struct batcher *batcher;
};

static void start_parts(struct world *world)
{
    struct err err = ERR_INIT;
    struct batcher_config batcher = {.store = world->bench.store,
                                     .group = BENCH_GROUP,
                                     .age_ms = 0,
                                     .gap_wait_ms = 60000,
                                     .notices = bench_notices(&world->bench),
                                     .mined = submitter_mined};
    world->config.settler.store = world->bench.store;
    world->submitter = submitter_new(&world->config, &err);
    assert_non_null(world->submitter);
    batcher.cookie = world->submitter;
    world->batcher = batcher_new(&batcher);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct bench *bench = &world->bench;
    bench_open(bench);
    const struct store_identity *id = &bench->identity;
    fake_init(&world->fake, id->chain_id, &id->contract, &id->account, BENCH_GROUP);
    world->config = (struct submitter_config){
        .settler = {.chain = &world->fake.chain,
                    .clock = bench->clock,
                    .notices = bench_notices(bench),
                    .status = bench->status,
                    .log = bench->log,
                    .contract = id->contract,
                    .group = BENCH_GROUP},
        .checks = {&world->fake.chain, id->chain_id, id->contract, id->account, BENCH_GROUP, true},
        .signer = bench->server_signer,
        .fees = {1000000000, UINT64_C(500000000000)},
        .limits = {4000, 130048, 16777216},
        .window = 4,
        .confirmations = 1,
        .rebroadcast_ms = 10000,
        .raise_ms = 60000,
        .check_ms = 30000};
    start_parts(world);
    *state = world;
    return 0;
}

static void stop_parts(struct world *world)
{
    batcher_free(world->batcher);
    submitter_free(world->submitter);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    stop_parts(world);
    bench_close(&world->bench);
    free(world);
    return 0;
}

/* What kill -9 and a start do: only the store stays. */
static void restart(struct world *world)
{
    stop_parts(world);
    bench_reopen(&world->bench);
    start_parts(world);
}

static int poll(struct world *world)
{
    struct err err = ERR_INIT;
    return submitter_poll(world->submitter, fake_head(&world->fake), &err);
}

/* One batch of everything that waits; 0: none was due or allowed. */
static int batch(struct world *world)
{
    struct err err = ERR_INIT;
    struct plan *plan;
    uint32_t wait_ms;
    if (!submitter_ready(world->submitter))
        return 0;
    struct plan_limits limits = submitter_limits(world->submitter);
    int due = batcher_next(world->batcher, &plan, &wait_ms, &limits,
                           clock_unix_ms(world->bench.clock), &err);
    if (due == 1)
        assert_int_equal(submitter_submit(world->submitter, plan, &err), 0);
    return due;
}

static void pass(struct world *world, uint64_t ms)
{
    clock_advance_ms(world->bench.clock, ms);
}

static enum report_state state_of(struct world *world, uint32_t meter, uint32_t sequence)
{
    struct report_row row;
    bool found;
    assert_int_equal(store_report_find(world->bench.store, &row, &found, meter, sequence, NULL), 0);
    assert_true(found);
    return row.state;
}

static size_t sealed_times(struct world *world, uint32_t meter, uint32_t sequence)
{
    return heard_receipts(&world->bench.heard, RECEIPT_SEALED, meter, sequence);
}

static uint64_t number(struct world *world, enum status_number which)
{
    return status_get(world->bench.status, which);
}

static void a_batch_is_sealed_once_it_is_in_a_final_block(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 0);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 2), REPORT_SEALED);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 2), 1);
    assert_int_equal(world->bench.heard.receipt_count, 1);
    assert_int_equal(world->bench.heard.batch_count, 1);
    assert_int_equal(world->bench.heard.batches[0].readings, 2);
    assert_int_equal(number(world, STATUS_IN_FLIGHT), 0);
}

static void confirmations_are_waited_for(void **state)
{
    struct world *world = *state;
    world->config.confirmations = 3;
    restart(world);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
    fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_SEALED);
}

static void the_finalized_tag_is_waited_for(void **state)
{
    struct world *world = *state;
    world->config.confirmations = 0;
    restart(world);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
    world->fake.has_finalized = true;
    world->fake.finalized = fake_head(&world->fake)->number;
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_SEALED);
}

static void what_was_claimed_is_broadcast_after_a_crash(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    world->fake.swallow = true; /* the process dies with the bytes still in its hands */
    assert_int_equal(batch(world), 1);
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 0);
    world->fake.swallow = false;
    restart(world);
    assert_int_equal(poll(world), 0);
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_int_equal(fake_count(&world->fake, FAKE_MINED), 1);
}

static void what_was_mined_while_down_is_not_sent_anew(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    stop_parts(world);
    fake_mine(&world->fake);
    bench_reopen(&world->bench);
    start_parts(world);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_int_equal(fake_count(&world->fake, FAKE_MINED), 1);
}

static void a_dropped_transaction_is_sent_again_with_the_same_bytes(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_drop_pool(&world->fake);
    pass(world, 9000);
    assert_int_equal(poll(world), 0);
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 0);
    pass(world, 1000);
    assert_int_equal(poll(world), 0);
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
    assert_int_equal(world->fake.tx_count, 1);
    assert_int_equal(world->fake.txs[0].sends, 2);
}

static void a_hidden_reject_is_noticed(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    world->fake.swallow = true; /* geth answers with a hash and keeps nothing */
    assert_int_equal(batch(world), 1);
    world->fake.swallow = false;
    pass(world, 10000);
    assert_int_equal(poll(world), 0);
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
}

static void one_dropped_transaction_does_not_hold_up_the_others(void **state)
{
    struct world *world = *state;
    assert_int_equal(poll(world), 0);
    for (uint32_t i = 1; i <= 4; i++) {
        bench_store_report(&world->bench, BENCH_METER(i), 1, 1);
        assert_int_equal(batch(world), 1);
    }
    world->fake.txs[0].state = FAKE_GONE;
    fake_mine(&world->fake);
    pass(world, 10000);
    assert_int_equal(poll(world), 0);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    for (uint32_t i = 1; i <= 4; i++)
        assert_int_equal(sealed_times(world, BENCH_METER(i), 1), 1);
}

static void the_window_is_not_exceeded(void **state)
{
    struct world *world = *state;
    assert_int_equal(poll(world), 0);
    for (uint32_t i = 1; i <= 5; i++) {
        bench_store_report(&world->bench, BENCH_METER(i), 1, 1);
        batch(world);
    }
    assert_int_equal(number(world, STATUS_IN_FLIGHT), 4);
    assert_int_equal(state_of(world, BENCH_METER(5), 1), REPORT_STORED);
}

static void fees_rise_only_while_blocks_are_made(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    pass(world, 120000);
    assert_int_equal(poll(world), 0);
    assert_int_equal(number(world, STATUS_BUMPS), 0);
    for (int i = 0; i < 3; i++)
        fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(number(world, STATUS_BUMPS), 1);
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
    assert_int_equal(world->fake.tx_count, 2);
}

static void an_earlier_hash_that_was_mined_counts(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    world->fake.next_send = CHAIN_SEND_UNDERPRICED;
    assert_int_equal(batch(world), 1);
    assert_int_equal(poll(world), 0); /* raised at once */
    assert_int_equal(number(world, STATUS_BUMPS), 1);
    pass(world, 60000);
    for (int i = 0; i < 3; i++)
        fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(world->fake.tx_count, 2);
    world->fake.txs[1].state = FAKE_GONE;
    world->fake.txs[0].state = FAKE_POOLED; /* the older of the two makes it */
    restart(world);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_memory_equal(&world->bench.heard.batches[0].transaction, &world->fake.txs[0].hash, 32);
}

static void fees_stop_at_the_cap_and_the_bytes_go_on(void **state)
{
    struct world *world = *state;
    world->config.fees.cap_wei = UINT64_C(3100000000);
    restart(world);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_drop_pool(&world->fake);
    pass(world, 60000);
    for (int i = 0; i < 3; i++)
        fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(number(world, STATUS_BUMPS), 0);
    assert_true(heard_alarm(&world->bench.heard, "fee-cap"));
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
}

static void nonce_too_low_with_a_receipt_is_no_alarm(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    world->config.confirmations = 2;
    restart(world);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    restart(world); /* the next broadcast hears "nonce too low" */
    assert_int_equal(poll(world), 0);
    fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_int_equal(world->bench.heard.alarm_count, 0);
}

static void a_reorg_that_pools_again_seals_once(void **state)
{
    struct world *world = *state;
    world->config.confirmations = 2;
    restart(world);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    fake_reorg(&world->fake, 1, true);
    assert_int_equal(poll(world), 0);
    assert_int_equal(number(world, STATUS_REORGS), 1);
    fake_mine(&world->fake);
    fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_int_equal(world->fake.tx_count, 1);
}

static void a_reorg_that_loses_it_sends_the_same_bytes(void **state)
{
    struct world *world = *state;
    world->config.confirmations = 2;
    restart(world);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    fake_reorg(&world->fake, 1, false);
    assert_int_equal(poll(world), 0); /* at once, not after the rebroadcast clock */
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
    assert_int_equal(world->fake.tx_count, 1);
    fake_mine(&world->fake);
    fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
}

static void a_receipt_of_an_abandoned_block_is_not_believed(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    world->fake.stale_receipts = true;
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 0);
    assert_int_equal(number(world, STATUS_REORGS), 1);
    world->fake.stale_receipts = false;
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
}

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

static void a_meter_in_a_batch_that_reverts_loses_nothing_to_its_next(void **state)
{
    struct world *world = *state;
    assert_int_equal(poll(world), 0);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(batch(world), 1);
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    assert_int_equal(batch(world), 1);
    assert_int_equal(state_of(world, BENCH_METER(1), 2), REPORT_STORED);
    assert_int_equal(state_of(world, BENCH_METER(2), 1), REPORT_CLAIMED);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    assert_int_equal(state_of(world, BENCH_METER(1), 2), REPORT_CLAIMED);
}

static void reports_of_one_meter_stay_in_order_when_their_batch_is_split(void **state)
{
    struct world *world = *state;
    for (uint32_t i = 1; i <= 4; i++)
        bench_store_report(&world->bench, BENCH_METER(1), i, 1);
    world->fake.revert_nonces = 1;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 2), REPORT_CLAIMED);
    assert_int_equal(state_of(world, BENCH_METER(1), 3), REPORT_STORED);
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
    assert_int_equal(batch(world), 0);
    for (int i = 0; i < 2; i++) {
        fake_mine(&world->fake);
        assert_int_equal(poll(world), 0);
        batch(world);
    }
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    for (uint32_t i = 1; i <= 4; i++)
        assert_int_equal(sealed_times(world, BENCH_METER(1), i), 1);
}

static void a_reverting_report_is_found_and_the_rest_sealed(void **state)
{
    struct world *world = *state;
    for (uint32_t i = 1; i <= 4; i++)
        bench_store_report(&world->bench, BENCH_METER(i), 1, 1);
    world->fake.revert_nonces = 1 << 0 | 1 << 1 | 1 << 4; /* all, 1+2, 2 alone */
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    for (int i = 0; i < 6; i++) {
        fake_mine(&world->fake);
        assert_int_equal(poll(world), 0);
    }
    assert_true(heard_alarm(&world->bench.heard, "batch-reverted"));
    assert_int_equal(number(world, STATUS_HALTED), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_SEALED);
    assert_int_equal(state_of(world, BENCH_METER(2), 1), REPORT_REJECTED);
    assert_int_equal(state_of(world, BENCH_METER(3), 1), REPORT_SEALED);
    assert_int_equal(state_of(world, BENCH_METER(4), 1), REPORT_SEALED);
    assert_true(submitter_ready(world->submitter));
}

static void a_lone_reverting_report_is_not_given_up_without_proof(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    world->fake.revert_nonces = 1;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(poll(world), 0);
    assert_int_equal(number(world, STATUS_HALTED), 1);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(2), 1), REPORT_SEALED);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_REJECTED);
}

static void a_contract_that_takes_nothing_is_asked_less_often(void **state)
{
    struct world *world = *state;
    for (uint32_t i = 1; i <= 40; i++)
        bench_store_report(&world->bench, BENCH_METER(i), 1, 1);
    world->fake.revert_nonces = UINT64_MAX;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    for (int i = 0; i < 60; i++) {
        fake_mine(&world->fake);
        assert_int_equal(poll(world), 0);
        batch(world);
    }
    assert_in_range(number(world, STATUS_REVERTS), 8, 10);
    uint64_t before = number(world, STATUS_REVERTS);
    world->fake.revert_nonces = (1 << before) - 1; /* somebody mended it */
    for (int i = 0; i < 60; i++) {
        pass(world, 60000);
        fake_mine(&world->fake);
        assert_int_equal(poll(world), 0);
        batch(world);
    }
    assert_int_equal(number(world, STATUS_HALTED), 0);
    for (uint32_t i = 1; i <= 40; i++)
        assert_in_range(state_of(world, BENCH_METER(i), 1), REPORT_SEALED, REPORT_REJECTED);
    assert_in_range(number(world, STATUS_REJECTED), 0, 1);
}

static void an_unlisted_server_submits_nothing_and_says_so(void **state)
{
    struct world *world = *state;
    world->fake.listed_group = 0;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 0);
    assert_int_equal(world->fake.sends, 0);
    assert_true(heard_alarm(&world->bench.heard, "server-not-listed"));
    assert_int_equal(world->bench.heard.alarm_count, 1);
    world->fake.listed_group = BENCH_GROUP;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
}

static void an_empty_account_pauses_until_it_is_funded(void **state)
{
    struct world *world = *state;
    world->fake.balance_gwei = 0;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 0);
    assert_true(heard_alarm(&world->bench.heard, "account-empty"));
    world->fake.balance_gwei = 1;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
}

static void foreign_use_of_the_key_stops_submission(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    fake_foreign(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_true(heard_alarm(&world->bench.heard, "nonce-foreign"));
    assert_int_equal(batch(world), 0);
}

static void a_nonce_taken_by_a_foreign_transaction_is_told(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_drop_pool(&world->fake);
    fake_foreign(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_false(heard_alarm(&world->bench.heard, "nonce-foreign")); /* may be a lagging index */
    pass(world, 60000);
    assert_int_equal(poll(world), 0);
    assert_true(heard_alarm(&world->bench.heard, "nonce-foreign"));
}

static void a_chain_that_was_reset_gets_nothing(void **state)
{
    struct world *world = *state;
    world->fake.nonce_base = 5;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    world->fake.nonce_wrong_by = -3;
    uint32_t sends = world->fake.sends;
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 0);
    assert_int_equal(world->fake.sends, sends);
    assert_true(heard_alarm(&world->bench.heard, "chain-reset"));
}

static void another_chain_gets_nothing(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    world->fake.chain_id = 1;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 0);
    assert_true(heard_alarm(&world->bench.heard, "chain-wrong"));
    world->fake.chain_id = 31337;
    world->fake.has_code = false;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 0);
}

static void a_node_away_delays_and_loses_nothing(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    world->fake.away = true;
    assert_int_equal(batch(world), 1);
    for (int i = 0; i < 10; i++) {
        pass(world, 60000);
        assert_int_equal(poll(world), -1);
    }
    world->fake.away = false;
    assert_int_equal(poll(world), 0);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_int_equal(world->fake.tx_count, 1);
}

static void a_base_fee_above_the_cap_is_waited_out(void **state)
{
    struct world *world = *state;
    struct err err = ERR_INIT;
    struct plan *plan;
    uint32_t wait_ms;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    world->fake.blocks[0].base_fee_wei = UINT64_C(600000000000);
    assert_int_equal(poll(world), 0);
    struct plan_limits limits = submitter_limits(world->submitter);
    assert_int_equal(batcher_next(world->batcher, &plan, &wait_ms, &limits,
                                  clock_unix_ms(world->bench.clock), &err),
                     1);
    assert_int_equal(submitter_submit(world->submitter, plan, &err), -1);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_STORED);
    assert_true(heard_alarm(&world->bench.heard, "fee-cap"));
    fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    assert_int_equal(world->fake.txs[0].nonce, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_sealed_once_it_is_in_a_final_block),
        TEST(confirmations_are_waited_for),
        TEST(the_finalized_tag_is_waited_for),
        TEST(what_was_claimed_is_broadcast_after_a_crash),
        TEST(what_was_mined_while_down_is_not_sent_anew),
        TEST(a_dropped_transaction_is_sent_again_with_the_same_bytes),
        TEST(a_hidden_reject_is_noticed),
        TEST(one_dropped_transaction_does_not_hold_up_the_others),
        TEST(the_window_is_not_exceeded),
        TEST(fees_rise_only_while_blocks_are_made),
        TEST(an_earlier_hash_that_was_mined_counts),
        TEST(fees_stop_at_the_cap_and_the_bytes_go_on),
        TEST(nonce_too_low_with_a_receipt_is_no_alarm),
        TEST(a_reorg_that_pools_again_seals_once),
        TEST(a_reorg_that_loses_it_sends_the_same_bytes),
        TEST(a_receipt_of_an_abandoned_block_is_not_believed),
        TEST(a_skipped_reading_is_rejected_and_kept),
        TEST(what_a_twin_sealed_is_sealed_where_the_twin_put_it),
        TEST(what_a_twin_sealed_with_other_values_is_stale),
        TEST(what_a_twin_could_not_get_in_is_stale),
        TEST(a_batch_that_was_there_before_is_told_as_it_was),
        TEST(a_meter_in_a_batch_that_reverts_loses_nothing_to_its_next),
        TEST(reports_of_one_meter_stay_in_order_when_their_batch_is_split),
        TEST(a_reverting_report_is_found_and_the_rest_sealed),
        TEST(a_lone_reverting_report_is_not_given_up_without_proof),
        TEST(a_contract_that_takes_nothing_is_asked_less_often),
        TEST(an_unlisted_server_submits_nothing_and_says_so),
        TEST(an_empty_account_pauses_until_it_is_funded),
        TEST(foreign_use_of_the_key_stops_submission),
        TEST(a_nonce_taken_by_a_foreign_transaction_is_told),
        TEST(a_chain_that_was_reset_gets_nothing),
        TEST(another_chain_gets_nothing),
        TEST(a_node_away_delays_and_loses_nothing),
        TEST(a_base_fee_above_the_cap_is_waited_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
