#include "meter-client/meter_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"

enum statement {
    GET_IDENTITY,
    MAKE_IDENTITY,
    SET_SESSION,
    SET_INTERVAL,
    ADD_READING,
    GET_PENDING,
    CLEAR_PENDING,
    LAST_PENDING,
    ADD_REPORT,
    LAST_REPORT,
    LAST_SEQUENCE,
    NEXT_QUEUED,
    COUNT_QUEUED,
    MARK_STORED,
    MARK_SEALED,
    MARK_REJECTED,
    REQUEUE,
    PRUNE_REPORTS,
    PRUNE_EVENTS,
    COUNT_STATES,
    COUNT_OPEN,
    COUNT_PENDING,
    OLDEST_OPEN,
    ADD_EVENT,
    LAST_EVENT,
    UNSENT_EVENT,
    EVENT_SENT,
    ALL_REPORTS,
    GET_CONTROL,
    SET_CONTROL,
    ADD_RESULT,
    RESEND_RESULT,
    UNSENT_RESULT,
    RESULT_SENT,
    PRUNE_RESULTS,
    GET_COMMANDED,
    SET_COMMANDED,
    GET_REGISTERS,
    SET_REGISTERS,
    STATEMENT_COUNT
};

/* Append only: never edit a released row. State numbers are enum report_state. */
static const char *const MIGRATIONS[] = {
    "CREATE TABLE identity (id INTEGER PRIMARY KEY CHECK (id = 1), serial TEXT NOT NULL,"
    " meter INTEGER NOT NULL, chain_id INTEGER NOT NULL, contract BLOB NOT NULL,"
    " signer BLOB NOT NULL, session INTEGER NOT NULL, interval_s INTEGER NOT NULL);"
    "CREATE TABLE reading (timestamp_s INTEGER PRIMARY KEY, import_wh INTEGER NOT NULL,"
    " export_wh INTEGER NOT NULL, quality INTEGER NOT NULL);"
    "CREATE TABLE report (sequence INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
    " readings INTEGER NOT NULL, first_s INTEGER NOT NULL, last_s INTEGER NOT NULL,"
    " import_wh INTEGER NOT NULL, export_wh INTEGER NOT NULL, payload TEXT NOT NULL,"
    " stored_s INTEGER, batch BLOB, tx BLOB, block INTEGER, cause TEXT);"
    "CREATE INDEX report_by_state ON report (state, sequence);"
    "CREATE TABLE event (sequence INTEGER PRIMARY KEY, timestamp_s INTEGER NOT NULL,"
    " sent INTEGER NOT NULL, payload TEXT NOT NULL);"
    "CREATE INDEX event_unsent ON event (sequence) WHERE sent = 0;",
    /* One row; commanded_s is an interval, valid while the configuration says configured_s. */
    "CREATE TABLE control (id INTEGER PRIMARY KEY CHECK (id = 1), last_id INTEGER NOT NULL,"
    " armed_id INTEGER NOT NULL, state INTEGER NOT NULL, commanded_s INTEGER NOT NULL,"
    " configured_s INTEGER NOT NULL);"
    "INSERT INTO control VALUES (1, 0, 0, 1, 0, 0);"
    "CREATE TABLE result (sequence INTEGER PRIMARY KEY, command INTEGER NOT NULL,"
    " sent INTEGER NOT NULL, payload TEXT NOT NULL);"
    "CREATE INDEX result_by_command ON result (command);"
    "CREATE INDEX result_unsent ON result (sequence) WHERE sent = 0;",
    /* Reported = shown + (what the meter shows - raw). */
    "CREATE TABLE registers (id INTEGER PRIMARY KEY CHECK (id = 1), serial TEXT NOT NULL,"
    " import_raw_wh INTEGER NOT NULL, import_shown_wh INTEGER NOT NULL,"
    " export_raw_wh INTEGER NOT NULL, export_shown_wh INTEGER NOT NULL);",
};

