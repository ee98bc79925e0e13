/*
 * abi.h: the part of the Solidity contract ABI that MeterLedger uses.
 *
 * Source: Solidity documentation, "Contract ABI Specification". Encoding appends 32-byte words;
 * decoding reads words of a bounded byte string and checks every offset, length and padding, since
 * it comes from outside.
 */
#ifndef AMR_COMMON_ABI_H
#define AMR_COMMON_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/eth.h"

#define ABI_WORD 32

/** First four bytes of keccak256 of a signature such as "addServer(address,uint16)". */
void abi_selector(struct buf *out, const char *signature);
/** keccak256 of an event's signature: its topic 0. */
void abi_topic(struct eth_hash *ret_topic, const char *signature);

void abi_uint(struct buf *out, uint64_t value);
void abi_address(struct buf *out, const struct eth_address *address);
void abi_hash(struct buf *out, const struct eth_hash *hash);
/** The tail of a dynamic `bytes`: length word, data, zero padding. */
void abi_bytes_tail(struct buf *out, const void *data, size_t len);

struct abi_view {
    const uint8_t *data;
    size_t len;
};

/** Word `index` as an unsigned number; fails where it is missing or above 64 bits. */
int abi_get_uint(struct abi_view view, size_t index, uint64_t *ret_value,
                 struct err *err) AMR_NODISCARD;
int abi_get_address(struct abi_view view, size_t index, struct eth_address *ret_address,
                    struct err *err) AMR_NODISCARD;
int abi_get_hash(struct abi_view view, size_t index, struct eth_hash *ret_hash,
                 struct err *err) AMR_NODISCARD;
/** Word `index` holds the offset of a `bytes`/`string`; ret_bytes points into view. */
int abi_get_bytes(struct abi_view view, size_t index, struct abi_view *ret_bytes,
                  struct err *err) AMR_NODISCARD;
/** Word `index` holds the offset of an array of static words; ret_words points into view. */
int abi_get_words(struct abi_view view, size_t index, struct abi_view *ret_words,
                  struct err *err) AMR_NODISCARD;

#endif
