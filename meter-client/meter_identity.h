/*
 * meter_identity.h: who the meter is: its keys, its certificate request and its certificate.
 *
 * A meter makes its keys itself and they never leave it. identity_init writes three files:
 *
 *   DIR/SERIAL.key          TLS key, P-256, PEM, mode 0600
 *   DIR/SERIAL.signing-key  secp256k1 key that signs reports (common/signer.h), mode 0600
 *   DIR/SERIAL.csr          PKCS #10 request (RFC 2986): CN = serial, OU = meter, SAN URI
 *                           did:ethr:0x... = the address that signs reports; the signing key's
 *                           proof (common/possession.h) as an attribute
 *
 * and refuses to overwrite any of them.
 */
#ifndef AMR_METER_IDENTITY_H
#define AMR_METER_IDENTITY_H

#include "common/eth.h"
#include "common/reading.h"

int identity_init(struct eth_address *ret_address, const char *dir, const char *serial,
                  struct err *err) AMR_NODISCARD;

/** The serial (CN) in a PEM certificate file. */
int identity_serial(char ret_serial[SERIAL_MAX + 1], const char *cert_path,
                    struct err *err) AMR_NODISCARD;
/** Fails where the certificate names another serial or another signing address. */
int identity_check(const char *cert_path, const char *serial, const struct eth_address *address,
                   struct err *err) AMR_NODISCARD;

#endif
