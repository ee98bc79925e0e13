#include "chain-bridge/archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain-bridge/archive_reader.h"
#include "chain-bridge/testing.h"

enum { KEPT = 64 };

struct world {
    struct bench bench;
    char path[160];
    struct archive *archive;
    uint64_t nonce;
    struct archived read[KEPT];
    uint64_t torn;
    size_t count;
};

static void open_archive(struct world *world)
{
    assert_int_equal(archive_open(&world->archive, world->path, world->bench.store, NULL), 0);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    bench_open(&world->bench);
    snprintf(world->path, sizeof(world->path), "%s/archive", world->bench.dir);
    open_archive(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char name[200];
    archive_close(world->archive);
    unlink(world->path);
    snprintf(name, sizeof(name), "%s.1", world->path);
    unlink(name);
    bench_close(&world->bench);
    free(world);
    return 0;
}

/* A batch of that report, final at block 9. */
static void seal(struct world *world, uint32_t meter, uint32_t sequence)
{
    struct store *store = world->bench.store;
    struct report_row row;
    struct batch_row outcome = {.block = 9, .number = sequence};
    bool found;
    bench_store_report(&world->bench, meter, sequence, 3);
    assert_int_equal(store_report_find(store, &row, &found, meter, sequence, NULL), 0);
    struct claim_report report = {row.id, meter, sequence};
    struct batch_claim claim = {.reports = &report, .report_count = 1, .readings = 3};
    claim.tx.nonce = world->nonce++;
    memset(claim.root.b, (int)sequence, sizeof(claim.root.b));
    memset(outcome.hash.b, 0x77, sizeof(outcome.hash.b));
    assert_int_equal(store_batch_claim(store, &claim, NULL), 0);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(
        store_batch_seal(store, claim.tx.batch, claim.tx.nonce, &outcome, NULL, 0, 1, NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
}

static void step(struct world *world)
{
    bool more;
    assert_int_equal(archive_step(world->archive, &more, NULL), 0);
    assert_false(more);
}

static void restart(struct world *world)
{
    archive_close(world->archive);
    world->archive = NULL;
    bench_reopen(&world->bench);
}

static int read_all(struct world *world, struct err *err)
{
    struct archive_reader *reader = NULL;
    world->count = 0;
    if (archive_reader_open(&reader, world->path, err) < 0)
        return -1;
    int got;
    while ((got = archive_reader_next(reader, &world->read[world->count], err)) == 1)
        assert_true(++world->count < KEPT);
    world->torn = archive_reader_torn(reader);
    archive_reader_close(reader);
    return got;
}

static void put_bytes(struct world *world, const char *mode, long at, const char *bytes)
{
    FILE *file = fopen(world->path, mode);
    assert_non_null(file);
    if (at >= 0)
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, strlen(bytes), file), strlen(bytes));
    assert_int_equal(fclose(file), 0);
}

static void sealed_reports_are_read_back_as_they_were(void **state)
{
    struct world *world = *state;
    seal(world, BENCH_METER(1), 1);
    seal(world, BENCH_METER(2), 2);
    bench_store_report(&world->bench, BENCH_METER(3), 1, 1);
    step(world);
    assert_int_equal(read_all(world, NULL), 0);
    assert_int_equal(world->count, 2);
    struct report second = bench_report(&world->bench, BENCH_METER(2), 2, 3);
    assert_true(report_equal(&world->read[1].report, &second));
    assert_int_equal(world->read[1].batch.root.b[31], 2);
    assert_int_equal(world->read[1].batch.transaction.b[0], 0x77);
    assert_int_equal(world->read[1].batch.block, 9);
    assert_int_equal(world->read[1].batch.number, 2);
}

static void a_report_is_archived_once(void **state)
{
    struct world *world = *state;
    seal(world, BENCH_METER(1), 1);
    step(world);
    step(world);
    restart(world);
    open_archive(world);
    step(world);
    seal(world, BENCH_METER(1), 2);
    step(world);
    assert_int_equal(read_all(world, NULL), 0);
    assert_int_equal(world->count, 2);
}

static void the_leaves_of_what_a_batch_did_not_seal_come_along(void **state)
{
    struct world *world = *state;
    struct buf leaves = BUF_INIT;
    for (int i = 0; i < 64; i++)
        buf_append_u8(&leaves, (uint8_t)(i / 32 + 1));
    seal(world, BENCH_METER(1), 1);
    assert_int_equal(store_begin(world->bench.store, NULL), 0);
    assert_int_equal(store_batch_put_others(world->bench.store, 1, &leaves, NULL), 0);
    assert_int_equal(store_commit(world->bench.store, NULL), 0);
    buf_free(&leaves);
    step(world);
    assert_int_equal(read_all(world, NULL), 0);
    assert_int_equal(world->count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(world->read[i].kind, ARCHIVED_LEAF);
        assert_int_equal(world->read[i].leaf.b[31], i + 1);
    }
    assert_int_equal(world->read[2].kind, ARCHIVED_REPORT);
}

static void what_a_crash_left_at_the_end_is_cut_off(void **state)
{
    struct world *world = *state;
    seal(world, BENCH_METER(1), 1);
    step(world);
    restart(world);
    for (int i = 0; i < 100; i++)
        put_bytes(world, "a", -1, "half an entry");
    assert_int_equal(read_all(world, NULL), -1);
    open_archive(world);
    seal(world, BENCH_METER(1), 2);
    step(world);
    assert_int_equal(read_all(world, NULL), 0);
    assert_int_equal(world->count, 2);
}

static void a_changed_byte_is_noticed(void **state)
{
    struct world *world = *state;
    struct err err = ERR_INIT;
    seal(world, BENCH_METER(1), 1);
    step(world);
    put_bytes(world, "r+", 130, "x");
    assert_int_equal(read_all(world, &err), -1);
    assert_non_null(strstr(err.text, "checksum"));
    assert_int_equal(world->count, 0);
}

static void an_archive_that_lost_its_end_is_refused(void **state)
{
    struct world *world = *state;
    struct err err = ERR_INIT;
    seal(world, BENCH_METER(1), 1);
    step(world);
    restart(world);
    assert_int_equal(truncate(world->path, 50), 0);
    assert_int_equal(archive_open(&world->archive, world->path, world->bench.store, &err), -1);
    assert_non_null(strstr(err.text, "the store knows of"));
}

static void the_archive_of_a_lost_store_is_kept(void **state)
{
    struct world *world = *state;
    char name[200];
    struct stat kept;
    archive_close(world->archive);
    put_bytes(world, "w", -1, "what another store once wrote");
    open_archive(world);
    seal(world, BENCH_METER(1), 1);
    step(world);
    assert_int_equal(read_all(world, NULL), 0);
    snprintf(name, sizeof(name), "%s.1", world->path);
    assert_int_equal(stat(name, &kept), 0);
    assert_int_equal(kept.st_size, strlen("what another store once wrote"));
}

static void no_archive_is_an_error(void **state)
{
    struct world *world = *state;
    put_bytes(world, "w", -1, "AMRARCH9");
    assert_int_equal(read_all(world, NULL), -1);
    unlink(world->path);
    assert_int_equal(read_all(world, NULL), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sealed_reports_are_read_back_as_they_were),
        TEST(a_report_is_archived_once),
        TEST(the_leaves_of_what_a_batch_did_not_seal_come_along),
        TEST(what_a_crash_left_at_the_end_is_cut_off),
        TEST(a_changed_byte_is_noticed),
        TEST(an_archive_that_lost_its_end_is_refused),
        TEST(the_archive_of_a_lost_store_is_kept),
        TEST(no_archive_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
