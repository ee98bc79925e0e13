/*
 * web.h: the web side of the bridge: dashboard, API, live data, metrics; alarms and events are kept
 * also where nobody listens.
 *
 * It only looks on: it never makes intake or chain thread wait, has its own threads and connections
 * to the store, and drops what it has no room for (web_feed.h). Options in config.h.
 */
#ifndef AMR_BRIDGE_WEB_H
#define AMR_BRIDGE_WEB_H

#include "chain-bridge/commands.h"
#include "chain-bridge/config.h"
#include "chain-bridge/web_feed.h"

struct web;

/** Everything outlives it. */
struct web_config {
    const struct config *config;
    struct store *store;
    struct roster *roster;
    struct status *status;
    const struct eip712 *domain;
    const struct recoverer *recoverer;
    struct eth_address account;
    const struct clock *clock;
    struct log *log;
    struct notices next; /* the outlet's */
};

/** Reads keys and files; listens only in web_start. */
struct web *web_new(const struct web_config *config, struct err *err) AMR_NODISCARD;
/** commands: NULL where none are relayed. */
int web_start(struct web *web, struct commands *commands, struct err *err) AMR_NODISCARD;
/** About once a second, one thread: commits alarms and events. */
void web_tick(struct web *web);
/** Ends its threads and commits what is left. */
void web_free(struct web *web);

/** Reports, messages and notices go in here. */
struct web_feed *web_feed_of(struct web *web);

#endif
