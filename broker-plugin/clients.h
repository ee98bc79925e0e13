/*
 * clients.h: the clients that are connected now.
 *
 * Keyed by the broker's handle (its struct mosquitto *): on a takeover the new connection logs in
 * before the old one is reported gone, so for a moment two stand under one client id; the old one
 * is then marked replaced. Being in this table is also what makes it safe to disconnect a client:
 * 2.0.x frees memory twice when told to disconnect an offline session. One thread.
 */
#ifndef AMR_BROKER_PLUGIN_CLIENTS_H
#define AMR_BROKER_PLUGIN_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "broker-plugin/hash.h"
#include "broker-plugin/identity.h"
#include "broker-plugin/members.h"
#include "broker-plugin/rates.h"

#define CLIENT_ADDRESS 64

struct client {
    const void *handle;
    struct identity who;
    char id[IDENTITY_CLIENT_MAX + 1];
    char address[CLIENT_ADDRESS];
    struct member *member;   /* meters; NULL for others */
    struct account *account; /* held by whoever added the client */
    bool by_password;        /* logged in so, not with a certificate */
    bool replaced;
    struct hash_node by_handle;
    struct hash_node by_id;
};

struct clients;

struct clients *clients_new(void) AMR_NODISCARD;
/** Frees the clients that are left, not their accounts. */
void clients_free(struct clients *clients);

/** Adds a client; the handle must be new here. Texts are copied, address may be NULL. */
struct client *clients_add(struct clients *clients, const void *handle, const struct identity *who,
                           const char *client_id, const char *address);
void clients_remove(struct clients *clients, struct client *client);
struct client *clients_find(const struct clients *clients, const void *handle);
/** Walks: clients_next(clients, NULL) is the first. */
struct client *clients_next(const struct clients *clients, const struct client *client);
size_t clients_count(const struct clients *clients);
size_t clients_count_role(const struct clients *clients, enum role role);

#endif
