#include "chain-bridge/store_batch.h"

#include "chain-bridge/schema.h"
#include "chain-bridge/store_report.h"

static int add_attempt(struct store *store, uint64_t nonce, const struct tx_attempt *attempt,
                       struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), ATTEMPT_ADD);
    db_bind_u64(stmt, 0, nonce);
    db_bind_blob(stmt, 1, attempt->hash.b, sizeof(attempt->hash.b));
    db_bind_u64(stmt, 2, attempt->tip_wei);
    db_bind_u64(stmt, 3, attempt->max_fee_wei);
    db_bind_u64(stmt, 4, attempt->created_ms);
    return db_run(stmt, err);
}

static int add_batch(struct store *store, const struct batch_claim *claim, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_ADD);
    db_bind_u64(stmt, 0, claim->tx.batch);
    db_bind_blob(stmt, 1, claim->root.b, sizeof(claim->root.b));
    db_bind_u64(stmt, 2, claim->report_count);
    db_bind_u64(stmt, 3, claim->readings);
    db_bind_u64(stmt, 4, claim->attempt.created_ms);
    return db_run(stmt, err);
}

static int add_tx(struct store *store, const struct tx_row *tx, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TX_ADD);
    db_bind_u64(stmt, 0, tx->nonce);
    db_bind_u64(stmt, 1, tx->batch);
    db_bind_u64(stmt, 2, tx->gas_limit);
    db_bind_blob(stmt, 3, tx->data.data, tx->data.len);
    db_bind_blob(stmt, 4, tx->raw.data, tx->raw.len);
    db_bind_u64(stmt, 5, tx->kind);
    db_bind_u64(stmt, 6, tx->meter);
    db_bind_u64(stmt, 7, tx->command);
    return db_run(stmt, err);
}

int store_tx_add(struct store *store, const struct tx_row *tx, const struct tx_attempt *attempt,
                 struct err *err)
{
    if (add_tx(store, tx, err) < 0)
        return -1;
    return add_attempt(store, tx->nonce, attempt, err);
}

/* An id that belongs to nothing yet: one above the last. */
static int next_batch_id(struct store *store, uint64_t *ret_id, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_LAST);
    if (db_step(stmt, err) < 0)
        return -1;
    *ret_id = (db_column_is_null(stmt, 0) ? 0 : db_column_u64(stmt, 0)) + 1;
    db_reset(stmt);
    return 0;
}

static int set_batch_state(struct store *store, uint64_t batch, enum batch_state state,
                           struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_STATE);
    db_bind_u64(stmt, 0, state);
    db_bind_u64(stmt, 1, batch);
    return db_run(stmt, err);
}

static int claim_report(struct store *store, const struct batch_claim *claim, size_t i,
                        struct err *err)
{
    const struct claim_report *report = &claim->reports[i];
    bool split = claim->split_of != 0;
    struct db_stmt *stmt = db_stmt(store_db(store), split ? REPORT_MOVE : REPORT_CLAIM);
    db_bind_u64(stmt, 0, claim->tx.batch);
    db_bind_u64(stmt, 1, report->id);
    if (db_run(stmt, err) < 0)
        return -1;
    if (db_changes(store_db(store)) != 1)
        return err_set(err, "claim: report %llu is not waiting", (unsigned long long)report->id);
    bool last = i + 1 == claim->report_count || claim->reports[i + 1].meter != report->meter;
    if (split || !last)
        return 0;
    return store_meter_claim(store, report->meter, report->sequence, err);
}

static int claim_all(struct store *store, struct batch_claim *claim, struct err *err)
{
    if (next_batch_id(store, &claim->tx.batch, err) < 0 || add_batch(store, claim, err) < 0 ||
        store_tx_add(store, &claim->tx, &claim->attempt, err) < 0)
        return -1;
    for (size_t i = 0; i < claim->report_count; i++)
        if (claim_report(store, claim, i, err) < 0)
            return -1;
    return 0;
}

/* Ends a transaction begun by the caller according to how its work went. */
static int finish(struct store *store, int result, struct err *err)
{
    if (result == 0)
        result = store_commit(store, err);
    if (result < 0)
        store_rollback(store);
    return result;
}

