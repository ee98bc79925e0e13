/*
 * eth_tx.h: EIP-1559 transactions, made and signed locally.
 *
 * Source: EIP-1559 (type 2 envelope), EIP-2718, EIP-2930 (the empty access list). Fees are wei per
 * gas; no value is ever sent.
 */
#ifndef AMR_COMMON_ETH_TX_H
#define AMR_COMMON_ETH_TX_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/eth.h"
#include "common/signer.h"

struct eth_tx {
    uint64_t chain_id;
    uint64_t nonce;
    uint64_t max_priority_fee_wei;
    uint64_t max_fee_wei;
    uint64_t gas_limit;
    bool creates_contract; /* then `to` is not used */
    struct eth_address to;
    uint64_t value_wei;
    const uint8_t *data;
    size_t data_len;
};

/** The hash that is signed: keccak256(0x02 || rlp([... , accessList])). */
void eth_tx_signing_hash(const struct eth_tx *tx, struct eth_hash *ret_hash);
/** Appends the raw bytes for eth_sendRawTransaction and gives their hash, the transaction's. */
void eth_tx_sign(const struct eth_tx *tx, struct buf *raw, struct eth_hash *ret_hash,
                 const struct signer *signer);

#endif
