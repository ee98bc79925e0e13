#include "chain-bridge/rpc.h"

#include <assert.h>
#include <inttypes.h>
#include <libwebsockets.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "chain-bridge/rpc_link.h"
#include "chain-bridge/rpc_replies.h"
#include "common/buf.h"

#define TIMEOUT_MS   10000
#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 15000
#define REPLY_MAX    (32u << 20)
#define ENDPOINTS    16

struct rpc {
    struct rpc_config config; /* its strings are copies */
    struct rpc_url urls[ENDPOINTS];
    size_t url_count;
    size_t current;
    bool ready; /* connected and probed */
    struct rpc_link *link;

    int64_t retry_at_us; /* no attempt before */
    uint32_t retry_ms;
    struct err failure; /* why the last round of endpoints was in vain */

    uint64_t next_id;
    struct rpc_replies in; /* of the exchange under way */
    atomic_bool woken;
    atomic_bool cancelled;
};

static void on_message(void *cookie, const char *text, size_t len)
{
    struct rpc *rpc = cookie;
    rpc_replies_take(&rpc->in, text, len);
    if (rpc->urls[rpc->current].http && rpc->in.answered < rpc->in.count)
        rpc->in.nonsense = true; /* one body answers a request; nothing more will come */
}

/* EXCHANGE: one message out, its answers in, on the connection that is there */

static void print_call(struct buf *out, uint64_t id, const struct rpc_request *call)
{
    buf_printf(out, "{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64 ",\"method\":\"%s\",\"params\":", id,
               call->method);
    buf_append(out, call->params, strlen(call->params));
    buf_append_u8(out, '}');
}

static void begin_exchange(struct rpc *rpc, struct rpc_reply *replies,
                           const struct rpc_request *calls, size_t count)
{
    struct buf text = BUF_INIT;
    rpc->in.first_id = rpc->next_id;
    rpc->next_id += count;
    rpc->in.replies = replies;
    rpc->in.count = count;
    rpc->in.answered = 0;
    rpc->in.nonsense = false;
    if (count > 1)
        buf_append_u8(&text, '[');
    for (size_t i = 0; i < count; i++) {
        replies[i] = (struct rpc_reply){.outcome = RPC_UNKNOWN};
        if (i > 0)
            buf_append_u8(&text, ',');
        print_call(&text, rpc->in.first_id + i, &calls[i]);
    }
    if (count > 1)
        buf_append_u8(&text, ']');
    rpc_link_send(rpc->link, buf_str(&text), text.len);
    buf_free(&text);
}

static bool exchange_goes_on(const struct rpc *rpc, int64_t deadline_us)
{
    return rpc->in.answered < rpc->in.count && !rpc->in.nonsense && !atomic_load(&rpc->cancelled) &&
           rpc_link_state(rpc->link) == RPC_LINK_OPEN && lws_now_usecs() < deadline_us;
}

static int explain_exchange(struct rpc *rpc, bool sent, struct err *err)
{
    const char *where = rpc_endpoint(rpc);
    enum rpc_link_state state = rpc_link_state(rpc->link);
    if (atomic_load(&rpc->cancelled))
        return err_set(err, "asking %s: cancelled", where);
    if (rpc->in.nonsense)
        return err_set(err, "asking %s: what came back does not answer it as JSON-RPC 2.0 does",
                       where);
    if (state != RPC_LINK_OPEN)
        return err_set(err, "asking %s: %s", where, rpc_link_text(rpc->link));
    return err_set(err, "asking %s: no answer in time%s", where, sent ? "" : " (nothing was sent)");
}

/* Ends what has no answer: an unanswered connection is not trusted with a second question. */
static int fail_exchange(struct rpc *rpc, struct err *err)
{
    bool sent = rpc_link_sent(rpc->link);
    enum rpc_outcome outcome = sent ? RPC_UNKNOWN : RPC_NOT_SENT;
    if (rpc_link_state(rpc->link) == RPC_LINK_TOO_LARGE)
        outcome = RPC_TOO_LARGE;
    for (size_t i = 0; i < rpc->in.count; i++) {
        if (rpc_reply_open(&rpc->in, i))
            rpc->in.replies[i].outcome = outcome;
    }
    explain_exchange(rpc, sent, err);
    rpc_link_close(rpc->link);
    rpc->ready = false;
    if (outcome != RPC_TOO_LARGE)
        rpc->current = (rpc->current + 1) % rpc->url_count;
    return -1;
}

static int exchange(struct rpc *rpc, struct rpc_reply *replies, const struct rpc_request *calls,
                    size_t count, int64_t deadline_us, struct err *err)
{
    begin_exchange(rpc, replies, calls, count);
    while (exchange_goes_on(rpc, deadline_us))
        rpc_link_service(rpc->link, deadline_us);
    int result = rpc->in.answered == rpc->in.count ? 0 : fail_exchange(rpc, err);
    rpc->in.count = 0;
    return result;
}

/* ENDPOINTS */

