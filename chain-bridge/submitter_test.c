#include "chain-bridge/submitter.h"

#include "chain-bridge/ledger.h"
#include "chain-bridge/submitter_bench.h"

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
    world->config.tuning.confirmations = 3;
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
    world->config.tuning.confirmations = 0;
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
    world->config.tuning.fees.cap_wei = UINT64_C(3100000000);
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
    world->config.tuning.confirmations = 2;
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
    world->config.tuning.confirmations = 2;
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
    world->config.tuning.confirmations = 2;
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

static void nonces_of_others_are_given_up_where_people_say_so(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_drop_pool(&world->fake);
    fake_foreign(&world->fake);
    fake_foreign(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_true(heard_alarm(&world->bench.heard, "nonce-foreign"));
    world->config.adopt_nonces = true;
    restart(world);
    assert_int_equal(poll(world), 0);
    pass(world, 60000);
    assert_int_equal(poll(world), 0);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
}

static void a_chain_put_in_anothers_place_gets_nothing(void **state)
{
    struct world *world = *state;
    assert_int_equal(poll(world), 0);
    world->fake.blocks[0].hash.b[5] ^= 1; /* the same id and contract, but begun anew */
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    pass(world, 30000);
    assert_int_equal(poll(world), 0);
    assert_true(heard_alarm(&world->bench.heard, "chain-wrong"));
    assert_int_equal(batch(world), 0);
    assert_int_equal(world->fake.sends, 0);
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
        TEST(an_unlisted_server_submits_nothing_and_says_so),
        TEST(an_empty_account_pauses_until_it_is_funded),
        TEST(foreign_use_of_the_key_stops_submission),
        TEST(a_nonce_taken_by_a_foreign_transaction_is_told),
        TEST(nonces_of_others_are_given_up_where_people_say_so),
        TEST(a_chain_put_in_anothers_place_gets_nothing),
        TEST(a_chain_that_was_reset_gets_nothing),
        TEST(another_chain_gets_nothing),
        TEST(a_node_away_delays_and_loses_nothing),
        TEST(a_base_fee_above_the_cap_is_waited_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
