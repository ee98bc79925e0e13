#include "chain-bridge/store_web.h"

#include <stdio.h>
#include <string.h>

#include "chain-bridge/schema.h"

int store_event_add(struct store *store, const struct event_row *row, bool *ret_new,
                    struct err *err)
{
    const struct meter_event *event = &row->event;
    struct db_stmt *stmt = db_stmt(store_db(store), EVENT_ADD);
    db_bind_u64(stmt, 0, event->meter);
    db_bind_u64(stmt, 1, event->sequence);
    db_bind_u64(stmt, 2, event->timestamp_s);
    db_bind_u64(stmt, 3, event->code);
    db_bind_u64(stmt, 4, row->received_ms);
    db_bind_blob(stmt, 5, event->signature.b, sizeof(event->signature.b));
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_new = db_changes(store_db(store)) > 0;
    stmt = db_stmt(store_db(store), EVENT_TRIM);
    db_bind_u64(stmt, 0, event->meter);
    db_bind_u64(stmt, 1, EVENTS_PER_METER_MAX);
    return db_run(stmt, err);
}

int store_event_each(struct store *store, uint32_t meter, uint64_t before, uint32_t limit,
                     bool (*on_row)(void *cookie, const struct event_row *row), void *cookie,
                     struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), EVENT_EACH);
    int step;
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, before ? before : INT64_MAX);
    db_bind_u64(stmt, 2, limit);
    while ((step = db_step(stmt, err)) == 1) {
        struct event_row row = {.event = {.meter = meter,
                                          .sequence = (uint32_t)db_column_u64(stmt, 0),
                                          .timestamp_s = (uint32_t)db_column_u64(stmt, 1),
                                          .code = (uint16_t)db_column_u64(stmt, 2)},
                                .received_ms = db_column_u64(stmt, 3)};
        if (!on_row(cookie, &row)) {
            db_reset(stmt);
            return 0;
        }
    }
    return step;
}

static int add_token(struct store *store, uint64_t *ret_id, const struct token_row *row,
                     const struct eth_hash *hash, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TOKEN_ADD);
    db_bind_text(stmt, 0, row->name);
    db_bind_u64(stmt, 1, row->role);
    db_bind_blob(stmt, 2, hash->b, sizeof(hash->b));
    db_bind_u64(stmt, 3, row->created_s);
    db_bind_text(stmt, 4, row->created_by);
    db_bind_u64(stmt, 5, row->expires_s);
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    if (step == 0)
        return err_set(err, "there is a token '%s' already", row->name);
    *ret_id = db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

static int finish(struct store *store, int result, struct err *err)
{
    if (result == 0 && store_commit(store, err) == 0)
        return 0;
    store_rollback(store);
    return -1;
}

int store_token_add(struct store *store, uint64_t *ret_id, const struct token_row *row,
                    const struct eth_hash *hash, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    return finish(store, add_token(store, ret_id, row, hash, err), err);
}

static struct token_row read_token(struct db_stmt *stmt)
{
    struct token_row row = {.id = db_column_u64(stmt, 0),
                            .role = (unsigned)db_column_u64(stmt, 2),
                            .created_s = db_column_u64(stmt, 3),
                            .expires_s = db_column_u64(stmt, 5),
                            .used_s = db_column_u64(stmt, 6)};
    snprintf(row.name, sizeof(row.name), "%s", db_column_text(stmt, 1));
    snprintf(row.created_by, sizeof(row.created_by), "%s", db_column_text(stmt, 4));
    return row;
}

int store_token_find(struct store *store, struct token_row *ret_row, bool *ret_found,
                     const struct eth_hash *hash, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TOKEN_FIND);
    db_bind_blob(stmt, 0, hash->b, sizeof(hash->b));
    int step = db_step(stmt, err);
    *ret_found = step == 1;
    if (step == 1) {
        *ret_row = read_token(stmt);
        db_reset(stmt);
    }
    return step < 0 ? -1 : 0;
}

int store_token_used(struct store *store, uint64_t id, uint64_t now_s, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    struct db_stmt *stmt = db_stmt(store_db(store), TOKEN_USED);
    db_bind_u64(stmt, 0, now_s);
    db_bind_u64(stmt, 1, id);
    return finish(store, db_run(stmt, err), err);
}

int store_token_drop(struct store *store, uint64_t id, bool *ret_found, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    struct db_stmt *stmt = db_stmt(store_db(store), TOKEN_DROP);
    db_bind_u64(stmt, 0, id);
    int result = db_run(stmt, err);
    *ret_found = result == 0 && db_changes(store_db(store)) > 0;
    return finish(store, result, err);
}

int store_token_each(struct store *store, void (*on_row)(void *cookie, const struct token_row *row),
                     void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TOKEN_EACH);
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        struct token_row row = read_token(stmt);
        on_row(cookie, &row);
    }
    return step;
}

int store_batch_each(struct store *store, uint64_t before, uint32_t limit,
                     bool (*on_row)(void *cookie, const struct batch_item *row), void *cookie,
                     struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_EACH);
    int step;
    db_bind_u64(stmt, 0, before ? before : INT64_MAX);
    db_bind_u64(stmt, 1, limit);
    while ((step = db_step(stmt, err)) == 1) {
        struct batch_item row = {.id = db_column_u64(stmt, 0), .sealed_ms = db_column_u64(stmt, 1)};
        bool failed = store_batch_get(store, &row.batch, row.id, err) < 0;
        if (failed || !on_row(cookie, &row)) {
            db_reset(stmt);
            return failed ? -1 : 0;
        }
    }
    return step;
}

int store_batch_by_root(struct store *store, struct batch_item *ret_row, bool *ret_found,
                        const struct eth_hash *root, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_BY_ROOT);
    db_bind_blob(stmt, 0, root->b, sizeof(root->b));
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    *ret_found = step == 1;
    if (step == 0)
        return 0;
    ret_row->id = db_column_u64(stmt, 0);
    ret_row->sealed_ms = db_column_u64(stmt, 1);
    db_reset(stmt);
    return store_batch_get(store, &ret_row->batch, ret_row->id, err);
}

int store_batch_nonce(struct store *store, uint64_t batch, uint64_t *ret_nonce, bool *ret_found,
                      struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TX_OF_BATCH);
    db_bind_u64(stmt, 0, batch);
    int step = db_step(stmt, err);
    *ret_found = step == 1;
    if (step == 1) {
        *ret_nonce = db_column_u64(stmt, 0);
        db_reset(stmt);
    }
    return step < 0 ? -1 : 0;
}
