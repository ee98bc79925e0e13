#include "chain-bridge/schema.h"

#include "common/attr.h"

/* report.state: 0 stored, 1 claimed, 2 sealed, 3 rejected; batch.state: 0 open,
 * 1 sealed, 2 halted, 3 split into others */
static const char *const MIGRATIONS[] = {
    "CREATE TABLE identity (one INTEGER PRIMARY KEY CHECK (one = 1), chain_id INTEGER NOT NULL,"
    " contract BLOB NOT NULL, account BLOB NOT NULL);"
    "CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), block INTEGER NOT NULL,"
    " hash BLOB NOT NULL);"
    "CREATE TABLE meter (meter INTEGER PRIMARY KEY, serial TEXT NOT NULL,"
    " claimed INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE report (id INTEGER PRIMARY KEY, meter INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, state INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
    " readings INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL, batch INTEGER,"
    " cause INTEGER NOT NULL DEFAULT 0, UNIQUE (meter, sequence));"
    "CREATE INDEX report_waiting ON report (received_ms, meter, sequence) WHERE state = 0;"
    "CREATE INDEX report_batch ON report (batch) WHERE batch IS NOT NULL;"
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, root BLOB NOT NULL, state INTEGER NOT NULL,"
    " reports INTEGER NOT NULL, readings INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " hash BLOB, block INTEGER, number INTEGER, gas_used INTEGER, gas_price INTEGER,"
    " rejected INTEGER, sealed_ms INTEGER);"
    "CREATE INDEX batch_halted ON batch (id) WHERE state = 2;"
    "CREATE TABLE tx (nonce INTEGER PRIMARY KEY, batch INTEGER NOT NULL, open INTEGER NOT NULL,"
    " gas_limit INTEGER NOT NULL, data BLOB, raw BLOB);"
    "CREATE INDEX tx_open ON tx (nonce) WHERE open = 1;"
    "CREATE TABLE attempt (id INTEGER PRIMARY KEY, nonce INTEGER NOT NULL, hash BLOB NOT NULL,"
    " tip INTEGER NOT NULL, max_fee INTEGER NOT NULL, created_ms INTEGER NOT NULL);"
    "CREATE INDEX attempt_nonce ON attempt (nonce);"
    "CREATE TABLE quarantine (id INTEGER PRIMARY KEY AUTOINCREMENT, received_ms INTEGER NOT NULL,"
    " cause INTEGER NOT NULL, text TEXT NOT NULL, topic TEXT NOT NULL, meter INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, payload BLOB NOT NULL);",
    "CREATE INDEX report_claimed ON report (meter, batch) WHERE state = 1;"
    "CREATE INDEX batch_root ON batch (root) WHERE state = 1;",
    "ALTER TABLE report ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX report_unarchived ON report (batch) WHERE state = 2 AND archived = 0;"
    "CREATE INDEX report_archived ON report (received_ms) WHERE archived = 1;"
    "CREATE TABLE archive (one INTEGER PRIMARY KEY CHECK (one = 1), length INTEGER NOT NULL);",
    /* leaves of the batch's tree whose reports it did not seal */
    "ALTER TABLE batch ADD COLUMN others BLOB",
    "CREATE TABLE alarm_group (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL,"
    " cause TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
    " count INTEGER NOT NULL, revision INTEGER NOT NULL, acknowledged_ms INTEGER NOT NULL DEFAULT"
    " 0, acknowledged_by TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX alarm_group_open ON alarm_group (source, cause, last_ms)"
    " WHERE acknowledged_ms = 0;"
    "CREATE INDEX alarm_group_revision ON alarm_group (revision);"
    "CREATE TABLE alarm (id INTEGER PRIMARY KEY, alarm_group INTEGER NOT NULL,"
    " unix_ms INTEGER NOT NULL, serial TEXT NOT NULL, meter INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, client TEXT NOT NULL, address TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX alarm_of_group ON alarm (alarm_group, id);"
    "CREATE INDEX alarm_of_serial ON alarm (serial, alarm_group) WHERE serial <> '';",
    /* command.state as enum command_state; tx.kind as enum tx_kind; meter.open: what the meter
     * said last. The contract's log is read again, for the commands in it. */
    "CREATE TABLE command (meter INTEGER NOT NULL, id INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " argument INTEGER NOT NULL, not_after INTEGER NOT NULL, signature BLOB NOT NULL,"
    " operator BLOB, state INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " block INTEGER NOT NULL DEFAULT 0, outcome INTEGER NOT NULL DEFAULT 0,"
    " outcome_s INTEGER NOT NULL DEFAULT 0, result BLOB, recorded INTEGER NOT NULL DEFAULT 0,"
    " recorded_block INTEGER NOT NULL DEFAULT 0, text TEXT NOT NULL DEFAULT '', nonce INTEGER,"
    " retry_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (meter, id)) WITHOUT ROWID;"
    "CREATE INDEX command_open ON command (state, meter, id) WHERE state IN (0, 1, 2);"
    "CREATE INDEX command_created ON command (created_ms);"
    "ALTER TABLE tx ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE tx ADD COLUMN meter INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE tx ADD COLUMN command INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meter ADD COLUMN open INTEGER NOT NULL DEFAULT 0;"
    "DELETE FROM cursor",
    "ALTER TABLE quarantine ADD COLUMN release INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX quarantine_release ON quarantine (id) WHERE release = 1;",
    "CREATE TABLE meter_event (meter INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " unix_s INTEGER NOT NULL, code INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
    " signature BLOB NOT NULL, PRIMARY KEY (meter, sequence)) WITHOUT ROWID;"
    "CREATE TABLE token (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " role INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, created_s INTEGER NOT NULL,"
    " created_by TEXT NOT NULL, expires_s INTEGER NOT NULL, used_s INTEGER NOT NULL DEFAULT 0);",
    "CREATE INDEX report_refused ON report (received_ms) WHERE state = 3",
    "CREATE TABLE pin (one INTEGER PRIMARY KEY CHECK (one = 1), genesis BLOB NOT NULL,"
    " code BLOB NOT NULL)",
};

