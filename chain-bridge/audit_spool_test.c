#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/audit_spool.h"
#include "chain-bridge/report_blob.h"

#define BATCHES 50
#define REPORTS 4000

static struct archived report_of(uint32_t sequence)
{
    return (struct archived){
        .kind = ARCHIVED_REPORT,
        .report = {.meter = 65537,
                   .sequence = sequence,
                   .count = 1,
                   .readings = {{1000 + sequence, sequence, 0, 0}},
                   .signature.b[64] = 27},
    };
}

static size_t batch_of(uint32_t sequence)
{
    return sequence * 7919u % BATCHES;
}

static struct audit_spool *filled(uint32_t from, uint32_t to)
{
    struct audit_spool *spool = audit_spool_new(BATCHES, NULL);
    assert_non_null(spool);
    for (uint32_t i = from; i != to; i += from < to ? 1 : UINT32_MAX) {
        struct archived archived = report_of(i);
        assert_int_equal(audit_spool_add(spool, batch_of(i), &archived, NULL), 0);
    }
    return spool;
}

static void reports_are_found_by_their_batch(void **state)
{
    struct audit_spool *spool = filled(1, REPORTS);
    size_t seen = 0;
    (void)state;
    assert_int_equal(audit_spool_sort(spool, NULL), 0);
    for (size_t batch = 0; batch < BATCHES; batch++) {
        struct buf data = BUF_INIT;
        struct audit_entry entry;
        assert_int_equal(audit_spool_load(spool, &data, batch, NULL), 0);
        for (size_t at = 0; at < data.len;) {
            struct report report;
            size_t len = audit_entry_take(&entry, data.data + at, data.len - at);
            assert_true(len > 0 && !entry.is_leaf);
            assert_int_equal(report_blob_decode(&report, entry.meter, entry.sequence, entry.data,
                                                entry.len, NULL),
                             0);
            assert_int_equal(batch_of(report.sequence), batch);
            assert_int_equal(report.readings[0].import_wh, report.sequence);
            at += len;
            seen++;
        }
        buf_free(&data);
    }
    assert_int_equal(seen, REPORTS - 1);
    audit_spool_free(spool);
}

static void leaves_come_back_as_leaves(void **state)
{
    struct audit_spool *spool = audit_spool_new(2, NULL);
    struct archived archived = {.kind = ARCHIVED_LEAF, .leaf = {{1, 2, 3}}};
    struct audit_entry entry;
    struct buf data = BUF_INIT;
    (void)state;
    assert_int_equal(audit_spool_add(spool, 1, &archived, NULL), 0);
    assert_int_equal(audit_spool_sort(spool, NULL), 0);
    assert_int_equal(audit_spool_load(spool, &data, 0, NULL), 0);
    assert_int_equal(data.len, 0);
    assert_int_equal(audit_spool_load(spool, &data, 1, NULL), 0);
    assert_int_equal(audit_entry_take(&entry, data.data, data.len), data.len);
    assert_true(entry.is_leaf);
    assert_memory_equal(entry.data, archived.leaf.b, 32);
    assert_int_equal(audit_entry_take(&entry, data.data, data.len - 1), 0);
    buf_free(&data);
    audit_spool_free(spool);
}

static void the_digest_knows_content_not_order(void **state)
{
    struct audit_spool *rising = filled(1, 200);
    struct audit_spool *falling = filled(199, 0);
    struct audit_spool *more = filled(1, 201);
    struct eth_hash a, b, c;
    size_t changed = batch_of(200);
    (void)state;
    audit_spool_digest(rising, &a, BATCHES);
    audit_spool_digest(falling, &b, BATCHES);
    audit_spool_digest(more, &c, BATCHES);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_memory_not_equal(&a, &c, sizeof(a));
    audit_spool_digest(rising, &a, changed);
    audit_spool_digest(more, &c, changed);
    assert_memory_equal(&a, &c, sizeof(a));
    audit_spool_free(rising);
    audit_spool_free(falling);
    audit_spool_free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_are_found_by_their_batch),
        cmocka_unit_test(leaves_come_back_as_leaves),
        cmocka_unit_test(the_digest_knows_content_not_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
