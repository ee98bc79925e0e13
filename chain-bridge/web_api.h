/*
 * web_api.h: the JSON API: from a request to a response, without any network.
 *
 * web/openapi.json describes it; web_api.c has one row per path. Any worker thread calls
 * web_api_handle with its own context: the store's connection is the thread's, everything else in
 * it is shared and thread-safe. Handlers return 0 with a response, or -1 with an err that becomes a
 * 500: what is the client's fault they answer by web_problem and 0.
 */
#ifndef AMR_BRIDGE_WEB_API_H
#define AMR_BRIDGE_WEB_API_H

#include "chain-bridge/commands.h"
#include "chain-bridge/status.h"
#include "chain-bridge/store.h"
#include "chain-bridge/web_live.h"
#include "chain-bridge/web_request.h"
#include "chain-bridge/web_response.h"
#include "chain-bridge/web_session.h"
#include "common/signer.h"

/** What all workers share; everything outlives them. */
struct web_shared {
    const struct clock *clock;
    struct web_live *live;
    struct web_sessions *sessions;
    struct status *status;
    struct roster *roster;
    struct commands *commands;         /* NULL: this bridge relays none */
    const struct signer *operator_key; /* NULL: commands come signed */
    const struct eip712 *domain;
    const struct recoverer *recoverer;
    struct eth_address account;
    const char *archive_path;
    const char *trusted;        /* origins that may use the API, comma-separated; NULL: none */
    const char *host;           /* the name that the listener is reached by, beside loopback */
    const char *verify_origins; /* nodes that the page may ask; NULL: none */
    uint16_t group;
    uint32_t target_percent;
    uint64_t started_s;
    uint64_t sealed_at_start; /* reports */
    bool loopback;            /* listens there only: metrics need no login */
    char boot[20];            /* names this run, for those who resume */
};

struct web_context {
    const struct web_shared *shared;
    struct store *store; /* the worker's connection */
    struct staff *staff; /* the worker's own; NULL: nobody logs in */
};

/** What a handler gets: a checked request. */
struct web_call {
    const struct web_context *context;
    const struct web_request *request;
    struct web_response *response;
    struct web_session who; /* name "" where nobody needs to be logged in */
    const char *argument;   /* the path's {…}, decoded; "" */
    const char *argument2;
};

/** Answers anything; never fails. */
void web_api_handle(const struct web_context *context, const struct web_request *request,
                    struct web_response *response);
/** Whether the request is one that takes long (password hashing, reports): few at a time. */
bool web_api_slow(const struct web_request *request);
/** Who sends this, by cookie or token; false: nobody we know. */
bool web_api_who(const struct web_context *context, const struct web_request *request,
                 struct web_session *ret_who);

typedef int web_handler(const struct web_call *call, struct err *err);

/* For handlers: */

/** Reads the JSON body into an object that the caller decrefs; NULL: answered by a problem. */
struct json_t *web_body(const struct web_call *call);
/** A meter by serial or id:NUMBER; 0: answered by a problem. */
uint32_t web_meter_argument(const struct web_call *call, const char *text);
/** Answers 400 with err's text and returns 0. */
int web_bad(const struct web_call *call, const struct err *err);

#endif
