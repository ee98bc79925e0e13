#include "chain-bridge/store_report.h"

#include <stdio.h>

#include "chain-bridge/report_blob.h"
#include "chain-bridge/schema.h"

static int read_row(struct db_stmt *stmt, struct report_row *ret_row, struct err *err)
{
    uint32_t meter = (uint32_t)db_column_u64(stmt, 1);
    uint32_t sequence = (uint32_t)db_column_u64(stmt, 2);
    ret_row->id = db_column_u64(stmt, 0);
    ret_row->state = (enum report_state)db_column_u64(stmt, 3);
    ret_row->received_ms = db_column_u64(stmt, 4);
    if (db_column_bytes(stmt, 5, ret_row->digest.b, sizeof(ret_row->digest.b), err) < 0)
        return -1;
    size_t len;
    const void *body = db_column_blob(stmt, 6, &len);
    ret_row->batch = db_column_is_null(stmt, 7) ? 0 : db_column_u64(stmt, 7);
    ret_row->cause = (enum cause)db_column_u64(stmt, 8);
    if (report_blob_decode(&ret_row->report, meter, sequence, body, len, err) < 0)
        return err_wrap(err, "meter %u sequence %u", (unsigned)meter, (unsigned)sequence);
    return 0;
}

static int find(struct store *store, enum store_statement id, struct report_row *ret_row,
                bool *ret_found, uint32_t meter, uint32_t sequence, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), id);
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, sequence);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_found = row == 1;
    if (row == 0)
        return 0;
    int got = read_row(stmt, ret_row, err);
    db_reset(stmt);
    return got;
}

int store_report_find(struct store *store, struct report_row *ret_row, bool *ret_found,
                      uint32_t meter, uint32_t sequence, struct err *err)
{
    return find(store, REPORT_FIND, ret_row, ret_found, meter, sequence, err);
}

int store_report_before(struct store *store, struct report_row *ret_row, bool *ret_found,
                        uint32_t meter, uint32_t sequence, struct err *err)
{
    return find(store, REPORT_BEFORE, ret_row, ret_found, meter, sequence, err);
}

int store_report_after(struct store *store, struct report_row *ret_row, bool *ret_found,
                       uint32_t meter, uint32_t sequence, struct err *err)
{
    return find(store, REPORT_AFTER, ret_row, ret_found, meter, sequence, err);
}

int store_report_add(struct store *store, const struct report_row *row, struct err *err)
{
    struct buf body = BUF_INIT;
    report_blob_encode(&body, &row->report);
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_ADD);
    db_bind_u64(stmt, 0, row->report.meter);
    db_bind_u64(stmt, 1, row->report.sequence);
    db_bind_u64(stmt, 2, row->state);
    db_bind_u64(stmt, 3, row->received_ms);
    db_bind_u64(stmt, 4, row->report.count);
    db_bind_blob(stmt, 5, row->digest.b, sizeof(row->digest.b));
    db_bind_blob(stmt, 6, body.data, body.len);
    db_bind_u64(stmt, 7, row->cause);
    buf_free(&body);
    return db_run(stmt, err);
}

int store_report_resign(struct store *store, uint64_t id, const struct report *report,
                        struct err *err)
{
    struct buf body = BUF_INIT;
    report_blob_encode(&body, report);
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_RESIGN);
    db_bind_blob(stmt, 0, body.data, body.len);
    db_bind_u64(stmt, 1, id);
    buf_free(&body);
    return db_run(stmt, err);
}

int store_report_drop_waiting(struct store *store, uint32_t meter, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_DROP_WAITING);
    db_bind_u64(stmt, 0, meter);
    return db_run(stmt, err);
}

int store_report_reject(struct store *store, uint64_t id, enum cause cause, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_REJECT);
    db_bind_u64(stmt, 0, cause);
    db_bind_u64(stmt, 1, id);
    return db_run(stmt, err);
}

static int each(struct db_stmt *stmt, bool (*on_row)(void *cookie, const struct report_row *row),
                void *cookie, struct err *err)
{
    struct report_row row;
    for (;;) {
        int step = db_step(stmt, err);
        if (step <= 0)
            return step;
        if (read_row(stmt, &row, err) < 0) {
            db_reset(stmt);
            return -1;
        }
        if (!on_row(cookie, &row)) {
            db_reset(stmt);
            return 0;
        }
    }
}

static int each_waiting(struct db_stmt *stmt,
                        bool (*on_row)(void *cookie, const struct waiting_row *row), void *cookie,
                        struct err *err)
{
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        struct waiting_row row = {.id = db_column_u64(stmt, 0),
                                  .meter = (uint32_t)db_column_u64(stmt, 1),
                                  .sequence = (uint32_t)db_column_u64(stmt, 2),
                                  .received_ms = db_column_u64(stmt, 3)};
        if (!on_row(cookie, &row)) {
            db_reset(stmt);
            return 0;
        }
    }
    return step;
}

int store_report_waiting(struct store *store,
                         bool (*on_row)(void *cookie, const struct waiting_row *row), void *cookie,
                         struct err *err)
{
    return each_waiting(db_stmt(store_db(store), REPORT_WAITING), on_row, cookie, err);
}

int store_report_waiting_of(struct store *store, uint32_t meter, uint32_t sequence,
                            bool (*on_row)(void *cookie, const struct waiting_row *row),
                            void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_WAITING_OF);
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, sequence);
    return each_waiting(stmt, on_row, cookie, err);
}