int store_batch_claim(struct store *store, struct batch_claim *claim, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    return finish(store, claim_all(store, claim, err), err);
}

static int unclaim(struct store *store, uint32_t meter, uint32_t claimed, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), METER_UNCLAIM);
    db_bind_u64(stmt, 0, claimed);
    db_bind_u64(stmt, 1, meter);
    return db_run(stmt, err);
}

static int take_back(struct store *store, enum store_statement id, const struct report_row *row,
                     struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), id);
    db_bind_u64(stmt, 0, row->id);
    if (db_run(stmt, err) < 0)
        return -1;
    return unclaim(store, row->report.meter, row->report.sequence - 1, err);
}

int store_batch_release(struct store *store, const struct report_row *row, struct err *err)
{
    return take_back(store, REPORT_RELEASE, row, err);
}

int store_batch_forget(struct store *store, const struct report_row *row, struct err *err)
{
    return take_back(store, REPORT_DELETE, row, err);
}

static int release_all(struct store *store, const struct batch_claim *claim, uint32_t claimed,
                       struct err *err)
{
    for (size_t i = 0; i < claim->report_count; i++) {
        struct db_stmt *stmt = db_stmt(store_db(store), REPORT_RELEASE);
        db_bind_u64(stmt, 0, claim->reports[i].id);
        if (db_run(stmt, err) < 0)
            return -1;
    }
    return unclaim(store, claim->reports[0].meter, claimed, err);
}

static int split(struct store *store, struct batch_claim *a, struct batch_claim *b, struct err *err)
{
    uint32_t claimed = a->reports[a->report_count - 1].sequence;
    if (claim_all(store, a, err) < 0 ||
        (b->tx.data.len ? claim_all(store, b, err) : release_all(store, b, claimed, err)) < 0)
        return -1;
    return set_batch_state(store, a->split_of, BATCH_SPLIT, err);
}

int store_batch_split(struct store *store, struct batch_claim *a, struct batch_claim *b,
                      struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    return finish(store, split(store, a, b, err), err);
}

static int replace(struct store *store, uint64_t nonce, const struct buf *raw,
                   const struct tx_attempt *attempt, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TX_REPLACE);
    db_bind_blob(stmt, 0, raw->data, raw->len);
    db_bind_u64(stmt, 1, nonce);
    if (db_run(stmt, err) < 0)
        return -1;
    return add_attempt(store, nonce, attempt, err);
}

int store_tx_replace(struct store *store, uint64_t nonce, const struct buf *raw,
                     const struct tx_attempt *attempt, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    return finish(store, replace(store, nonce, raw, attempt, err), err);
}

static void take_blob(struct buf *out, struct db_stmt *stmt, int column)
{
    size_t len;
    const void *data = db_column_blob(stmt, column, &len);
    buf_append(out, data, len);
}

int store_tx_open(struct store *store, void (*on_tx)(void *cookie, struct tx_row *row),
                  void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TX_OPEN);
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        struct tx_row row = {.nonce = db_column_u64(stmt, 0),
                             .batch = db_column_u64(stmt, 1),
                             .gas_limit = db_column_u64(stmt, 2),
                             .kind = (enum tx_kind)db_column_u64(stmt, 5),
                             .meter = (uint32_t)db_column_u64(stmt, 6),
                             .command = db_column_u64(stmt, 7)};
        take_blob(&row.data, stmt, 3);
        take_blob(&row.raw, stmt, 4);
        on_tx(cookie, &row);
    }
    return step;
}

int store_tx_attempts(struct store *store, uint64_t nonce,
                      void (*on_attempt)(void *cookie, const struct tx_attempt *attempt),
                      void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), ATTEMPT_OF);
    db_bind_u64(stmt, 0, nonce);
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        struct tx_attempt attempt = {.tip_wei = db_column_u64(stmt, 1),
                                     .max_fee_wei = db_column_u64(stmt, 2),
                                     .created_ms = db_column_u64(stmt, 3)};
        if (db_column_bytes(stmt, 0, attempt.hash.b, sizeof(attempt.hash.b), err) < 0) {
            db_reset(stmt);
            return -1;
        }
        on_attempt(cookie, &attempt);
    }
    return step;
}

