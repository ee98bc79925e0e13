/*
 * rpc_link.h: one connection to one JSON-RPC endpoint, over libwebsockets: the transport of rpc.c.
 *
 * A link carries whole text messages: WebSocket messages, or the bodies of HTTP POSTs and their
 * answers. One thread owns it and turns it with rpc_link_service until what it waits for is there;
 * rpc_link_interrupt alone may come from other threads. Sockets live in real time: deadlines are
 * those of lws_now_usecs().
 */
#ifndef AMR_CHAIN_BRIDGE_RPC_LINK_H
#define AMR_CHAIN_BRIDGE_RPC_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

struct rpc_url {
    bool http; /* else WebSocket */
    bool tls;
    char host[256];
    char path[512];  /* with the query */
    char basic[256]; /* base64 of user:password, or empty */
    uint16_t port;
    char shown[320]; /* for messages: without user, password, path and query */
};

int rpc_url_parse(struct rpc_url *ret_url, const char *text, size_t len,
                  struct err *err) AMR_NODISCARD;

enum rpc_link_state {
    RPC_LINK_CLOSED, /* rpc_link_text says why, where it was not asked for */
    RPC_LINK_CONNECTING,
    RPC_LINK_OPEN,     /* http: a request can be posted, or is on its way */
    RPC_LINK_TOO_LARGE /* closed: a message was larger than allowed */
};

struct rpc_link;

/** on_message gets every whole message, within rpc_link_service. Only with tls are certificates
 * loaded: from ca_file, or the system's where that is NULL. */
struct rpc_link *rpc_link_new(bool tls, const char *ca_file, size_t message_max,
                              void (*on_message)(void *cookie, const char *text, size_t len),
                              void *cookie, struct err *err) AMR_NODISCARD;
void rpc_link_free(struct rpc_link *link);

/** Starts connecting (http: remembers the URL, and is open). url must outlive the connection. */
void rpc_link_open(struct rpc_link *link, const struct rpc_url *url);
/** Queues one message (copied); the next only when this one has left. */
void rpc_link_send(struct rpc_link *link, const char *text, size_t len);
/** Whether the last message was handed to the socket, in whole or in part. */
bool rpc_link_sent(const struct rpc_link *link);
/** Turns once: returns after an event, an interrupt, or at deadline_us. */
void rpc_link_service(struct rpc_link *link, int64_t deadline_us);
void rpc_link_close(struct rpc_link *link);

enum rpc_link_state rpc_link_state(const struct rpc_link *link);
const char *rpc_link_text(const struct rpc_link *link);
void rpc_link_interrupt(struct rpc_link *link);

#endif
