/*
 * meter_store_internal.h: the state of the meter's store, shared by its files and nobody else.
 */
#ifndef AMR_METER_STORE_INTERNAL_H
#define AMR_METER_STORE_INTERNAL_H

#include "meter-client/meter_store.h"
#include "meter-client/meter_store_schema.h"

struct meter_store {
    struct db *db;
    bool other_signer; /* than the one whose signatures it holds */
    uint32_t session;
    uint32_t interval_s;
    uint32_t next_sequence;
    uint32_t next_event;
    struct meter_store_counts counts; /* kept up to date; oldest_s is asked for */
};

/** Runs a query for a sequence and a payload: 1, 0 where there is none, -1. */
int meter_store_next_payload(struct meter_store *store, enum statement statement,
                             uint32_t *ret_sequence, struct buf *payload, uint32_t after,
                             struct err *err) AMR_NODISCARD;
/** After `changed` reports went to `state`: counts the open ones, infers the rest. */
int meter_store_update_counts(struct meter_store *store, enum report_state state, uint64_t changed,
                              struct err *err) AMR_NODISCARD;

#endif
