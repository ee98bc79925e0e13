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

/* Resets the statement after the last row or a failure. */
static int give_rows(struct db_stmt *stmt, quarantine_row_fn *on_row, void *cookie,
                     uint64_t *ret_count, struct err *err)
{
    int step;
    uint64_t count = 0;
    while ((step = db_step(stmt, err)) == 1) {
        struct quarantine_row row = {
            .id = db_column_u64(stmt, 0),
            .received_ms = db_column_u64(stmt, 1),
            .cause = (enum cause)db_column_u64(stmt, 2),
            .text = db_column_text(stmt, 3),
            .topic = db_column_text(stmt, 4),
            .meter = (uint32_t)db_column_u64(stmt, 5),
            .sequence = (uint32_t)db_column_u64(stmt, 6),
            .released = db_column_u64(stmt, 8) != 0,
        };
        row.payload = db_column_blob(stmt, 7, &row.payload_len);
        on_row(cookie, &row);
        count++;
    }
    if (ret_count != NULL)
        *ret_count = count;
    return step;
}

int store_quarantine_each(struct store *store, quarantine_row_fn *on_row, void *cookie,
                          struct err *err)
{
    return give_rows(db_stmt(store_db(store), QUARANTINE_EACH), on_row, cookie, NULL, err);
}

int store_quarantine_list(struct store *store, const struct quarantine_query *query,
                          quarantine_row_fn *on_row, void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_LIST);
    db_bind_u64(stmt, 0, query->before != 0 ? query->before : INT64_MAX);
    db_bind_u64(stmt, 1, query->cause);
    db_bind_u64(stmt, 2, query->meter);
    db_bind_u64(stmt, 3, query->limit);
    return give_rows(stmt, on_row, cookie, NULL, err);
}

int store_quarantine_get(struct store *store, uint64_t id, bool *ret_found,
                         quarantine_row_fn *on_row, void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_GET);
    uint64_t count = 0;
    db_bind_u64(stmt, 0, id);
    int result = give_rows(stmt, on_row, cookie, &count, err);
    *ret_found = count > 0;
    return result;
}

int store_quarantine_release(struct store *store, uint64_t id, bool *ret_asked, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_RELEASE);
    db_bind_u64(stmt, 0, id);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_asked = db_changes(store_db(store)) > 0;
    return 0;
}

int store_quarantine_released(struct store *store, uint32_t limit, quarantine_row_fn *on_row,
                              void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_RELEASED);
    db_bind_u64(stmt, 0, limit);
    return give_rows(stmt, on_row, cookie, NULL, err);
}

int store_quarantine_remove(struct store *store, uint64_t id, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), QUARANTINE_REMOVE);
    db_bind_u64(stmt, 0, id);
    return db_run(stmt, err);
}
