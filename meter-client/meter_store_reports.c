#include "meter-client/meter_store_reports.h"

#include <string.h>

#include "meter-client/meter_store_internal.h"

/* READINGS AND REPORTS */

static int get_last(struct meter_store *store, enum statement statement,
                    struct reading *ret_reading, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, statement);
    int row = db_step(stmt, err);

    if (row <= 0)
        return row;
    memset(ret_reading, 0, sizeof(*ret_reading));
    ret_reading->timestamp_s = (uint32_t)db_column_u64(stmt, 0);
    ret_reading->import_wh = db_column_u64(stmt, 1);
    ret_reading->export_wh = db_column_u64(stmt, 2);
    db_reset(stmt);
    return 1;
}

int meter_store_last(struct meter_store *store, struct reading *ret_reading, struct err *err)
{
    int row = get_last(store, LAST_PENDING, ret_reading, err);

    if (row == 0)
        row = get_last(store, LAST_REPORT, ret_reading, err);
    if (row == 0)
        memset(ret_reading, 0, sizeof(*ret_reading));
    return row < 0 ? -1 : 0;
}

int meter_store_add_reading(struct meter_store *store, const struct reading *reading,
                            struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, ADD_READING);

    db_bind_u64(stmt, 0, reading->timestamp_s);
    db_bind_u64(stmt, 1, reading->import_wh);
    db_bind_u64(stmt, 2, reading->export_wh);
    db_bind_u64(stmt, 3, reading->quality);
    if (db_run(stmt, err))
        return -1;
    store->counts.readings_open++;
    return 0;
}

int meter_store_pending(struct meter_store *store, struct reading *ret_readings,
                        uint32_t *ret_count, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_PENDING);
    uint32_t count = 0;
    int row;

    db_bind_u64(stmt, 0, REPORT_READINGS_MAX);
    while ((row = db_step(stmt, err)) > 0) {
        struct reading *reading = &ret_readings[count++];

        reading->timestamp_s = (uint32_t)db_column_u64(stmt, 0);
        reading->import_wh = db_column_u64(stmt, 1);
        reading->export_wh = db_column_u64(stmt, 2);
        reading->quality = (uint8_t)db_column_u64(stmt, 3);
    }
    if (row < 0)
        return -1;
    *ret_count = count;
    return 0;
}

uint32_t meter_store_next_sequence(const struct meter_store *store)
{
    return store->next_sequence;
}

void meter_store_skip(struct meter_store *store, uint32_t last)
{
    if (last >= store->next_sequence && last < UINT32_MAX)
        store->next_sequence = last + 1;
}

static int insert_report(struct meter_store *store, const struct report *report, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, ADD_REPORT);
    const struct reading *last = &report->readings[report->count - 1];
    struct buf payload = BUF_INIT;
    int rc;

    payload_report_print(&payload, report);
    db_bind_u64(stmt, 0, report->sequence);
    db_bind_u64(stmt, 1, report->count);
    db_bind_u64(stmt, 2, report->readings[0].timestamp_s);
    db_bind_u64(stmt, 3, last->timestamp_s);
    db_bind_u64(stmt, 4, last->import_wh);
    db_bind_u64(stmt, 5, last->export_wh);
    db_bind_text(stmt, 6, buf_str(&payload));
    rc = db_run(stmt, err);
    buf_free(&payload);
    return rc;
}

int meter_store_add_report(struct meter_store *store, const struct report *report, struct err *err)
{
    struct db_stmt *clear = db_stmt(store->db, CLEAR_PENDING);
    uint64_t cleared;

    db_bind_u64(clear, 0, report->readings[report->count - 1].timestamp_s);
    if (db_begin(store->db, err))
        return -1;
    if (db_run(clear, err))
        goto fail;
    cleared = db_changes(store->db);
    if (insert_report(store, report, err) || db_commit(store->db, err))
        goto fail;
    store->next_sequence = report->sequence + 1;
    store->counts.reports[REPORT_QUEUED]++;
    store->counts.readings_open += report->count - cleared;
    return 0;
fail:
    db_rollback(store->db);
    return -1;
}
int meter_store_next_queued(struct meter_store *store, uint32_t *ret_sequence, struct buf *payload,
                            uint32_t after, struct err *err)
{
    return meter_store_next_payload(store, NEXT_QUEUED, ret_sequence, payload, after, err);
}

int meter_store_count_queued(struct meter_store *store, uint64_t *ret_count, uint32_t last,
                             struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, COUNT_QUEUED);

    db_bind_u64(stmt, 0, last);
    if (db_step(stmt, err) != 1)
        return -1;
    *ret_count = db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

/* RECEIPTS */