#define ALARM_GROUP_COLUMNS                                                                        \
    "SELECT id, source, cause, first_ms, last_ms, count, revision, acknowledged_ms,"               \
    " acknowledged_by, note,"                                                                      \
    " (SELECT count(DISTINCT serial) FROM alarm WHERE alarm_group = g.id AND serial <> ''),"       \
    " (SELECT CASE WHEN min(meter) = max(meter) THEN max(meter) ELSE 0 END FROM alarm"             \
    "  WHERE alarm_group = g.id),"                                                                 \
    " (SELECT CASE WHEN min(serial) = max(serial) THEN max(serial) ELSE '' END FROM alarm"         \
    "  WHERE alarm_group = g.id),"                                                                 \
    " (SELECT text FROM alarm WHERE alarm_group = g.id ORDER BY id DESC LIMIT 1) "                 \
    "FROM alarm_group g "

#define COMMAND_COLUMNS                                                                            \
    "SELECT meter, id, kind, argument, not_after, signature, operator, state, created_ms, block,"  \
    " outcome, outcome_s, result, recorded, recorded_block, text FROM command "
#define QUARANTINE_COLUMNS                                                                         \
    "SELECT id, received_ms, cause, text, topic, meter, sequence, payload, release "
#define REPORT_COLUMNS "SELECT id, meter, sequence, state, received_ms, digest, body, batch, cause "

