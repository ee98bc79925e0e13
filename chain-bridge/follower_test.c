#include "chain-bridge/follower.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/chain_fake.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/testing.h"

struct world {
    struct bench bench;
    struct chain_fake fake;
    struct registry *registry;
    struct roster *roster;
    struct follower *follower;
    struct eth_address signers[2];
};

static void start_parts(struct world *world)
{
    struct err err = ERR_INIT;
    char path[128];
    struct bench *bench = &world->bench;
    snprintf(path, sizeof(path), "%s/registry.db", bench->dir);
    assert_int_equal(registry_open_writer(&world->registry, path, bench->identity.chain_id,
                                          &bench->identity.contract, &err),
                     0);
    world->roster = roster_new(BENCH_GROUP);
    struct follower_config config = {.chain = &world->fake.chain,
                                     .store = bench->store,
                                     .registry = world->registry,
                                     .roster = world->roster,
                                     .notices = bench_notices(bench),
                                     .status = bench->status,
                                     .log = bench->log,
                                     .contract = bench->identity.contract,
                                     .group = BENCH_GROUP};
    world->follower = follower_new(&config, &err);
    assert_non_null(world->follower);
}

static void stop_parts(struct world *world)
{
    follower_free(world->follower);
    roster_free(world->roster);
    registry_close(world->registry);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    bench_open(&world->bench);
    const struct store_identity *id = &world->bench.identity;
    fake_init(&world->fake, id->chain_id, &id->contract, &id->account, BENCH_GROUP);
    memset(world->signers[0].b, 0xa1, sizeof(world->signers[0].b));
    memset(world->signers[1].b, 0xb2, sizeof(world->signers[1].b));
    start_parts(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    stop_parts(world);
    bench_close(&world->bench);
    free(world);
    return 0;
}

static int poll(struct world *world)
{
    struct err err = ERR_INIT;
    return follower_poll(world->follower, fake_head(&world->fake), &err);
}

/* Roster and file agree, and say this. */
static void meter_is(struct world *world, uint32_t meter, enum meter_status status,
                     const struct eth_address *signer)
{
    struct registry_meter filed, known = roster_find(world->roster, meter);
    assert_int_equal(registry_find(world->registry, &filed, meter, NULL), 0);
    assert_int_equal(known.status, status);
    assert_int_equal(filed.status, status);
    if (signer) {
        assert_true(eth_address_equal(&known.signer, signer));
        assert_true(eth_address_equal(&filed.signer, signer));
    }
}

static void registered_meters_are_known(void **state)
{
    struct world *world = *state;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 3, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(3), METER_ACTIVE, &world->signers[0]);
    assert_int_equal(status_get(world->bench.status, STATUS_METERS), 3);
}

static void meters_of_other_groups_are_left_out(void **state)
{
    struct world *world = *state;
    fake_change(&world->fake, FAKE_REGISTERED, 9 << 16 | 1, 3, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    assert_int_equal(status_get(world->bench.status, STATUS_METERS), 0);
}

static void changes_apply_in_order(void **state)
{
    struct world *world = *state;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    fake_change(&world->fake, FAKE_CLOSED, BENCH_METER(1), 0, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_CLOSED, &world->signers[0]);
    fake_change(&world->fake, FAKE_ROTATED, BENCH_METER(1), 0, &world->signers[1]);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_CLOSED, &world->signers[1]);
    fake_change(&world->fake, FAKE_REOPENED, BENCH_METER(1), 0, &world->signers[1]);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_ACTIVE, &world->signers[1]);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    struct world *world = *state;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    stop_parts(world);
    world->fake.change_count = 0; /* were it read again, it would not be there */
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(2), 1, &world->signers[1]);
    start_parts(world);
    meter_is(world, BENCH_METER(1), METER_ACTIVE, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_ACTIVE, &world->signers[0]);
    meter_is(world, BENCH_METER(2), METER_ACTIVE, &world->signers[1]);
}

