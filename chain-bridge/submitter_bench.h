/*
 * submitter_bench.h: for tests of the submitter's parts: a scripted node, a store, a batcher.
 *
 * restart is the process coming and going as kill -9 would have it. Header only: test code is in no
 * library.
 */
#ifndef AMR_BRIDGE_SUBMITTER_BENCH_H
#define AMR_BRIDGE_SUBMITTER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/batcher.h"
#include "chain-bridge/chain_fake.h"
#include "chain-bridge/submitter.h"
#include "chain-bridge/testing.h"

struct world {
    struct bench bench;
    struct chain_fake fake;
    struct submitter_config config;
    struct submitter *submitter;
    struct batcher *batcher;
};

static inline void start_parts(struct world *world)
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
    submitter_on_hold(world->submitter, batcher_hold, world->batcher);
}

static inline int set_up(void **state)
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
        .tuning = {.fees = {1000000000, UINT64_C(500000000000)},
                   .limits = {4000, 130048, 16777216},
                   .window = 4,
                   .confirmations = 1,
                   .rebroadcast_ms = 10000,
                   .raise_ms = 60000,
                   .check_ms = 30000}};
    start_parts(world);
    *state = world;
    return 0;
}

static inline void stop_parts(struct world *world)
{
    batcher_free(world->batcher);
    submitter_free(world->submitter);
}

static inline int tear_down(void **state)
{
    struct world *world = *state;
    stop_parts(world);
    bench_close(&world->bench);
    free(world);
    return 0;
}

/* What kill -9 and a start do: only the store stays. */
static inline void restart(struct world *world)
{
    stop_parts(world);
    bench_reopen(&world->bench);
    start_parts(world);
}

static inline int poll(struct world *world)
{
    struct err err = ERR_INIT;
    return submitter_poll(world->submitter, fake_head(&world->fake), &err);
}

/* One batch of everything that waits; 0: none was due or allowed. */
static inline int batch(struct world *world)
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

static inline void pass(struct world *world, uint64_t ms)
{
    clock_advance_ms(world->bench.clock, ms);
}

static inline enum report_state state_of(struct world *world, uint32_t meter, uint32_t sequence)
{
    struct report_row row;
    bool found;
    assert_int_equal(store_report_find(world->bench.store, &row, &found, meter, sequence, NULL), 0);
    assert_true(found);
    return row.state;
}

static inline size_t sealed_times(struct world *world, uint32_t meter, uint32_t sequence)
{
    return heard_receipts(&world->bench.heard, RECEIPT_SEALED, meter, sequence);
}

static inline uint64_t number(struct world *world, enum status_number which)
{
    return status_get(world->bench.status, which);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
