/*
 * meter_store.h: what the meter must not forget, in one SQLite file.
 *
 * Readings wait here until they are put into a report; a report is here, signed, before it is sent,
 * and stays until it is sealed (and afterwards for the retention time, for export). Every function
 * that returned success is on disk (WAL, synchronous=FULL). The file is made for one meter, chain,
 * contract and signer; opening it for another is refused, and so is a second process.
 *
 *   queued --stored receipt--> stored --sealed receipt--> sealed
 *      ^---- no seal in time -----'         any open one --rejected receipt--> rejected
 *
 * A handle belongs to one thread.
 */
#ifndef AMR_METER_STORE_H
#define AMR_METER_STORE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/payload.h"
#include "meter-client/registers.h"

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

/** The last reading made that was not rejected; timestamp 0: none. */
int meter_store_last(struct meter_store *store, struct reading *ret_reading,
                     struct err *err) AMR_NODISCARD;
int meter_store_add_reading(struct meter_store *store, const struct reading *reading,
                            struct err *err) AMR_NODISCARD;
/** The readings that are in no report yet, oldest first, at most REPORT_READINGS_MAX. */
int meter_store_pending(struct meter_store *store, struct reading *ret_readings,
                        uint32_t *ret_count, struct err *err) AMR_NODISCARD;
uint32_t meter_store_next_sequence(const struct meter_store *store);
/** Sequences up to `last` are used elsewhere: the next report gets a later one. */
void meter_store_skip(struct meter_store *store, uint32_t last);
/** Adds the report with meter_store_next_sequence; its readings stop being pending. */
int meter_store_add_report(struct meter_store *store, const struct report *report,
                           struct err *err) AMR_NODISCARD;

/** 1: the queued report with the lowest sequence above `after`, payload appended; 0: none. */
int meter_store_next_queued(struct meter_store *store, uint32_t *ret_sequence, struct buf *payload,
                            uint32_t after, struct err *err) AMR_NODISCARD;
/** Queued reports with a sequence up to `last`. */
int meter_store_count_queued(struct meter_store *store, uint64_t *ret_count, uint32_t last,
                             struct err *err) AMR_NODISCARD;
/** Applies a receipt at now_s; ret_changed is how many reports changed state. */
int meter_store_apply(struct meter_store *store, uint64_t *ret_changed,
                      const struct receipt *receipt, uint32_t now_s, struct err *err) AMR_NODISCARD;
/** Queues again what was stored before before_s and is not sealed. */
int meter_store_requeue(struct meter_store *store, uint64_t *ret_changed, uint32_t before_s,
                        struct err *err) AMR_NODISCARD;
/** Removes sealed and rejected reports, and sent events, from before before_s. */
int meter_store_prune(struct meter_store *store, uint32_t before_s, struct err *err) AMR_NODISCARD;
int meter_store_counts(struct meter_store *store, struct meter_store_counts *ret_counts,
                       struct err *err) AMR_NODISCARD;

uint32_t meter_store_next_event(const struct meter_store *store);
int meter_store_add_event(struct meter_store *store, const struct meter_event *event,
                          struct err *err) AMR_NODISCARD;
/** 1: the unsent event with the lowest sequence above `after`, payload appended; 0: none. */
int meter_store_unsent_event(struct meter_store *store, uint32_t *ret_sequence, struct buf *payload,
                             uint32_t after, struct err *err) AMR_NODISCARD;
int meter_store_event_sent(struct meter_store *store, uint32_t sequence,
                           struct err *err) AMR_NODISCARD;

enum control_state { CONTROL_DISCONNECTED, CONTROL_CONNECTED, CONTROL_READY }; /* as DLMS */

/** What commands left behind; a new store says connected. */
struct control_memory {
    uint64_t last_id;
    uint64_t armed_id; /* the reconnection that waits for a person; 0: none */
    enum control_state state;
};

int meter_store_control(struct meter_store *store, struct control_memory *ret_memory,
                        struct err *err) AMR_NODISCARD;
/** Keeps both or neither. Of old results that were sent the last 100 stay. */
int meter_store_add_result(struct meter_store *store, const struct control_memory *memory,
                           const struct command_result *result, struct err *err) AMR_NODISCARD;
/** Sends the results of a command again; ret_known is how many there are. */
int meter_store_resend_result(struct meter_store *store, uint64_t *ret_known, uint64_t id,
                              struct err *err) AMR_NODISCARD;
/** As with events; sequences are the store's own. */
int meter_store_unsent_result(struct meter_store *store, uint32_t *ret_sequence,
                              struct buf *payload, uint32_t after, struct err *err) AMR_NODISCARD;
int meter_store_result_sent(struct meter_store *store, uint32_t sequence,
                            struct err *err) AMR_NODISCARD;

/** The interval that was commanded while the configuration said configured_s; 0: none. */
int meter_store_commanded_interval(struct meter_store *store, uint32_t *ret_interval_s,
                                   uint32_t configured_s, struct err *err) AMR_NODISCARD;
int meter_store_command_interval(struct meter_store *store, uint32_t interval_s,
                                 uint32_t configured_s, struct err *err) AMR_NODISCARD;

/** All zero where nothing was kept yet. */
int meter_store_registers(struct meter_store *store, struct registers *ret_registers,
                          struct err *err) AMR_NODISCARD;
int meter_store_keep_registers(struct meter_store *store, const struct registers *registers,
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