static const char *const STATEMENTS[STATEMENT_COUNT] = {
    [GET_IDENTITY] = "SELECT serial, meter, chain_id, contract, signer, session, interval_s"
                     " FROM identity",
    [MAKE_IDENTITY] = "INSERT INTO identity VALUES (1, ?, ?, ?, ?, ?, 0, 0)",
    [SET_SESSION] = "UPDATE identity SET session = ?",
    [SET_INTERVAL] = "UPDATE identity SET interval_s = ?",
    [ADD_READING] = "INSERT INTO reading VALUES (?, ?, ?, ?)",
    [GET_PENDING] = "SELECT timestamp_s, import_wh, export_wh, quality FROM reading"
                    " ORDER BY timestamp_s LIMIT ?",
    [CLEAR_PENDING] = "DELETE FROM reading WHERE timestamp_s <= ?",
    [LAST_PENDING] = "SELECT timestamp_s, import_wh, export_wh FROM reading"
                     " ORDER BY timestamp_s DESC LIMIT 1",
    [ADD_REPORT] = "INSERT INTO report (sequence, state, readings, first_s, last_s, import_wh,"
                   " export_wh, payload) VALUES (?, 0, ?, ?, ?, ?, ?, ?)",
    [LAST_REPORT] = "SELECT last_s, import_wh, export_wh FROM report WHERE state != 3"
                    " ORDER BY sequence DESC LIMIT 1",
    [LAST_SEQUENCE] = "SELECT max(sequence) FROM report",
    [NEXT_QUEUED] = "SELECT sequence, payload FROM report WHERE state = 0 AND sequence > ?"
                    " ORDER BY sequence LIMIT 1",
    [COUNT_QUEUED] = "SELECT count(*) FROM report WHERE state = 0 AND sequence <= ?",
    [MARK_STORED] = "UPDATE report SET state = 1, stored_s = ?"
                    " WHERE state = 0 AND sequence BETWEEN ? AND ?",
    [MARK_SEALED] = "UPDATE report SET state = 2, batch = ?, tx = ?, block = ?, cause = NULL"
                    " WHERE state != 2 AND sequence BETWEEN ? AND ?",
    [MARK_REJECTED] = "UPDATE report SET state = 3, cause = ?"
                      " WHERE state IN (0, 1) AND sequence BETWEEN ? AND ?",
    [REQUEUE] = "UPDATE report SET state = 0, stored_s = NULL WHERE state = 1 AND stored_s < ?",
    /* The newest row stays: it holds the sequence. */
    [PRUNE_REPORTS] = "DELETE FROM report WHERE state IN (2, 3) AND last_s < ?"
                      " AND sequence < (SELECT max(sequence) FROM report)",
    [PRUNE_EVENTS] = "DELETE FROM event WHERE sent = 1 AND timestamp_s < ?"
                     " AND sequence < (SELECT max(sequence) FROM event)",
    [COUNT_STATES] = "SELECT state, count(*), sum(readings) FROM report GROUP BY state",
    [COUNT_OPEN] = "SELECT state, count(*), sum(readings) FROM report WHERE state IN (0, 1)"
                   " GROUP BY state",
    [COUNT_PENDING] = "SELECT count(*), min(timestamp_s) FROM reading",
    [OLDEST_OPEN] = "SELECT first_s FROM report WHERE state = ? ORDER BY sequence LIMIT 1",
    [ADD_EVENT] = "INSERT INTO event VALUES (?, ?, 0, ?)",
    [LAST_EVENT] = "SELECT max(sequence) FROM event",
    [UNSENT_EVENT] = "SELECT sequence, payload FROM event WHERE sent = 0 AND sequence > ?"
                     " ORDER BY sequence LIMIT 1",
    [EVENT_SENT] = "UPDATE event SET sent = 1 WHERE sequence = ?",
    [ALL_REPORTS] = "SELECT sequence, state, payload, batch, tx, block, cause FROM report"
                    " ORDER BY sequence",
    [GET_CONTROL] = "SELECT last_id, armed_id, state FROM control",
    [SET_CONTROL] = "UPDATE control SET last_id = ?, armed_id = ?, state = ?",
    [ADD_RESULT] = "INSERT INTO result (command, sent, payload) VALUES (?, 0, ?)",
    [RESEND_RESULT] = "UPDATE result SET sent = 0 WHERE command = ?",
    [UNSENT_RESULT] = "SELECT sequence, payload FROM result WHERE sent = 0 AND sequence > ?"
                      " ORDER BY sequence LIMIT 1",
    [RESULT_SENT] = "UPDATE result SET sent = 1 WHERE sequence = ?",
    [PRUNE_RESULTS] = "DELETE FROM result WHERE sent = 1"
                      " AND sequence <= (SELECT max(sequence) FROM result) - 100",
    [GET_COMMANDED] = "SELECT commanded_s FROM control WHERE configured_s = ?",
    [GET_REGISTERS] = "SELECT serial, import_raw_wh, import_shown_wh, export_raw_wh,"
                      " export_shown_wh FROM registers",
    [SET_REGISTERS] = "INSERT OR REPLACE INTO registers VALUES (1, ?, ?, ?, ?, ?)",
    [SET_COMMANDED] = "UPDATE control SET commanded_s = ?, configured_s = ?",
};

