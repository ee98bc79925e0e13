/*
 * rlp.h: Recursive Length Prefix encoding, appended to a buffer.
 *
 * Source: Ethereum Yellow Paper, appendix B. A list is written by encoding its items into a buffer
 * of their own and handing that to rlp_list.
 */
#ifndef AMR_COMMON_RLP_H
#define AMR_COMMON_RLP_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

void rlp_bytes(struct buf *out, const void *data, size_t len);
/** A scalar: big endian without leading zeros; 0 is the empty string. */
void rlp_uint(struct buf *out, uint64_t value);
/** A 32-byte big-endian scalar, leading zeros dropped. */
void rlp_uint256(struct buf *out, const uint8_t value[32]);
/** Wraps already encoded items. */
void rlp_list(struct buf *out, const void *items, size_t len);

#endif
