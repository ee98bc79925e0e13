#include "chain-bridge/sealed_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain-bridge/ledger.h"
#include "common/attr.h"
#include "common/db.h"
#include "common/merkle.h"
#include "common/record.h"

enum statement {
    BATCH_PUT,
    BATCH_FIND,
    BATCH_COUNT,
    SIGNER_PUT,
    SIGNER_AT,
    READING_PUT,
    READING_TAKE,
    READING_COUNT,
    LEAF_PUT,
    LEAF_EACH,
    BATCH_LACKS,
    LACKING,
    STATEMENTS
};

static const char *const MIGRATIONS[] = {
    "CREATE TABLE batch (number INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, tx BLOB NOT NULL,"
    " block INTEGER NOT NULL, rejected INTEGER NOT NULL);"
    /* since: the number of the first batch for which the address signs */
    "CREATE TABLE signer (meter INTEGER NOT NULL, since INTEGER NOT NULL, address BLOB NOT NULL,"
    " PRIMARY KEY (meter, since)) WITHOUT ROWID;"
    "CREATE TABLE reading (meter INTEGER NOT NULL, time INTEGER NOT NULL, import INTEGER NOT NULL,"
    " export INTEGER NOT NULL, quality INTEGER NOT NULL, number INTEGER NOT NULL,"
    " taken INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (meter, time)) WITHOUT ROWID;"
    "CREATE INDEX reading_left ON reading (number, meter) WHERE taken = 0;"
    "CREATE TABLE leaf (number INTEGER NOT NULL, leaf BLOB NOT NULL, other INTEGER NOT NULL,"
    " PRIMARY KEY (number, leaf)) WITHOUT ROWID"};

static const char *const SQL[STATEMENTS] = {
    [BATCH_PUT] = "INSERT INTO batch VALUES (?, ?, ?, ?, ?)",
    [BATCH_FIND] = "SELECT number, tx, block FROM batch WHERE root = ?",
    [BATCH_COUNT] = "SELECT count(*) FROM batch",
    [SIGNER_PUT] = "INSERT OR REPLACE INTO signer VALUES (?, ?, ?)",
    [SIGNER_AT] = "SELECT address FROM signer WHERE meter = ? AND since <= ?"
                  " ORDER BY since DESC LIMIT 1",
    [READING_PUT] = "INSERT OR IGNORE INTO reading VALUES (?, ?, ?, ?, ?, ?, 0)",
    [READING_TAKE] = "UPDATE reading SET taken = 1 WHERE meter = ? AND time = ? AND import = ?"
                     " AND export = ? AND quality = ? AND number = ? AND taken = 0",
    [READING_COUNT] = "SELECT count(*), total(taken = 0) FROM reading",
    [LEAF_PUT] = "INSERT INTO leaf VALUES (?, ?, ?) ON CONFLICT (number, leaf) DO UPDATE"
                 " SET other = min(other, excluded.other)",
    [LEAF_EACH] = "SELECT leaf, other FROM leaf WHERE number = ?",
    [BATCH_LACKS] = "SELECT root, rejected, EXISTS (SELECT 1 FROM reading INDEXED BY reading_left"
                    " WHERE taken = 0 AND reading.number = batch.number) FROM batch"
                    " WHERE number = ?",
    [LACKING] = "SELECT meter, reading.number, count(*), root, tx, block FROM reading"
                " JOIN batch ON batch.number = reading.number WHERE taken = 0"
                " GROUP BY meter, reading.number ORDER BY meter, reading.number",
};

static const struct db_schema SCHEMA = {.name = "rebuild's scratch file",
                                        .application_id = 0x414d5253, /* "AMRS" */
                                        .migrations = MIGRATIONS,
                                        .migration_count = AMR_COUNT(MIGRATIONS),
                                        .statements = SQL,
                                        .statement_count = AMR_COUNT(SQL)};

struct refused {
    uint32_t meter;
    uint32_t timestamp_s;
};

struct sealed_index {
    struct db *db;
    char *path;
    uint16_t group;
    uint64_t number; /* of the last batch read */
    uint64_t page;   /* blocks a query, learnt */
    /* Of the transaction whose logs are read: */
    struct eth_hash transaction;
    struct refused *refused;
    size_t refused_count;
    size_t refused_used;
    struct err *err;
};

