/*
 * plan.h: a batch in the making: reports, packed records, Merkle root, bounds.
 *
 * Reports are added in the order in which they may be sealed (each meter's by sequence); any
 * prefix of them is a valid batch. plan_build sorts by meter and sequence, so that neighbours
 * share a storage slot of the contract. Belongs to one thread.
 */
#ifndef AMR_BRIDGE_PLAN_H
#define AMR_BRIDGE_PLAN_H

#include "chain-bridge/store_batch.h"
#include "chain-bridge/store_report.h"

struct plan_limits {
    uint32_t readings;
    uint32_t bytes; /* of the whole transaction */
    uint64_t gas;
};

struct plan_entry {
    struct claim_report claim;
    struct eth_hash digest;
    struct eth_signature signature;
    size_t first; /* its readings */
    uint32_t count;
};

struct plan {
    struct plan_entry *entries;
    size_t count;
    size_t capacity;
    struct reading *readings;
    size_t reading_count;
    size_t reading_capacity;
    /* After plan_build: */
    struct claim_report *claims;
    struct eth_hash root;
    struct buf records;
    uint64_t gas;       /* expected at most */
    uint64_t gas_limit; /* enough whatever the contract rejects; may be above any limit */
};

/** Zero-initialise a plan with PLAN_INIT. */
#define PLAN_INIT                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }

void plan_free(struct plan *plan);
void plan_clear(struct plan *plan);
void plan_add(struct plan *plan, const struct report_row *row);

/** Cuts the tail until all limits hold, and computes the rest. At least one report stays. */
int plan_build(struct plan *plan, const struct plan_limits *limits, struct err *err) AMR_NODISCARD;

#endif
