/*
 * meter_store_schema.h: tables and statements of the meter's store.
 */
#ifndef AMR_METER_STORE_SCHEMA_H
#define AMR_METER_STORE_SCHEMA_H

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
    REQUEUE_RANGE,
    FIRST_OPEN,
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
    OPEN_REPORT,
    SET_REPORT,
    SET_EVENT,
    SET_RESULT,
    SET_SIGNER,
    STATEMENT_COUNT
};

const struct db_schema *meter_store_schema(void);

#endif