static void remove_files(const char *path)
{
    static const char *const ENDINGS[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < AMR_COUNT(ENDINGS); i++) {
        char *name = xasprintf("%s%s", path, ENDINGS[i]);
        unlink(name);
        free(name);
    }
}

int sealed_index_open(struct sealed_index **ret_index, const char *path, uint16_t group,
                      struct err *err)
{
    struct sealed_index *index = xcalloc(1, sizeof(*index));
    index->path = xstrdup(path);
    index->group = group;
    index->page = 5000;
    remove_files(path);
    if (db_open(&index->db, path, DB_OWNER, &SCHEMA, err) < 0) {
        sealed_index_free(index);
        return -1;
    }
    *ret_index = index;
    return 0;
}

void sealed_index_free(struct sealed_index *index)
{
    if (!index)
        return;
    db_close(index->db);
    remove_files(index->path);
    free(index->refused);
    free(index->path);
    free(index);
}

int sealed_index_begin(struct sealed_index *index, struct err *err)
{
    return db_begin(index->db, err);
}

int sealed_index_end(struct sealed_index *index, struct err *err)
{
    return db_commit(index->db, err);
}

/* --- from the chain --- */

static int put_signer(struct sealed_index *index, uint32_t meter, const struct eth_address *signer,
                      struct err *err)
{
    struct db_stmt *stmt = db_stmt(index->db, SIGNER_PUT);
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, index->number + 1);
    db_bind_blob(stmt, 2, signer->b, sizeof(signer->b));
    return db_run(stmt, err);
}

static int add_signers(struct sealed_index *index, const struct ledger_event *event,
                       struct err *err)
{
    if (meter_group(event->meter) != index->group)
        return 0;
    if (event->kind == LEDGER_SIGNER_ROTATED)
        return put_signer(index, event->meter, &event->account, err);
    for (size_t i = 0; i < ledger_signer_count(event); i++) {
        struct eth_address signer = ledger_signer(event, i);
        if (put_signer(index, event->meter + (uint32_t)i, &signer, err) < 0)
            return -1;
    }
    return 0;
}

static void add_refused(struct sealed_index *index, const struct ledger_event *event)
{
    index->refused = xrealloc(index->refused, (index->refused_count + 1) * sizeof(*index->refused));
    index->refused[index->refused_count++] = (struct refused){event->meter, event->timestamp_s};
}

/* Refusals come in the order of the records. */
static bool was_refused(struct sealed_index *index, const struct record *record)
{
    if (index->refused_used == index->refused_count)
        return false;
    const struct refused *next = &index->refused[index->refused_used];
    if (next->meter != record->meter || next->timestamp_s != record->reading.timestamp_s)
        return false;
    index->refused_used++;
    return true;
}

static int add_reading(void *cookie, const struct record *record)
{
    struct sealed_index *index = cookie;
    const struct reading *reading = &record->reading;
    if (was_refused(index, record))
        return 0;
    struct db_stmt *stmt = db_stmt(index->db, READING_PUT);
    db_bind_u64(stmt, 0, record->meter);
    db_bind_u64(stmt, 1, reading->timestamp_s);
    db_bind_u64(stmt, 2, reading->import_wh);
    db_bind_u64(stmt, 3, reading->export_wh);
    db_bind_u64(stmt, 4, reading->quality);
    db_bind_u64(stmt, 5, index->number);
    return db_run(stmt, index->err);
}

static int add_batch(struct sealed_index *index, const struct ledger_event *event,
                     const struct chain_log *log, struct err *err)
{
    if (event->group != index->group)
        return 0;
    if (event->number != index->number + 1)
        return err_set(err,
                       "the node's logs have batch %llu after %llu: it does not keep them all, or "
                       "start-block is too late",
                       (unsigned long long)event->number, (unsigned long long)index->number);
    index->number = event->number;
    struct db_stmt *stmt = db_stmt(index->db, BATCH_PUT);
    db_bind_u64(stmt, 0, event->number);
    db_bind_blob(stmt, 1, event->root.b, sizeof(event->root.b));
    db_bind_blob(stmt, 2, log->transaction.b, sizeof(log->transaction.b));
    db_bind_u64(stmt, 3, log->block);
    db_bind_u64(stmt, 4, event->rejected);
    if (db_run(stmt, err) < 0)
        return -1;
    index->refused_used = 0;
    index->err = err;
    return records_unpack(event->records.data, event->records.len, event->group, add_reading, index,
                          err);
}