static void what_a_reorg_undid_is_undone(void **state)
{
    struct world *world = *state;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    fake_change(&world->fake, FAKE_ROTATED, BENCH_METER(1), 0, &world->signers[1]);
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(2), 1, &world->signers[1]);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(2), METER_ACTIVE, &world->signers[1]);
    fake_reorg(&world->fake, 2, false);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_ACTIVE, &world->signers[0]);
    meter_is(world, BENCH_METER(2), METER_UNKNOWN, NULL);
    assert_true(heard_alarm(&world->bench.heard, "reorg"));
}

static void a_reorg_is_noticed_when_the_chain_has_grown_past_it(void **state)
{
    struct world *world = *state;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    fake_reorg(&world->fake, 1, false);
    for (int i = 0; i < 5; i++)
        fake_mine_empty(&world->fake);
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_UNKNOWN, NULL);
}

static void a_node_that_lags_changes_nothing(void **state)
{
    struct world *world = *state;
    struct err err = ERR_INIT;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    assert_int_equal(follower_poll(world->follower, &world->fake.blocks[0], &err), 0);
    meter_is(world, BENCH_METER(1), METER_ACTIVE, &world->signers[0]);
    assert_int_equal(world->bench.heard.alarm_count, 0);
}

static void a_range_limit_is_halved_under(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 100; i++)
        fake_mine_empty(&world->fake);
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    world->fake.log_range_max = 10;
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_ACTIVE, &world->signers[0]);
}

static void an_absent_node_leaves_the_cursor(void **state)
{
    struct world *world = *state;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    world->fake.away = true;
    assert_int_equal(poll(world), -1);
    world->fake.away = false;
    assert_int_equal(poll(world), 0);
    meter_is(world, BENCH_METER(1), METER_ACTIVE, &world->signers[0]);
}

static void the_file_is_not_touched_without_a_change(void **state)
{
    struct world *world = *state;
    struct registry_head before, after;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    assert_int_equal(poll(world), 0);
    assert_int_equal(registry_head(world->registry, &before, NULL), 0);
    for (int i = 0; i < 10; i++) {
        fake_mine_empty(&world->fake);
        assert_int_equal(poll(world), 0);
    }
    assert_int_equal(registry_head(world->registry, &after, NULL), 0);
    assert_int_equal(before.block, after.block);
}

static void reports_of_the_old_key_are_asked_for_again(void **state)
{
    struct world *world = *state;
    struct bench *bench = &world->bench;
    struct report_row row;
    struct err err = ERR_INIT;
    bool found;
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 1, &world->signers[0]);
    bench_store_report(bench, BENCH_METER(1), 4, 1);
    bench_store_report(bench, BENCH_METER(1), 5, 1);
    fake_change(&world->fake, FAKE_ROTATED, BENCH_METER(1), 1, &world->signers[1]);
    assert_int_equal(follower_poll(world->follower, fake_head(&world->fake), &err), 0);
    assert_int_equal(store_report_find(bench->store, &row, &found, BENCH_METER(1), 4, &err), 0);
    assert_false(found);
    assert_int_equal(heard_receipts(&bench->heard, RECEIPT_MISSING, BENCH_METER(1), 5), 1);
    uint64_t kept;
    assert_int_equal(store_quarantine_count(bench->store, &kept, &err), 0);
    assert_int_equal(kept, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reports_of_the_old_key_are_asked_for_again),
        TEST(registered_meters_are_known),
        TEST(meters_of_other_groups_are_left_out),
        TEST(changes_apply_in_order),
        TEST(a_restart_goes_on_where_it_was),
        TEST(what_a_reorg_undid_is_undone),
        TEST(a_reorg_is_noticed_when_the_chain_has_grown_past_it),
        TEST(a_node_that_lags_changes_nothing),
        TEST(a_range_limit_is_halved_under),
        TEST(an_absent_node_leaves_the_cursor),
        TEST(the_file_is_not_touched_without_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
