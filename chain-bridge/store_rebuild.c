#include "chain-bridge/store_rebuild.h"

#include "chain-bridge/report_blob.h"
#include "chain-bridge/schema.h"

int store_rebuild_batch(struct store *store, bool *ret_added, const struct archived_batch *batch,
                        uint64_t now_ms, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REBUILD_BATCH);
    db_bind_u64(stmt, 0, batch->number);
    db_bind_blob(stmt, 1, batch->root.b, sizeof(batch->root.b));
    db_bind_u64(stmt, 2, now_ms);
    db_bind_blob(stmt, 3, batch->transaction.b, sizeof(batch->transaction.b));
    db_bind_u64(stmt, 4, batch->block);
    db_bind_u64(stmt, 5, batch->number);
    db_bind_u64(stmt, 6, now_ms);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_added = db_changes(store_db(store)) == 1;
    return 0;
}

int store_rebuild_report(struct store *store, const struct report_row *row, struct err *err)
{
    struct buf body = BUF_INIT;
    report_blob_encode(&body, &row->report);
    struct db_stmt *stmt = db_stmt(store_db(store), REBUILD_REPORT);
    db_bind_u64(stmt, 0, row->report.meter);
    db_bind_u64(stmt, 1, row->report.sequence);
    db_bind_u64(stmt, 2, row->received_ms);
    db_bind_u64(stmt, 3, row->report.count);
    db_bind_blob(stmt, 4, row->digest.b, sizeof(row->digest.b));
    db_bind_blob(stmt, 5, body.data, body.len);
    db_bind_u64(stmt, 6, row->batch);
    buf_free(&body);
    if (db_run(stmt, err) < 0)
        return -1;
    stmt = db_stmt(store_db(store), REBUILD_METER);
    db_bind_u64(stmt, 0, row->report.meter);
    db_bind_u64(stmt, 1, row->report.sequence);
    return db_run(stmt, err);
}

int store_rebuild_count(struct store *store, struct err *err)
{
    return db_run(db_stmt(store_db(store), REBUILD_COUNT), err);
}

int store_rebuild_each(struct store *store, bool (*on_batch)(void *cookie, uint64_t batch),
                       void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), REBUILD_EACH);
    int step;
    while ((step = db_step(stmt, err)) == 1)
        if (!on_batch(cookie, db_column_u64(stmt, 0))) {
            db_reset(stmt);
            return 0;
        }
    return step;
}
