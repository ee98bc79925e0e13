/*
 * status.h: the bridge's numbers, for server/state/bridge.
 *
 * Counters and gauges that any thread may move; one reader prints them. Report counts, unless the
 * name says readings. `paused` is empty while the chain side works, else why it does not.
 */
#ifndef AMR_BRIDGE_STATUS_H
#define AMR_BRIDGE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum status_number {
    STATUS_METERS,      /* active in the registry */
    STATUS_BROKERS,     /* connected */
    STATUS_RECEIVED,    /* messages since the start */
    STATUS_SHED,        /* dropped since the start for want of room: not stored, no receipt */
    STATUS_REPEATED,    /* known reports received again since the start */
    STATUS_STORED,      /* reports ever stored */
    STATUS_CLAIMED,     /* in an unfinished batch */
    STATUS_SEALED,      /* ever */
    STATUS_REJECTED,    /* ever, of authentic reports */
    STATUS_QUARANTINED, /* rows in quarantine */
    STATUS_READINGS_SEALED,
    STATUS_BACKLOG,   /* stored or claimed, not sealed */
    STATUS_OLDEST_S,  /* age of the oldest report that waits for a batch */
    STATUS_BATCHES,   /* sealed since the start */
    STATUS_IN_FLIGHT, /* transactions */
    STATUS_BUMPS,     /* fee bumps since the start */
    STATUS_REORGS,    /* batches put back by a reorganisation since the start */
    STATUS_REVERTS,   /* since the start */
    STATUS_HALTED,    /* 1 while a reverted batch is being taken apart */
    STATUS_COMMANDS,  /* issued, the meter has not answered */
    STATUS_RESULTS,   /* commands and results that wait for the chain */
    STATUS_HEAD,      /* block number */
    STATUS_REGISTRY_BLOCK,
    STATUS_BALANCE_GWEI,
    STATUS_BASE_FEE_WEI,
    STATUS_NUMBERS
};

struct status;

struct status *status_new(void) AMR_NODISCARD;
void status_free(struct status *status);

void status_add(struct status *status, enum status_number number, int64_t by);
void status_set(struct status *status, enum status_number number, uint64_t value);
uint64_t status_get(const struct status *status, enum status_number number);
/** Copies the text that status_pause was given; "": working. */
void status_paused(const struct status *status, char *ret_text, size_t size);
/** text NULL or "": working. true where this differs from before. */
bool status_pause(struct status *status, const char *text);

/** Appends {"v":1,"t":unix_s,...} as INTERFACES.md shows; unix_s 0: without t, to compare. */
void status_print(const struct status *status, struct buf *out, uint32_t unix_s);

#endif
