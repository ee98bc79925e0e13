/*
 * rpc.h: a blocking JSON-RPC 2.0 client over libwebsockets: ws, wss, http, https.
 *
 * One handle belongs to one thread; only rpc_wake and rpc_cancel may come from others. Endpoints
 * are tried in the order given, from the one in use; one that fails is left for the next, and
 * after a round in vain calls fail at once until a backoff is over. TLS is always verified
 * (wss, https: the system's CAs or ca_file). A reply is matched by its id; others are dropped.
 * Calls never block longer than timeout_ms (name resolution by the C library excepted).
 *
 * http(s) makes a connection for every exchange; ws(s) keeps one and, with subscribe, asks for
 * newHeads on every connect: a hint to look sooner, never the only source of news.
 * Source: JSON-RPC 2.0 specification; go-ethereum's "Real-time Events" for eth_subscribe.
 */
#ifndef AMR_CHAIN_BRIDGE_RPC_H
#define AMR_CHAIN_BRIDGE_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "common/json.h"

/** Most calls that rpc_call_many takes at once. */
#define RPC_CALLS_MAX 256

enum rpc_outcome {
    RPC_RESULT,   /* the node answered with a result */
    RPC_ERROR,    /* the node answered with an error object, whatever its code and text */
    RPC_NOT_SENT, /* no node was reached: nothing can have happened there */
    RPC_UNKNOWN,  /* sent, but no usable answer: the node may have acted on it */
    RPC_TOO_LARGE /* sent, and the answer is larger than reply_max: ask for less */
};

struct rpc_reply {
    enum rpc_outcome outcome;
    json_t *result;    /* RPC_RESULT */
    int64_t code;      /* RPC_ERROR */
    char message[256]; /* RPC_ERROR: the node's words, cut to size */
    json_t *data;      /* RPC_ERROR: `data` of the error object, or NULL */
};

struct rpc_request {
    const char *method;
    const char *params; /* a JSON array as text */
};

struct rpc_config {
    const char *urls;      /* comma-separated "ws://host:port/path" */
    const char *ca_file;   /* PEM; NULL: the system's */
    uint32_t timeout_ms;   /* of one call, connecting included; 0: 10,000 */
    uint32_t retry_min_ms; /* backoff after all endpoints failed; 0: 250, doubled up to ... */
    uint32_t retry_max_ms; /* 0: 15,000 */
    uint32_t reply_max;    /* bytes of one reply; 0: 32 MiB */
    bool subscribe;        /* to newHeads, on ws and wss */
    /** Asked of every endpoint before it is used; NULL: nothing is. A failed check leaves it. */
    const char *probe_method;
    int (*probe_check)(void *cookie, const json_t *result, struct err *err);
    void *cookie;
};

struct rpc;

/** Checks and copies the configuration; connects only when there is something to ask. */
struct rpc *rpc_new(const struct rpc_config *config, struct err *err) AMR_NODISCARD;
void rpc_free(struct rpc *rpc);

/** 0 with a result; -1 and err otherwise. *ret_reply is always filled: rpc_reply_clear it. */
int rpc_call(struct rpc *rpc, struct rpc_reply *ret_reply, const char *method, const char *params,
             struct err *err) AMR_NODISCARD;
/** All in one go; 0 where each got an answer of its own (result or error), else -1 and err. */
int rpc_call_many(struct rpc *rpc, struct rpc_reply *ret_replies, const struct rpc_request *calls,
                  size_t count, struct err *err) AMR_NODISCARD;
void rpc_reply_clear(struct rpc_reply *reply);

enum rpc_event { RPC_TIMEOUT, RPC_NEW_HEAD, RPC_WOKEN };

/** Keeps the connection alive until a new head, rpc_wake, or timeout_ms are over. */
enum rpc_event rpc_wait(struct rpc *rpc, uint32_t timeout_ms);
/** Any thread: ends the rpc_wait that runs, or else the next one. */
void rpc_wake(struct rpc *rpc);
/** Any thread, for shutdown: calls that run and those to come fail at once; waits end. */
void rpc_cancel(struct rpc *rpc);

/** The endpoint in use, without user, password and query, for messages. */
const char *rpc_endpoint(const struct rpc *rpc);

#endif
