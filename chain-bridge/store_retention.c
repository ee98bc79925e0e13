#include "chain-bridge/store_retention.h"

#include <stdbool.h>

#include "chain-bridge/schema.h"

/* Statements of the form "... before ? ... LIMIT ?". */
static int forget(struct store *store, enum store_statement id,
                  const struct store_retention *retention, uint64_t *ret_count, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), id);
    db_bind_u64(stmt, 0, retention->before_ms);
    db_bind_u64(stmt, 1, retention->limit);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_count = db_changes(store_db(store));
    return 0;
}

static int forget_attempts(struct store *store, const struct store_retention *retention,
                           struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), ATTEMPT_FORGET);
    db_bind_u64(stmt, 0, retention->limit);
    return db_run(stmt, err);
}

/* The last batch of the next stretch; 0: there is none, begin anew. */
static int stretch_end(struct store *store, const struct store_retention *retention,
                       uint64_t *ret_last, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_STRETCH);
    db_bind_u64(stmt, 0, retention->batch);
    db_bind_u64(stmt, 1, retention->limit);
    if (db_step(stmt, err) < 0)
        return -1;
    *ret_last = db_column_is_null(stmt, 0) ? 0 : db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

static int forget_batches(struct store *store, struct store_retention *retention,
                          uint64_t *ret_count, struct err *err)
{
    uint64_t last;
    if (stretch_end(store, retention, &last, err) < 0)
        return -1;
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_FORGET);
    db_bind_u64(stmt, 0, retention->batch);
    db_bind_u64(stmt, 1, last);
    db_bind_u64(stmt, 2, retention->before_ms);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_count = db_changes(store_db(store));
    retention->batch = last;
    return 0;
}

static int forget_all(struct store *store, struct store_retention *retention,
                      struct store_forgotten *forgotten, struct err *err)
{
    if (forget(store, REPORT_FORGET, retention, &forgotten->reports, err) < 0 ||
        forget(store, REPORT_FORGET_REFUSED, retention, &forgotten->refused, err) < 0 ||
        forget_batches(store, retention, &forgotten->batches, err) < 0 ||
        forget(store, TX_FORGET, retention, &forgotten->transactions, err) < 0)
        return -1;
    return forget_attempts(store, retention, err);
}

int store_retain(struct store *store, struct store_retention *retention,
                 struct store_forgotten *ret_forgotten, struct err *err)
{
    struct store_retention next = *retention;
    struct store_forgotten forgotten = {0};
    if (store_begin(store, err) < 0)
        return -1;
    if (forget_all(store, &next, &forgotten, err) < 0 || store_commit(store, err) < 0) {
        store_rollback(store);
        return -1;
    }
    *retention = next;
    *ret_forgotten = forgotten;
    return 0;
}
