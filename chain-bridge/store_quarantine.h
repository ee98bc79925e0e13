/*
 * store_quarantine.h: what was refused, with its raw bytes and the reason, kept for inspection.
 *
 * Bounded: beyond `keep` rows the oldest go, which the caller counts and tells.
 */
#ifndef AMR_BRIDGE_STORE_QUARANTINE_H
#define AMR_BRIDGE_STORE_QUARANTINE_H

#include <stddef.h>

#include "chain-bridge/store.h"
#include "common/payload.h"

struct quarantine_row {
    uint64_t received_ms;
    enum cause cause;
    const char *text;
    const char *topic;
    uint32_t meter; /* 0 where unreadable */
    uint32_t sequence;
    const void *payload;
    size_t payload_len;
};

int store_quarantine_add(struct store *store, const struct quarantine_row *row,
                         struct err *err) AMR_NODISCARD;
/** Deletes all but the youngest `keep` rows. */
int store_quarantine_trim(struct store *store, uint64_t keep, uint64_t *ret_deleted,
                          struct err *err) AMR_NODISCARD;
int store_quarantine_count(struct store *store, uint64_t *ret_count, struct err *err) AMR_NODISCARD;
/** Calls back oldest first; the row is gone after the return. */
int store_quarantine_each(struct store *store,
                          void (*on_row)(void *cookie, const struct quarantine_row *row),
                          void *cookie, struct err *err) AMR_NODISCARD;

#endif
