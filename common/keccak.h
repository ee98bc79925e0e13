/*
 * keccak.h: Keccak-256 as Ethereum uses it (padding 0x01, not SHA-3's 0x06).
 *
 * The permutation is Nettle's. Contexts are plain values; one thread each.
 */
#ifndef AMR_COMMON_KECCAK_H
#define AMR_COMMON_KECCAK_H

#include <nettle/sha3.h>
#include <stddef.h>

#include "common/eth.h"

struct keccak {
    struct sha3_256_ctx ctx;
};

void keccak_init(struct keccak *keccak);
void keccak_update(struct keccak *keccak, const void *data, size_t len);
void keccak_final(struct keccak *keccak, struct eth_hash *ret_hash);

/** One call for the usual case. */
void keccak256(struct eth_hash *ret_hash, const void *data, size_t len);

#endif
