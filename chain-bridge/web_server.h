/*
 * web_server.h: HTTP and WebSocket through libwebsockets, and the threads behind it.
 *
 * One service thread owns every connection. Files it answers itself; API requests go through two
 * bounded queues to two workers, one of them for the slow ones (password hashing, reports), each
 * with its own connection to the store; a full queue answers 503. Live pages (web_push.h) are the
 * service thread's. Bounded everywhere: connections, header and body size, time to send a request,
 * idle time. Binds one address: anything but loopback needs TLS.
 */
#ifndef AMR_BRIDGE_WEB_SERVER_H
#define AMR_BRIDGE_WEB_SERVER_H

#include "chain-bridge/web_feed.h"
#include "chain-bridge/web_push.h"
#include "common/log.h"

struct web_server;

struct web_server_config {
    const char *address; /* numeric */
    uint16_t port;
    const char *tls_cert; /* PEM; NULL: no TLS */
    const char *tls_key;
    const char *staff_file; /* NULL: nobody can log in */
    const struct web_shared *shared;
    struct web_feed *feed;
    struct store *store; /* to open more connections */
    struct log *log;
};

/** Binds and starts; fails where it cannot. */
struct web_server *web_server_start(const struct web_server_config *config,
                                    struct err *err) AMR_NODISCARD;
void web_server_stop(struct web_server *server);

#endif
