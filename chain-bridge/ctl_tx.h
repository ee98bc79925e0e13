/*
 * ctl_tx.h: one transaction of amrctl, from call data to receipt.
 *
 * Estimates gas (a revert there is told in the contract's own words, and nothing is sent), takes
 * the account's next nonce and fees of the day (cap = 2 * base + tip), signs, sends, sends the same
 * bytes again while no receipt comes, and waits up to timeout_ms for it. For people at a
 * terminal: what must survive a crash goes through the bridge's submitter instead.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_TX_H
#define AMR_CHAIN_BRIDGE_CTL_TX_H

#include "chain-bridge/chain.h"
#include "common/clock.h"
#include "common/signer.h"

struct ctl_tx {
    struct chain *chain;
    const struct clock *clock;
    const struct signer *signer;
    uint64_t chain_id;
    uint32_t timeout_ms;
};

struct ctl_tx_result {
    struct eth_hash hash;
    struct chain_receipt receipt;
};

/** to NULL: creates a contract. Fails where the transaction was refused, reverted or not mined. */
int ctl_tx_run(const struct ctl_tx *tx, struct ctl_tx_result *ret_result,
               const struct eth_address *to, const void *data, size_t len,
               struct err *err) AMR_NODISCARD;

#endif