static int probe(struct rpc *rpc, int64_t deadline_us, struct err *err)
{
    if (rpc->config.probe_method == NULL)
        return 0;
    struct rpc_reply reply;
    struct rpc_request call = {rpc->config.probe_method, "[]"};
    size_t at = rpc->current;
    int result = exchange(rpc, &reply, &call, 1, deadline_us, err);
    if (result == 0 && reply.outcome == RPC_ERROR)
        result = err_set(err, "%s refuses %s: %s", rpc_endpoint(rpc), call.method, reply.message);
    else if (result == 0 && rpc->config.probe_check(rpc->config.cookie, reply.result, err) != 0)
        result = err_wrap(err, "%s", rpc_endpoint(rpc));
    rpc_reply_clear(&reply);
    rpc->current = at;
    return result;
}

/* Without it the node is still good: news are then found by asking. */
static void subscribe(struct rpc *rpc, int64_t deadline_us)
{
    if (!rpc->config.subscribe || rpc->urls[rpc->current].http)
        return;
    struct rpc_reply reply;
    struct rpc_request call = {"eth_subscribe", "[\"newHeads\"]"};
    size_t at = rpc->current;
    if (exchange(rpc, &reply, &call, 1, deadline_us, NULL) != 0)
        rpc->current = at;
    rpc_reply_clear(&reply);
}

static int open_endpoint(struct rpc *rpc, int64_t deadline_us, struct err *err)
{
    rpc_link_open(rpc->link, &rpc->urls[rpc->current]);
    while (rpc_link_state(rpc->link) == RPC_LINK_CONNECTING && lws_now_usecs() < deadline_us &&
           !atomic_load(&rpc->cancelled))
        rpc_link_service(rpc->link, deadline_us);
    if (rpc_link_state(rpc->link) != RPC_LINK_OPEN)
        return err_set(err, "connecting to %s: %s", rpc_endpoint(rpc),
                       rpc_link_state(rpc->link) == RPC_LINK_CONNECTING ? "no connection in time"
                                                                        : rpc_link_text(rpc->link));
    if (probe(rpc, deadline_us, err) != 0)
        return -1;
    subscribe(rpc, deadline_us);
    if (rpc_link_state(rpc->link) != RPC_LINK_OPEN)
        return err_set(err, "connecting to %s: lost at once", rpc_endpoint(rpc));
    rpc->ready = true;
    rpc->in.new_head = true; /* whatever was missed meanwhile */
    rpc->retry_ms = 0;
    return 0;
}

/* A jittered pause, doubled up to the limit, after a round of endpoints that was in vain. */
static void back_off(struct rpc *rpc)
{
    uint32_t next = rpc->retry_ms == 0 ? rpc->config.retry_min_ms : rpc->retry_ms * 2;
    rpc->retry_ms = next > rpc->config.retry_max_ms ? rpc->config.retry_max_ms : next;
    uint16_t random = 0;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    uint64_t pause_us = (uint64_t)rpc->retry_ms * (750 + random % 500);
    rpc->retry_at_us = lws_now_usecs() + (int64_t)pause_us;
}

static bool is_ready(const struct rpc *rpc)
{
    return rpc->ready && rpc_link_state(rpc->link) == RPC_LINK_OPEN;
}

/* What is wrong with each endpoint, not only with the last: one may be of another chain. */
static void add_failure(struct err *failure, const struct err *more)
{
    struct err before = *failure;
    err_set(failure, "%s%s%s", before.text, before.text[0] ? "; " : "", more->text);
}

/* Each endpoint once, each with an equal share of the time that is left. */
static int ensure_ready(struct rpc *rpc, int64_t deadline_us, struct err *err)
{
    if (is_ready(rpc))
        return 0;
    rpc->ready = false;
    if (lws_now_usecs() < rpc->retry_at_us)
        return err_set(err, "%s", rpc->failure.text);
    struct err failure = ERR_INIT, round = ERR_INIT;
    for (size_t left = rpc->url_count; left > 0 && !atomic_load(&rpc->cancelled); left--) {
        int64_t now = lws_now_usecs();
        int64_t share = (deadline_us - now) / (int64_t)left;
        if (open_endpoint(rpc, now + share, &failure) == 0)
            return 0;
        add_failure(&round, &failure);
        rpc_link_close(rpc->link);
        rpc->current = (rpc->current + 1) % rpc->url_count;
    }
    if (atomic_load(&rpc->cancelled))
        return err_set(err, "asking %s: cancelled", rpc_endpoint(rpc));
    back_off(rpc);
    rpc->failure = round;
    return err_set(err, "%s", rpc->failure.text);
}

/* CALLS */