static const struct db_schema SCHEMA = {
    .name = "meter store",
    .application_id = 0x414d524d, /* "AMRM" */
    .migrations = MIGRATIONS,
    .migration_count = AMR_COUNT(MIGRATIONS),
    .statements = STATEMENTS,
    .statement_count = STATEMENT_COUNT,
};

struct meter_store {
    struct db *db;
    uint32_t session;
    uint32_t interval_s;
    uint32_t next_sequence;
    uint32_t next_event;
    struct meter_store_counts counts; /* kept up to date; oldest_s is asked for */
};

/* OPENING */

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
           eth_address_equal(&contract, &identity->contract) &&
           eth_address_equal(&signer, &identity->signer);
    store->session = (uint32_t)db_column_u64(stmt, 5);
    store->interval_s = (uint32_t)db_column_u64(stmt, 6);
    db_reset(stmt);
    return same ? 0
                : err_set(err, "the meter store belongs to another meter, chain, contract or "
                               "signing key: use another file");
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

/** After `changed` reports went to `state`: counts the open ones, infers the rest. */
static int update_counts(struct meter_store *store, enum report_state state, uint64_t changed,
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

    if (db_open(&store->db, path, DB_OWNER, &SCHEMA, err) || load(store, identity, err)) {
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

/** Runs a query for a sequence and a payload. */
static int next_payload(struct meter_store *store, enum statement statement, uint32_t *ret_sequence,
                        struct buf *payload, uint32_t after, struct err *err)
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

int meter_store_next_queued(struct meter_store *store, uint32_t *ret_sequence, struct buf *payload,
                            uint32_t after, struct err *err)
{
    return next_payload(store, NEXT_QUEUED, ret_sequence, payload, after, err);
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
    return update_counts(store, receipt->status == RECEIPT_SEALED ? REPORT_SEALED : REPORT_STORED,
                         *ret_changed, err);
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

/* EVENTS */

uint32_t meter_store_next_event(const struct meter_store *store)
{
    return store->next_event;
}

int meter_store_add_event(struct meter_store *store, const struct meter_event *event,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, ADD_EVENT);
    struct buf payload = BUF_INIT;
    int rc;

    payload_event_print(&payload, event);
    db_bind_u64(stmt, 0, event->sequence);
    db_bind_u64(stmt, 1, event->timestamp_s);
    db_bind_text(stmt, 2, buf_str(&payload));
    rc = db_run(stmt, err);
    buf_free(&payload);
    if (rc == 0)
        store->next_event = event->sequence + 1;
    return rc;
}

int meter_store_unsent_event(struct meter_store *store, uint32_t *ret_sequence, struct buf *payload,
                             uint32_t after, struct err *err)
{
    return next_payload(store, UNSENT_EVENT, ret_sequence, payload, after, err);
}

int meter_store_event_sent(struct meter_store *store, uint32_t sequence, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, EVENT_SENT);

    db_bind_u64(stmt, 0, sequence);
    return db_run(stmt, err);
}

/* COMMANDS */

int meter_store_control(struct meter_store *store, struct control_memory *ret_memory,
                        struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_CONTROL);

    if (db_step(stmt, err) != 1)
        return -1;
    ret_memory->last_id = db_column_u64(stmt, 0);
    ret_memory->armed_id = db_column_u64(stmt, 1);
    ret_memory->state = (enum control_state)db_column_u64(stmt, 2);
    db_reset(stmt);
    return 0;
}

