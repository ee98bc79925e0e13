#include "chain-bridge/batcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/testing.h"

enum { AGE_MS = 2000, GAP_MS = 3600000, PATIENCE_MS = 30000 };

struct world {
    struct bench bench;
    struct batcher *batcher;
    struct plan_limits limits;
    struct plan *plan;
    uint32_t wait_ms;
    bool mined; /* whatever was claimed */
};

static bool mined(const void *cookie, uint64_t batch)
{
    (void)batch;
    return ((const struct world *)cookie)->mined;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    bench_open(&world->bench);
    struct batcher_config config = {.store = world->bench.store,
                                    .group = BENCH_GROUP,
                                    .age_ms = AGE_MS,
                                    .gap_wait_ms = GAP_MS,
                                    .notices = bench_notices(&world->bench),
                                    .mined = mined,
                                    .cookie = world};
    world->mined = true;
    world->batcher = batcher_new(&config);
    world->limits = (struct plan_limits){100, 130048, 16777216};
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    batcher_free(world->batcher);
    bench_close(&world->bench);
    free(world);
    return 0;
}

static int next(struct world *world)
{
    struct err err = ERR_INIT;
    return batcher_next(world->batcher, &world->plan, &world->wait_ms, &world->limits,
                        clock_unix_ms(world->bench.clock), &err);
}

static void pass(struct world *world, uint64_t ms)
{
    clock_advance_ms(world->bench.clock, ms);
}

/* Claims the plan as the submitter does, with a transaction of no meaning. */
static void claim(struct world *world)
{
    struct err err = ERR_INIT;
    bool any;
    struct batch_claim batch = {.root = world->plan->root,
                                .reports = world->plan->claims,
                                .report_count = world->plan->count};
    assert_int_equal(store_tx_next_nonce(world->bench.store, &batch.tx.nonce, &any, &err), 0);
    assert_int_equal(store_batch_claim(world->bench.store, &batch, &err), 0);
}

static void nothing_waiting_makes_no_batch(void **state)
{
    assert_int_equal(next(*state), 0);
}

static void a_batch_is_due_when_its_oldest_report_is_old_enough(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    pass(world, AGE_MS - 1);
    assert_int_equal(next(world), 0);
    assert_int_equal(world->wait_ms, 1);
    pass(world, 1);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 1);
}

static void a_clock_set_back_does_not_hold_up_a_batch(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    clock_set_unix_ms(world->bench.clock, (uint64_t)(BENCH_UNIX_S - 86400) * 1000);
    assert_int_equal(next(world), 1);
}

static void a_full_batch_is_due_at_once(void **state)
{
    struct world *world = *state;
    world->limits.readings = 8;
    for (uint32_t i = 1; i <= 3; i++)
        bench_store_report(&world->bench, BENCH_METER(i), 1, 4);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 2);
    assert_int_equal(world->plan->reading_count, 8);
}

static void reports_are_sorted_by_meter_and_sequence(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(9), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(3), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(9), 2, 1);
    bench_store_report(&world->bench, BENCH_METER(3), 2, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    const struct claim_report *claims = world->plan->claims;
    for (size_t i = 1; i < 4; i++)
        assert_true(claims[i - 1].meter < claims[i].meter ||
                    (claims[i - 1].meter == claims[i].meter &&
                     claims[i - 1].sequence < claims[i].sequence));
}

static void a_report_waits_for_the_missing_one_before_it(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 0);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 2);
    assert_int_equal(world->plan->claims[0].sequence, 1);
    assert_int_equal(world->plan->claims[1].sequence, 2);
}

static size_t asked(struct world *world, uint32_t sequence)
{
    return heard_receipts(&world->bench.heard, RECEIPT_MISSING, BENCH_METER(1), sequence);
}

static void a_meter_is_asked_for_what_is_missing_until_it_comes(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 5, 1);
    assert_int_equal(next(world), 0);
    assert_int_equal(asked(world, 1), 0); /* it may be on its way */
    pass(world, 2000);
    assert_int_equal(next(world), 0);
    assert_true(asked(world, 1) == 1 && asked(world, 4) == 1 && asked(world, 5) == 0);
    pass(world, 9999);
    assert_int_equal(next(world), 0);
    assert_int_equal(asked(world, 1), 1);
    pass(world, 1);
    assert_int_equal(next(world), 0);
    assert_int_equal(asked(world, 1), 2);
    for (uint32_t i = 1; i <= 4; i++)
        bench_store_report(&world->bench, BENCH_METER(1), i, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 5);
}

static void what_the_meter_says_will_not_come_is_not_waited_for(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 5, 1);
    bench_store_report(&world->bench, BENCH_METER(1), 7, 1);
    pass(world, AGE_MS);
    assert_int_equal(store_meter_put_open(world->bench.store, BENCH_METER(1), 4, NULL), 0);
    assert_int_equal(next(world), 0);
    assert_true(asked(world, 3) == 0 && asked(world, 4) == 1);
    assert_int_equal(store_meter_put_open(world->bench.store, BENCH_METER(1), 5, NULL), 0);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 1);
    assert_int_equal(world->plan->claims[0].sequence, 5);
}