int rpc_call_many(struct rpc *rpc, struct rpc_reply *ret_replies, const struct rpc_request *calls,
                  size_t count, struct err *err)
{
    assert(count > 0 && count <= RPC_CALLS_MAX);
    int64_t deadline_us = lws_now_usecs() + (int64_t)rpc->config.timeout_ms * 1000;
    for (size_t i = 0; i < count; i++)
        ret_replies[i] = (struct rpc_reply){.outcome = RPC_NOT_SENT};
    for (size_t attempt = 0; attempt <= rpc->url_count; attempt++) {
        if (ensure_ready(rpc, deadline_us, err) != 0)
            return -1;
        if (exchange(rpc, ret_replies, calls, count, deadline_us, &rpc->failure) == 0)
            return 0;
        if (ret_replies[0].outcome != RPC_NOT_SENT || atomic_load(&rpc->cancelled))
            return err_set(err, "%s", rpc->failure.text);
    }
    back_off(rpc);
    return err_set(err, "%s", rpc->failure.text);
}

int rpc_call(struct rpc *rpc, struct rpc_reply *ret_reply, const char *method, const char *params,
             struct err *err)
{
    struct rpc_request call = {method, params};
    if (rpc_call_many(rpc, ret_reply, &call, 1, err) != 0)
        return -1;
    if (ret_reply->outcome == RPC_RESULT)
        return 0;
    return err_set(err, "%s answers %s with error %" PRId64 ": %s", rpc_endpoint(rpc), method,
                   ret_reply->code,
                   ret_reply->message[0] != '\0' ? ret_reply->message : "(no text)");
}

/* WAITING */

/* Connects where only an open connection brings news; sleeps to the next attempt otherwise. */
static int64_t keep_ready(struct rpc *rpc, int64_t deadline_us)
{
    bool wanted = rpc->config.subscribe && !rpc->urls[rpc->current].http;
    if (!wanted || is_ready(rpc))
        return deadline_us;
    int64_t timeout_us = (int64_t)rpc->config.timeout_ms * 1000;
    if (lws_now_usecs() >= rpc->retry_at_us)
        (void)ensure_ready(rpc, lws_now_usecs() + timeout_us, NULL);
    return !is_ready(rpc) && rpc->retry_at_us < deadline_us ? rpc->retry_at_us : deadline_us;
}

enum rpc_event rpc_wait(struct rpc *rpc, uint32_t timeout_ms)
{
    int64_t deadline_us = lws_now_usecs() + (int64_t)timeout_ms * 1000;
    for (;;) {
        if (atomic_exchange(&rpc->woken, false) || atomic_load(&rpc->cancelled))
            return RPC_WOKEN;
        if (rpc->in.new_head) {
            rpc->in.new_head = false;
            return RPC_NEW_HEAD;
        }
        if (lws_now_usecs() >= deadline_us)
            return RPC_TIMEOUT;
        int64_t until = keep_ready(rpc, deadline_us);
        if (!rpc->in.new_head)
            rpc_link_service(rpc->link, until);
    }
}

void rpc_wake(struct rpc *rpc)
{
    atomic_store(&rpc->woken, true);
    rpc_link_interrupt(rpc->link);
}

void rpc_cancel(struct rpc *rpc)
{
    atomic_store(&rpc->cancelled, true);
    rpc_link_interrupt(rpc->link);
}

const char *rpc_endpoint(const struct rpc *rpc)
{
    return rpc->urls[rpc->current].shown;
}

/* LIFE */

static int parse_urls(struct rpc *rpc, const char *text, struct err *err)
{
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");
        if (rpc->url_count == ENDPOINTS)
            return err_set(err, "more than %d node URLs", ENDPOINTS);
        if (rpc_url_parse(&rpc->urls[rpc->url_count], text, len, err) != 0)
            return -1;
        rpc->url_count++;
        text += len + (text[len] == ',');
    }
    return rpc->url_count > 0 ? 0 : err_set(err, "no node URL is given");
}

static bool uses_tls(const struct rpc *rpc)
{
    for (size_t i = 0; i < rpc->url_count; i++) {
        if (rpc->urls[i].tls)
            return true;
    }
    return false;
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

struct rpc *rpc_new(const struct rpc_config *config, struct err *err)
{
    struct rpc *rpc = xcalloc(1, sizeof(*rpc));
    rpc->config = *config;
    rpc->config.urls = NULL;
    rpc->config.ca_file = NULL;
    rpc->config.timeout_ms = or_default(config->timeout_ms, TIMEOUT_MS);
    rpc->config.retry_min_ms = or_default(config->retry_min_ms, RETRY_MIN_MS);
    rpc->config.retry_max_ms = or_default(config->retry_max_ms, RETRY_MAX_MS);
    rpc->next_id = 1;
    if (parse_urls(rpc, config->urls, err) == 0)
        rpc->link = rpc_link_new(uses_tls(rpc), config->ca_file,
                                 or_default(config->reply_max, REPLY_MAX), on_message, rpc, err);
    if (rpc->link == NULL) {
        rpc_free(rpc);
        return NULL;
    }
    return rpc;
}

void rpc_free(struct rpc *rpc)
{
    if (rpc == NULL)
        return;
    rpc_link_free(rpc->link);
    free(rpc);
}
