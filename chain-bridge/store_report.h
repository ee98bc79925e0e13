/*
 * store_report.h: reports and meters in the store.
 *
 * A report is stored -> claimed (by one batch) -> sealed, or rejected at any step; its row stays,
 * so that a repeat gets the same answer. Rejected rows of authentic reports keep their sequence
 * number used. A meter's row has its serial (for topics) and the last sequence that was claimed.
 */
#ifndef AMR_BRIDGE_STORE_REPORT_H
#define AMR_BRIDGE_STORE_REPORT_H

#include "chain-bridge/store.h"
#include "common/payload.h"
#include "common/reading.h"

enum report_state { REPORT_STORED, REPORT_CLAIMED, REPORT_SEALED, REPORT_REJECTED };

struct report_row {
    uint64_t id;
    enum report_state state;
    uint64_t received_ms;
    uint64_t batch; /* 0: none */
    enum cause cause;
    struct eth_hash digest;
    struct report report;
};

/** The report with exactly this sequence, or the nearest not rejected one before or after it. */
int store_report_find(struct store *store, struct report_row *ret_row, bool *ret_found,
                      uint32_t meter, uint32_t sequence, struct err *err) AMR_NODISCARD;
int store_report_before(struct store *store, struct report_row *ret_row, bool *ret_found,
                        uint32_t meter, uint32_t sequence, struct err *err) AMR_NODISCARD;
int store_report_after(struct store *store, struct report_row *ret_row, bool *ret_found,
                       uint32_t meter, uint32_t sequence, struct err *err) AMR_NODISCARD;

/** Adds row's report, digest, state, received_ms and cause. */
int store_report_add(struct store *store, const struct report_row *row,
                     struct err *err) AMR_NODISCARD;
/** Another signature of the same content, while the report waits; else nothing changes. */
int store_report_resign(struct store *store, uint64_t id, const struct report *report,
                        struct err *err) AMR_NODISCARD;
/** Deletes what waits of a meter; in the caller's transaction. */
int store_report_drop_waiting(struct store *store, uint32_t meter, struct err *err) AMR_NODISCARD;
int store_report_reject(struct store *store, uint64_t id, enum cause cause,
                        struct err *err) AMR_NODISCARD;

int store_report_get(struct store *store, struct report_row *ret_row, uint64_t id,
                     struct err *err) AMR_NODISCARD;

struct waiting_row {
    uint64_t id;
    uint32_t meter;
    uint32_t sequence;
    uint64_t received_ms;
};
/** Calls back for waiting reports, oldest first, until on_row returns false. */
int store_report_waiting(struct store *store,
                         bool (*on_row)(void *cookie, const struct waiting_row *row), void *cookie,
                         struct err *err) AMR_NODISCARD;
/** The same for one meter from after `sequence` on, by sequence. */
int store_report_waiting_of(struct store *store, uint32_t meter, uint32_t sequence,
                            bool (*on_row)(void *cookie, const struct waiting_row *row),
                            void *cookie, struct err *err) AMR_NODISCARD;
/** The youngest batch that has claimed reports of the meter and is not sealed; 0: none. */
int store_report_unfinished(struct store *store, uint64_t *ret_batch, uint32_t meter,
                            struct err *err) AMR_NODISCARD;
/** Calls back for the reports of a batch by meter and sequence. */
int store_report_of_batch(struct store *store, uint64_t batch,
                          bool (*on_row)(void *cookie, const struct report_row *row), void *cookie,
                          struct err *err) AMR_NODISCARD;
/** When the oldest waiting report came; ret_found false: none waits. */
int store_report_oldest(struct store *store, uint64_t *ret_received_ms, bool *ret_found,
                        struct err *err) AMR_NODISCARD;
/** The first used sequence above `sequence`; ret_found false: none. */
int store_report_next(struct store *store, uint32_t *ret_sequence, enum report_state *ret_state,
                      bool *ret_found, uint32_t meter, uint32_t sequence,
                      struct err *err) AMR_NODISCARD;

/** The lowest number from `from` on that no report has, of whatever state. */
int store_report_missing(struct store *store, uint32_t *ret_sequence, uint32_t meter, uint32_t from,
                         struct err *err) AMR_NODISCARD;

/** Calls back for sealed reports that are not in the archive, by batch, until it returns false. */
int store_report_unarchived(struct store *store,
                            bool (*on_row)(void *cookie, const struct report_row *row),
                            void *cookie, struct err *err) AMR_NODISCARD;
/** How long the archive is that the store knows of; 0: there is none yet. */
int store_archive_length(struct store *store, uint64_t *ret_length, struct err *err) AMR_NODISCARD;
/** They are in it now, and it is so long. A transaction of its own. */
int store_archive_add(struct store *store, const uint64_t *reports, size_t count, uint64_t length,
                      struct err *err) AMR_NODISCARD;

struct store_counts {
    uint64_t reports[REPORT_REJECTED + 1]; /* by state */
    uint64_t readings[REPORT_REJECTED + 1];
};
/** Walks the table: for the start only. */
int store_report_counts(struct store *store, struct store_counts *ret_counts,
                        struct err *err) AMR_NODISCARD;

struct meter_row {
    char serial[SERIAL_MAX + 1]; /* "": not known yet */
    uint32_t claimed;
    uint32_t open; /* missing numbers below it will not come: the meter said so; 0: it did not */
};
/** A meter never heard of reads as an empty serial and zeros. */
int store_meter_get(struct store *store, struct meter_row *ret_row, uint32_t meter,
                    struct err *err) AMR_NODISCARD;
/** *ret_found false: no meter with this serial was heard yet. */
int store_meter_of_serial(struct store *store, uint32_t *ret_meter, bool *ret_found,
                          const char *serial, struct err *err) AMR_NODISCARD;
int store_meter_put(struct store *store, uint32_t meter, const char *serial,
                    struct err *err) AMR_NODISCARD;
int store_meter_put_open(struct store *store, uint32_t meter, uint32_t open,
                         struct err *err) AMR_NODISCARD;
int store_meter_claim(struct store *store, uint32_t meter, uint32_t sequence,
                      struct err *err) AMR_NODISCARD;

#endif
