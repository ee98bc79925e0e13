/*
 * meter_store_reports.h: the part of the meter's store (meter_store.h) about readings, the reports
 * they become, and receipts.
 */
#ifndef AMR_METER_STORE_REPORTS_H
#define AMR_METER_STORE_REPORTS_H

#include "meter-client/meter_store.h"

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
/** Queues again those of the reports first..last that are stored and not sealed. */
int meter_store_requeue_range(struct meter_store *store, uint64_t *ret_changed, uint32_t first,
                              uint32_t last, struct err *err) AMR_NODISCARD;
/** The lowest sequence from `first` on that is queued or stored; the next one's: none is. */
int meter_store_first_open(struct meter_store *store, uint32_t *ret_sequence, uint32_t first,
                           struct err *err) AMR_NODISCARD;
/**
 * Gives the queued reports from `first` on new sequences, beginning with next: each becomes a new
 * report with the same readings, which sign makes anew, and the old one is rejected as conflict.
 */
int meter_store_renumber(struct meter_store *store, uint64_t *ret_moved, uint32_t first,
                         uint32_t next, void (*sign)(void *cookie, struct report *report),
                         void *cookie, struct err *err) AMR_NODISCARD;

#endif
