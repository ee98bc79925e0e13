#include "chain-bridge/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/store_report.h"
#include "chain-bridge/testing.h"

#define METER BENCH_METER(1)

struct world {
    struct bench bench;
    struct roster *roster;
    struct commands *commands;
    int due;
};

static void on_due(void *cookie)
{
    ++*(int *)cookie;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct bench *bench = &world->bench;
    bench_open(bench);
    world->roster = roster_new(BENCH_GROUP);
    struct registry_meter meter = {METER, METER_ACTIVE, *signer_address(bench->meter_signer)};
    roster_put(world->roster, &meter);
    struct commands_config config = {.store = bench->store,
                                     .roster = world->roster,
                                     .notices = bench_notices(bench),
                                     .status = bench->status,
                                     .clock = bench->clock,
                                     .log = bench->log};
    world->commands = commands_new(&config, NULL);
    assert_non_null(world->commands);
    commands_on_due(world->commands, on_due, &world->due);
    assert_int_equal(store_meter_put(bench->store, METER, "meter-1", NULL), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    commands_free(world->commands);
    roster_free(world->roster);
    bench_close(&world->bench);
    free(world);
    return 0;
}

static struct command make(uint64_t id)
{
    return (struct command){
        .id = id, .meter = METER, .kind = COMMAND_DISCONNECT, .not_after_s = BENCH_UNIX_S + 600};
}

static void issue(struct world *world, uint64_t id)
{
    struct ledger_event event = {
        .kind = LEDGER_COMMAND_ISSUED, .meter = METER, .command = make(id)};
    commands_note(world->commands, &event, 5);
    assert_int_equal(commands_flush(world->commands, NULL), 0);
}

static void record(struct world *world, uint64_t id)
{
    struct ledger_event event = {.kind = LEDGER_COMMAND_RESULT,
                                 .meter = METER,
                                 .result = {.id = id, .meter = METER, .outcome = 2}};
    commands_note(world->commands, &event, 6);
    assert_int_equal(commands_flush(world->commands, NULL), 0);
}

static size_t sent(struct world *world, uint64_t id)
{
    size_t count = 0;
    for (size_t i = 0; i < world->bench.heard.command_count; i++)
        count += world->bench.heard.commands[i].id == id;
    return count;
}

static enum command_state state_of(struct world *world, uint64_t id)
{
    struct command_row row;
    bool found;
    assert_int_equal(store_command_get(world->bench.store, &row, &found, METER, id, NULL), 0);
    assert_true(found);
    return row.state;
}

static void a_command_is_sent_until_it_is_answered(void **state)
{
    struct world *world = *state;
    issue(world, 1);
    assert_int_equal(sent(world, 1), 1);
    commands_meter_there(world->commands, METER);
    assert_int_equal(sent(world, 1), 2);
    commands_tick(world->commands);
    assert_int_equal(sent(world, 1), 3);
    commands_tick(world->commands);
    assert_int_equal(sent(world, 1), 3);
    clock_advance_ms(world->bench.clock, 30000);
    commands_tick(world->commands);
    assert_int_equal(sent(world, 1), 4);
    record(world, 1);
    commands_meter_there(world->commands, METER);
    assert_int_equal(sent(world, 1), 4);
}

static void the_next_command_waits_for_the_answer_to_the_one_before(void **state)
{
    struct world *world = *state;
    struct command_result result = {.id = 1, .meter = METER, .outcome = 2};
    bool new;
    issue(world, 1);
    issue(world, 2);
    assert_int_equal(sent(world, 2), 0);
    assert_int_equal(store_command_answer(world->bench.store, &new, &result, NULL), 0);
    commands_answered(world->commands, METER);
    assert_int_equal(sent(world, 2), 1);
    assert_int_equal(world->due, 1);
}

static void a_command_lapses_a_day_after_its_time(void **state)
{
    struct world *world = *state;
    issue(world, 1);
    clock_advance_ms(world->bench.clock, (uint64_t)(600 + 23 * 3600) * 1000);
    commands_tick(world->commands);
    assert_int_equal(state_of(world, 1), COMMAND_ISSUED);
    clock_advance_ms(world->bench.clock, (uint64_t)2 * 3600 * 1000);
    commands_tick(world->commands);
    assert_int_equal(state_of(world, 1), COMMAND_LAPSED);
}

static void a_meter_never_heard_of_is_sent_nothing_until_it_is_there(void **state)
{
    struct world *world = *state;
    struct ledger_event event = {
        .kind = LEDGER_COMMAND_ISSUED, .meter = BENCH_METER(2), .command = make(1)};
    event.command.meter = BENCH_METER(2);
    commands_note(world->commands, &event, 5);
    assert_int_equal(commands_flush(world->commands, NULL), 0);
    assert_int_equal(sent(world, 1), 0);
    assert_int_equal(store_meter_put(world->bench.store, BENCH_METER(2), "meter-2", NULL), 0);
    commands_meter_there(world->commands, BENCH_METER(2));
    assert_int_equal(sent(world, 1), 1);
}

static void other_groups_are_not_ours(void **state)
{
    struct world *world = *state;
    struct ledger_event event = {
        .kind = LEDGER_COMMAND_ISSUED, .meter = (BENCH_GROUP + 1) << 16 | 1, .command = make(1)};
    bool found;
    struct command_row row;
    commands_note(world->commands, &event, 5);
    assert_int_equal(commands_flush(world->commands, NULL), 0);
    assert_int_equal(store_command_get(world->bench.store, &row, &found, METER, 1, NULL), 0);
    assert_false(found);
}

static void a_relayed_command_is_kept_and_told(void **state)
{
    struct world *world = *state;
    struct command command = make(1);
    assert_int_equal(commands_relay(world->commands, &command, NULL), 0);
    assert_int_equal(state_of(world, 1), COMMAND_RELAYED);
    assert_int_equal(world->due, 1);
    assert_int_equal(commands_relay(world->commands, &command, NULL), 0); /* the same again */
    command.argument = 1;
    command.kind = COMMAND_SET_INTERVAL;
    assert_int_equal(commands_relay(world->commands, &command, NULL), -1);
    issue(world, 1);
    assert_int_equal(state_of(world, 1), COMMAND_ISSUED);
    assert_int_equal(sent(world, 1), 1);
}

static void what_cannot_be_a_command_is_not_relayed(void **state)
{
    struct world *world = *state;
    struct command late = make(1), unknown = make(1), kind = make(1), argument = make(1),
                   zero = make(0);
    late.not_after_s = BENCH_UNIX_S - 1;
    unknown.meter = BENCH_METER(9);
    kind.kind = 5;
    argument.argument = 7;
    const struct command *all[] = {&late, &unknown, &kind, &argument, &zero};
    for (size_t i = 0; i < AMR_COUNT(all); i++) {
        struct err err = ERR_INIT;
        assert_int_equal(commands_relay(world->commands, all[i], &err), -1);
        assert_true(err.text[0]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_is_sent_until_it_is_answered),
        TEST(the_next_command_waits_for_the_answer_to_the_one_before),
        TEST(a_command_lapses_a_day_after_its_time),
        TEST(a_meter_never_heard_of_is_sent_nothing_until_it_is_there),
        TEST(other_groups_are_not_ours),
        TEST(a_relayed_command_is_kept_and_told),
        TEST(what_cannot_be_a_command_is_not_relayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
