#include "chain-bridge/submitter_command.h"

#include "chain-bridge/store_command.h"
#include "chain-bridge/submitter_bench.h"

#define METER BENCH_METER(1)

static void round_of(struct world *world)
{
    struct err err = ERR_INIT;
    assert_int_equal(submitter_poll(world->submitter, fake_head(&world->fake), &err), 0);
    assert_int_equal(submitter_commands(world->submitter, &err), 0);
}

static struct command make(uint64_t id)
{
    return (struct command){
        .id = id, .meter = METER, .kind = COMMAND_DISCONNECT, .not_after_s = BENCH_UNIX_S + 600};
}

static void relay(struct world *world, uint64_t id)
{
    struct command command = make(id);
    uint64_t now_ms = clock_unix_ms(world->bench.clock);
    assert_int_equal(store_command_relay(world->bench.store, &command, now_ms, NULL), 0);
}

static void issued(struct world *world, uint64_t id)
{
    struct command command = make(id);
    struct eth_address operator= {{9}};
    uint64_t now_ms = clock_unix_ms(world->bench.clock);
    assert_int_equal(store_command_issued(world->bench.store, &command, &operator, 3, now_ms, NULL),
                     0);
}

static bool answer(struct world *world, uint64_t id, uint8_t outcome)
{
    struct command_result result = {
        .id = id, .meter = METER, .outcome = outcome, .timestamp_s = BENCH_UNIX_S};
    bool new = false;
    assert_int_equal(store_command_answer(world->bench.store, &new, &result, NULL), 0);
    return new;
}

static struct command_row row_of(struct world *world, uint64_t id)
{
    struct command_row row;
    bool found;
    assert_int_equal(store_command_get(world->bench.store, &row, &found, METER, id, NULL), 0);
    assert_true(found);
    return row;
}

static void refuse(struct world *world, const char *error, uint64_t third)
{
    world->fake.refuses = error;
    world->fake.refuses_with[2] = third;
}

static void a_relayed_command_is_issued_once(void **state)
{
    struct world *world = *state;
    relay(world, 1);
    round_of(world);
    round_of(world);
    assert_int_equal(world->fake.tx_count, 1);
    fake_mine(&world->fake);
    issued(world, 1); /* the follower reads the block before the submitter looks */
    round_of(world);
    assert_int_equal(row_of(world, 1).state, COMMAND_ISSUED);
    assert_int_equal(status_get(world->bench.status, STATUS_IN_FLIGHT), 0);
    round_of(world);
    assert_int_equal(world->fake.tx_count, 1);
}

static void a_result_is_recorded_once_over_a_restart(void **state)
{
    struct world *world = *state;
    issued(world, 1);
    assert_true(answer(world, 1, 2));
    round_of(world);
    assert_int_equal(world->fake.tx_count, 1);
    fake_drop_pool(&world->fake);
    restart(world);
    round_of(world); /* the same bytes again */
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
    assert_int_equal(world->fake.tx_count, 1);
    fake_mine(&world->fake);
    assert_int_equal(store_command_recorded(world->bench.store, METER, 1, 2, 4, NULL), 0);
    round_of(world);
    assert_int_equal(row_of(world, 1).state, COMMAND_RECORDED);
    assert_int_equal(row_of(world, 1).recorded, 2);
}

static void a_result_that_another_server_recorded_is_done(void **state)
{
    struct world *world = *state;
    issued(world, 1);
    answer(world, 1, 2);
    refuse(world, "ResultAlreadyRecorded(uint32,uint64)", 0);
    round_of(world);
    assert_int_equal(row_of(world, 1).state, COMMAND_RECORDED);
    assert_int_equal(world->fake.tx_count, 0);
    assert_false(heard_alarm(&world->bench.heard, "command-refused"));
}

static void a_race_lost_to_another_server_is_no_failure(void **state)
{
    struct world *world = *state;
    issued(world, 1);
    answer(world, 1, 2);
    round_of(world);
    world->fake.revert_nonces = 1;
    refuse(world, "ResultAlreadyRecorded(uint32,uint64)", 0);
    fake_mine(&world->fake);
    round_of(world);
    assert_int_equal(row_of(world, 1).state, COMMAND_RECORDED);
    assert_int_equal(status_get(world->bench.status, STATUS_IN_FLIGHT), 0);
}

