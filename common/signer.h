/*
 * signer.h: secp256k1 keys, recoverable signatures (RFC 6979 nonces, low s) and recovery.
 *
 * struct signer holds one secret key in locked memory and wipes it when freed. Signing and
 * recovering are thread-safe on one handle: the libsecp256k1 context inside is only read.
 */
#ifndef AMR_COMMON_SIGNER_H
#define AMR_COMMON_SIGNER_H

#include "common/eth.h"

struct signer;
struct recoverer;

/** Takes a copy of the 32-byte secret; the caller wipes its own. NULL where it is no valid key. */
struct signer *signer_new(const uint8_t secret[32], struct err *err) AMR_NODISCARD;
/** A fresh key from the kernel's random source. */
struct signer *signer_generate(struct err *err) AMR_NODISCARD;
/** Reads "0x" and 64 digits from a file that nobody else can read (mode 0600 or 0400). */
struct signer *signer_load(const char *path, struct err *err) AMR_NODISCARD;
/** Writes such a file, mode 0600; refuses to overwrite one. */
int signer_save(const struct signer *signer, const char *path, struct err *err) AMR_NODISCARD;
void signer_free(struct signer *signer);

const struct eth_address *signer_address(const struct signer *signer);
void signer_sign(const struct signer *signer, struct eth_signature *ret_signature,
                 const struct eth_hash *digest);
/** Copies the secret, for a keystore to encrypt. The caller wipes it. */
void signer_secret(const struct signer *signer, uint8_t ret_secret[32]);

struct recoverer *recoverer_new(void) AMR_NODISCARD;
void recoverer_free(struct recoverer *recoverer);
/** The address that signed digest; -1 where the signature is malformed, high-s or recovers none. */
int recoverer_recover(const struct recoverer *recoverer, struct eth_address *ret_address,
                      const struct eth_hash *digest,
                      const struct eth_signature *signature) AMR_NODISCARD;

#endif