static struct db_stmt *bind_receipt(struct meter_store *store, const struct receipt *receipt,
                                    uint32_t now_s)
{
    struct db_stmt *stmt;
    int next;

    if (receipt->status == RECEIPT_STORED) {
        stmt = db_stmt(store->db, MARK_STORED);
        db_bind_u64(stmt, 0, now_s);
        next = 1;
    } else if (receipt->status == RECEIPT_SEALED) {
        stmt = db_stmt(store->db, MARK_SEALED);
        db_bind_blob(stmt, 0, receipt->batch.b, sizeof(receipt->batch.b));
        db_bind_blob(stmt, 1, receipt->transaction.b, sizeof(receipt->transaction.b));
        db_bind_u64(stmt, 2, receipt->block);
        next = 3;
    } else {
        stmt = db_stmt(store->db, MARK_REJECTED);
        db_bind_text(stmt, 0, cause_text(receipt->cause));
        next = 1;
    }
    db_bind_u64(stmt, next, receipt->first);
    db_bind_u64(stmt, next + 1, receipt->last);
    return stmt;
}

int meter_store_apply(struct meter_store *store, uint64_t *ret_changed,
                      const struct receipt *receipt, uint32_t now_s, struct err *err)
{
    if (db_run(bind_receipt(store, receipt, now_s), err))
        return -1;
    *ret_changed = db_changes(store->db);
    if (*ret_changed == 0)
        return 0;
    return meter_store_update_counts(
        store, receipt->status == RECEIPT_SEALED ? REPORT_SEALED : REPORT_STORED, *ret_changed,
        err);
}

int meter_store_requeue(struct meter_store *store, uint64_t *ret_changed, uint32_t before_s,
                        struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, REQUEUE);

    db_bind_u64(stmt, 0, before_s);
    if (db_run(stmt, err))
        return -1;
    *ret_changed = db_changes(store->db);
    store->counts.reports[REPORT_QUEUED] += *ret_changed;
    store->counts.reports[REPORT_STORED] -= *ret_changed;
    return 0;
}

int meter_store_requeue_range(struct meter_store *store, uint64_t *ret_changed, uint32_t first,
                              uint32_t last, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, REQUEUE_RANGE);

    db_bind_u64(stmt, 0, first);
    db_bind_u64(stmt, 1, last);
    if (db_run(stmt, err))
        return -1;
    *ret_changed = db_changes(store->db);
    store->counts.reports[REPORT_QUEUED] += *ret_changed;
    store->counts.reports[REPORT_STORED] -= *ret_changed;
    return 0;
}

int meter_store_first_open(struct meter_store *store, uint32_t *ret_sequence, uint32_t first,
                           struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, FIRST_OPEN);

    db_bind_u64(stmt, 0, first);
    if (db_step(stmt, err) != 1)
        return -1;
    *ret_sequence =
        db_column_is_null(stmt, 0) ? store->next_sequence : (uint32_t)db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

static int move_report(struct meter_store *store, struct report *report, uint32_t next,
                       void (*sign)(void *cookie, struct report *report), void *cookie,
                       struct err *err)
{
    struct db_stmt *reject = db_stmt(store->db, MARK_REJECTED);

    db_bind_text(reject, 0, cause_text(CAUSE_CONFLICT));
    db_bind_u64(reject, 1, report->sequence);
    db_bind_u64(reject, 2, report->sequence);
    if (db_run(reject, err))
        return -1;
    report->sequence = next;
    sign(cookie, report);
    return insert_report(store, report, err);
}

static int move_reports(struct meter_store *store, uint64_t *ret_moved, uint32_t first,
                        uint32_t next, void (*sign)(void *cookie, struct report *report),
                        void *cookie, struct err *err)
{
    struct buf payload = BUF_INIT;
    uint32_t end = next;
    uint32_t sequence = first - 1;
    int found;

    while ((found = meter_store_next_queued(store, &sequence, &payload, sequence, err)) > 0 &&
           sequence < end) {
        struct report report;

        if (next == UINT32_MAX || payload_report_parse(&report, payload.data, payload.len, err) ||
            move_report(store, &report, next++, sign, cookie, err)) {
            found = -1;
            break;
        }
        buf_clear(&payload);
    }
    buf_free(&payload);
    *ret_moved = next - end;
    return found < 0 ? -1 : 0;
}

int meter_store_renumber(struct meter_store *store, uint64_t *ret_moved, uint32_t first,
                         uint32_t next, void (*sign)(void *cookie, struct report *report),
                         void *cookie, struct err *err)
{
    uint64_t moved = 0;

    if (first == 0 || next < store->next_sequence)
        return err_set(err, "reports cannot be numbered anew from %u", (unsigned)next);
    if (db_begin(store->db, err))
        return -1;
    if (move_reports(store, &moved, first, next, sign, cookie, err) || db_commit(store->db, err)) {
        db_rollback(store->db);
        return -1;
    }
    if (moved)
        store->next_sequence = next + (uint32_t)moved;
    store->counts.reports[REPORT_REJECTED] += moved;
    *ret_moved = moved;
    return 0;
}
