#include "broker-plugin/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

struct clients {
    struct hash by_handle;
    struct hash by_id;
    size_t of_role[ROLE_COUNT];
};

struct clients *clients_new(void)
{
    return xcalloc(1, sizeof(struct clients));
}

void clients_free(struct clients *clients)
{
    if (!clients)
        return;
    struct client *client;
    while ((client = clients_next(clients, NULL)) != NULL)
        clients_remove(clients, client);
    hash_free(&clients->by_handle);
    hash_free(&clients->by_id);
    free(clients);
}

static void mark_replaced(struct clients *clients, const char *client_id, uint64_t key)
{
    for (struct hash_node *n = hash_find(&clients->by_id, key); n; n = hash_find_next(n)) {
        struct client *client = HASH_ENTRY(n, struct client, by_id);
        if (strcmp(client->id, client_id) == 0)
            client->replaced = true;
    }
}

struct client *clients_add(struct clients *clients, const void *handle, const struct identity *who,
                           const char *client_id, const char *address)
{
    struct client *client = xcalloc(1, sizeof *client);
    client->handle = handle;
    client->who = *who;
    snprintf(client->id, sizeof client->id, "%s", client_id);
    snprintf(client->address, sizeof client->address, "%s", address ? address : "");
    uint64_t id_key = hash_text(client->id);
    mark_replaced(clients, client->id, id_key);
    hash_add(&clients->by_handle, &client->by_handle, hash_pointer(handle));
    hash_add(&clients->by_id, &client->by_id, id_key);
    clients->of_role[who->role]++;
    return client;
}

void clients_remove(struct clients *clients, struct client *client)
{
    hash_remove(&clients->by_handle, &client->by_handle);
    hash_remove(&clients->by_id, &client->by_id);
    clients->of_role[client->who.role]--;
    free(client);
}

struct client *clients_find(const struct clients *clients, const void *handle)
{
    for (struct hash_node *n = hash_find(&clients->by_handle, hash_pointer(handle)); n;
         n = hash_find_next(n))
        if (HASH_ENTRY(n, struct client, by_handle)->handle == handle)
            return HASH_ENTRY(n, struct client, by_handle);
    return NULL;
}

struct client *clients_next(const struct clients *clients, const struct client *client)
{
    struct hash_node *node = hash_next(&clients->by_handle, client ? &client->by_handle : NULL);
    return node ? HASH_ENTRY(node, struct client, by_handle) : NULL;
}

size_t clients_count(const struct clients *clients)
{
    return clients->by_handle.count;
}

size_t clients_count_role(const struct clients *clients, enum role role)
{
    return clients->of_role[role];
}
