/*
 * notices.h: how the bridge's parts tell the world: receipts to meters, alarms, batches.
 *
 * An interface, so that tests can listen. Called from the intake's writer and the chain thread;
 * implementations are thread-safe, never block on the network and lose nothing that matters: a
 * meter that misses a receipt sends its report again.
 */
#ifndef AMR_BRIDGE_NOTICES_H
#define AMR_BRIDGE_NOTICES_H

#include "common/payload.h"

struct batch_notice {
    uint64_t number; /* of the group, given by the contract */
    struct eth_hash root;
    struct eth_hash transaction;
    uint64_t block;
    uint32_t reports;
    uint32_t readings;
    uint32_t rejected; /* readings */
    uint64_t gas_used;
    uint64_t gas_price_wei;
    uint64_t age_ms; /* from the claim to finality */
};

struct notices {
    void (*receipt)(void *cookie, const char *serial, const struct receipt *receipt);
    /** source and unix_ms are filled in by the implementation. */
    void (*alarm)(void *cookie, const struct alarm *alarm);
    void (*batch)(void *cookie, const struct batch_notice *batch);
    void (*command)(void *cookie, const char *serial, const struct command *command);
    void *cookie;
};

#endif
