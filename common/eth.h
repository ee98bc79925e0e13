/*
 * eth.h: the plain values of Ethereum. Fixed-size structs, copied freely.
 *
 * Source: Ethereum Yellow Paper, appendix F; EIP-55 for the mixed-case address text.
 */
#ifndef AMR_COMMON_ETH_H
#define AMR_COMMON_ETH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

struct eth_address {
    uint8_t b[20];
};

struct eth_hash {
    uint8_t b[32];
};

/** r, s (low half only) and v (27 or 28), as ecrecover and eth_sign tools use it. */
struct eth_signature {
    uint8_t b[65];
};

#define ETH_ADDRESS_TEXT 43
#define ETH_HASH_TEXT    67

/** EIP-55 checksummed text; returns text. */
char *eth_address_text(char text[ETH_ADDRESS_TEXT], const struct eth_address *address);
/** Reads 0x and 40 digits. Mixed case must carry the right EIP-55 checksum. */
int eth_address_parse(struct eth_address *ret_address, const char *text,
                      struct err *err) AMR_NODISCARD;
bool eth_address_equal(const struct eth_address *a, const struct eth_address *b);
bool eth_address_is_zero(const struct eth_address *address);

char *eth_hash_text(char text[ETH_HASH_TEXT], const struct eth_hash *hash);
int eth_hash_parse(struct eth_hash *ret_hash, const char *text, struct err *err) AMR_NODISCARD;
bool eth_hash_equal(const struct eth_hash *a, const struct eth_hash *b);

/** Address of a contract that `sender` creates with `nonce` (Yellow Paper, section 7). */
void eth_create_address(struct eth_address *ret_address, const struct eth_address *sender,
                        uint64_t nonce);

#endif