static void a_result_whose_command_left_the_chain_is_tried_again(void **state)
{
    struct world *world = *state;
    issued(world, 1);
    answer(world, 1, 2);
    refuse(world, "CommandNotIssued(uint32,uint64)", 0);
    round_of(world);
    round_of(world);
    assert_int_equal(world->fake.tx_count, 0);
    world->fake.refuses = NULL;
    clock_advance_ms(world->bench.clock, 30000);
    round_of(world);
    assert_int_equal(world->fake.tx_count, 1);
}

static void a_command_of_a_stranger_is_refused_in_words(void **state)
{
    struct world *world = *state;
    relay(world, 1);
    refuse(world, "NotOperator(address)", 0);
    round_of(world);
    assert_int_equal(row_of(world, 1).state, COMMAND_REFUSED);
    assert_non_null(strstr(row_of(world, 1).text, "operator"));
    assert_int_equal(world->fake.tx_count, 0);
    assert_true(heard_alarm(&world->bench.heard, "command-refused"));
    relay(world, 1); /* and may be sent again, rightly signed */
    assert_int_equal(row_of(world, 1).state, COMMAND_RELAYED);
}

static void an_id_that_is_not_next_is_refused_unless_the_next_is_on_its_way(void **state)
{
    struct world *world = *state;
    relay(world, 2);
    refuse(world, "CommandIdNotNext(uint32,uint64,uint64)", 1);
    round_of(world);
    assert_int_equal(row_of(world, 2).state, COMMAND_REFUSED);
    world->fake.refuses = NULL;
    relay(world, 1);
    round_of(world);
    relay(world, 2);
    refuse(world, "CommandIdNotNext(uint32,uint64,uint64)", 1);
    round_of(world);
    assert_int_equal(row_of(world, 2).state, COMMAND_RELAYED);
}

static void an_armed_reconnection_waits_for_its_final_result(void **state)
{
    struct world *world = *state;
    issued(world, 1);
    assert_true(answer(world, 1, COMMAND_OUTCOME_ACCEPTED));
    assert_false(answer(world, 1, COMMAND_OUTCOME_ACCEPTED));
    round_of(world);
    assert_int_equal(world->fake.tx_count, 0);
    assert_true(answer(world, 1, 2));
    assert_false(answer(world, 1, 5)); /* the first final one counts */
    round_of(world);
    assert_int_equal(world->fake.tx_count, 1);
    assert_int_equal(row_of(world, 1).result.outcome, 2);
}

static void an_armed_reconnection_is_recorded_when_its_time_is_over(void **state)
{
    struct world *world = *state;
    issued(world, 1);
    answer(world, 1, COMMAND_OUTCOME_ACCEPTED);
    clock_advance_ms(world->bench.clock, 601000);
    round_of(world);
    assert_int_equal(world->fake.tx_count, 1);
}

static void the_window_holds_for_commands_too(void **state)
{
    struct world *world = *state;
    for (uint64_t id = 1; id <= 6; id++)
        relay(world, id);
    round_of(world);
    assert_int_equal(world->fake.tx_count, 4);
}

static void what_a_lost_store_left_in_the_pool_goes_first(void **state)
{
    struct world *world = *state;
    world->fake.pooled_before = 1;
    relay(world, 1);
    round_of(world);
    assert_int_equal(world->fake.tx_count, 0);
    fake_foreign(&world->fake);
    world->fake.pooled_before = 0;
    round_of(world);
    assert_int_equal(world->fake.tx_count, 2);
    assert_int_equal(world->fake.txs[1].nonce, world->fake.nonce_base + 1);
    assert_false(heard_alarm(&world->bench.heard, "nonce-foreign"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_relayed_command_is_issued_once),
        TEST(a_result_is_recorded_once_over_a_restart),
        TEST(a_result_that_another_server_recorded_is_done),
        TEST(a_race_lost_to_another_server_is_no_failure),
        TEST(a_result_whose_command_left_the_chain_is_tried_again),
        TEST(a_command_of_a_stranger_is_refused_in_words),
        TEST(an_id_that_is_not_next_is_refused_unless_the_next_is_on_its_way),
        TEST(an_armed_reconnection_waits_for_its_final_result),
        TEST(an_armed_reconnection_is_recorded_when_its_time_is_over),
        TEST(the_window_holds_for_commands_too),
        TEST(what_a_lost_store_left_in_the_pool_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
