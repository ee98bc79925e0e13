#include "chain-bridge/archive_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain-bridge/report_blob.h"
#include "common/buf.h"
#include "common/payload.h"

struct world {
    char path[64];
    struct buf file;
    size_t entry; /* where the entry under way begins */
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    snprintf(world->path, sizeof(world->path), "/tmp/archive-reader-XXXXXX");
    close(mkstemp(world->path));
    buf_append(&world->file, ARCHIVE_MAGIC, ARCHIVE_MAGIC_LEN);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    unlink(world->path);
    buf_free(&world->file);
    free(world);
    return 0;
}

static struct report make_report(uint32_t sequence)
{
    struct report report = {.meter = 65537, .sequence = sequence, .count = 1};
    report.readings[0] = (struct reading){.timestamp_s = 1000 * sequence, .import_wh = sequence};
    memset(report.signature.b, 0x11, 64);
    report.signature.b[64] = 27;
    return report;
}

static void begin_entry(struct world *world, uint8_t root)
{
    world->entry = world->file.len;
    buf_append_be(&world->file, 0, 4);
    for (int i = 0; i < 64; i++)
        buf_append_u8(&world->file, i < 32 ? root : 0x77);
    buf_append_be(&world->file, 9, 8);
    buf_append_be(&world->file, 3, 8);
}

static void add_blob(struct world *world, uint32_t meter, uint32_t sequence, const struct buf *blob)
{
    buf_append_be(&world->file, meter, 4);
    buf_append_be(&world->file, sequence, 4);
    buf_append_be(&world->file, blob->len, 4);
    buf_append(&world->file, blob->data, blob->len);
}

static void add_report(struct world *world, uint32_t sequence)
{
    struct buf blob = BUF_INIT;
    struct report report = make_report(sequence);
    report_blob_encode(&blob, &report);
    add_blob(world, report.meter, sequence, &blob);
    buf_free(&blob);
}

static void add_leaf(struct world *world, uint8_t byte)
{
    struct buf leaf = BUF_INIT;
    for (int i = 0; i < 32; i++)
        buf_append_u8(&leaf, byte);
    add_blob(world, 0, 0, &leaf);
    buf_free(&leaf);
}

static void end_entry(struct world *world)
{
    uint8_t sum[ARCHIVE_SUM_LEN];
    struct buf *file = &world->file;
    uint32_t len = (uint32_t)(file->len - world->entry - 4);
    for (int i = 0; i < 4; i++)
        file->data[world->entry + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
    archive_sum(sum, file->data + world->entry, len + 4);
    buf_append(file, sum, sizeof(sum));
}

static struct archive_reader *open_file(struct world *world)
{
    struct archive_reader *reader = NULL;
    FILE *file = fopen(world->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(world->file.data, 1, world->file.len, file), world->file.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(archive_reader_open(&reader, world->path, NULL), 0);
    return reader;
}

static void expect_report(struct archive_reader *reader, uint8_t root, uint32_t sequence)
{
    struct archived got;
    struct report report = make_report(sequence);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 1);
    assert_int_equal(got.kind, ARCHIVED_REPORT);
    assert_int_equal(got.batch.root.b[31], root);
    assert_int_equal(got.batch.transaction.b[0], 0x77);
    assert_int_equal(got.batch.block, 9);
    assert_true(report_equal(&got.report, &report));
}

/* The file must be refused, after `good` reports, with this text. */
static void expect_refusal(struct world *world, size_t good, const char *text)
{
    struct err err = ERR_INIT;
    struct archived got;
    struct archive_reader *reader = open_file(world);
    for (size_t i = 0; i < good; i++)
        assert_int_equal(archive_reader_next(reader, &got, NULL), 1);
    assert_int_equal(archive_reader_next(reader, &got, &err), -1);
    assert_int_equal(archive_reader_next(reader, &got, NULL),
                     0); /* and it does not go on for ever */
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, world->path));
    archive_reader_close(reader);
}

static void reports_and_leaves_come_with_their_batch(void **state)
{
    struct world *world = *state;
    struct archived got;
    begin_entry(world, 1);
    add_leaf(world, 0x55);
    add_report(world, 1);
    add_report(world, 2);
    end_entry(world);
    begin_entry(world, 2);
    end_entry(world);
    begin_entry(world, 3);
    add_report(world, 3);
    end_entry(world);
    struct archive_reader *reader = open_file(world);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 1);
    assert_int_equal(got.kind, ARCHIVED_LEAF);
    assert_int_equal(got.leaf.b[31], 0x55);
    assert_int_equal(got.batch.number, 3);
    expect_report(reader, 1, 1);
    expect_report(reader, 1, 2);
    expect_report(reader, 3, 3);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 0);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 0);
    assert_int_equal(archive_reader_torn(reader), 0);
    archive_reader_close(reader);
}

static void a_copy_that_ends_within_an_entry_ends_at_the_last_whole_one(void **state)
{
    struct world *world = *state;
    begin_entry(world, 1);
    add_report(world, 1);
    end_entry(world);
    size_t whole = world->file.len;
    begin_entry(world, 2);
    add_report(world, 2);
    end_entry(world);
    for (size_t len = whole + 1; len < world->file.len; len++) {
        struct archived got;
        struct world copy = *world;
        copy.file.len = len;
        struct archive_reader *reader = open_file(&copy);
        expect_report(reader, 1, 1);
        assert_int_equal(archive_reader_next(reader, &got, NULL), 0);
        assert_int_equal(archive_reader_torn(reader), len - whole);
        archive_reader_close(reader);
    }
}

