#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ctl_history.h"

#define TIMES 16

/* Readings that the history handed on: meter * 1000 + import_wh. */
struct seen {
    uint64_t keys[TIMES];
    size_t count;
};

static int on_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct seen *seen = cookie;
    (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        if (batch->reasons[i] != 0)
            continue;
        assert_true(seen->count < TIMES);
        seen->keys[seen->count++] =
            (uint64_t)meter_number(record->meter) * 1000 + record->reading.import_wh;
    }
    return 0;
}

static struct chain_log in_transaction(uint8_t number)
{
    struct chain_log log = {.block = number};
    log.transaction.b[0] = number;
    return log;
}

struct row {
    uint16_t number;
    uint32_t time;
    uint64_t import_wh;
    uint8_t refused; /* with this reason; 0: taken */
};

/* A batch as the contract tells it: refusals first, in order, then the records. */
static int feed(struct history *history, uint8_t transaction, const struct row *rows, size_t count,
                uint32_t told_rejected, struct err *err)
{
    struct record records[TIMES];
    struct buf packed = BUF_INIT;
    struct chain_log log = in_transaction(transaction);
    struct ledger_event batch = {.kind = LEDGER_BATCH_SUBMITTED, .group = 1, .number = transaction};
    int result = 0;
    batch.root.b[0] = transaction;
    for (size_t i = 0; i < count; i++) {
        records[i] =
            (struct record){65536u + rows[i].number, {rows[i].time, rows[i].import_wh, 0, 0}};
        struct ledger_event refusal = {.kind = LEDGER_READING_REJECTED,
                                       .root = batch.root,
                                       .meter = records[i].meter,
                                       .timestamp_s = rows[i].time,
                                       .reason = rows[i].refused};
        if (rows[i].refused != 0 && history_event(history, &refusal, &log, err) != 0)
            result = -1;
    }
    assert_int_equal(records_pack(&packed, records, count, err), 0);
    batch.records = (struct abi_view){packed.data, packed.len};
    batch.rejected = told_rejected;
    batch.accepted = (uint32_t)count - told_rejected;
    if (history_event(history, &batch, &log, err) != 0)
        result = -1;
    buf_free(&packed);
    return result;
}

static void refused_readings_are_left_out(void **state)
{
    static const struct row ROWS[] = {
        {1, 1000, 10, 0},
        {1, 1010, 5, LEDGER_REASON_ROLLBACK},
        {2, 1000, 20, 0},
        {3, 1000, 30, LEDGER_REASON_UNKNOWN},
    };
    static const struct row NEXT[] = {{1, 1020, 11, 0}};
    (void)state;
    struct seen seen = {.count = 0};
    struct history *history = history_new(on_batch, &seen);
    assert_int_equal(feed(history, 1, ROWS, AMR_COUNT(ROWS), 2, NULL), 0);
    assert_int_equal(feed(history, 2, NEXT, 1, 0, NULL), 0);
    assert_int_equal(history_end(history, NULL), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.keys[0], 1010);
    assert_int_equal(seen.keys[1], 2020);
    assert_int_equal(seen.keys[2], 1011);
    history_free(history);
}

static void of_two_readings_of_one_time_the_taken_one_is_found(void **state)
{
    static const struct row ROWS[] = {
        {1, 1000, 5, LEDGER_REASON_ROLLBACK},
        {1, 1000, 20, 0},
        {2, 1000, 30, 0},
        {2, 1000, 40, LEDGER_REASON_STALE},
        {3, 1000, 50, LEDGER_REASON_STALE},
        {3, 1000, 60, LEDGER_REASON_STALE},
        {4, 1000, 5, LEDGER_REASON_ROLLBACK},
        {4, 1000, 70, 0},
        {4, 1000, 71, LEDGER_REASON_STALE},
    };
    (void)state;
    struct seen seen = {.count = 0};
    struct history *history = history_new(on_batch, &seen);
    assert_int_equal(feed(history, 1, ROWS, AMR_COUNT(ROWS), 6, NULL), 0);
    assert_int_equal(history_end(history, NULL), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.keys[0], 1020);
    assert_int_equal(seen.keys[1], 2030);
    assert_int_equal(seen.keys[2], 4070);
    history_free(history);
}

static void counts_that_do_not_add_up_are_refused(void **state)
{
    static const struct row ROWS[] = {{1, 1000, 10, 0}, {2, 1000, 20, LEDGER_REASON_STALE}};
    (void)state;
    struct seen seen = {.count = 0};
    struct err err = ERR_INIT;
    struct history *history = history_new(on_batch, &seen);
    assert_int_equal(feed(history, 1, ROWS, 2, 0, NULL), 0);
    assert_int_equal(history_end(history, &err), -1);
    assert_non_null(strstr(err.text, "batch 1 of group 1"));
    history_free(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_readings_are_left_out),
        cmocka_unit_test(of_two_readings_of_one_time_the_taken_one_is_found),
        cmocka_unit_test(counts_that_do_not_add_up_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