static int on_log(void *cookie, const struct chain_log *log, struct err *err)
{
    struct sealed_index *index = cookie;
    struct ledger_event event;
    if (log->removed)
        return 0;
    if (ledger_event_decode(&event, log, err) < 0)
        return -1;
    if (!eth_hash_equal(&index->transaction, &log->transaction))
        index->refused_count = 0;
    index->transaction = log->transaction;
    if (event.kind == LEDGER_READING_REJECTED)
        add_refused(index, &event);
    else if (event.kind == LEDGER_BATCH_SUBMITTED)
        return add_batch(index, &event, log, err);
    else if (event.kind == LEDGER_METERS_REGISTERED || event.kind == LEDGER_SIGNER_ROTATED)
        return add_signers(index, &event, err);
    return 0;
}

enum chain_result sealed_index_read(struct sealed_index *index, struct chain *chain,
                                    const struct eth_address *contract, uint64_t from, uint64_t to,
                                    struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_METERS_REGISTERED, LEDGER_SIGNER_ROTATED,
                                                   LEDGER_READING_REJECTED, LEDGER_BATCH_SUBMITTED};
    struct eth_hash topics[AMR_COUNT(KINDS)];
    for (size_t i = 0; i < AMR_COUNT(KINDS); i++)
        ledger_topic(&topics[i], KINDS[i]);
    struct chain_log_query query = {.address = *contract,
                                    .topic0 = topics,
                                    .topic0_count = AMR_COUNT(KINDS),
                                    .from = from,
                                    .to = to};
    uint64_t number = index->number;
    if (db_begin(index->db, err) < 0)
        return CHAIN_REFUSED;
    index->refused_count = 0;
    enum chain_result result = chain_logs_paged(chain, &query, &index->page, on_log, index, err);
    if (result == CHAIN_OK && db_commit(index->db, err) == 0)
        return CHAIN_OK;
    db_rollback(index->db);
    index->number = number;
    return result == CHAIN_OK ? CHAIN_REFUSED : result;
}

/* --- against the files --- */

int sealed_index_batch(struct sealed_index *index, struct archived_batch *ret_batch,
                       bool *ret_found, const struct eth_hash *root, struct err *err)
{
    struct db_stmt *stmt = db_stmt(index->db, BATCH_FIND);
    db_bind_blob(stmt, 0, root->b, sizeof(root->b));
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    *ret_found = step == 1;
    if (step == 0)
        return 0;
    struct archived_batch batch = {
        .root = *root, .number = db_column_u64(stmt, 0), .block = db_column_u64(stmt, 2)};
    int got = db_column_bytes(stmt, 1, batch.transaction.b, sizeof(batch.transaction.b), err);
    db_reset(stmt);
    if (got == 0)
        *ret_batch = batch;
    return got;
}

int sealed_index_signer(struct sealed_index *index, struct eth_address *ret_signer, uint32_t meter,
                        uint64_t number, struct err *err)
{
    struct db_stmt *stmt = db_stmt(index->db, SIGNER_AT);
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, number);
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    *ret_signer = (struct eth_address){{0}};
    if (step == 0)
        return 0;
    int got = db_column_bytes(stmt, 0, ret_signer->b, sizeof(ret_signer->b), err);
    db_reset(stmt);
    return got;
}

int sealed_index_take(struct sealed_index *index, const struct report *report, uint64_t number,
                      struct err *err)
{
    for (uint32_t i = 0; i < report->count; i++) {
        const struct reading *reading = &report->readings[i];
        struct db_stmt *stmt = db_stmt(index->db, READING_TAKE);
        db_bind_u64(stmt, 0, report->meter);
        db_bind_u64(stmt, 1, reading->timestamp_s);
        db_bind_u64(stmt, 2, reading->import_wh);
        db_bind_u64(stmt, 3, reading->export_wh);
        db_bind_u64(stmt, 4, reading->quality);
        db_bind_u64(stmt, 5, number);
        if (db_run(stmt, err) < 0)
            return -1;
        if (db_changes(index->db) != 1)
            return err_set(err, "its reading t=%u is not in batch %llu",
                           (unsigned)reading->timestamp_s, (unsigned long long)number);
    }
    return 0;
}

