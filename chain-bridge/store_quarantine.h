/*
 * store_quarantine.h: what was refused, with its raw bytes and the reason, kept for inspection.
 *
 * Bounded: beyond `keep` rows the oldest go, which the caller counts and tells. A row can be asked
 * back, by another process, too: the bridge's intake then judges the message anew, by the rules and
 * the registry of that time, and the row goes with the new judgement.
 */
#ifndef AMR_BRIDGE_STORE_QUARANTINE_H
#define AMR_BRIDGE_STORE_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

#include "chain-bridge/store.h"
#include "common/payload.h"

struct quarantine_row {
    uint64_t id; /* from 1, in the order of arrival */
    uint64_t received_ms;
    enum cause cause;
    const char *text;
    const char *topic;
    uint32_t meter; /* 0 where unreadable */
    uint32_t sequence;
    const void *payload;
    size_t payload_len;
    bool released; /* asked back, not judged again yet */
};

/** id and released are the store's. */
int store_quarantine_add(struct store *store, const struct quarantine_row *row,
                         struct err *err) AMR_NODISCARD;
/** Deletes all but the youngest `keep` rows. */
int store_quarantine_trim(struct store *store, uint64_t keep, uint64_t *ret_deleted,
                          struct err *err) AMR_NODISCARD;
int store_quarantine_count(struct store *store, uint64_t *ret_count, struct err *err) AMR_NODISCARD;

typedef void quarantine_row_fn(void *cookie, const struct quarantine_row *row);

/** Calls back oldest first; the row is gone after the return. */
int store_quarantine_each(struct store *store, quarantine_row_fn *on_row, void *cookie,
                          struct err *err) AMR_NODISCARD;
struct quarantine_query {
    uint64_t before;  /* ids below it; 0: from the newest on */
    enum cause cause; /* CAUSE_NONE: any */
    uint32_t meter;   /* 0: any */
    uint32_t limit;
};
/** Newest first. */
int store_quarantine_list(struct store *store, const struct quarantine_query *query,
                          quarantine_row_fn *on_row, void *cookie, struct err *err) AMR_NODISCARD;
int store_quarantine_get(struct store *store, uint64_t id, bool *ret_found,
                         quarantine_row_fn *on_row, void *cookie, struct err *err) AMR_NODISCARD;

/** Asks for a row to be judged again; the bridge finds it. *ret_asked false: asked or gone. */
int store_quarantine_release(struct store *store, uint64_t id, bool *ret_asked,
                             struct err *err) AMR_NODISCARD;
/** What was asked back, oldest first. */
int store_quarantine_released(struct store *store, uint32_t limit, quarantine_row_fn *on_row,
                              void *cookie, struct err *err) AMR_NODISCARD;
/** In the transaction that holds the new judgement. */
int store_quarantine_remove(struct store *store, uint64_t id, struct err *err) AMR_NODISCARD;

#endif