int store_tx_next_nonce(struct store *store, uint64_t *ret_nonce, bool *ret_any, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TX_LAST_NONCE);
    if (db_step(stmt, err) < 0)
        return -1;
    *ret_any = !db_column_is_null(stmt, 0);
    if (*ret_any)
        *ret_nonce = db_column_u64(stmt, 0) + 1;
    db_reset(stmt);
    return 0;
}

static int read_outcome(struct db_stmt *stmt, struct batch_row *row, struct err *err)
{
    if (db_column_bytes(stmt, 5, row->hash.b, sizeof(row->hash.b), err) < 0)
        return -1;
    row->block = db_column_u64(stmt, 6);
    row->number = db_column_u64(stmt, 7);
    row->gas_used = db_column_u64(stmt, 8);
    row->gas_price_wei = db_column_u64(stmt, 9);
    row->rejected = (uint32_t)db_column_u64(stmt, 10);
    return 0;
}

static int read_batch(struct db_stmt *stmt, struct batch_row *row, struct err *err)
{
    if (db_column_bytes(stmt, 0, row->root.b, sizeof(row->root.b), err) < 0)
        return -1;
    row->state = (enum batch_state)db_column_u64(stmt, 1);
    row->reports = (uint32_t)db_column_u64(stmt, 2);
    row->readings = (uint32_t)db_column_u64(stmt, 3);
    row->created_ms = db_column_u64(stmt, 4);
    return row->state == BATCH_SEALED ? read_outcome(stmt, row, err) : 0;
}

int store_batch_get(struct store *store, struct batch_row *ret_row, uint64_t batch, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_GET);
    db_bind_u64(stmt, 0, batch);
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    if (step == 0)
        return err_set(err, "store has no batch %llu", (unsigned long long)batch);
    struct batch_row row = {0};
    int got = read_batch(stmt, &row, err);
    db_reset(stmt);
    if (got == 0)
        *ret_row = row;
    return got;
}

int store_batch_others(struct store *store, struct buf *ret_leaves, uint64_t batch, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_OTHERS);
    db_bind_u64(stmt, 0, batch);
    int step = db_step(stmt, err);
    if (step == 1) {
        take_blob(ret_leaves, stmt, 0);
        db_reset(stmt);
    }
    return step < 0 ? -1 : 0;
}

int store_batch_put_others(struct store *store, uint64_t batch, const struct buf *leaves,
                           struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_PUT_OTHERS);
    db_bind_blob(stmt, 0, leaves->data, leaves->len);
    db_bind_u64(stmt, 1, batch);
    return db_run(stmt, err);
}

int store_tx_done(struct store *store, uint64_t nonce, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), TX_DONE);
    db_bind_u64(stmt, 0, nonce);
    return db_run(stmt, err);
}

static int put_outcome(struct store *store, uint64_t batch, const struct batch_row *outcome,
                       uint64_t now_ms, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_SEAL);
    db_bind_blob(stmt, 0, outcome->hash.b, sizeof(outcome->hash.b));
    db_bind_u64(stmt, 1, outcome->block);
    db_bind_u64(stmt, 2, outcome->number);
    db_bind_u64(stmt, 3, outcome->gas_used);
    db_bind_u64(stmt, 4, outcome->gas_price_wei);
    db_bind_u64(stmt, 5, outcome->rejected);
    db_bind_u64(stmt, 6, now_ms);
    db_bind_u64(stmt, 7, batch);
    return db_run(stmt, err);
}

int store_batch_seal(struct store *store, uint64_t batch, uint64_t nonce,
                     const struct batch_row *outcome, const struct batch_rejection *rejected,
                     size_t rejected_count, uint64_t now_ms, struct err *err)
{
    for (size_t i = 0; i < rejected_count; i++)
        if (store_report_reject(store, rejected[i].report_id, rejected[i].cause, err) < 0)
            return -1;
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_SEAL_BATCH);
    db_bind_u64(stmt, 0, batch);
    if (db_run(stmt, err) < 0 || put_outcome(store, batch, outcome, now_ms, err) < 0)
        return -1;
    return store_tx_done(store, nonce, err);
}

