#include "chain-bridge/web_server.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/web_assets.h"
#include "chain-bridge/web_jobs.h"
#include "chain-bridge/web_wire.h"

#define LIVE_PATH "/api/v1/live"

enum {
    CONNECTIONS_MAX = 1024,
    HEADER_BYTES = 8192,
    HEADERS_AT_ONCE = 64,
    DISCARD_MAX = 1 << 20,
    REQUEST_S = 10, /* to send headers, and then a body */
    IDLE_S = 30,
    PING_S = 20,
    HANGUP_S = 40,
    CHUNK = 32768,
    REFRESH_US = 100000,
    SLOW_REFRESH_US = 1000000,
    TICK_MS = 1000,
    SESSION_CHECK_MS = 5000,
    CLOSE_SESSION = 4401
};

/* One connection, zeroed by libwebsockets for each. */
struct peer {
    struct web_server *server;
    struct lws *wsi;
    struct web_job *job; /* being read, or answered; while a worker has it, not ours to touch */
    bool working;
    bool head_sent;
    size_t body_length;
    unsigned refused; /* a status: the rest of the body is thrown away, then it is told */
    size_t body_sent;
    /* live pages: */
    struct web_push_page *page;
    struct web_request *request; /* of the upgrade, to ask who it is again */
    struct buf in;
    bool close_session;
    uint64_t checked_mono_ms;
    struct peer *next;
};

/* libwebsockets hands the first member back. */
struct timer {
    lws_sorted_usec_list_t sul;
    struct web_server *server;
};

struct web_server {
    struct web_server_config config;
    struct lws_context *lws;
    struct lws_protocols protocols[3];
    lws_retry_bo_t policy;
    struct web_jobs *jobs;
    struct web_context context; /* the service thread's */
    struct web_push *push;
    char *content_policy;
    pthread_t thread;
    bool runs;
    atomic_bool ending;
    pthread_mutex_t lock;
    struct web_job *done; /* under the lock */
    struct peer *pages;
    struct timer timer;
    uint64_t ticked_mono_ms;
    uint64_t heard_ms;
    unsigned connections;
    bool failing;
};

/* --- HTTP ------------------------------------------------------------------------------------ */

static void forget_job(struct peer *peer)
{
    if (peer->working)
        peer->job->owner = NULL; /* the worker's `done` frees it */
    else
        web_job_free(peer->job);
    peer->job = NULL;
    peer->working = false;
}

static int start_answer(struct peer *peer)
{
    peer->working = false;
    peer->head_sent = false;
    peer->body_sent = 0;
    lws_callback_on_writable(peer->wsi);
    return 0;
}

static int refuse(struct peer *peer, unsigned status)
{
    web_problem(&peer->job->response, status, "%s", "");
    return start_answer(peer);
}

static int submit(struct peer *peer)
{
    struct web_job *job = peer->job;
    job->owner = peer;
    peer->working = true;
    if (web_jobs_submit(peer->server->jobs, job))
        return 0;
    peer->working = false;
    job->response.retry_after_s = 1;
    return refuse(peer, 503);
}

static int on_request(struct peer *peer)
{
    struct web_server *server = peer->server;
    forget_job(peer);
    peer->job = web_job_new();
    struct web_request *request = &peer->job->request;
    unsigned status = web_wire_read(peer->wsi, request, &peer->body_length);
    peer->refused = status;
    if (status && peer->body_length > 0 && peer->body_length <= DISCARD_MAX)
        return 0;
    if (status)
        return refuse(peer, status);
    const struct web_asset *asset = web_asset_find(request->path);
    if (asset && (request->method == WEB_GET || request->method == WEB_HEAD) &&
        web_host_trusted(request->host, server->config.shared->host,
                         server->config.shared->trusted)) {
        web_asset_answer(asset, request, &peer->job->response);
        return start_answer(peer);
    }
    if (peer->body_length == 0)
        return submit(peer);
    lws_set_timeout(peer->wsi, PENDING_TIMEOUT_HTTP_CONTENT, REQUEST_S);
    return 0;
}

static int on_body(struct peer *peer, const void *data, size_t len)
{
    if (peer->refused || len == 0) /* libwebsockets tells of an empty body, too */
        return 0;
    if (!peer->job || peer->working || peer->job->body.len + len > peer->body_length)
        return -1;
    buf_append(&peer->job->body, data, len);
    return 0;
}

static const uint8_t *content(const struct peer *peer, size_t *ret_len)
{
    const struct web_response *response = &peer->job->response;
    bool none =
        response->status == 204 || response->status == 304 || peer->job->request.method == WEB_HEAD;
    *ret_len = none ? 0 : response->fixed ? response->fixed_len : response->body.len;
    return response->fixed ? response->fixed : response->body.data;
}