int store_report_unfinished(struct store *store, uint64_t *ret_batch, uint32_t meter,
                            struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_UNFINISHED);
    db_bind_u64(stmt, 0, meter);
    if (db_step(stmt, err) < 0)
        return -1;
    *ret_batch = db_column_is_null(stmt, 0) ? 0 : db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

int store_report_get(struct store *store, struct report_row *ret_row, uint64_t id, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_GET);
    db_bind_u64(stmt, 0, id);
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    if (step == 0)
        return err_set(err, "store has no report %llu", (unsigned long long)id);
    int got = read_row(stmt, ret_row, err);
    db_reset(stmt);
    return got;
}

int store_report_of_batch(struct store *store, uint64_t batch,
                          bool (*on_row)(void *cookie, const struct report_row *row), void *cookie,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_OF_BATCH);
    db_bind_u64(stmt, 0, batch);
    return each(stmt, on_row, cookie, err);
}

int store_report_oldest(struct store *store, uint64_t *ret_received_ms, bool *ret_found,
                        struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_OLDEST);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_found = row == 1;
    if (row == 1) {
        *ret_received_ms = db_column_u64(stmt, 0);
        db_reset(stmt);
    }
    return 0;
}

int store_report_next(struct store *store, uint32_t *ret_sequence, enum report_state *ret_state,
                      bool *ret_found, uint32_t meter, uint32_t sequence, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_NEXT);
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, sequence);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_found = row == 1;
    if (row == 1) {
        *ret_sequence = (uint32_t)db_column_u64(stmt, 0);
        *ret_state = (enum report_state)db_column_u64(stmt, 1);
        db_reset(stmt);
    }
    return 0;
}

int store_report_missing(struct store *store, uint32_t *ret_sequence, uint32_t meter, uint32_t from,
                         struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_MISSING);
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, from);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_sequence = row == 1 ? (uint32_t)db_column_u64(stmt, 0) : from;
    if (row == 1)
        db_reset(stmt);
    return 0;
}

int store_report_unarchived(struct store *store,
                            bool (*on_row)(void *cookie, const struct report_row *row),
                            void *cookie, struct err *err)
{
    return each(db_stmt(store_db(store), REPORT_UNARCHIVED), on_row, cookie, err);
}

int store_archive_length(struct store *store, uint64_t *ret_length, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), ARCHIVE_GET);
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    *ret_length = step == 1 ? db_column_u64(stmt, 0) : 0;
    if (step == 1)
        db_reset(stmt);
    return 0;
}

static int add_archived(struct store *store, const uint64_t *reports, size_t count, uint64_t length,
                        struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct db_stmt *stmt = db_stmt(store_db(store), REPORT_ARCHIVED);
        db_bind_u64(stmt, 0, reports[i]);
        if (db_run(stmt, err) < 0)
            return -1;
    }
    struct db_stmt *stmt = db_stmt(store_db(store), ARCHIVE_PUT);
    db_bind_u64(stmt, 0, length);
    return db_run(stmt, err);
}

int store_archive_add(struct store *store, const uint64_t *reports, size_t count, uint64_t length,
                      struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    if (add_archived(store, reports, count, length, err) < 0 || store_commit(store, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return 0;
}

int store_report_counts(struct store *store, struct store_counts *ret_counts, struct err *err)
{
    struct store_counts counts = {0};
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_COUNTS);
    int row;
    while ((row = db_step(stmt, err)) == 1) {
        uint64_t state = db_column_u64(stmt, 0);
        if (state > REPORT_REJECTED)
            continue;
        counts.reports[state] = db_column_u64(stmt, 1);
        counts.readings[state] = db_column_u64(stmt, 2);
    }
    if (row == 0)
        *ret_counts = counts;
    return row;
}

int store_meter_of_serial(struct store *store, uint32_t *ret_meter, bool *ret_found,
                          const char *serial, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), METER_OF_SERIAL);
    db_bind_text(stmt, 0, serial);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_found = row == 1;
    if (row == 1) {
        *ret_meter = (uint32_t)db_column_u64(stmt, 0);
        db_reset(stmt);
    }
    return 0;
}

int store_meter_get(struct store *store, struct meter_row *ret_row, uint32_t meter, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), METER_GET);
    db_bind_u64(stmt, 0, meter);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_row = (struct meter_row){0};
    if (row == 1) {
        snprintf(ret_row->serial, sizeof(ret_row->serial), "%s", db_column_text(stmt, 0));
        ret_row->claimed = (uint32_t)db_column_u64(stmt, 1);
        ret_row->open = (uint32_t)db_column_u64(stmt, 2);
        db_reset(stmt);
    }
    return 0;
}

int store_meter_put(struct store *store, uint32_t meter, const char *serial, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), METER_PUT);
    db_bind_u64(stmt, 0, meter);
    db_bind_text(stmt, 1, serial);
    return db_run(stmt, err);
}

int store_meter_put_open(struct store *store, uint32_t meter, uint32_t open, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), METER_PUT_OPEN);
    db_bind_u64(stmt, 0, open);
    db_bind_u64(stmt, 1, meter);
    return db_run(stmt, err);
}

int store_meter_claim(struct store *store, uint32_t meter, uint32_t sequence, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), METER_CLAIM);
    db_bind_u64(stmt, 0, sequence);
    db_bind_u64(stmt, 1, meter);
    return db_run(stmt, err);
}
