/*
 * web_push.h: the live data: what each connected page was shown and what it is sent next.
 *
 * Nothing is queued for a page. Every thing it can show has the sequence number of its last change;
 * a page remembers the highest that it was sent, and gets what is younger when its connection can
 * take it. So a slow page misses steps in between, never the latest, costs no memory, and one that
 * comes back says where it was. web/openapi.json (info.description) has the protocol. One thread.
 */
#ifndef AMR_BRIDGE_WEB_PUSH_H
#define AMR_BRIDGE_WEB_PUSH_H

#include "chain-bridge/store_web.h"
#include "chain-bridge/web_api.h"

enum { PUSH_METERS_MAX = 256, PUSH_MESSAGE_MAX = 16384 };

struct web_push;
struct web_push_page;

/** context: of the thread. */
struct web_push *web_push_new(const struct web_context *context) AMR_NODISCARD;
void web_push_free(struct web_push *push);

struct web_push_page *web_push_page_new(struct web_push *push) AMR_NODISCARD;
void web_push_page_free(struct web_push_page *page);
/** A message of the page; -1: malformed, end the connection. */
int web_push_subscribe(struct web_push_page *page, const void *text, size_t len,
                       struct err *err) AMR_NODISCARD;

/** Looks at model, alarms and batches; about ten times a second while there are pages. */
int web_push_refresh(struct web_push *push, struct err *err) AMR_NODISCARD;
/** A stored report, for those who follow its meter. */
void web_push_report(struct web_push *push, const struct report *report, uint64_t received_ms);
/** A stored event, likewise. */
void web_push_event(struct web_push *push, const struct event_row *row);
/** A batch was sealed: the list is read again. */
void web_push_batches(struct web_push *push);
/** When the last message from a broker came. */
void web_push_heard(struct web_push *push, uint64_t unix_ms);

/** Whether the page is due something: a change, or a sign of life after 5 s. */
bool web_push_due(const struct web_push_page *page);
/** Appends the page's next frame. Nothing where it has not subscribed. */
void web_push_next(struct web_push_page *page, struct buf *out);

#endif
