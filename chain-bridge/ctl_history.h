/*
 * ctl_history.h: batches from a ledger's events: their records, and which the contract took.
 *
 * BatchSubmitted carries every reading that was submitted, ReadingRejected names those that the
 * contract skipped, in the order of the records. Feed events in chain order; a batch is handed on
 * when its transaction is over. Holds one transaction's batches; one thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_HISTORY_H
#define AMR_CHAIN_BRIDGE_CTL_HISTORY_H

#include "chain-bridge/ctl.h"
#include "common/record.h"

struct history_batch {
    struct eth_hash root;
    struct eth_hash transaction;
    struct eth_address server;
    uint16_t group;
    uint64_t number; /* of the group */
    uint64_t block;
    uint32_t accepted;
    uint32_t rejected;
    const struct record *records; /* accepted + rejected of them, in their order */
    const uint8_t *reasons;       /* of each: why it was refused; 0: taken */
    size_t count;
};

typedef int history_fn(void *cookie, const struct history_batch *batch, struct err *err);

struct history;

struct history *history_new(history_fn *on_batch, void *cookie) AMR_NODISCARD;
void history_free(struct history *history);
/** A ctl_event_fn whose cookie is the history; of other kinds than its two it sees the order. */
int history_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                  struct err *err) AMR_NODISCARD;
/** After the last event. */
int history_end(struct history *history, struct err *err) AMR_NODISCARD;

#endif