static void what_the_meter_answered_for_is_still_sealed_in_order(void **state)
{
    struct world *world = *state;
    world->limits.readings = 1;
    bench_store_report(&world->bench, BENCH_METER(1), 9, 1);
    pass(world, 1);
    bench_store_report(&world->bench, BENCH_METER(1), 3, 1); /* came later */
    assert_int_equal(store_meter_put_open(world->bench.store, BENCH_METER(1), 9, NULL), 0);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->claims[0].sequence, 3);
}

static void a_gap_open_too_long_is_left_behind(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    claim(world);
    bench_store_report(&world->bench, BENCH_METER(1), 3, 1);
    pass(world, GAP_MS - PATIENCE_MS);
    assert_int_equal(next(world), 0);
    pass(world, PATIENCE_MS - 1);
    assert_int_equal(next(world), 0);
    pass(world, 1);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->claims[0].sequence, 3);
}

static void a_report_that_waited_for_the_chain_still_waits_for_the_meters_answer(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 3, 1);
    pass(world, GAP_MS); /* nobody could look */
    assert_int_equal(next(world), 0);
    assert_int_equal(asked(world, 2), 1);
    pass(world, PATIENCE_MS);
    assert_int_equal(next(world), 1);
}

static void a_gap_of_one_meter_does_not_hold_up_another(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 1);
    assert_int_equal(world->plan->claims[0].meter, BENCH_METER(2));
}

static void a_rejected_report_leaves_no_gap(void **state)
{
    struct world *world = *state;
    struct report_row row;
    bool found;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    assert_int_equal(store_report_find(world->bench.store, &row, &found, BENCH_METER(1), 1, NULL),
                     0);
    assert_int_equal(store_report_reject(world->bench.store, row.id, CAUSE_ROLLBACK, NULL), 0);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->claims[0].sequence, 2);
}

static void what_is_claimed_is_not_planned_again(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    claim(world);
    assert_int_equal(next(world), 0);
}

static void a_meter_waits_until_its_last_batch_is_mined(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    claim(world);
    world->mined = false;
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 1);
    assert_int_equal(world->plan->claims[0].meter, BENCH_METER(2));
    world->mined = true;
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 2);
}

static void a_full_batch_has_few_meters_so_that_the_next_need_not_wait(void **state)
{
    struct world *world = *state;
    world->limits.readings = 4;
    for (uint32_t sequence = 1; sequence <= 4; sequence++)
        for (uint32_t meter = 1; meter <= 3; meter++)
            bench_store_report(&world->bench, BENCH_METER(meter), sequence, 1);
    world->mined = false;
    for (uint32_t meter = 1; meter <= 3; meter++) {
        pass(world, AGE_MS);
        assert_int_equal(next(world), 1);
        assert_int_equal(world->plan->count, 4);
        assert_int_equal(world->plan->claims[0].meter, BENCH_METER(meter));
        assert_int_equal(world->plan->claims[3].meter, BENCH_METER(meter));
        claim(world);
    }
}

static void a_report_behind_what_is_claimed_goes_to_the_chain_at_once(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 5, 1);
    bench_store_report(&world->bench, BENCH_METER(1), 6, 1);
    assert_int_equal(store_meter_claim(world->bench.store, BENCH_METER(1), 5, NULL), 0);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, 2);
    claim(world);
    assert_int_equal(next(world), 0);
}

static void bytes_and_gas_cut_the_tail(void **state)
{
    struct world *world = *state;
    uint32_t meters = 60;
    for (uint32_t i = 1; i <= meters; i++)
        bench_store_report(&world->bench, BENCH_METER(i * 100), 1, 1);
    pass(world, AGE_MS);
    assert_int_equal(next(world), 1);
    assert_int_equal(world->plan->count, meters);
    uint64_t gas = world->plan->gas;
    world->limits.gas = gas / 2;
    assert_int_equal(next(world), 1);
    assert_true(world->plan->gas <= world->limits.gas);
    assert_in_range(world->plan->count, 5, meters - 1);
    assert_int_equal(world->plan->claims[0].meter, BENCH_METER(100));
    world->limits.gas = 16777216;
    world->limits.bytes = 500;
    assert_int_equal(next(world), 1);
    assert_in_range(world->plan->count, 1, meters - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_waiting_makes_no_batch),
        TEST(a_batch_is_due_when_its_oldest_report_is_old_enough),
        TEST(a_clock_set_back_does_not_hold_up_a_batch),
        TEST(a_full_batch_is_due_at_once),
        TEST(reports_are_sorted_by_meter_and_sequence),
        TEST(a_report_waits_for_the_missing_one_before_it),
        TEST(a_meter_is_asked_for_what_is_missing_until_it_comes),
        TEST(what_the_meter_says_will_not_come_is_not_waited_for),
        TEST(what_the_meter_answered_for_is_still_sealed_in_order),
        TEST(a_gap_open_too_long_is_left_behind),
        TEST(a_report_that_waited_for_the_chain_still_waits_for_the_meters_answer),
        TEST(a_gap_of_one_meter_does_not_hold_up_another),
        TEST(a_rejected_report_leaves_no_gap),
        TEST(what_is_claimed_is_not_planned_again),
        TEST(a_meter_waits_until_its_last_batch_is_mined),
        TEST(a_full_batch_has_few_meters_so_that_the_next_need_not_wait),
        TEST(a_report_behind_what_is_claimed_goes_to_the_chain_at_once),
        TEST(bytes_and_gas_cut_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
