#include "chain-bridge/store_retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/store_batch.h"
#include "chain-bridge/testing.h"

struct world {
    struct bench bench;
    struct store_retention retention;
    struct store_forgotten gone;
    uint64_t nonce;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    bench_open(&world->bench);
    world->retention.limit = 100;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    bench_close(&world->bench);
    free(world);
    return 0;
}

static uint64_t find(struct world *world, uint32_t sequence, bool *ret_found)
{
    struct report_row row = {0};
    assert_int_equal(
        store_report_find(world->bench.store, &row, ret_found, BENCH_METER(1), sequence, NULL), 0);
    return row.id;
}

static bool is_there(struct world *world, uint32_t sequence)
{
    bool found;
    (void)find(world, sequence, &found);
    return found;
}

/* A batch of its own, final; or refused by the contract. */
static void end(struct world *world, uint32_t sequence, bool refused)
{
    struct store *store = world->bench.store;
    struct batch_row outcome = {.block = 9, .number = sequence};
    uint64_t now_ms = clock_unix_ms(world->bench.clock);
    bool found;
    bench_store_report(&world->bench, BENCH_METER(1), sequence, 1);
    struct claim_report report = {find(world, sequence, &found), BENCH_METER(1), sequence};
    struct batch_rejection rejection = {report.id, CAUSE_STALE};
    struct batch_claim claim = {.reports = &report, .report_count = 1, .readings = 1};
    claim.attempt.created_ms = now_ms;
    claim.tx.nonce = world->nonce++;
    assert_int_equal(store_batch_claim(store, &claim, NULL), 0);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(store_batch_seal(store, claim.tx.batch, claim.tx.nonce, &outcome, &rejection,
                                      refused, now_ms, NULL),
                     0);
    assert_int_equal(store_commit(store, NULL), 0);
}

static void archive(struct world *world, uint32_t sequence)
{
    bool found;
    uint64_t id = find(world, sequence, &found);
    assert_int_equal(store_archive_add(world->bench.store, &id, 1, 100, NULL), 0);
}

/* Everything that ended up to now may go. */
static void retain(struct world *world)
{
    world->retention.before_ms = clock_unix_ms(world->bench.clock) + 1;
    assert_int_equal(store_retain(world->bench.store, &world->retention, &world->gone, NULL), 0);
}

static void count_attempt(void *cookie, const struct tx_attempt *attempt)
{
    (void)attempt;
    ++*(int *)cookie;
}

static int attempts(struct world *world, uint64_t nonce)
{
    int count = 0;
    assert_int_equal(store_tx_attempts(world->bench.store, nonce, count_attempt, &count, NULL), 0);
    return count;
}

static void what_is_not_archived_stays(void **state)
{
    struct world *world = *state;
    end(world, 1, false);
    end(world, 2, false);
    retain(world);
    assert_true(is_there(world, 1));
    assert_int_equal(world->gone.batches, 0);
}

static void what_ended_long_ago_leaves_with_batch_and_transaction(void **state)
{
    struct world *world = *state;
    for (uint32_t i = 1; i <= 3; i++) {
        end(world, i, false);
        archive(world, i);
    }
    retain(world);
    assert_int_equal(world->gone.reports, 2);
    assert_false(is_there(world, 1));
    assert_true(is_there(world, 3)); /* the next is compared with it */
    assert_int_equal(world->gone.batches, 2);
    assert_int_equal(world->gone.transactions, 2);
    assert_int_equal(attempts(world, 0), 0);
    assert_int_equal(attempts(world, 2), 1);
}

static void the_next_batch_and_nonce_follow_the_last_whatever_left(void **state)
{
    struct world *world = *state;
    uint64_t nonce;
    bool any;
    for (uint32_t i = 1; i <= 3; i++) {
        end(world, i, false);
        archive(world, i);
    }
    retain(world);
    assert_int_equal(store_tx_next_nonce(world->bench.store, &nonce, &any, NULL), 0);
    assert_true(any);
    assert_int_equal(nonce, 3);
    end(world, 4, false);
    struct batch_row row;
    assert_int_equal(store_batch_get(world->bench.store, &row, 4, NULL), 0);
}

static void what_is_young_stays(void **state)
{
    struct world *world = *state;
    end(world, 1, false);
    end(world, 2, false);
    archive(world, 1);
    archive(world, 2);
    world->retention.before_ms = clock_unix_ms(world->bench.clock);
    assert_int_equal(store_retain(world->bench.store, &world->retention, &world->gone, NULL), 0);
    assert_true(is_there(world, 1));
    assert_int_equal(world->gone.transactions, 0);
}

static void a_refused_report_leaves_but_for_the_last(void **state)
{
    struct world *world = *state;
    end(world, 1, true);
    end(world, 2, true);
    retain(world);
    assert_int_equal(world->gone.refused, 1);
    assert_false(is_there(world, 1));
    assert_true(is_there(world, 2));
}

static void a_step_is_bounded_and_the_next_goes_on(void **state)
{
    struct world *world = *state;
    for (uint32_t i = 1; i <= 7; i++) {
        end(world, i, false);
        archive(world, i);
    }
    world->retention.limit = 2;
    for (int i = 0; i < 8; i++) {
        retain(world);
        assert_true(world->gone.reports <= 2 && world->gone.batches <= 2 &&
                    world->gone.transactions <= 2);
    }
    struct batch_row row;
    assert_int_equal(store_batch_get(world->bench.store, &row, 6, NULL), -1);
    assert_int_equal(store_batch_get(world->bench.store, &row, 7, NULL), 0);
    assert_false(is_there(world, 6));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_archived_stays),
        TEST(what_ended_long_ago_leaves_with_batch_and_transaction),
        TEST(the_next_batch_and_nonce_follow_the_last_whatever_left),
        TEST(what_is_young_stays),
        TEST(a_refused_report_leaves_but_for_the_last),
        TEST(a_step_is_bounded_and_the_next_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