/* -1 closes the connection: libwebsockets wants that after the last response of one. */
static int finish_answer(struct peer *peer)
{
    struct lws *wsi = peer->wsi;
    forget_job(peer);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_writable(struct peer *peer)
{
    uint8_t chunk[LWS_PRE + CHUNK];
    size_t len;
    if (!peer->job || peer->working)
        return 0;
    const uint8_t *data = content(peer, &len);
    if (!peer->head_sent) {
        if (web_wire_write_headers(peer->wsi, &peer->job->response, peer->server->content_policy,
                                   peer->server->config.tls_cert != NULL) != 0)
            return -1;
        peer->head_sent = true;
        if (len == 0)
            return finish_answer(peer);
        lws_callback_on_writable(peer->wsi);
        return 0;
    }
    size_t left = len - peer->body_sent, part = left < CHUNK ? left : CHUNK;
    memcpy(chunk + LWS_PRE, data + peer->body_sent, part);
    if (lws_write(peer->wsi, chunk + LWS_PRE, part,
                  part == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) != (int)part)
        return -1;
    peer->body_sent += part;
    if (part == left)
        return finish_answer(peer);
    lws_set_timeout(peer->wsi, PENDING_TIMEOUT_HTTP_CONTENT, IDLE_S);
    lws_callback_on_writable(peer->wsi);
    return 0;
}

/* On a worker's thread. */
static void on_done(void *cookie, struct web_job *job)
{
    struct web_server *server = cookie;
    pthread_mutex_lock(&server->lock);
    job->next = server->done;
    server->done = job;
    pthread_mutex_unlock(&server->lock);
    lws_cancel_service(server->lws);
}

static void take_done(struct web_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct web_job *job = server->done;
    server->done = NULL;
    pthread_mutex_unlock(&server->lock);
    while (job) {
        struct web_job *next = job->next;
        if (job->owner)
            start_answer(job->owner);
        else
            web_job_free(job);
        job = next;
    }
}

/* --- live pages ------------------------------------------------------------------------------ */

/* 0, or why not. A page of another site must not listen with our cookie. */
static unsigned check_upgrade(struct web_server *server, struct lws *wsi,
                              struct web_request *request)
{
    const struct web_shared *shared = server->config.shared;
    struct web_session who;
    size_t length;
    unsigned status = web_wire_read(wsi, request, &length);
    if (status)
        return status;
    if (strcmp(request->path, LIVE_PATH) != 0)
        return 404;
    if (!web_host_trusted(request->host, shared->host, shared->trusted))
        return 421;
    if ((request->origin[0] || !request->authorization[0]) &&
        !web_origin_trusted(request, shared->trusted))
        return 403;
    return web_api_who(&server->context, request, &who) ? 0 : 401;
}

static int on_upgrade(struct web_server *server, struct lws *wsi)
{
    struct web_request *request = xcalloc(1, sizeof(*request));
    unsigned status = check_upgrade(server, wsi, request);
    if (status == 0) {
        lws_set_opaque_user_data(wsi, request); /* the headers are gone once it is open */
        return 0;
    }
    free(request);
    return lws_return_http_status(wsi, status, web_status_text(status)) ? -1 : 1;
}

static int on_opened(struct peer *peer)
{
    struct web_server *server = peer->server;
    peer->request = lws_get_opaque_user_data(peer->wsi);
    if (!peer->request)
        return -1;
    if (web_push_refresh(server->push, NULL) < 0)
        return -1;
    peer->page = web_push_page_new(server->push);
    peer->next = server->pages;
    peer->checked_mono_ms = clock_mono_ms(server->config.shared->clock);
    server->pages = peer;
    lws_sul_schedule(server->lws, 0, &server->timer.sul, server->timer.sul.cb, REFRESH_US);
    return 0;
}

static int close_with(struct peer *peer, unsigned code, const char *text)
{
    lws_close_reason(peer->wsi, (enum lws_close_status)code, (unsigned char *)(uintptr_t)text,
                     strlen(text));
    return -1;
}

static int on_frame(struct peer *peer, const void *data, size_t len)
{
    struct err err = ERR_INIT;
    if (!peer->page)
        return -1;
    if (peer->in.len + len > PUSH_MESSAGE_MAX)
        return close_with(peer, 1009, "too long");
    buf_append(&peer->in, data, len);
    if (!lws_is_final_fragment(peer->wsi) || lws_remaining_packet_payload(peer->wsi) > 0)
        return 0;
    int result = web_push_subscribe(peer->page, peer->in.data, peer->in.len, &err);
    buf_clear(&peer->in);
    if (result < 0) {
        err.text[100] = '\0'; /* a close frame has room for 123 bytes */
        return close_with(peer, 1008, err.text);
    }
    lws_callback_on_writable(peer->wsi);
    return 0;
}

static int on_frame_writable(struct peer *peer)
{
    struct buf frame = BUF_INIT;
    if (!peer->page)
        return -1;
    if (peer->close_session)
        return close_with(peer, CLOSE_SESSION, "logged out");
    if (!web_push_due(peer->page))
        return 0;
    buf_extend(&frame, LWS_PRE);
    web_push_next(peer->page, &frame);
    size_t len = frame.len - LWS_PRE;
    int written = len ? lws_write(peer->wsi, frame.data + LWS_PRE, len, LWS_WRITE_TEXT) : (int)len;
    buf_free(&frame);
    return written < (int)len ? -1 : 0;
}

static void forget_page(struct peer *peer)
{
    struct peer **at = &peer->server->pages;
    while (*at && *at != peer)
        at = &(*at)->next;
    if (*at)
        *at = peer->next;
    web_push_page_free(peer->page);
    peer->page = NULL;
    buf_free(&peer->in);
}

static void forget_peer(struct peer *peer)
{
    if (!peer || !peer->server)
        return;
    forget_job(peer);
    if (peer->page)
        forget_page(peer);
}

/* --- the service thread ---------------------------------------------------------------------- */

static void on_report(void *cookie, const struct report *report, uint64_t received_ms)
{
    struct web_server *server = cookie;
    web_push_report(server->push, report, received_ms);
}

static void on_event(void *cookie, const struct event_row *row)
{
    struct web_server *server = cookie;
    web_push_event(server->push, row);
}

static void on_batch(void *cookie)
{
    struct web_server *server = cookie;
    web_push_batches(server->push);
}

static void tick(struct web_server *server, uint64_t now)
{
    const struct web_shared *shared = server->config.shared;
    if (now - server->ticked_mono_ms < TICK_MS)
        return;
    server->ticked_mono_ms = now;
    web_live_tick(shared->live);
    web_live_head(shared->live, status_get(shared->status, STATUS_HEAD));
}

static void check_session(struct peer *peer, uint64_t now)
{
    struct web_session who;
    if (now - peer->checked_mono_ms < SESSION_CHECK_MS)
        return;
    peer->checked_mono_ms = now;
    peer->close_session = !web_api_who(&peer->server->context, peer->request, &who);
}

static void serve_pages(struct web_server *server, uint64_t now)
{
    struct err err = ERR_INIT;
    bool failed = server->pages && web_push_refresh(server->push, &err) < 0;
    if (failed && !server->failing)
        log_unusual(server->config.log, "dashboard: %s", err.text);
    server->failing = failed;
    for (struct peer *peer = server->pages; peer; peer = peer->next) {
        check_session(peer, now);
        if (peer->close_session || web_push_due(peer->page))
            lws_callback_on_writable(peer->wsi);
    }
}

static void on_timer(lws_sorted_usec_list_t *timer)
{
    struct web_server *server = ((struct timer *)(void *)timer)->server;
    const struct web_feed_sink sink = {
        .report = on_report, .event = on_event, .batch = on_batch, .cookie = server};
    uint64_t now = clock_mono_ms(server->config.shared->clock);
    web_feed_drain(server->config.feed, &sink, &server->heard_ms);
    web_push_heard(server->push, server->heard_ms);
    tick(server, now);
    serve_pages(server, now);
    lws_sul_schedule(server->lws, 0, timer, on_timer, server->pages ? REFRESH_US : SLOW_REFRESH_US);
}

static int on_connection(struct web_server *server, int by)
{
    if (by > 0 && server->connections >= CONNECTIONS_MAX)
        return -1;
    server->connections += (unsigned)by;
    return 0;
}

static int on_http(struct web_server *server, struct lws *wsi, enum lws_callback_reasons reason,
                   struct peer *peer, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        peer->server = server;
        peer->wsi = wsi;
        return on_request(peer);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(peer, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if (!peer->job || peer->working || peer->body_length == 0)
            return 0;
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, IDLE_S);
        return peer->refused ? refuse(peer, peer->refused) : submit(peer);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(peer);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(server, wsi);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        forget_peer(peer);
        return 0;
    default:
        return 0;
    }
}

