#include "meter-client/meter_store.h"

#include <stdlib.h>
#include <string.h>

#include "meter-client/meter_store_internal.h"

static int make_identity(struct db *db, const struct meter_store_identity *identity,
                         struct err *err)
{
    struct db_stmt *stmt = db_stmt(db, MAKE_IDENTITY);

    db_bind_text(stmt, 0, identity->serial);
    db_bind_u64(stmt, 1, identity->meter);
    db_bind_u64(stmt, 2, identity->chain_id);
    db_bind_blob(stmt, 3, identity->contract.b, sizeof(identity->contract.b));
    db_bind_blob(stmt, 4, identity->signer.b, sizeof(identity->signer.b));
    return db_run(stmt, err);
}

static int check_identity(struct meter_store *store, const struct meter_store_identity *identity,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_IDENTITY);
    struct eth_address contract;
    struct eth_address signer;
    bool same;
    int row = db_step(stmt, err);

    if (row < 0)
        return -1;
    if (row == 0)
        return make_identity(store->db, identity, err);
    if (db_column_bytes(stmt, 3, contract.b, sizeof(contract.b), err) ||
        db_column_bytes(stmt, 4, signer.b, sizeof(signer.b), err)) {
        db_reset(stmt);
        return -1;
    }
    same = strcmp(db_column_text(stmt, 0), identity->serial) == 0 &&
           db_column_u64(stmt, 1) == identity->meter &&
           db_column_u64(stmt, 2) == identity->chain_id &&
           eth_address_equal(&contract, &identity->contract);
    store->other_signer = !eth_address_equal(&signer, &identity->signer);
    store->session = (uint32_t)db_column_u64(stmt, 5);
    store->interval_s = (uint32_t)db_column_u64(stmt, 6);
    db_reset(stmt);
    return same ? 0
                : err_set(err, "the meter store belongs to another meter, chain or contract: "
                               "use another file");
}

static int query_u32(struct meter_store *store, enum statement statement, uint32_t *ret_value,
                     struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, statement);
    int row = db_step(stmt, err);

    if (row < 0)
        return -1;
    *ret_value = row && !db_column_is_null(stmt, 0) ? (uint32_t)db_column_u64(stmt, 0) : 0;
    db_reset(stmt);
    return 0;
}

static int count_by(struct meter_store *store, enum statement statement,
                    struct meter_store_counts *counts, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, statement);
    uint32_t pending;
    int row;

    counts->reports[REPORT_QUEUED] = 0;
    counts->reports[REPORT_STORED] = 0;
    counts->readings_open = 0;
    while ((row = db_step(stmt, err)) > 0) {
        uint64_t state = db_column_u64(stmt, 0);

        if (state > REPORT_REJECTED)
            continue;
        counts->reports[state] = db_column_u64(stmt, 1);
        if (state <= REPORT_STORED)
            counts->readings_open += db_column_u64(stmt, 2);
    }
    if (row < 0 || query_u32(store, COUNT_PENDING, &pending, err))
        return -1;
    counts->readings_open += pending;
    return 0;
}

/** Reads the whole table: at opening and after pruning only. */
static int load_counts(struct meter_store *store, struct err *err)
{
    memset(&store->counts, 0, sizeof(store->counts));
    return count_by(store, COUNT_STATES, &store->counts, err);
}

int meter_store_update_counts(struct meter_store *store, enum report_state state, uint64_t changed,
                              struct err *err)
{
    struct meter_store_counts *counts = &store->counts;
    uint64_t total = 0;

    for (int i = 0; i <= REPORT_REJECTED; i++)
        total += counts->reports[i];
    if (count_by(store, COUNT_OPEN, counts, err))
        return -1;
    if (state == REPORT_SEALED)
        counts->reports[REPORT_SEALED] += changed;
    counts->reports[REPORT_REJECTED] = total - counts->reports[REPORT_QUEUED] -
                                       counts->reports[REPORT_STORED] -
                                       counts->reports[REPORT_SEALED];
    return 0;
}

static int load(struct meter_store *store, const struct meter_store_identity *identity,
                struct err *err)
{
    struct db_stmt *stmt;

    if (check_identity(store, identity, err) ||
        query_u32(store, LAST_SEQUENCE, &store->next_sequence, err) ||
        query_u32(store, LAST_EVENT, &store->next_event, err) || load_counts(store, err))
        return -1;
    store->next_sequence++;
    store->next_event++;
    store->session++;
    stmt = db_stmt(store->db, SET_SESSION);
    db_bind_u64(stmt, 0, store->session);
    return db_run(stmt, err);
}

