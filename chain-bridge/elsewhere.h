/*
 * elsewhere.h: readings that the chain has already, from another batch of the group.
 *
 * Another server of the group may have sealed them, or this one with a store that is lost since:
 * the contract then skips them as stale, and only its log tells whether they are there with the
 * same values. Searches backwards in growing pages, no further than a reading can be from its
 * block: the contract takes none that is more than FUTURE_TOLERANCE ahead. Chain thread only.
 */
#ifndef AMR_BRIDGE_ELSEWHERE_H
#define AMR_BRIDGE_ELSEWHERE_H

#include "chain-bridge/chain.h"
#include "common/reading.h"

struct elsewhere {
    struct chain *chain;
    struct eth_address contract;
    uint16_t group;
    uint64_t start_block; /* nothing of the contract is older */
};

struct elsewhere_place {
    struct eth_hash root;
    struct eth_hash transaction;
    uint64_t block;
    uint64_t number; /* of the group */
};

struct sought_reading {
    uint32_t meter;
    struct reading reading;
    bool found; /* accepted with the very same values; then place is set */
    struct elsewhere_place place;
};

/**
 * Looks for readings, sorted by meter and time, in blocks up to `to`, which is final. What is not
 * found when it returns 0 is not there. -1: the node did not answer.
 */
int elsewhere_find(const struct elsewhere *elsewhere, struct sought_reading *readings, size_t count,
                   uint64_t to, struct err *err) AMR_NODISCARD;

#endif
