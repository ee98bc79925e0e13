#include "meter-client/meter_store_schema.h"

#include "common/attr.h"

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
    /* A sequence with a conflict was sealed with other content than this row's. */
    [MARK_SEALED] = "UPDATE report SET state = 2, batch = ?, tx = ?, block = ?, cause = NULL"
                    " WHERE (state < 2 OR (state = 3 AND cause != 'conflict'))"
                    " AND sequence BETWEEN ? AND ?",
    [MARK_REJECTED] = "UPDATE report SET state = 3, cause = ?"
                      " WHERE state IN (0, 1) AND sequence BETWEEN ? AND ?",
    [REQUEUE] = "UPDATE report SET state = 0, stored_s = NULL WHERE state = 1 AND stored_s < ?",
    [REQUEUE_RANGE] = "UPDATE report SET state = 0, stored_s = NULL"
                      " WHERE state = 1 AND sequence BETWEEN ? AND ?",
    [FIRST_OPEN] = "SELECT min(sequence) FROM report WHERE state IN (0, 1) AND sequence >= ?",
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
    /* Also what was refused for its signature: after the rotation, before the meter had the key. */
    [OPEN_REPORT] = "SELECT sequence, payload FROM report WHERE (state IN (0, 1)"
                    " OR (state = 3 AND cause = 'signature')) AND sequence > ?"
                    " ORDER BY sequence LIMIT 1",
    [SET_REPORT] = "UPDATE report SET payload = ?, state = iif(state = 3, 0, state), cause = NULL"
                   " WHERE sequence = ?",
    [SET_EVENT] = "UPDATE event SET payload = ? WHERE sequence = ?",
    [SET_RESULT] = "UPDATE result SET payload = ? WHERE sequence = ?",
    [SET_SIGNER] = "UPDATE identity SET signer = ?",
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
const struct db_schema *meter_store_schema(void)
{
    return &SCHEMA;
}
