/*
 * login.h: who may come in: by client certificate, or staff by name and password.
 *
 * A certificate decides alone where there is one. A client id must belong to the identity, a meter
 * must be active in the registry under the certificate's signer, and whoever was shut out stays
 * out. Passwords are checked at most 3 times a second in all, since each check holds the broker up
 * for some 30 ms, and an address that fails ten times is shut out of passwords for a while.
 */
#ifndef AMR_BROKER_PLUGIN_LOGIN_H
#define AMR_BROKER_PLUGIN_LOGIN_H

#include <stdbool.h>

#include "broker-plugin/identity.h"
#include "broker-plugin/members.h"
#include "broker-plugin/rates.h"
#include "common/clock.h"
#include "common/staff.h"

struct login {
    const void *handle; /* the broker's, names the connection */
    const char *client_id;
    const char *address;
    const char *username; /* what was sent, or what the broker knows the session by; or NULL */
    const char *password; /* NULL: none */
    X509 *certificate;    /* NULL: none, or the session is offline */
    bool websocket;       /* of such a connection; sessions that are offline have none */
};

struct login_verdict {
    const char *cause; /* NULL: welcome; else a cause of INTERFACES.md */
    struct err text;   /* why not */
    struct identity who;
    struct member *member;   /* meters */
    struct account *account; /* held for the caller, welcome or not: of the identity or address */
};

struct login_desk;

/** staff may be NULL. All must outlive the desk. */
struct login_desk *login_desk_new(const struct members *members, const struct staff *staff,
                                  struct accounts *accounts,
                                  const struct clock *clock) AMR_NODISCARD;
void login_desk_free(struct login_desk *desk);
void login_check(struct login_desk *desk, struct login_verdict *ret_verdict,
                 const struct login *login);

#endif
