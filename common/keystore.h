/*
 * keystore.h: Web3 Secret Storage version 3 key files.
 *
 * Writes scrypt (n 2^17, r 8, p 1) with aes-128-ctr, as geth, Besu's tools and `cast wallet` do;
 * reads scrypt and pbkdf2 (hmac-sha256) files of theirs, with bounds on the cost parameters. The
 * passphrase comes from a file that only its owner can read (a trailing newline is dropped), never
 * from argv or the environment; the keystore itself is encrypted and may be readable.
 * Source: Ethereum "Web3 Secret Storage Definition".
 */
#ifndef AMR_COMMON_KEYSTORE_H
#define AMR_COMMON_KEYSTORE_H

#include "common/signer.h"

/** Decrypts the file at path with the passphrase in the file at passphrase_path. */
struct signer *keystore_load(const char *path, const char *passphrase_path,
                             struct err *err) AMR_NODISCARD;
/** Writes the file, mode 0600; refuses to overwrite. scrypt_log_n 17 is the usual cost. */
int keystore_save(const struct signer *signer, const char *path, const char *passphrase_path,
                  unsigned scrypt_log_n, struct err *err) AMR_NODISCARD;

#endif
