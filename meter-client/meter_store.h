/*
 * meter_store.h: what the meter must not forget, in one SQLite file.
 *
 * Readings wait here until they are put into a report; a report is here, signed, before it is sent,
 * and stays until it is sealed (and afterwards for the retention time, for export). Every function
 * that returned success is on disk (WAL, synchronous=FULL). The file is made for one meter, chain,
 * and contract; opening it for another is refused, and so is a second process. Another signing key
 * (after a rotation) takes it over.
 *
 *   queued --stored receipt--> stored --sealed receipt--> sealed
 *      ^---- no seal in time -----'         any open one --rejected receipt--> rejected
 *
 * Reports and receipts are in meter_store_reports.h, events and commands in meter_store_control.h.
 * A handle belongs to one thread.
 */
#ifndef AMR_METER_STORE_H
#define AMR_METER_STORE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/payload.h"

struct meter_store;

struct meter_store_identity {
    char serial[SERIAL_MAX + 1];
    uint32_t meter;
    uint64_t chain_id;
    struct eth_address contract;
    struct eth_address signer;
};

enum report_state { REPORT_QUEUED, REPORT_STORED, REPORT_SEALED, REPORT_REJECTED };

struct meter_store_counts {
    uint64_t reports[REPORT_REJECTED + 1]; /* by state */
    uint64_t readings_open;                /* not sealed: in no report yet, queued or stored */
    uint32_t oldest_s;                     /* timestamp of the oldest of these; 0: none */
};

int meter_store_open(struct meter_store **ret_store, const char *path,
                     const struct meter_store_identity *identity, struct err *err) AMR_NODISCARD;
void meter_store_close(struct meter_store *store);

/** Grows by one with each opening. */
uint32_t meter_store_session(const struct meter_store *store);
/** The interval of the last run; 0 the first time. Stores this run's. */
int meter_store_interval(struct meter_store *store, uint32_t *ret_before_s, uint32_t interval_s,
                         struct err *err) AMR_NODISCARD;

/** Removes sealed and rejected reports, and sent events, from before before_s. */
int meter_store_prune(struct meter_store *store, uint32_t before_s, struct err *err) AMR_NODISCARD;
int meter_store_counts(struct meter_store *store, struct meter_store_counts *ret_counts,
                       struct err *err) AMR_NODISCARD;

/** One row for people and tests to read back. */
struct meter_store_row {
    uint32_t sequence;
    enum report_state state;
    const char *payload; /* JSON as sent */
    struct eth_hash batch;
    struct eth_hash transaction;
    uint64_t block;
    const char *cause; /* rejected */
};
/** Calls back for every report in order; opens the file read-only, also while a meter runs. */
int meter_store_export(const char *path,
                       void (*on_row)(void *cookie, const struct meter_store_row *row),
                       void *cookie, struct err *err) AMR_NODISCARD;

#endif
