#include "chain-bridge/chain_loop.h"

#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain-bridge/submitter_bench.h"

/*
 * The thread under test runs from one wait to the next while the test waits, and the test changes
 * the node's script while the thread waits: neither ever sees the other halfway.
 */
struct gate {
    struct world world; /* first: its chain is handed out */
    struct chain_ops ops;
    sem_t go;
    sem_t waits;
    bool new_head;
    struct registry *registry;
    struct roster *roster;
    struct follower *follower;
    struct commands *commands;
    struct archive *archive;
    struct chain_loop *loop;
    char registry_path[128];
    char archive_path[128];
    uint64_t keep_sealed_ms;
};

static struct gate *gate_of(struct chain *chain)
{
    struct chain_fake *fake = (struct chain_fake *)(void *)chain;
    return (struct gate *)(void *)((char *)fake - offsetof(struct world, fake));
}

static bool gate_wait(struct chain *chain, uint32_t timeout_ms)
{
    struct gate *gate = gate_of(chain);
    (void)timeout_ms;
    sem_post(&gate->waits);
    sem_wait(&gate->go);
    return gate->new_head;
}

static void gate_cancel(struct chain *chain)
{
    sem_post(&gate_of(chain)->go);
}

static void start(struct gate *gate)
{
    struct world *world = &gate->world;
    struct bench *bench = &world->bench;
    struct commands_config commands = {.store = bench->store,
                                       .roster = gate->roster,
                                       .notices = bench_notices(bench),
                                       .status = bench->status,
                                       .clock = bench->clock,
                                       .log = bench->log};
    gate->commands = commands_new(&commands, NULL);
    assert_non_null(gate->commands);
    struct follower_config follower = {.chain = &world->fake.chain,
                                       .store = bench->store,
                                       .registry = gate->registry,
                                       .roster = gate->roster,
                                       .commands = gate->commands,
                                       .notices = bench_notices(bench),
                                       .status = bench->status,
                                       .log = bench->log,
                                       .contract = bench->identity.contract,
                                       .group = BENCH_GROUP};
    gate->follower = follower_new(&follower, NULL);
    struct chain_loop_config loop = {.chain = &world->fake.chain,
                                     .follower = gate->follower,
                                     .submitter = world->submitter,
                                     .commands = gate->commands,
                                     .batcher = world->batcher,
                                     .archive = gate->archive,
                                     .store = bench->store,
                                     .clock = bench->clock,
                                     .notices = bench_notices(bench),
                                     .status = bench->status,
                                     .log = bench->log,
                                     .poll_ms = 1000,
                                     .keep_sealed_ms = gate->keep_sealed_ms};
    gate->loop = chain_loop_new(&loop);
    assert_int_equal(chain_loop_start(gate->loop, NULL), 0);
    sem_wait(&gate->waits);
}

static int gate_set_up(void **state)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    void *made = NULL;
    assert_int_equal(set_up(&made), 0);
    stop_parts(made);
    memcpy(&gate->world, made, sizeof(gate->world));
    free(made);
    struct world *world = &gate->world;
    struct bench *bench = &world->bench;
    gate->ops = *world->fake.chain.ops;
    gate->ops.wait = gate_wait;
    gate->ops.cancel = gate_cancel;
    world->fake.chain.ops = &gate->ops;
    world->config.settler.chain = &world->fake.chain;
    world->config.settler.notices = bench_notices(bench);
    world->config.checks.chain = &world->fake.chain;
    start_parts(world);
    sem_init(&gate->go, 0, 0);
    sem_init(&gate->waits, 0, 0);
    gate->new_head = true;
    snprintf(gate->registry_path, sizeof(gate->registry_path), "%s/registry.db", bench->dir);
    snprintf(gate->archive_path, sizeof(gate->archive_path), "%s/archive", bench->dir);
    assert_int_equal(registry_open_writer(&gate->registry, gate->registry_path,
                                          bench->identity.chain_id, &bench->identity.contract,
                                          NULL),
                     0);
    assert_int_equal(archive_open(&gate->archive, gate->archive_path, bench->store, NULL), 0);
    gate->roster = roster_new(BENCH_GROUP);
    *state = gate;
    return 0;
}

static int gate_tear_down(void **state)
{
    struct gate *gate = *state;
    char lock[160];
    chain_loop_free(gate->loop);
    follower_free(gate->follower);
    commands_free(gate->commands);
    archive_close(gate->archive);
    registry_close(gate->registry);
    roster_free(gate->roster);
    stop_parts(&gate->world);
    unlink(gate->archive_path);
    unlink(gate->registry_path);
    snprintf(lock, sizeof(lock), "%s.lock", gate->registry_path);
    unlink(lock);
    bench_close(&gate->world.bench);
    sem_destroy(&gate->go);
    sem_destroy(&gate->waits);
    free(gate);
    return 0;
}