static int on_websocket(struct web_server *server, struct lws *wsi,
                        enum lws_callback_reasons reason, struct peer *peer, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        peer->server = server;
        peer->wsi = wsi;
        return on_opened(peer);
    case LWS_CALLBACK_RECEIVE:
        return on_frame(peer, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_frame_writable(peer);
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        forget_peer(peer);
        return 0;
    default:
        return on_http(server, wsi, reason, peer, in, len);
    }
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct web_server *server = wsi ? lws_context_user(lws_get_context(wsi)) : NULL;
    if (!server)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        take_done(server);
        return 0;
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return server->connections >= CONNECTIONS_MAX ? -1 : 0;
    case LWS_CALLBACK_WSI_CREATE:
        return on_connection(server, 1);
    case LWS_CALLBACK_WSI_DESTROY:
        free(lws_get_opaque_user_data(wsi));
        return on_connection(server, -1);
    default:
        return on_websocket(server, wsi, reason, user, in, len);
    }
}

static void *serve(void *cookie)
{
    struct web_server *server = cookie;
    while (!atomic_load(&server->ending) && lws_service(server->lws, 0) >= 0)
        ;
    return NULL;
}

static void quiet(int level, const char *line)
{
    (void)level;
    (void)line;
}

static int open_lws(struct web_server *server, struct err *err)
{
    const struct web_server_config *config = &server->config;
    struct lws_context_creation_info info = {0};
    server->protocols[0] = (struct lws_protocols){
        .name = "http", .callback = callback, .per_session_data_size = sizeof(struct peer)};
    server->protocols[1] = server->protocols[0];
    server->protocols[1].name = "amr-live-1";
    server->policy =
        (lws_retry_bo_t){.secs_since_valid_ping = PING_S, .secs_since_valid_hangup = HANGUP_S};
    lws_set_log_level(0, quiet);
    info.iface = config->address;
    info.port = config->port;
    info.protocols = server->protocols;
    info.user = server;
    info.gid = info.uid = -1;
    info.max_http_header_data = HEADER_BYTES;
    info.max_http_header_pool = HEADERS_AT_ONCE;
    info.timeout_secs = REQUEST_S;
    info.timeout_secs_ah_idle = REQUEST_S;
    info.keepalive_timeout = IDLE_S;
    info.fd_limit_per_thread = CONNECTIONS_MAX + 64;
    info.retry_and_idle_policy = &server->policy;
    info.alpn = "http/1.1";
    info.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    if (config->tls_cert) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = config->tls_cert;
        info.ssl_private_key_filepath = config->tls_key;
    }
    server->lws = lws_create_context(&info);
    if (!server->lws)
        return err_set(err,
                       "dashboard: cannot listen on %s:%u (in use, or certificate or key wrong)",
                       config->address, (unsigned)config->port);
    return 0;
}

