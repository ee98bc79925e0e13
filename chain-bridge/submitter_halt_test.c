#include "chain-bridge/submitter_halt.h"

#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/submitter_bench.h"

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

static void a_server_taken_off_the_list_loses_no_report(void **state)
{
    struct world *world = *state;
    assert_int_equal(poll(world), 0);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    assert_int_equal(batch(world), 1);
    world->fake.revert_nonces = 1;
    world->fake.refuses = "NotServer(address)";
    world->fake.listed_group = 0;
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_STORED);
    assert_int_equal(number(world, STATUS_HALTED), 0);
    assert_int_equal(poll(world), 0);
    assert_true(heard_alarm(&world->bench.heard, "server-not-listed"));
    assert_int_equal(batch(world), 0);
    world->fake.listed_group = BENCH_GROUP;
    world->fake.refuses = NULL;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
    assert_int_equal(sealed_times(world, BENCH_METER(2), 1), 1);
    assert_int_equal(number(world, STATUS_CLAIMED), 0);
}

static void a_lone_report_that_would_be_taken_now_gets_another_chance(void **state)
{
    struct world *world = *state;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    world->fake.revert_nonces = 1;
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    bench_store_report(&world->bench, BENCH_METER(2), 1, 1);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    world->fake.revert_nonces = 0; /* and nobody says why it did */
    assert_int_equal(poll(world), 0);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_STORED);
    assert_int_equal(poll(world), 0);
    assert_int_equal(batch(world), 1);
    fake_mine(&world->fake);
    assert_int_equal(poll(world), 0);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_meter_in_a_batch_that_reverts_loses_nothing_to_its_next),
        TEST(reports_of_one_meter_stay_in_order_when_their_batch_is_split),
        TEST(a_reverting_report_is_found_and_the_rest_sealed),
        TEST(a_lone_reverting_report_is_not_given_up_without_proof),
        TEST(a_server_taken_off_the_list_loses_no_report),
        TEST(a_lone_report_that_would_be_taken_now_gets_another_chance),
        TEST(a_contract_that_takes_nothing_is_asked_less_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