int meter_store_open(struct meter_store **ret_store, const char *path,
                     const struct meter_store_identity *identity, struct err *err)
{
    struct meter_store *store = xcalloc(1, sizeof(*store));

    if (db_open(&store->db, path, DB_OWNER, meter_store_schema(), err) ||
        load(store, identity, err)) {
        meter_store_close(store);
        return -1;
    }
    *ret_store = store;
    return 0;
}

void meter_store_close(struct meter_store *store)
{
    if (!store)
        return;
    db_close(store->db);
    free(store);
}

uint32_t meter_store_session(const struct meter_store *store)
{
    return store->session;
}

int meter_store_interval(struct meter_store *store, uint32_t *ret_before_s, uint32_t interval_s,
                         struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, SET_INTERVAL);
    uint32_t before_s = store->interval_s;

    db_bind_u64(stmt, 0, interval_s);
    if (before_s != interval_s && db_run(stmt, err))
        return -1;
    store->interval_s = interval_s;
    *ret_before_s = before_s;
    return 0;
}
int meter_store_next_payload(struct meter_store *store, enum statement statement,
                             uint32_t *ret_sequence, struct buf *payload, uint32_t after,
                             struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, statement);
    int row;

    db_bind_u64(stmt, 0, after);
    row = db_step(stmt, err);
    if (row <= 0)
        return row;
    *ret_sequence = (uint32_t)db_column_u64(stmt, 0);
    buf_printf(payload, "%s", db_column_text(stmt, 1));
    db_reset(stmt);
    return 1;
}

int meter_store_prune(struct meter_store *store, uint32_t before_s, struct err *err)
{
    static const enum statement PRUNES[] = {PRUNE_REPORTS, PRUNE_EVENTS};

    for (size_t i = 0; i < AMR_COUNT(PRUNES); i++) {
        struct db_stmt *stmt = db_stmt(store->db, PRUNES[i]);

        db_bind_u64(stmt, 0, before_s);
        if (db_run(stmt, err))
            return -1;
    }
    return load_counts(store, err);
}

int meter_store_counts(struct meter_store *store, struct meter_store_counts *ret_counts,
                       struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, COUNT_PENDING);
    uint32_t oldest_s = 0;

    if (db_step(stmt, err) != 1)
        return -1;
    if (!db_column_is_null(stmt, 1))
        oldest_s = (uint32_t)db_column_u64(stmt, 1);
    db_reset(stmt);
    for (uint64_t state = REPORT_QUEUED; state <= REPORT_STORED; state++) {
        int row;

        stmt = db_stmt(store->db, OLDEST_OPEN);
        db_bind_u64(stmt, 0, state);
        row = db_step(stmt, err);
        if (row < 0)
            return -1;
        if (row && (oldest_s == 0 || db_column_u64(stmt, 0) < oldest_s))
            oldest_s = (uint32_t)db_column_u64(stmt, 0);
        db_reset(stmt);
    }
    *ret_counts = store->counts;
    ret_counts->oldest_s = oldest_s;
    return 0;
}
/* EXPORT */

static void copy_hash(struct eth_hash *hash, struct db_stmt *stmt, int column)
{
    size_t len = 0;
    const void *bytes = db_column_is_null(stmt, column) ? NULL : db_column_blob(stmt, column, &len);

    memset(hash, 0, sizeof(*hash));
    if (bytes && len == sizeof(hash->b))
        memcpy(hash->b, bytes, len);
}

int meter_store_export(const char *path,
                       void (*on_row)(void *cookie, const struct meter_store_row *row),
                       void *cookie, struct err *err)
{
    struct db *db = NULL;
    struct db_stmt *stmt;
    int row;

    if (db_open(&db, path, DB_READ_ONLY, meter_store_schema(), err))
        return -1;
    stmt = db_stmt(db, ALL_REPORTS);
    while ((row = db_step(stmt, err)) > 0) {
        struct meter_store_row out = {.sequence = (uint32_t)db_column_u64(stmt, 0),
                                      .state = (enum report_state)db_column_u64(stmt, 1),
                                      .payload = db_column_text(stmt, 2),
                                      .block = db_column_u64(stmt, 5)};

        copy_hash(&out.batch, stmt, 3);
        copy_hash(&out.transaction, stmt, 4);
        out.cause = db_column_is_null(stmt, 6) ? NULL : db_column_text(stmt, 6);
        on_row(cookie, &out);
    }
    db_close(db);
    return row;
}
