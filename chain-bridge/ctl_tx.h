/*
 * ctl_tx.h: one transaction of amrctl, from call data to receipt.
 *
 * Estimates gas (a revert there is told in the contract's own words, and nothing is sent), takes
 * the account's next nonce, or with --replace the oldest that waits, and fees of the day (fees.h).
 * Signs, sends, sends again while no receipt comes, and raises the fees when it takes too long:
 * every version sent is looked for. After timeout-s it gives up with what is known and what to do.
 * For people at a terminal: what must survive a crash goes through the bridge's submitter instead.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_TX_H
#define AMR_CHAIN_BRIDGE_CTL_TX_H

#include "chain-bridge/ctl.h"

struct ctl_tx_result {
    struct eth_hash hash;
    struct chain_receipt receipt;
};

/**
 * to NULL: creates a contract. An exit code: CTL_FAILED where it was refused, reverted or replaced
 * by another one, CTL_LATE where it is not in a block in time. What happens meanwhile is told on
 * ctl->notes.
 */
int ctl_tx_run(const struct ctl *ctl, const struct ctl_shared *shared,
               struct ctl_tx_result *ret_result, const struct eth_address *to, const void *data,
               size_t len, struct err *err) AMR_NODISCARD;

#endif
