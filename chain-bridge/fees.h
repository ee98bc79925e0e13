/*
 * fees.h: what a transaction offers, and how the offer is raised.
 *
 * EIP-1559 fees in wei per gas. First offer: the configured tip, and a fee cap of twice the base
 * fee plus tip. A raise is one that both geth and Besu take as a replacement: geth wants tip and
 * cap 10 % up and strictly above, Besu wants the effective price at the head's base fee 10 % up
 * (reference: go-ethereum core/txpool/legacypool/list.go, Besu
 * TransactionReplacementByFeeMarketRule). The base fee is taken one block of growth high.
 * Pure functions.
 */
#ifndef AMR_BRIDGE_FEES_H
#define AMR_BRIDGE_FEES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct fees {
    uint64_t tip_wei;
    uint64_t max_fee_wei;
};

struct fee_policy {
    uint64_t tip_wei;
    uint64_t cap_wei; /* no offer is above it; 0: a network without fees, everything is 0 */
};

/** Fails where the base fee alone is above the cap: then it is better to wait. */
int fees_first(const struct fee_policy *policy, struct fees *ret_fees, uint64_t base_fee_wei,
               struct err *err) AMR_NODISCARD;
/** Fails where the raise would be above the cap. */
int fees_raise(const struct fee_policy *policy, struct fees *ret_fees, const struct fees *old,
               uint64_t base_fee_wei, struct err *err) AMR_NODISCARD;

#endif
