/*
 * possession.h: a meter's proof, at enrolment, that it holds its signing key.
 *
 * A certificate request is signed by the TLS key alone, so anybody could put a foreign signing
 * address into one. Therefore the signing key signs the TLS key, too: as a personal message
 * (EIP-191), which any wallet can make,
 *
 *   AMR Ledger: meter SERIAL has TLS key 0x<SHA-256 of the key's SubjectPublicKeyInfo>
 *
 * and 0x and the 65 bytes in hexadecimal stand in the request's attribute unstructuredName
 * (PKCS #9, RFC 2985). Pure functions.
 */
#ifndef AMR_COMMON_POSSESSION_H
#define AMR_COMMON_POSSESSION_H

#include "common/eth.h"
#include "common/signer.h"

#define POSSESSION_TEXT 133 /* 0x, 130 digits, zero */

/** key: an EVP_PKEY. Fails where it has no public part. */
int possession_prove(char ret_text[POSSESSION_TEXT], const struct signer *signer,
                     const char *serial, const void *key, struct err *err) AMR_NODISCARD;
/** Fails unless address signed it. */
int possession_check(const char *text, const struct eth_address *address, const char *serial,
                     const void *key, struct err *err) AMR_NODISCARD;

#endif
