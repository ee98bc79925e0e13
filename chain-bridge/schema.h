/*
 * schema.h: the bridge's SQLite schema and every SQL statement of it, in one place.
 *
 * Private to the store_*.c files. Migrations are append-only: one that was ever released is never
 * edited. Statements are named here and prepared when the store opens (common/db.h).
 */
#ifndef AMR_BRIDGE_SCHEMA_H
#define AMR_BRIDGE_SCHEMA_H

#include "common/db.h"

enum store_statement {
    IDENTITY_GET,
    IDENTITY_PUT,
    CURSOR_GET,
    CURSOR_PUT,
    METER_GET,
    METER_PUT,
    METER_CLAIM,
    METER_UNCLAIM,
    REPORT_FIND,
    REPORT_GET,
    REPORT_BEFORE,
    REPORT_AFTER,
    REPORT_NEXT,
    REPORT_ADD,
    REPORT_WAITING,
    REPORT_WAITING_OF,
    REPORT_UNFINISHED,
    REPORT_OLDEST,
    REPORT_CLAIM,
    REPORT_MOVE,
    REPORT_RELEASE,
    REPORT_SEAL,
    REPORT_REJECT,
    REPORT_SEAL_BATCH,
    REPORT_OF_BATCH,
    REPORT_COUNTS,
    REPORT_UNARCHIVED,
    REPORT_ARCHIVED,
    REPORT_FORGET,
    ARCHIVE_GET,
    ARCHIVE_PUT,
    BATCH_ADD,
    BATCH_GET,
    BATCH_SEAL,
    BATCH_OTHERS,
    BATCH_PUT_OTHERS,
    BATCH_OF_ROOT,
    BATCH_ADD_SEALED,
    BATCH_LAST,
    BATCH_STATE,
    BATCH_FIRST_HALTED,
    TX_ADD,
    TX_OPEN,
    TX_LAST_NONCE,
    TX_REPLACE,
    TX_DONE,
    ATTEMPT_ADD,
    ATTEMPT_OF,
    QUARANTINE_ADD,
    QUARANTINE_EACH,
    QUARANTINE_COUNT,
    QUARANTINE_TRIM,
    ALARM_GROUP_OPEN,
    ALARM_GROUP_ADD,
    ALARM_GROUP_GROW,
    ALARM_GROUP_TRIM,
    ALARM_GROUP_LIST,
    ALARM_GROUP_GET,
    ALARM_GROUP_ACKNOWLEDGE,
    ALARM_ADD,
    ALARM_TRIM,
    ALARM_MEMBERS,
    ALARM_COUNTS,
    STORE_STATEMENTS
};

extern const struct db_schema store_schema;

#endif
