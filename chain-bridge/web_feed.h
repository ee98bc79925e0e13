/*
 * web_feed.h: what happens in the bridge, on its way to the dashboard's model.
 *
 * Offers come from the intake's writer, Paho's threads, the chain thread: they copy into a bounded
 * queue and never wait. Where it is full they are dropped and counted: the model is a picture, the
 * store is the truth, and both the next message and a reload mend the picture. One thread drains.
 * Also the way of alarms into the alarm log and of events into the store, which lose nothing that
 * fits their queues.
 */
#ifndef AMR_BRIDGE_WEB_FEED_H
#define AMR_BRIDGE_WEB_FEED_H

#include "chain-bridge/alarm_log.h"
#include "chain-bridge/notices.h"
#include "chain-bridge/roster.h"
#include "chain-bridge/store_web.h"
#include "chain-bridge/web_live.h"
#include "common/signer.h"
#include "common/topic.h"

struct web_feed;

struct web_feed_config {
    struct store *store;   /* its own connection, for events and alarms */
    struct web_live *live; /* NULL: no dashboard, only alarms and events are kept */
    struct roster *roster;
    const struct eip712 *domain;
    const struct recoverer *recoverer;
    const struct clock *clock;
    struct notices next; /* who is told after us */
};

struct web_feed *web_feed_new(const struct web_feed_config *config) AMR_NODISCARD;
void web_feed_free(struct web_feed *feed);
/** Any thread. A stored report, after its commit. */
void web_feed_report(struct web_feed *feed, const char *serial, const struct report *report,
                     uint64_t received_ms);
/** Any thread. A message other than reports. */
void web_feed_message(struct web_feed *feed, const struct topic *topic, const void *payload,
                      size_t len);
/** Listens to receipts, alarms and batches, and hands them on. */
struct notices web_feed_notices(struct web_feed *feed);

/** What the drain passes on, beside changing the model. */
struct web_feed_sink {
    void (*report)(void *cookie, const struct report *report, uint64_t received_ms);
    void (*event)(void *cookie, const struct event_row *row);
    void (*batch)(void *cookie);
    void *cookie;
};
/** The draining thread. *ret_heard_ms: when the last message came; unchanged where none did. */
void web_feed_drain(struct web_feed *feed, const struct web_feed_sink *sink,
                    uint64_t *ret_heard_ms);
/** About once a second, one thread: commits alarms and events. */
int web_feed_flush(struct web_feed *feed, struct err *err) AMR_NODISCARD;
/** Fills the model from the store: the last day, newest first. Until stop says so. */
int web_feed_history(struct web_feed *feed, struct store *store, bool (*stop)(void *cookie),
                     void *cookie, struct err *err) AMR_NODISCARD;

#endif
