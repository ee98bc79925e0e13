/*
 * settle.h: the end of a batch: what the contract made of it, into the store and to the world.
 *
 * Called once a batch's transaction is final. Reads its events, marks reports sealed or rejected
 * in one transaction, then tells the meters. A report whose readings the contract skipped as stale
 * is sealed all the same where another batch of the group has them all: the meter is told of that
 * one. Not final is what passes: a report ahead of the block's time waits and is tried again; one
 * of a meter that the contract does not know or that is closed is forgotten, and its meter sends it
 * again. Belongs to the chain thread.
 */
#ifndef AMR_BRIDGE_SETTLE_H
#define AMR_BRIDGE_SETTLE_H

#include "chain-bridge/flight.h"
#include "chain-bridge/notices.h"
#include "chain-bridge/status.h"
#include "common/log.h"

struct settler {
    struct chain *chain;
    struct store *store;
    const struct clock *clock;
    struct notices notices;
    struct status *status;
    struct log *log;
    void (*hold)(void *cookie, uint32_t meter); /* do not try it at once; NULL: nobody */
    void *hold_cookie;
    struct eth_address contract;
    uint16_t group;
    uint64_t start_block; /* nothing of the contract is older */
};

/** The flight's receipt is final and says success. -1: try again later. */
int settle_sealed(const struct settler *settler, const struct flight *flight,
                  struct err *err) AMR_NODISCARD;
/** Gives up the only report of a halted batch: the contract does not take any batch with it. */
int settle_poison(const struct settler *settler, uint64_t batch, struct err *err) AMR_NODISCARD;

#endif
