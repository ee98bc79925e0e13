#include "chain-bridge/rebuild.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain-bridge/chain_fake.h"
#include "chain-bridge/testing.h"
#include "common/merkle.h"
#include "common/test_dir.h"

struct world {
    struct bench bench;
    struct chain_fake fake;
    void *dir; /* test_dir.h */
    char *store;
    char *archive;
    char *file; /* JSON lines: what there is to rebuild from */
    struct recoverer *recoverer;
    struct rebuild_result result;
    uint64_t lacking; /* readings told */
    struct err err;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    bench_open(&world->bench);
    const struct store_identity *id = &world->bench.identity;
    fake_init(&world->fake, id->chain_id, &id->contract, &id->account, BENCH_GROUP);
    assert_int_equal(test_dir_setup(&world->dir), 0);
    world->store = test_path(world->dir, "new.db");
    world->archive = test_path(world->dir, "new.archive");
    world->file = test_path(world->dir, "lines");
    world->recoverer = recoverer_new();
    fake_change(&world->fake, FAKE_REGISTERED, BENCH_METER(1), 2,
                signer_address(world->bench.meter_signer));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    recoverer_free(world->recoverer);
    free(world->store);
    free(world->archive);
    free(world->file);
    test_dir_teardown(&world->dir);
    bench_close(&world->bench);
    free(world);
    return 0;
}

/* A batch of that one report: its leaf is the root. */
static struct fake_twin *seal(struct world *world, const struct report *report)
{
    struct eth_hash digest;
    struct fake_twin *twin = fake_twin(&world->fake, report);
    eip712_report(&world->bench.domain, &digest, report);
    merkle_leaf(&twin->root, &digest, &report->signature);
    twin->number = world->fake.twin_count;
    return twin;
}

/* A line of the file, as amr-meter exports it. */
static void keep(struct world *world, const struct report *report, const struct fake_twin *twin)
{
    char root[ETH_HASH_TEXT], hash[ETH_HASH_TEXT];
    struct buf line = BUF_INIT;
    payload_report_print(&line, report);
    FILE *file = fopen(world->file, "a");
    assert_non_null(file);
    fprintf(file, "{\"report\":%s,\"state\":\"sealed\",\"batch\":\"%s\",\"tx\":\"%s\"}\n",
            buf_str(&line), eth_hash_text(root, &twin->root),
            eth_hash_text(hash, &twin->transaction));
    assert_int_equal(fclose(file), 0);
    buf_free(&line);
}

static void count_lack(void *cookie, const struct sealed_lack *lack)
{
    struct world *world = cookie;
    world->lacking += lack->readings;
}

static enum rebuild_end rebuild(struct world *world, const char *files)
{
    struct bench *bench = &world->bench;
    struct rebuild_config config = {.chain = &world->fake.chain,
                                    .store = world->store,
                                    .archive = world->archive,
                                    .files = files,
                                    .identity = bench->identity,
                                    .domain = &bench->domain,
                                    .recoverer = world->recoverer,
                                    .group = BENCH_GROUP,
                                    .confirmations = 1,
                                    .clock = bench->clock,
                                    .log = bench->log,
                                    .on_lack = count_lack,
                                    .cookie = world};
    return rebuild_run(&config, &world->result, &world->err);
}

static bool exists(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0;
}

static void expect_refusal(struct world *world, const char *words)
{
    assert_int_equal(rebuild(world, world->file), REBUILD_REFUSED);
    if (!strstr(world->err.text, words))
        fail_msg("'%s' is not in '%s'", words, world->err.text);
    assert_false(exists(world->store));
    assert_false(exists(world->archive));
}

static void expect_sealed(struct world *world, const struct report *report)
{
    struct store *store = NULL;
    struct report_row row;
    struct meter_row meter;
    bool found;
    assert_int_equal(store_open(&store, world->store, &world->bench.identity, NULL), 0);
    assert_int_equal(store_report_find(store, &row, &found, report->meter, report->sequence, NULL),
                     0);
    assert_true(found);
    assert_int_equal(row.state, REPORT_SEALED);
    assert_true(report_equal(&row.report, report));
    assert_int_equal(store_meter_get(store, &meter, report->meter, NULL), 0);
    assert_true(meter.claimed >= report->sequence);
    store_close(store);
}