static int open_all(struct web_server *server, struct err *err)
{
    const struct web_server_config *config = &server->config;
    struct web_jobs_config jobs = {.shared = config->shared,
                                   .feed = config->feed,
                                   .store = config->store,
                                   .staff_file = config->staff_file,
                                   .log = config->log,
                                   .done = on_done,
                                   .cookie = server};
    server->context.shared = config->shared;
    if (store_open_again(&server->context.store, config->store, err) < 0)
        return -1;
    server->push = web_push_new(&server->context);
    server->content_policy = web_wire_policy(config->shared->verify_origins);
    web_live_tick(config->shared->live); /* the registry, before the history */
    if (open_lws(server, err) < 0)
        return -1;
    server->jobs = web_jobs_start(&jobs, err);
    if (!server->jobs)
        return -1;
    server->timer = (struct timer){.sul = {.cb = on_timer}, .server = server};
    lws_sul_schedule(server->lws, 0, &server->timer.sul, on_timer, 1);
    if (pthread_create(&server->thread, NULL, serve, server) != 0)
        return err_set(err, "dashboard: cannot start a thread");
    server->runs = true;
    return 0;
}

struct web_server *web_server_start(const struct web_server_config *config, struct err *err)
{
    struct web_server *server = xcalloc(1, sizeof(*server));
    server->config = *config;
    pthread_mutex_init(&server->lock, NULL);
    if (open_all(server, err) < 0) {
        web_server_stop(server);
        return NULL;
    }
    return server;
}

void web_server_stop(struct web_server *server)
{
    if (!server)
        return;
    atomic_store(&server->ending, true);
    if (server->runs) {
        lws_cancel_service(server->lws);
        pthread_join(server->thread, NULL);
    }
    web_jobs_stop(server->jobs);
    if (server->lws)
        lws_context_destroy(server->lws);
    take_done(server);
    web_push_free(server->push);
    store_close(server->context.store);
    free(server->content_policy);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