static void any_flipped_bit_is_noticed(void **state)
{
    struct world *world = *state;
    begin_entry(world, 1);
    add_report(world, 1);
    end_entry(world);
    for (size_t at = ARCHIVE_MAGIC_LEN; at < world->file.len; at++) {
        struct archived got;
        world->file.data[at] ^= 1;
        struct archive_reader *reader = open_file(world);
        int result = archive_reader_next(reader, &got, NULL);
        assert_true(result == -1 || (result == 0 && archive_reader_torn(reader) > 0));
        archive_reader_close(reader);
        world->file.data[at] ^= 1;
    }
}

static void what_comes_after_a_damaged_entry_is_read(void **state)
{
    struct world *world = *state;
    struct archived got;
    begin_entry(world, 1);
    add_report(world, 1);
    end_entry(world);
    world->file.data[world->file.len - 1] ^= 1;
    begin_entry(world, 2);
    add_report(world, 2);
    end_entry(world);
    struct archive_reader *reader = open_file(world);
    assert_int_equal(archive_reader_next(reader, &got, NULL), -1);
    expect_report(reader, 2, 2);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 0);
    archive_reader_close(reader);
}

static void an_entry_that_claims_to_be_huge_is_refused(void **state)
{
    struct world *world = *state;
    buf_append_be(&world->file, ARCHIVE_ENTRY_MAX + 1, 4);
    expect_refusal(world, 0, "no entry has this length");
}

static void a_report_longer_than_its_entry_is_refused(void **state)
{
    struct world *world = *state;
    begin_entry(world, 1);
    buf_append_be(&world->file, 65537, 4);
    buf_append_be(&world->file, 1, 4);
    buf_append_be(&world->file, 1000, 4);
    end_entry(world);
    expect_refusal(world, 0, "longer than its entry");
}

static void what_is_neither_archive_nor_json_is_refused(void **state)
{
    struct world *world = *state;
    struct err err = ERR_INIT;
    struct archive_reader *reader = NULL;
    assert_int_equal(archive_reader_open(&reader, world->path, &err), -1); /* empty */
    assert_non_null(strstr(err.text, "neither"));
    unlink(world->path);
    assert_int_equal(archive_reader_open(&reader, world->path, &err), -1);
    assert_non_null(strstr(err.text, "No such file"));
}

static void put_line(struct world *world, const char *before, uint32_t sequence, const char *after)
{
    struct report report = make_report(sequence);
    buf_printf(&world->file, "%s", before);
    payload_report_print(&world->file, &report);
    buf_printf(&world->file, "%s\n", after);
}

#define HASH(digit) "0x" digit digit digit digit digit digit digit digit
#define ROOT        "\"batch\":\"" HASH("01010101") "\",\"tx\":\"" HASH("77777777") "\",\"block\":9"

static void a_meters_export_is_read_and_what_is_not_sealed_told(void **state)
{
    struct world *world = *state;
    struct archived got;
    buf_clear(&world->file);
    put_line(world, "{\"report\":", 1, ",\"state\":\"sealed\"," ROOT "}");
    put_line(world, "{\"report\":", 2, ",\"state\":\"stored\"}");
    put_line(world, "{\"report\":", 3, ",\"state\":\"sealed\"," ROOT "}");
    struct archive_reader *reader = open_file(world);
    expect_report(reader, 1, 1);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 1);
    assert_int_equal(got.kind, ARCHIVED_WAITING);
    assert_int_equal(got.report.sequence, 2);
    assert_int_equal(got.batch.root.b[0], 0);
    expect_report(reader, 1, 3);
    assert_int_equal(archive_reader_tell(reader), world->file.len);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 0);
    archive_reader_close(reader);
}

static void what_print_archive_prints_is_read(void **state)
{
    struct world *world = *state;
    struct archived got;
    buf_clear(&world->file);
    put_line(world, "{" ROOT ",\"number\":3,\"report\":", 1, "}");
    buf_printf(&world->file, "{" ROOT ",\"leaf\":\"" HASH("55555555") "\"}\n");
    struct archive_reader *reader = open_file(world);
    expect_report(reader, 1, 1);
    assert_int_equal(archive_reader_next(reader, &got, NULL), 1);
    assert_int_equal(got.kind, ARCHIVED_LEAF);
    assert_int_equal(got.leaf.b[0], 0x55);
    archive_reader_close(reader);
}

static void a_bad_line_is_named(void **state)
{
    struct world *world = *state;
    buf_clear(&world->file);
    put_line(world, "{\"report\":", 1, ",\"state\":\"sealed\"," ROOT "}");
    buf_printf(&world->file, "{\"report\":{\"v\":1},\"state\":\"sealed\"," ROOT "}\n");
    expect_refusal(world, 1, "line 2");
}

static void a_line_without_an_end_is_refused(void **state)
{
    struct world *world = *state;
    buf_clear(&world->file);
    buf_append_u8(&world->file, '{');
    for (int i = 0; i < 100000; i++)
        buf_append_u8(&world->file, ' ');
    expect_refusal(world, 0, "too long");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reports_and_leaves_come_with_their_batch),
        TEST(a_copy_that_ends_within_an_entry_ends_at_the_last_whole_one),
        TEST(any_flipped_bit_is_noticed),
        TEST(what_comes_after_a_damaged_entry_is_read),
        TEST(an_entry_that_claims_to_be_huge_is_refused),
        TEST(a_report_longer_than_its_entry_is_refused),
        TEST(what_is_neither_archive_nor_json_is_refused),
        TEST(a_meters_export_is_read_and_what_is_not_sealed_told),
        TEST(what_print_archive_prints_is_read),
        TEST(a_bad_line_is_named),
        TEST(a_line_without_an_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
