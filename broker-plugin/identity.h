/*
 * identity.h: who a client is, read from its TLS client certificate.
 *
 * Subject CN = name (a meter's serial or a service's name), subject OU = role, and for meters one
 * SAN URI did:ethr:0x<address>: the key that signs its reports. The chain of trust was checked by
 * Mosquitto's TLS; here the fields are. A certificate with a field missing, doubled, too long or
 * of other characters is refused. (RFC 5280; did:ethr method, address form without a network.)
 *
 * The broker keeps an identity as the user name "role:name", also with sessions that are offline
 * or restored from disk, where there is no certificate to look at.
 */
#ifndef AMR_BROKER_PLUGIN_IDENTITY_H
#define AMR_BROKER_PLUGIN_IDENTITY_H

#include <openssl/types.h>
#include <stdbool.h>

#include "common/err.h"
#include "common/eth.h"
#include "common/reading.h"

enum role { ROLE_METER, ROLE_BRIDGE, ROLE_OPS, ROLE_COUNT };

struct identity {
    enum role role;
    char name[SERIAL_MAX + 1];
    struct eth_address signer; /* meters; zero otherwise and where read from a user name */
};

#define IDENTITY_USERNAME   (SERIAL_MAX + 8)
#define IDENTITY_CERT_MAX   16384 /* DER bytes */
#define IDENTITY_CLIENT_MAX (2 * SERIAL_MAX + 1)

/** The certificate stays the caller's; OpenSSL's error queue is left as it was. */
int identity_from_certificate(struct identity *ret_identity, X509 *certificate,
                              struct err *err) AMR_NODISCARD;

const char *role_text(enum role role);
/** "meter:A0001"; returns text. */
char *identity_username(char text[IDENTITY_USERNAME], const struct identity *identity);
/** -1 where the user name (NULL: none) was not made by identity_username. */
int identity_from_username(struct identity *ret_identity, const char *username) AMR_NODISCARD;

/**
 * Whether this identity may use the client id: its name, and for ops also NAME~SUFFIX, so that a
 * person can have several windows open. No name contains a ~: nobody can take another's session.
 */
bool identity_owns_client_id(const struct identity *identity, const char *client_id);
/** Makes the identity of a person of the staff file. */
int identity_for_staff(struct identity *ret_identity, const char *name) AMR_NODISCARD;

#endif