static int insert_result(struct meter_store *store, const struct command_result *result,
                         struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, ADD_RESULT);
    struct buf payload = BUF_INIT;
    int rc;

    payload_result_print(&payload, result);
    db_bind_u64(stmt, 0, result->id);
    db_bind_text(stmt, 1, buf_str(&payload));
    rc = db_run(stmt, err);
    buf_free(&payload);
    return rc ? rc : db_run(db_stmt(store->db, PRUNE_RESULTS), err);
}

int meter_store_add_result(struct meter_store *store, const struct control_memory *memory,
                           const struct command_result *result, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, SET_CONTROL);

    db_bind_u64(stmt, 0, memory->last_id);
    db_bind_u64(stmt, 1, memory->armed_id);
    db_bind_u64(stmt, 2, memory->state);
    if (db_begin(store->db, err))
        return -1;
    if (db_run(stmt, err) || insert_result(store, result, err) || db_commit(store->db, err)) {
        db_rollback(store->db);
        return -1;
    }
    return 0;
}

int meter_store_resend_result(struct meter_store *store, uint64_t *ret_known, uint64_t id,
                              struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, RESEND_RESULT);

    db_bind_u64(stmt, 0, id);
    if (db_run(stmt, err))
        return -1;
    *ret_known = db_changes(store->db);
    return 0;
}

int meter_store_unsent_result(struct meter_store *store, uint32_t *ret_sequence,
                              struct buf *payload, uint32_t after, struct err *err)
{
    return next_payload(store, UNSENT_RESULT, ret_sequence, payload, after, err);
}

int meter_store_result_sent(struct meter_store *store, uint32_t sequence, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, RESULT_SENT);

    db_bind_u64(stmt, 0, sequence);
    return db_run(stmt, err);
}

int meter_store_commanded_interval(struct meter_store *store, uint32_t *ret_interval_s,
                                   uint32_t configured_s, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_COMMANDED);
    int row;

    db_bind_u64(stmt, 0, configured_s);
    row = db_step(stmt, err);
    *ret_interval_s = row > 0 ? (uint32_t)db_column_u64(stmt, 0) : 0;
    if (row > 0)
        db_reset(stmt);
    return row < 0 ? -1 : 0;
}

int meter_store_command_interval(struct meter_store *store, uint32_t interval_s,
                                 uint32_t configured_s, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, SET_COMMANDED);

    db_bind_u64(stmt, 0, interval_s);
    db_bind_u64(stmt, 1, configured_s);
    return db_run(stmt, err);
}

/* REGISTERS */

int meter_store_registers(struct meter_store *store, struct registers *ret_registers,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_REGISTERS);
    const char *serial;
    int row;

    memset(ret_registers, 0, sizeof(*ret_registers));
    row = db_step(stmt, err);
    if (row <= 0)
        return row;
    serial = db_column_text(stmt, 0);
    memcpy(ret_registers->serial, serial, strnlen(serial, SERIAL_MAX));
    ret_registers->import = (struct register_base){db_column_u64(stmt, 1), db_column_u64(stmt, 2)};
    ret_registers->export = (struct register_base){db_column_u64(stmt, 3), db_column_u64(stmt, 4)};
    db_reset(stmt);
    return 0;
}

int meter_store_keep_registers(struct meter_store *store, const struct registers *registers,
                               struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, SET_REGISTERS);

    db_bind_text(stmt, 0, registers->serial);
    db_bind_u64(stmt, 1, registers->import.raw_wh);
    db_bind_u64(stmt, 2, registers->import.shown_wh);
    db_bind_u64(stmt, 3, registers->export.raw_wh);
    db_bind_u64(stmt, 4, registers->export.shown_wh);
    return db_run(stmt, err);
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

    if (db_open(&db, path, DB_READ_ONLY, &SCHEMA, err))
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