int sealed_index_leaf(struct sealed_index *index, uint64_t number, const struct eth_hash *leaf,
                      bool is_other, struct err *err)
{
    struct db_stmt *stmt = db_stmt(index->db, LEAF_PUT);
    db_bind_u64(stmt, 0, number);
    db_bind_blob(stmt, 1, leaf->b, sizeof(leaf->b));
    db_bind_u64(stmt, 2, is_other);
    return db_run(stmt, err);
}

static int collect_leaves(struct sealed_index *index, struct buf *leaves, struct buf *others,
                          uint64_t number, struct err *err)
{
    struct db_stmt *stmt = db_stmt(index->db, LEAF_EACH);
    struct eth_hash leaf;
    int step;
    db_bind_u64(stmt, 0, number);
    while ((step = db_step(stmt, err)) == 1) {
        if (db_column_bytes(stmt, 0, leaf.b, sizeof(leaf.b), err) < 0) {
            db_reset(stmt);
            return -1;
        }
        buf_append(leaves, leaf.b, sizeof(leaf.b));
        if (db_column_u64(stmt, 1))
            buf_append(others, leaf.b, sizeof(leaf.b));
    }
    return step;
}

static bool make_root(const struct buf *leaves, const struct eth_hash *root)
{
    size_t count = leaves->len / sizeof(struct eth_hash);
    if (count == 0)
        return false;
    struct eth_hash *hashes = xmalloc(leaves->len);
    memcpy(hashes, leaves->data, leaves->len);
    struct merkle_tree *tree = merkle_tree_new(hashes, count);
    bool equal = eth_hash_equal(merkle_root(tree), root);
    merkle_tree_free(tree);
    free(hashes);
    return equal;
}

int sealed_index_prove(struct sealed_index *index, enum sealed_proof *ret_proof,
                       struct buf *ret_others, uint64_t number, struct err *err)
{
    struct buf leaves = BUF_INIT;
    struct eth_hash root;
    struct db_stmt *stmt = db_stmt(index->db, BATCH_LACKS);
    db_bind_u64(stmt, 0, number);
    int step = db_step(stmt, err);
    if (step <= 0)
        return step < 0 ? -1 : err_set(err, "no batch %llu", (unsigned long long)number);
    bool lacks = db_column_u64(stmt, 1) || db_column_u64(stmt, 2);
    int result = db_column_bytes(stmt, 0, root.b, sizeof(root.b), err);
    db_reset(stmt);
    if (result == 0)
        result = collect_leaves(index, &leaves, ret_others, number, err);
    if (result == 0)
        *ret_proof = make_root(&leaves, &root) ? SEALED_PROVED
                     : lacks                   ? SEALED_INCOMPLETE
                                               : SEALED_ALTERED;
    buf_free(&leaves);
    return result;
}

int sealed_index_lacking(struct sealed_index *index,
                         void (*on_lack)(void *cookie, const struct sealed_lack *lack),
                         void *cookie, struct err *err)
{
    struct db_stmt *stmt = db_stmt(index->db, LACKING);
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        struct sealed_lack lack = {
            .meter = (uint32_t)db_column_u64(stmt, 0),
            .batch = {.number = db_column_u64(stmt, 1), .block = db_column_u64(stmt, 5)},
            .readings = db_column_u64(stmt, 2)};
        if (db_column_bytes(stmt, 3, lack.batch.root.b, 32, err) < 0 ||
            db_column_bytes(stmt, 4, lack.batch.transaction.b, 32, err) < 0) {
            db_reset(stmt);
            return -1;
        }
        on_lack(cookie, &lack);
    }
    return step;
}

int sealed_index_counts(struct sealed_index *index, struct sealed_counts *ret_counts,
                        struct err *err)
{
    struct db_stmt *readings = db_stmt(index->db, READING_COUNT);
    struct db_stmt *batches = db_stmt(index->db, BATCH_COUNT);
    if (db_step(readings, err) < 0 || db_step(batches, err) < 0)
        return -1;
    *ret_counts = (struct sealed_counts){.batches = db_column_u64(batches, 0),
                                         .readings = db_column_u64(readings, 0),
                                         .lacking = db_column_u64(readings, 1)};
    db_reset(readings);
    db_reset(batches);
    return 0;
}