static void a_sealed_report_comes_back_from_chain_and_file(void **state)
{
    struct world *world = *state;
    struct report first = bench_report(&world->bench, BENCH_METER(1), 1, 3);
    struct report second = bench_report(&world->bench, BENCH_METER(1), 2, 3);
    struct fake_twin *one = seal(world, &first), *two = seal(world, &second);
    keep(world, &second, two);
    keep(world, &first, one);
    keep(world, &first, one);
    assert_int_equal(rebuild(world, world->file), REBUILD_DONE);
    assert_int_equal(world->result.reports, 2);
    assert_int_equal(world->result.repeated, 1);
    assert_int_equal(world->result.unproved, 0);
    assert_int_equal(world->lacking, 0);
    assert_true(exists(world->archive));
    expect_sealed(world, &first);
    expect_sealed(world, &second);
}

static void what_no_file_has_is_told_and_not_fatal(void **state)
{
    struct world *world = *state;
    struct report first = bench_report(&world->bench, BENCH_METER(1), 1, 3);
    struct report second = bench_report(&world->bench, BENCH_METER(2), 1, 4);
    keep(world, &first, seal(world, &first));
    (void)seal(world, &second);
    assert_int_equal(rebuild(world, world->file), REBUILD_DONE);
    assert_int_equal(world->lacking, 4);
    expect_sealed(world, &first);
}

static void without_any_file_the_chain_alone_will_do(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 3);
    (void)seal(world, &report);
    assert_int_equal(rebuild(world, ""), REBUILD_DONE);
    assert_int_equal(world->lacking, 3);
    assert_true(exists(world->store));
}

static void a_report_by_another_signer_is_refused(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    fake_change(&world->fake, FAKE_ROTATED, BENCH_METER(1), 0,
                signer_address(world->bench.server_signer));
    keep(world, &report, seal(world, &report));
    expect_refusal(world, "was signed by");
}

static void the_signer_of_the_time_counts(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    keep(world, &report, seal(world, &report));
    fake_change(&world->fake, FAKE_ROTATED, BENCH_METER(1), 0,
                signer_address(world->bench.server_signer));
    assert_int_equal(rebuild(world, world->file), REBUILD_DONE);
}

static void a_report_that_says_other_than_the_chain_is_refused(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    struct fake_twin *twin = seal(world, &report);
    report.readings[0].import_wh++;
    bench_sign(&world->bench, &report);
    keep(world, &report, twin);
    expect_refusal(world, "is not in batch 1");
}

static void a_second_signature_under_the_same_readings_is_refused(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    struct fake_twin *twin = seal(world, &report);
    report.sequence = 9; /* signed by the meter as well, but not what was sealed */
    bench_sign(&world->bench, &report);
    keep(world, &report, twin);
    expect_refusal(world, "do not make its root");
}

static void a_reading_that_the_contract_refused_is_not_sealed(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 2);
    struct fake_twin *twin = seal(world, &report);
    twin->refused = 1;
    keep(world, &report, twin);
    expect_refusal(world, "is not in batch 1");
}

static void a_batch_of_another_chain_is_refused(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    struct fake_twin twin = {.root = {{0x77}}};
    keep(world, &report, &twin);
    expect_refusal(world, "the chain has no batch");
}

static void ranges_that_a_node_finds_too_long_are_halved(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    for (int i = 0; i < 40; i++)
        fake_mine_empty(&world->fake);
    keep(world, &report, seal(world, &report));
    world->fake.log_range_max = 3;
    assert_int_equal(rebuild(world, world->file), REBUILD_DONE);
    expect_sealed(world, &report);
}

static void a_node_that_lost_old_logs_is_not_believed(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    seal(world, &report)->number = 5;
    assert_int_equal(rebuild(world, ""), REBUILD_FAILED);
    assert_non_null(strstr(world->err.text, "batch 5 after 0"));
    assert_false(exists(world->store));
}

static void a_store_that_is_there_is_not_touched(void **state)
{
    struct world *world = *state;
    assert_int_equal(rebuild(world, ""), REBUILD_DONE);
    assert_int_equal(rebuild(world, ""), REBUILD_REFUSED);
    assert_non_null(strstr(world->err.text, "move this one away first"));
    assert_true(exists(world->store));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sealed_report_comes_back_from_chain_and_file),
        TEST(what_no_file_has_is_told_and_not_fatal),
        TEST(without_any_file_the_chain_alone_will_do),
        TEST(a_report_by_another_signer_is_refused),
        TEST(the_signer_of_the_time_counts),
        TEST(a_report_that_says_other_than_the_chain_is_refused),
        TEST(a_second_signature_under_the_same_readings_is_refused),
        TEST(a_reading_that_the_contract_refused_is_not_sealed),
        TEST(a_batch_of_another_chain_is_refused),
        TEST(ranges_that_a_node_finds_too_long_are_halved),
        TEST(a_node_that_lost_old_logs_is_not_believed),
        TEST(a_store_that_is_there_is_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
