/*
 * store_rebuild.h: sealed batches and reports put back into a store that is made anew.
 *
 * In the caller's transaction. A batch's id is its number in the group.
 */
#ifndef AMR_BRIDGE_STORE_REBUILD_H
#define AMR_BRIDGE_STORE_REBUILD_H

#include "chain-bridge/archive_reader.h"
#include "chain-bridge/store_report.h"

/** Adds it unless it is there; *ret_added tells. */
int store_rebuild_batch(struct store *store, bool *ret_added, const struct archived_batch *batch,
                        uint64_t now_ms, struct err *err) AMR_NODISCARD;
/** Adds a sealed report of row->batch, and what is known of its meter. */
int store_rebuild_report(struct store *store, const struct report_row *row,
                         struct err *err) AMR_NODISCARD;
/** Counts the reports of all batches, once they are in. */
int store_rebuild_count(struct store *store, struct err *err) AMR_NODISCARD;
/** Calls back for every batch until it returns false. */
int store_rebuild_each(struct store *store, bool (*on_batch)(void *cookie, uint64_t batch),
                       void *cookie, struct err *err) AMR_NODISCARD;

#endif
