/*
 * ctl_history.h: readings from a ledger's events: a batch's records, less what was refused.
 *
 * BatchSubmitted carries every reading that was submitted, ReadingRejected names those that the
 * contract skipped, in the order of the records. Feed events in chain order; a batch is handed on
 * when the transaction is over. Holds one batch; one thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_HISTORY_H
#define AMR_CHAIN_BRIDGE_CTL_HISTORY_H

#include "chain-bridge/ctl.h"
#include "common/record.h"

struct history_reading {
    uint32_t meter;
    struct reading reading;
    uint64_t batch; /* of the group */
    uint64_t block;
    const struct eth_hash *root;
    const struct eth_hash *transaction;
};

typedef int history_fn(void *cookie, const struct history_reading *reading, struct err *err);

struct history;

struct history *history_new(history_fn *on_reading, void *cookie) AMR_NODISCARD;
void history_free(struct history *history);
/** A ctl_event_fn whose cookie is the history. */
int history_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                  struct err *err) AMR_NODISCARD;
/** After the last event. */
int history_end(struct history *history, struct err *err) AMR_NODISCARD;

#endif