static const char *const STATEMENTS[STORE_STATEMENTS] = {
    [IDENTITY_GET] = "SELECT chain_id, contract, account FROM identity",
    [IDENTITY_PUT] = "INSERT INTO identity VALUES (1, ?, ?, ?)",
    [PIN_GET] = "SELECT genesis, code FROM pin",
    [PIN_PUT] = "INSERT INTO pin VALUES (1, ?, ?)",
    [CURSOR_GET] = "SELECT block, hash FROM cursor",
    [CURSOR_PUT] = "INSERT INTO cursor VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE"
                   " SET block = excluded.block, hash = excluded.hash",
    [METER_GET] = "SELECT serial, claimed, open FROM meter WHERE meter = ?",
    [METER_OF_SERIAL] = "SELECT meter FROM meter WHERE serial = ?",
    [METER_PUT] = "INSERT INTO meter (meter, serial) VALUES (?, ?) ON CONFLICT (meter) DO UPDATE"
                  " SET serial = excluded.serial WHERE serial <> excluded.serial",
    [METER_PUT_OPEN] = "UPDATE meter SET open = ? WHERE meter = ?",
    [METER_CLAIM] = "UPDATE meter SET claimed = max(claimed, ?) WHERE meter = ?",
    [METER_UNCLAIM] = "UPDATE meter SET claimed = min(claimed, ?) WHERE meter = ?",
    [METER_UNCLAIM_BATCH] =
        "UPDATE meter SET claimed = min(claimed, (SELECT min(sequence) - 1 FROM report"
        " WHERE report.meter = meter.meter AND batch = ?1 AND state = 1))"
        " WHERE meter IN (SELECT meter FROM report WHERE batch = ?1 AND state = 1)",
    [REPORT_FIND] = REPORT_COLUMNS "FROM report WHERE meter = ? AND sequence = ?",
    [REPORT_BEFORE] = REPORT_COLUMNS "FROM report WHERE meter = ? AND sequence < ? AND state <> 3"
                                     " ORDER BY sequence DESC LIMIT 1",
    [REPORT_AFTER] = REPORT_COLUMNS "FROM report WHERE meter = ? AND sequence > ? AND state <> 3"
                                    " ORDER BY sequence LIMIT 1",
    [REPORT_NEXT] = "SELECT sequence, state FROM report WHERE meter = ? AND sequence > ?"
                    " ORDER BY sequence LIMIT 1",
    /* where the run of numbers that begins with ?2 ends; no row: there is none */
    [REPORT_MISSING] =
        "SELECT r.sequence + 1 FROM report AS r WHERE r.meter = ?1 AND r.sequence >= ?2"
        " AND EXISTS (SELECT 1 FROM report WHERE meter = ?1 AND sequence = ?2)"
        " AND NOT EXISTS (SELECT 1 FROM report AS n WHERE n.meter = ?1"
        " AND n.sequence = r.sequence + 1) ORDER BY r.sequence LIMIT 1",
    [REPORT_ADD] =
        "INSERT INTO report (meter, sequence, state, received_ms, readings, digest, body,"
        " cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [REPORT_GET] = REPORT_COLUMNS "FROM report WHERE id = ?",
    /* Answered by the index alone: a scan over a large backlog stays cheap. */
    [REPORT_WAITING] = "SELECT id, meter, sequence, received_ms FROM report INDEXED BY"
                       " report_waiting WHERE state = 0 ORDER BY received_ms, meter, sequence",
    [REPORT_WAITING_OF] = "SELECT id, meter, sequence, received_ms FROM report WHERE meter = ?"
                          " AND sequence > ? AND state = 0 ORDER BY sequence",
    [REPORT_UNFINISHED] = "SELECT max(batch) FROM report INDEXED BY report_claimed"
                          " WHERE state = 1 AND meter = ?",
    [REPORT_OLDEST] = "SELECT received_ms FROM report WHERE state = 0 ORDER BY received_ms LIMIT 1",
    [REPORT_CLAIM] = "UPDATE report SET state = 1, batch = ? WHERE id = ? AND state = 0",
    [REPORT_MOVE] = "UPDATE report SET batch = ? WHERE id = ? AND state = 1",
    [REPORT_RELEASE] = "UPDATE report SET state = 0, batch = NULL WHERE id = ? AND state = 1",
    [REPORT_RELEASE_BATCH] =
        "UPDATE report SET state = 0, batch = NULL WHERE batch = ? AND state = 1",
    [REPORT_DELETE] = "DELETE FROM report WHERE id = ? AND state = 1",
    [REPORT_RESIGN] = "UPDATE report SET body = ? WHERE id = ? AND state = 0",
    [REPORT_DROP_WAITING] = "DELETE FROM report WHERE meter = ? AND state = 0",
    [REPORT_SEAL] = "UPDATE report SET state = 2, batch = ? WHERE id = ?",
    [REPORT_REJECT] = "UPDATE report SET state = 3, cause = ? WHERE id = ?",
    [REPORT_SEAL_BATCH] = "UPDATE report SET state = 2 WHERE batch = ? AND state = 1",
    [REPORT_OF_BATCH] = REPORT_COLUMNS "FROM report WHERE batch = ? ORDER BY meter, sequence",
    [REPORT_UNARCHIVED] = REPORT_COLUMNS "FROM report INDEXED BY report_unarchived"
                                         " WHERE state = 2 AND archived = 0 ORDER BY batch, id",
    [REPORT_ARCHIVED] = "UPDATE report SET archived = 1 WHERE id = ?",
    /* A meter's last stays: the next is compared with it. */
    [REPORT_FORGET] = "DELETE FROM report WHERE id IN (SELECT id FROM report INDEXED BY"
                      " report_archived WHERE archived = 1 AND received_ms < ? AND sequence <"
                      " (SELECT claimed FROM meter WHERE meter.meter = report.meter) LIMIT ?)",
    [REPORT_FORGET_REFUSED] =
        "DELETE FROM report WHERE id IN (SELECT id FROM report INDEXED BY report_refused"
        " WHERE state = 3 AND received_ms < ? AND sequence <"
        " (SELECT claimed FROM meter WHERE meter.meter = report.meter) LIMIT ?)",
    [BATCH_STRETCH] = "SELECT max(id) FROM (SELECT id FROM batch WHERE id > ? ORDER BY id LIMIT ?)",
    [BATCH_FORGET] = "DELETE FROM batch WHERE id > ? AND id <= ? AND state IN (1, 3)"
                     " AND coalesce(sealed_ms, created_ms) < ? AND id < (SELECT max(id) FROM batch)"
                     " AND NOT EXISTS (SELECT 1 FROM report WHERE report.batch = batch.id)",
    /* The oldest rows only: nonces rise with time. */
    [TX_FORGET] = "DELETE FROM tx WHERE open = 0 AND nonce < (SELECT max(nonce) FROM tx)"
                  " AND coalesce((SELECT max(created_ms) FROM attempt WHERE attempt.nonce ="
                  " tx.nonce), 0) < ? AND nonce IN (SELECT nonce FROM tx ORDER BY nonce LIMIT ?)",
    [ATTEMPT_FORGET] = "DELETE FROM attempt WHERE nonce NOT IN (SELECT nonce FROM tx)"
                       " AND id IN (SELECT id FROM attempt ORDER BY id LIMIT ?)",
    [ARCHIVE_GET] = "SELECT length FROM archive",
    [ARCHIVE_PUT] = "INSERT INTO archive VALUES (1, ?) ON CONFLICT (one) DO UPDATE"
                    " SET length = excluded.length",
    [REPORT_COUNTS] = "SELECT state, count(*), sum(readings) FROM report GROUP BY state",
    [BATCH_ADD] = "INSERT INTO batch (id, root, state, reports, readings, created_ms)"
                  " VALUES (?, ?, 0, ?, ?, ?)",
    [BATCH_GET] =
        "SELECT root, state, reports, readings, created_ms, hash, block, number, gas_used,"
        " gas_price, rejected FROM batch WHERE id = ?",
    [BATCH_SEAL] = "UPDATE batch SET state = 1, hash = ?, block = ?, number = ?, gas_used = ?,"
                   " gas_price = ?, rejected = ?, sealed_ms = ? WHERE id = ?",
    [BATCH_OTHERS] = "SELECT others FROM batch WHERE id = ? AND others IS NOT NULL",
    [BATCH_PUT_OTHERS] = "UPDATE batch SET others = ? WHERE id = ?",
    [BATCH_OF_ROOT] = "SELECT id FROM batch WHERE root = ? AND state = 1",
    [BATCH_ADD_SEALED] = "INSERT INTO batch (id, root, state, reports, readings, created_ms, hash,"
                         " block, number, gas_used, gas_price, rejected, sealed_ms)"
                         " VALUES (?, ?, 1, 0, 0, ?, ?, ?, ?, 0, 0, 0, ?)",
    [BATCH_LAST] = "SELECT max(id) FROM batch",
    [BATCH_STATE] = "UPDATE batch SET state = ? WHERE id = ?",
    [BATCH_FIRST_HALTED] = "SELECT min(id) FROM batch WHERE state = 2",
    [TX_ADD] = "INSERT INTO tx (nonce, batch, open, gas_limit, data, raw, kind, meter, command)"
               " VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)",
    [TX_OPEN] = "SELECT nonce, batch, gas_limit, data, raw, kind, meter, command FROM tx"
                " WHERE open = 1 ORDER BY nonce",
    [TX_LAST_NONCE] = "SELECT max(nonce) FROM tx",
    [TX_REPLACE] = "UPDATE tx SET raw = ? WHERE nonce = ?",
    [TX_DONE] = "UPDATE tx SET open = 0, data = NULL, raw = NULL WHERE nonce = ?",
    [ATTEMPT_ADD] = "INSERT INTO attempt (nonce, hash, tip, max_fee, created_ms)"
                    " VALUES (?, ?, ?, ?, ?)",
    [ATTEMPT_OF] = "SELECT hash, tip, max_fee, created_ms FROM attempt WHERE nonce = ? ORDER BY id",
    [COMMAND_GET] = COMMAND_COLUMNS "WHERE meter = ? AND id = ?",
    [COMMAND_EACH] = COMMAND_COLUMNS "ORDER BY created_ms DESC, meter, id DESC LIMIT ?",
    [COMMAND_EACH_OF] = COMMAND_COLUMNS "WHERE meter = ? ORDER BY id DESC LIMIT ?",
    [COMMAND_WAITING] =
        COMMAND_COLUMNS "WHERE state = 1 AND id = (SELECT min(id) FROM command AS other"
                        " WHERE other.state = 1 AND other.meter = command.meter)",
    [COMMAND_WAITING_OF] = COMMAND_COLUMNS "WHERE state = 1 AND meter = ? ORDER BY id LIMIT 1",
    [COMMAND_RELAY] =
        "INSERT INTO command (meter, id, kind, argument, not_after, signature, state, created_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (meter, id) DO UPDATE SET"
        " kind = excluded.kind, argument = excluded.argument, not_after = excluded.not_after,"
        " signature = excluded.signature, created_ms = excluded.created_ms, state = 0, text = '',"
        " retry_ms = 0 WHERE state = 5",
    [COMMAND_ISSUE] =
        "INSERT INTO command (meter, id, kind, argument, not_after, signature, operator, state,"
        " created_ms, block) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT (meter, id)"
        " DO UPDATE SET kind = excluded.kind, argument = excluded.argument,"
        " not_after = excluded.not_after, signature = excluded.signature,"
        " operator = excluded.operator, block = excluded.block,"
        " state = CASE WHEN state IN (0, 5) THEN 1 ELSE state END, text = ''",
    [COMMAND_RECORD] = "UPDATE command SET recorded = ?, recorded_block = ?, state = 3, text = ''"
                       " WHERE meter = ? AND id = ?",
    /* `accepted` only where nothing was said yet; a final outcome only once */
    [COMMAND_ANSWER] =
        "UPDATE command SET outcome = ?1, outcome_s = ?2, result = ?3, retry_ms = 0,"
        " state = CASE WHEN state IN (1, 4, 6) THEN 2 ELSE state END WHERE meter = ?4 AND id = ?5"
        " AND state NOT IN (0, 5) AND (outcome = 0 OR (outcome = 1 AND ?1 <> 1) OR state = 6)",
    [COMMAND_LAPSE] = "UPDATE command SET state = 4 WHERE state = 1 AND not_after < ?",
    [COMMAND_DUE] = COMMAND_COLUMNS "WHERE nonce IS NULL AND retry_ms <= ?1 AND (state = 0 OR"
                                    " (state = 2 AND (outcome <> 1 OR not_after < ?2)))"
                                    " AND state IN (0, 1, 2) ORDER BY state DESC, meter, id"
                                    " LIMIT 1",
    [COMMAND_CLAIM] = "UPDATE command SET nonce = ? WHERE meter = ? AND id = ? AND nonce IS NULL",
    [COMMAND_END] = "UPDATE command SET state = ?, text = ?, retry_ms = ?, nonce = NULL"
                    " WHERE meter = ? AND id = ?",
    [COMMAND_COUNTS] = "SELECT state, count(*) FROM command WHERE state IN (0, 1, 2)"
                       " GROUP BY state",
    [QUARANTINE_ADD] = "INSERT INTO quarantine (received_ms, cause, text, topic, meter, sequence,"
                       " payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [QUARANTINE_EACH] = QUARANTINE_COLUMNS "FROM quarantine ORDER BY id",
    [QUARANTINE_LIST] = QUARANTINE_COLUMNS "FROM quarantine WHERE id < ?1 AND (?2 = 0 OR cause ="
                                           " ?2) AND (?3 = 0 OR meter = ?3) ORDER BY id DESC"
                                           " LIMIT ?4",
    [QUARANTINE_GET] = QUARANTINE_COLUMNS "FROM quarantine WHERE id = ?",
    [QUARANTINE_RELEASE] = "UPDATE quarantine SET release = 1 WHERE id = ? AND release = 0",
    [QUARANTINE_RELEASED] = QUARANTINE_COLUMNS "FROM quarantine WHERE release = 1 ORDER BY id"
                                               " LIMIT ?",
    [QUARANTINE_REMOVE] = "DELETE FROM quarantine WHERE id = ?",
    [QUARANTINE_COUNT] = "SELECT count(*) FROM quarantine",
    [QUARANTINE_TRIM] = "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?",
    [ALARM_GROUP_OPEN] = "SELECT id, count FROM alarm_group WHERE source = ? AND cause = ?"
                         " AND last_ms >= ? AND acknowledged_ms = 0 ORDER BY last_ms DESC LIMIT 1",
    [ALARM_GROUP_ADD] = "INSERT INTO alarm_group (source, cause, first_ms, last_ms, count,"
                        " revision) VALUES (?1, ?2, ?3, ?3, ?4, ?5) RETURNING id",
    [ALARM_GROUP_GROW] = "UPDATE alarm_group SET last_ms = max(last_ms, ?), count = count + ?,"
                         " revision = ? WHERE id = ?",
    [ALARM_GROUP_TRIM] =
        "DELETE FROM alarm_group WHERE (SELECT count(*) FROM alarm_group) > ?1 AND id IN"
        " (SELECT id FROM alarm_group ORDER BY acknowledged_ms = 0, id LIMIT ?2)",
    [ALARM_GROUP_LIST] = ALARM_GROUP_COLUMNS
    "WHERE id < ?1 AND (?2 = 0 OR (?2 = 1) = (acknowledged_ms = 0)) AND (?3 = '' OR cause = ?3)"
    " AND (?4 = '' OR id IN (SELECT alarm_group FROM alarm WHERE serial = ?4 AND serial <> ''))"
    " AND revision > ?5 ORDER BY id DESC LIMIT ?6",
    [ALARM_GROUP_GET] = ALARM_GROUP_COLUMNS "WHERE id = ?",
    [ALARM_GROUP_ACKNOWLEDGE] = "UPDATE alarm_group SET acknowledged_ms = ?, acknowledged_by = ?,"
                                " note = ?, revision = ? WHERE id = ? AND acknowledged_ms = 0",
    [ALARM_ADD] = "INSERT INTO alarm (alarm_group, unix_ms, serial, meter, sequence, client,"
                  " address, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [ALARM_TRIM] = "DELETE FROM alarm WHERE alarm_group < (SELECT min(id) FROM alarm_group) OR"
                   " alarm_group NOT IN (SELECT id FROM alarm_group)",
    [ALARM_MEMBERS] = "SELECT unix_ms, serial, meter, sequence, client, address, text FROM alarm"
                      " WHERE alarm_group = ? ORDER BY id DESC",
    [ALARM_COUNTS] = "SELECT (SELECT count(*) FROM alarm_group INDEXED BY alarm_group_open"
                     " WHERE acknowledged_ms = 0), (SELECT ifnull(max(revision), 0)"
                     " FROM alarm_group)",
    [REBUILD_BATCH] = "INSERT OR IGNORE INTO batch (id, root, state, reports, readings, created_ms,"
                      " hash, block, number, gas_used, gas_price, rejected, sealed_ms)"
                      " VALUES (?, ?, 1, 0, 0, ?, ?, ?, ?, 0, 0, 0, ?)",
    [REBUILD_REPORT] = "INSERT INTO report (meter, sequence, state, received_ms, readings, digest,"
                       " body, batch) VALUES (?, ?, 2, ?, ?, ?, ?, ?)",
    [REBUILD_METER] = "INSERT INTO meter (meter, serial, claimed) VALUES (?, '', ?)"
                      " ON CONFLICT (meter) DO UPDATE SET claimed = max(claimed, excluded.claimed)",
    [REBUILD_COUNT] = "UPDATE batch SET (reports, readings) = (SELECT count(*), total(readings)"
                      " FROM report WHERE report.batch = batch.id)",
    [REBUILD_EACH] = "SELECT id FROM batch ORDER BY id",
    [EVENT_ADD] = "INSERT INTO meter_event VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    [EVENT_TRIM] = "DELETE FROM meter_event WHERE meter = ?1 AND sequence <= (SELECT max(sequence)"
                   " FROM meter_event WHERE meter = ?1) - ?2",
    [EVENT_EACH] = "SELECT sequence, unix_s, code, received_ms FROM meter_event WHERE meter = ?"
                   " AND sequence < ? ORDER BY sequence DESC LIMIT ?",
    [TOKEN_ADD] = "INSERT INTO token (name, role, hash, created_s, created_by, expires_s)"
                  " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
    [TOKEN_FIND] = "SELECT id, name, role, created_s, created_by, expires_s, used_s FROM token"
                   " WHERE hash = ?",
    [TOKEN_USED] = "UPDATE token SET used_s = ? WHERE id = ?",
    [TOKEN_DROP] = "DELETE FROM token WHERE id = ?",
    [TOKEN_EACH] = "SELECT id, name, role, created_s, created_by, expires_s, used_s FROM token"
                   " ORDER BY id",
    [BATCH_EACH] = "SELECT id, ifnull(sealed_ms, 0) FROM batch WHERE id < ? ORDER BY id DESC"
                   " LIMIT ?",
    [BATCH_BY_ROOT] =
        "SELECT id, ifnull(sealed_ms, 0) FROM batch WHERE root = ?1 AND state = 1 UNION ALL"
        " SELECT id, 0 FROM batch WHERE root = ?1 AND state <> 1 AND id >"
        " (SELECT max(id) FROM batch) - 1000 LIMIT 1",
    [TX_OF_BATCH] = "SELECT nonce FROM tx WHERE batch = ? ORDER BY nonce DESC LIMIT 1",
};

const struct db_schema store_schema = {
    .name = "bridge store",
    .application_id = 0x414d5242, /* "AMRB" */
    .migrations = MIGRATIONS,
    .migration_count = AMR_COUNT(MIGRATIONS),
    .statements = STATEMENTS,
    .statement_count = AMR_COUNT(STATEMENTS),
};