/* 0: not known yet. */
static int find_root(struct store *store, uint64_t *ret_batch, const struct eth_hash *root,
                     struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_OF_ROOT);
    db_bind_blob(stmt, 0, root->b, sizeof(root->b));
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    *ret_batch = step == 1 ? db_column_u64(stmt, 0) : 0;
    if (step == 1)
        db_reset(stmt);
    return 0;
}

static int add_sealed(struct store *store, uint64_t *ret_batch, const struct batch_row *batch,
                      uint64_t now_ms, struct err *err)
{
    if (next_batch_id(store, ret_batch, err) < 0)
        return -1;
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_ADD_SEALED);
    db_bind_u64(stmt, 0, *ret_batch);
    db_bind_blob(stmt, 1, batch->root.b, sizeof(batch->root.b));
    db_bind_u64(stmt, 2, now_ms);
    db_bind_blob(stmt, 3, batch->hash.b, sizeof(batch->hash.b));
    db_bind_u64(stmt, 4, batch->block);
    db_bind_u64(stmt, 5, batch->number);
    db_bind_u64(stmt, 6, now_ms);
    return db_run(stmt, err);
}

int store_batch_seal_elsewhere(struct store *store, uint64_t report_id,
                               const struct batch_row *batch, uint64_t now_ms, struct err *err)
{
    uint64_t id;
    if (find_root(store, &id, &batch->root, err) < 0 ||
        (id == 0 && add_sealed(store, &id, batch, now_ms, err) < 0))
        return -1;
    struct db_stmt *stmt = db_stmt(store_db(store), REPORT_SEAL);
    db_bind_u64(stmt, 0, id);
    db_bind_u64(stmt, 1, report_id);
    return db_run(stmt, err);
}

int store_batch_was_refused(struct store *store, bool *ret_was, const struct eth_hash *root,
                            struct err *err)
{
    uint64_t id;
    struct batch_row row = {0};
    if (find_root(store, &id, root, err) < 0 || (id && store_batch_get(store, &row, id, err) < 0))
        return -1;
    *ret_was = id != 0 && row.rejected != 0;
    return 0;
}

static int halt(struct store *store, uint64_t batch, uint64_t nonce, struct err *err)
{
    if (set_batch_state(store, batch, BATCH_HALTED, err) < 0)
        return -1;
    return store_tx_done(store, nonce, err);
}

int store_batch_halt(struct store *store, uint64_t batch, uint64_t nonce, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    return finish(store, halt(store, batch, nonce, err), err);
}

static int put_back(struct store *store, uint64_t batch, const uint64_t *nonce,
                    uint64_t *ret_reports, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), METER_UNCLAIM_BATCH);
    db_bind_u64(stmt, 0, batch);
    if (db_run(stmt, err) < 0)
        return -1;
    stmt = db_stmt(store_db(store), REPORT_RELEASE_BATCH);
    db_bind_u64(stmt, 0, batch);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_reports = db_changes(store_db(store));
    if (nonce && store_tx_done(store, *nonce, err) < 0)
        return -1;
    return set_batch_state(store, batch, BATCH_SPLIT, err);
}

int store_batch_put_back(struct store *store, uint64_t batch, const uint64_t *nonce,
                         uint64_t *ret_reports, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    return finish(store, put_back(store, batch, nonce, ret_reports, err), err);
}

int store_batch_halted(struct store *store, uint64_t *ret_batch, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), BATCH_FIRST_HALTED);
    if (db_step(stmt, err) < 0)
        return -1;
    *ret_batch = db_column_is_null(stmt, 0) ? 0 : db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

int store_batch_poison(struct store *store, uint64_t batch, uint64_t report_id, struct err *err)
{
    if (store_report_reject(store, report_id, CAUSE_CHAIN, err) < 0)
        return -1;
    return set_batch_state(store, batch, BATCH_SPLIT, err);
}
