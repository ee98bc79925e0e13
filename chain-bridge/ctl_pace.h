/*
 * ctl_pace.h: how fast each server seals and what that costs, from its last batches.
 *
 * Fed with the ledger's BatchSubmitted events in order; ctl_pace_measure then asks the chain for
 * the receipts and the times of the last PACE_BATCHES of a server. Until now counts, so that a
 * server that has stopped is not said to spend. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_PACE_H
#define AMR_CHAIN_BRIDGE_CTL_PACE_H

#include "chain-bridge/ctl.h"

#define PACE_BATCHES 16

struct ctl_pace;

struct ctl_pace *ctl_pace_new(void) AMR_NODISCARD;
void ctl_pace_free(struct ctl_pace *pace);
void ctl_pace_batch(struct ctl_pace *pace, const struct ledger_event *event,
                    const struct chain_log *log);

struct ctl_pace_figures {
    bool known;             /* there were two batches or more; else all is 0 */
    uint64_t gwei_per_day;  /* saturates */
    uint64_t millireadings; /* sealed in a second, times 1000, from first to last of the batches */
};
/** now_s: the chain's time. Fails where the chain does not answer. */
int ctl_pace_measure(struct ctl_pace *pace, struct ctl_pace_figures *ret_figures, struct ctl *ctl,
                     const struct eth_address *server, uint64_t now_s,
                     struct err *err) AMR_NODISCARD;

#endif