/* One round of the thread. */
static void step(struct gate *gate)
{
    sem_post(&gate->go);
    sem_wait(&gate->waits);
}

static size_t alarms(struct gate *gate, const char *cause)
{
    struct heard *heard = &gate->world.bench.heard;
    size_t count = 0;
    for (size_t i = 0; i < heard->alarm_count; i++)
        count += strcmp(heard->causes[i], cause) == 0;
    return count;
}

static void a_report_goes_all_the_way_to_the_archive(void **state)
{
    struct gate *gate = *state;
    struct world *world = &gate->world;
    struct stat archive;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    start(gate);
    assert_true(chain_loop_synced(gate->loop));
    assert_int_equal(fake_count(&world->fake, FAKE_POOLED), 1);
    fake_mine(&world->fake);
    step(gate);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_SEALED);
    step(gate);
    assert_int_equal(stat(gate->archive_path, &archive), 0);
    assert_true(archive.st_size > 100);
}

static void a_node_that_is_away_is_told_once_an_absence(void **state)
{
    struct gate *gate = *state;
    gate->world.fake.away = true;
    start(gate);
    step(gate);
    step(gate);
    assert_int_equal(alarms(gate, "chain-away"), 1);
    assert_false(chain_loop_synced(gate->loop));
    gate->world.fake.away = false;
    step(gate);
    assert_true(chain_loop_synced(gate->loop));
    gate->world.fake.away = true;
    step(gate);
    assert_int_equal(alarms(gate, "chain-away"), 2);
}

static void nothing_is_claimed_while_no_node_answers(void **state)
{
    struct gate *gate = *state;
    struct world *world = &gate->world;
    start(gate);
    world->fake.away = true;
    step(gate);
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    chain_loop_stored(gate->loop);
    step(gate);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_STORED);
    world->fake.away = false;
    step(gate);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
}

static void without_a_new_head_the_chain_is_looked_at_when_its_time_has_come(void **state)
{
    struct gate *gate = *state;
    struct world *world = &gate->world;
    start(gate);
    gate->new_head = false;
    uint64_t seen = number(world, STATUS_HEAD);
    fake_mine_empty(&world->fake);
    step(gate);
    assert_int_equal(number(world, STATUS_HEAD), seen);
    pass(world, 1000);
    step(gate);
    assert_int_equal(number(world, STATUS_HEAD), seen + 1);
}

static void what_is_old_enough_leaves_the_store(void **state)
{
    struct gate *gate = *state;
    struct world *world = &gate->world;
    struct report_row row;
    bool found = true;
    gate->keep_sealed_ms = 3600 * 1000;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    bench_store_report(&world->bench, BENCH_METER(1), 2, 1);
    start(gate);
    fake_mine(&world->fake);
    step(gate);
    step(gate);
    pass(world, 2 * 3600 * 1000);
    step(gate);
    assert_int_equal(store_report_find(world->bench.store, &row, &found, BENCH_METER(1), 1, NULL),
                     0);
    assert_false(found);
    assert_int_equal(store_report_find(world->bench.store, &row, &found, BENCH_METER(1), 2, NULL),
                     0);
    assert_true(found);
}

static void a_report_claimed_when_the_thread_ended_is_sealed_after_the_next_start(void **state)
{
    struct gate *gate = *state;
    struct world *world = &gate->world;
    bench_store_report(&world->bench, BENCH_METER(1), 1, 1);
    start(gate);
    chain_loop_free(gate->loop);
    follower_free(gate->follower);
    commands_free(gate->commands);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_CLAIMED);
    fake_mine(&world->fake);
    sem_destroy(&gate->go);
    sem_init(&gate->go, 0, 0);
    start(gate);
    assert_int_equal(state_of(world, BENCH_METER(1), 1), REPORT_SEALED);
    assert_int_equal(sealed_times(world, BENCH_METER(1), 1), 1);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, gate_set_up, gate_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_report_goes_all_the_way_to_the_archive),
        LOOP_TEST(a_node_that_is_away_is_told_once_an_absence),
        LOOP_TEST(nothing_is_claimed_while_no_node_answers),
        LOOP_TEST(without_a_new_head_the_chain_is_looked_at_when_its_time_has_come),
        LOOP_TEST(what_is_old_enough_leaves_the_store),
        LOOP_TEST(a_report_claimed_when_the_thread_ended_is_sealed_after_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
