/*
 * store_retention.h: what has ended leaves the store after a while, so that it does not grow for
 * ever.
 *
 * Sealed reports leave once they are archived, a meter's last excepted: what is sent again after
 * that goes to the chain, which has it; then the batches without reports, ended transactions with
 * all their hashes, and refused reports. The newest batch and nonce stay: the next are counted from
 * them. A step looks at a bounded number of the oldest rows, so that it never holds up batches.
 * Chain thread.
 */
#ifndef AMR_BRIDGE_STORE_RETENTION_H
#define AMR_BRIDGE_STORE_RETENTION_H

#include "chain-bridge/store.h"

struct store_retention {
    uint64_t before_ms; /* what ended earlier may go */
    uint32_t limit;     /* rows of a kind in one step */
    uint64_t batch;     /* where the next look at batches begins: 0 at first */
};

struct store_forgotten {
    uint64_t reports; /* archived */
    uint64_t refused; /* reports */
    uint64_t batches;
    uint64_t transactions;
};

/** One step, in a transaction of its own. */
int store_retain(struct store *store, struct store_retention *retention,
                 struct store_forgotten *ret_forgotten, struct err *err) AMR_NODISCARD;

#endif
