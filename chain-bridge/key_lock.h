/*
 * key_lock.h: one bridge per account: two would use the same nonces for different transactions.
 *
 * The lock is a name in Linux's abstract socket namespace, so it needs no writable directory, ends
 * with the process however that ends, and holds for copies of a keystore. It covers the machine (a
 * container: its network namespace); beyond that only the chain can tell (alarm nonce-foreign).
 */
#ifndef AMR_BRIDGE_KEY_LOCK_H
#define AMR_BRIDGE_KEY_LOCK_H

#include "common/err.h"
#include "common/eth.h"

/** A descriptor to close in the end; -1: another process has it. */
int key_lock_take(uint64_t chain_id, const struct eth_address *account,
                  struct err *err) AMR_NODISCARD;

#endif
