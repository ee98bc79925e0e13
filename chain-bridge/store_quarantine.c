#include "chain-bridge/store_quarantine.h"

#include "chain-bridge/schema.h"

int store_quarantine_add(struct store *store, const struct quarantine_row *row, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_ADD);
    db_bind_u64(stmt, 0, row->received_ms);
    db_bind_u64(stmt, 1, row->cause);
    db_bind_text(stmt, 2, row->text);
    db_bind_text(stmt, 3, row->topic);
    db_bind_u64(stmt, 4, row->meter);
    db_bind_u64(stmt, 5, row->sequence);
    db_bind_blob(stmt, 6, row->payload, row->payload_len);
    return db_run(stmt, err);
}

int store_quarantine_trim(struct store *store, uint64_t keep, uint64_t *ret_deleted,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_TRIM);
    db_bind_u64(stmt, 0, keep);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_deleted = db_changes(store_db(store));
    return 0;
}

int store_quarantine_count(struct store *store, uint64_t *ret_count, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_COUNT);
    if (db_step(stmt, err) < 0)
        return -1;
    *ret_count = db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

int store_quarantine_each(struct store *store,
                          void (*on_row)(void *cookie, const struct quarantine_row *row),
                          void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_EACH);
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        struct quarantine_row row = {
            .received_ms = db_column_u64(stmt, 0),
            .cause = (enum cause)db_column_u64(stmt, 1),
            .text = db_column_text(stmt, 2),
            .topic = db_column_text(stmt, 3),
            .meter = (uint32_t)db_column_u64(stmt, 4),
            .sequence = (uint32_t)db_column_u64(stmt, 5),
        };
        row.payload = db_column_blob(stmt, 6, &row.payload_len);
        on_row(cookie, &row);
    }
    return step;
}
