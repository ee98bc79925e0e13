#include "chain-bridge/rpc_link.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/options.h"

/* A connection is known by its serial: a callback that comes late for an old one is ignored. */
struct rpc_link {
    lws_sorted_usec_list_t timer; /* first: timer_fired is given its address */
    struct lws_context *context;
    const struct rpc_url *url;
    struct lws *wsi;
    uintptr_t serial;
    enum rpc_link_state state;
    char text[256];
    struct buf in;
    struct buf out; /* LWS_PRE bytes of room, then the message; empty: nothing to send */
    bool sent;
    size_t message_max;
    void (*on_message)(void *cookie, const char *text, size_t len);
    void *cookie;
};

static int link_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len);

static const struct lws_protocols PROTOCOLS[] = {
    {"amr-rpc", link_callback, 0, 65536, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* A silent peer is pinged after 20 s and given up after 40. */
static const lws_retry_bo_t LIVENESS = {.secs_since_valid_ping = 20, .secs_since_valid_hangup = 40};

/* URLs */

static int parse_scheme(struct rpc_url *url, const char **text, const char *end, struct err *err)
{
    static const struct {
        const char *prefix;
        bool http;
        bool tls;
        uint16_t port;
    } SCHEMES[] = {
        {"ws://", false, false, 80},
        {"wss://", false, true, 443},
        {"http://", true, false, 80},
        {"https://", true, true, 443},
    };
    for (size_t i = 0; i < AMR_COUNT(SCHEMES); i++) {
        size_t len = strlen(SCHEMES[i].prefix);
        if ((size_t)(end - *text) > len && strncasecmp(*text, SCHEMES[i].prefix, len) == 0) {
            url->http = SCHEMES[i].http;
            url->tls = SCHEMES[i].tls;
            url->port = SCHEMES[i].port;
            *text += len;
            return 0;
        }
    }
    return err_set(err, "node URL must begin with ws://, wss://, http:// or https://");
}

static int parse_credentials(struct rpc_url *url, const char **text, const char *end,
                             struct err *err)
{
    const char *at = memchr(*text, '@', (size_t)(end - *text));
    if (at == NULL)
        return 0;
    if (lws_b64_encode_string(*text, (int)(at - *text), url->basic, sizeof(url->basic)) < 0)
        return err_set(err, "node URL: user and password are too long");
    *text = at + 1;
    return 0;
}

static int parse_host(struct rpc_url *url, const char *text, const char *end, struct err *err)
{
    bool bracket = text < end && *text == '[';
    const char *stop = bracket ? memchr(text, ']', (size_t)(end - text)) : NULL;
    if (bracket && stop == NULL)
        return err_set(err, "node URL: [ without ]");
    const char *host = bracket ? text + 1 : text;
    const char *host_end = stop;
    const char *colon = memchr(bracket ? stop : text, ':', (size_t)(end - (bracket ? stop : text)));
    if (!bracket)
        host_end = colon != NULL ? colon : end;
    if (host_end == host || (size_t)(host_end - host) >= sizeof(url->host))
        return err_set(err, "node URL: the host is missing or too long");
    memcpy(url->host, host, (size_t)(host_end - host));
    if (bracket && stop + 1 != (colon != NULL ? colon : end))
        return err_set(err, "node URL: unexpected text after ]");
    if (colon == NULL)
        return 0;
    char digits[8] = "";
    uint64_t port = 0;
    if ((size_t)(end - colon - 1) >= sizeof(digits))
        return err_set(err, "node URL: the port is no number of 1 to 65535");
    memcpy(digits, colon + 1, (size_t)(end - colon - 1));
    if (parse_u64(&port, digits, 1, 65535, err) != 0)
        return err_wrap(err, "node URL: port");
    url->port = (uint16_t)port;
    return 0;
}

int rpc_url_parse(struct rpc_url *ret_url, const char *text, size_t len, struct err *err)
{
    struct rpc_url url = {0};
    const char *end = text + len;
    for (const char *p = text; p < end; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return err_set(err, "node URL holds a space or an unprintable character");
    }
    if (parse_scheme(&url, &text, end, err) != 0)
        return -1;
    const char *slash = text;
    while (slash < end && *slash != '/' && *slash != '?')
        slash++;
    if (parse_credentials(&url, &text, slash, err) != 0 || parse_host(&url, text, slash, err) != 0)
        return -1;
    bool query_only = slash < end && *slash == '?';
    if ((size_t)(end - slash) + 2 > sizeof(url.path))
        return err_set(err, "node URL: the path is too long");
    snprintf(url.path, sizeof(url.path), "%s%.*s", query_only || slash == end ? "/" : "",
             (int)(end - slash), slash);
    snprintf(url.shown, sizeof(url.shown), "%s%s://%s:%u", url.http ? "http" : "ws",
             url.tls ? "s" : "", url.host, (unsigned)url.port);
    *ret_url = url;
    return 0;
}

/* CALLBACKS */

static void link_fail(struct rpc_link *link, enum rpc_link_state state, const char *text,
                      size_t len)
{
    link->state = state;
    link->wsi = NULL;
    link->serial++;
    buf_clear(&link->in);
    buf_clear(&link->out);
    snprintf(link->text, sizeof(link->text), "%.*s", (int)len, text);
}

/* Returns -1 (close) where the message grows too large. */
static int link_receive(struct rpc_link *link, const void *data, size_t len)
{
    if (link->in.len + len > link->message_max) {
        char text[80];
        int n =
            snprintf(text, sizeof(text), "the answer is larger than %zu bytes", link->message_max);
        link_fail(link, RPC_LINK_TOO_LARGE, text, (size_t)n);
        return -1;
    }
    buf_append(&link->in, data, len);
    return 0;
}

static void link_deliver(struct rpc_link *link)
{
    struct buf message = link->in; /* the handler may close the link, which clears `in` */
    link->in = (struct buf)BUF_INIT;
    link->on_message(link->cookie, buf_str(&message), message.len);
    buf_free(&message);
}

static int link_write(struct rpc_link *link, struct lws *wsi)
{
    if (link->out.len == 0)
        return 0;
    size_t len = link->out.len - LWS_PRE;
    bool http = link->url->http;
    link->sent = true;
    int n =
        lws_write(wsi, link->out.data + LWS_PRE, len, http ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_TEXT);
    buf_clear(&link->out);
    if (http)
        lws_client_http_body_pending(wsi, 0);
    return n < (int)len ? -1 : 0;
}

static int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
                      unsigned char *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), at, end);
}

static int link_headers(struct rpc_link *link, struct lws *wsi, unsigned char **at, size_t room)
{
    unsigned char *end = *at + room - 1;
    char value[300];
    if (link->url->basic[0] != '\0') {
        snprintf(value, sizeof(value), "Basic %s", link->url->basic);
        if (add_header(wsi, "authorization:", value, at, end) != 0)
            return -1;
    }
    if (!link->url->http)
        return 0;
    snprintf(value, sizeof(value), "%zu", link->out.len - LWS_PRE);
    if (add_header(wsi, "content-type:", "application/json", at, end) != 0 ||
        add_header(wsi, "content-length:", value, at, end) != 0)
        return -1;
    lws_client_http_body_pending(wsi, 1);
    lws_callback_on_writable(wsi);
    return 0;
}

static int link_http_read(struct lws *wsi)
{
    char room[LWS_PRE + 65536];
    char *at = room + LWS_PRE;
    int len = (int)(sizeof(room) - LWS_PRE);
    return lws_http_client_read(wsi, &at, &len) < 0 ? -1 : 0;
}

static void link_http_done(struct rpc_link *link, struct lws *wsi)
{
    unsigned status = lws_http_client_http_response(wsi);
    link->wsi = NULL;
    link->serial++;
    bool json = link->in.len > 0 && (link->in.data[0] == '{' || link->in.data[0] == '[');
    if (!json && status != 200) {
        char text[40];
        int n = snprintf(text, sizeof(text), "HTTP status %u", status);
        link_fail(link, RPC_LINK_CLOSED, text, (size_t)n);
        return;
    }
    link_deliver(link);
}

/* OpenSSL's reasons do not come through: what can be wrong is said instead. */
static void link_refused(struct rpc_link *link, const char *text, size_t len)
{
    static const char TLS[] = "TLS failed: certificate of an unknown CA, for another name or "
                              "expired, or no TLS there";
    if (text == NULL)
        link_fail(link, RPC_LINK_CLOSED, "connection failed", strlen("connection failed"));
    else if (link->url->tls && memmem(text, len, "SSL", 3) != NULL)
        link_fail(link, RPC_LINK_CLOSED, TLS, sizeof(TLS) - 1);
    else
        link_fail(link, RPC_LINK_CLOSED, text, len);
}

static int link_event(struct rpc_link *link, struct lws *wsi, enum lws_callback_reasons reason,
                      void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return link_headers(link, wsi, in, len);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        link->state = RPC_LINK_OPEN;
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
        return link_write(link, wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (link_receive(link, in, len) != 0)
            return -1;
        if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
            link_deliver(link);
        return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
        return link_http_read(wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
        return link_receive(link, in, len);
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
        link_http_done(link, wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        link_refused(link, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
        link_fail(link, RPC_LINK_CLOSED, "the node closed the connection",
                  strlen("the node closed the connection"));
        return 0;
    default:
        return 0;
    }
}

static int link_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len)
{
    (void)user;
    struct lws_context *context = wsi != NULL ? lws_get_context(wsi) : NULL;
    struct rpc_link *link = context != NULL ? lws_context_user(context) : NULL;
    uintptr_t serial = wsi != NULL ? (uintptr_t)lws_get_opaque_user_data(wsi) : 0;
    if (link == NULL || serial == 0 || serial != link->serial)
        return 0;
    return link_event(link, wsi, reason, in, len);
}

/* LIFE */

/* libwebsockets runs ripe timers before it polls, and then polls up to the next one: a timer that
 * was ripe at once must end that very poll. */
static void timer_fired(lws_sorted_usec_list_t *timer)
{
    struct rpc_link *link = (struct rpc_link *)(void *)timer;
    lws_cancel_service(link->context);
}

struct rpc_link *rpc_link_new(bool tls, const char *ca_file, size_t message_max,
                              void (*on_message)(void *cookie, const char *text, size_t len),
                              void *cookie, struct err *err)
{
    struct rpc_link *link = xcalloc(1, sizeof(*link));
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = PROTOCOLS,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = (tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0) |
                   (ca_file != NULL ? LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS : 0),
        .client_ssl_ca_filepath = tls ? ca_file : NULL,
        .http_proxy_address = "", /* a node is ours: never by way of $http_proxy */
        .retry_and_idle_policy = &LIVENESS,
        .user = link,
        .fd_limit_per_thread = 32, /* else room for as many as `ulimit -n` allows */
    };
    link->message_max = message_max;
    link->on_message = on_message;
    link->cookie = cookie;
    link->serial = 1;
    lws_set_log_level(0, NULL);
    link->context = lws_create_context(&info);
    if (link->context == NULL) {
        err_set(err, "cannot set up libwebsockets%s%s", ca_file != NULL ? " with CA file " : "",
                ca_file != NULL ? ca_file : "");
        rpc_link_free(link);
        return NULL;
    }
    return link;
}

void rpc_link_free(struct rpc_link *link)
{
    if (link == NULL)
        return;
    link->serial++;
    if (link->context != NULL) {
        lws_sul_cancel(&link->timer);
        lws_context_destroy(link->context);
    }
    buf_free(&link->in);
    buf_free(&link->out);
    free(link);
}

/* TURNING */

static void link_connect(struct rpc_link *link)
{
    const struct rpc_url *url = link->url;
    struct lws_client_connect_info info = {
        .context = link->context,
        .address = url->host,
        .host = url->host,
        .origin = url->host,
        .port = url->port,
        .path = url->path,
        .ssl_connection = (url->tls ? LCCSCF_USE_SSL : 0) | LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
        .method = url->http ? "POST" : NULL,
        .protocol = NULL,
        .local_protocol_name = PROTOCOLS[0].name,
        .alpn = "http/1.1",
        .retry_and_idle_policy = &LIVENESS,
    };
    link->serial++;
    info.opaque_user_data = (void *)link->serial;
    uintptr_t serial = link->serial;
    struct lws *wsi = lws_client_connect_via_info(&info);
    if (wsi != NULL && serial == link->serial)
        link->wsi = wsi;
    else if (wsi == NULL && serial == link->serial)
        link_fail(link, RPC_LINK_CLOSED, "connection failed", strlen("connection failed"));
}

void rpc_link_open(struct rpc_link *link, const struct rpc_url *url)
{
    rpc_link_close(link);
    link->url = url;
    link->text[0] = '\0';
    link->sent = false;
    link->state = url->http ? RPC_LINK_OPEN : RPC_LINK_CONNECTING;
    if (!url->http)
        link_connect(link);
}

void rpc_link_send(struct rpc_link *link, const char *text, size_t len)
{
    link->sent = false;
    buf_clear(&link->out);
    buf_extend(&link->out, LWS_PRE);
    buf_append(&link->out, text, len);
    if (link->url->http) {
        buf_clear(&link->in);
        link_connect(link);
    } else if (link->wsi != NULL) {
        lws_callback_on_writable(link->wsi);
    }
}

bool rpc_link_sent(const struct rpc_link *link)
{
    return link->sent;
}

void rpc_link_service(struct rpc_link *link, int64_t deadline_us)
{
    int64_t left = deadline_us - lws_now_usecs();
    if (left < 1)
        left = 1;
    lws_sul_schedule(link->context, 0, &link->timer, timer_fired, left);
    if (lws_service(link->context, 0) < 0)
        link_fail(link, RPC_LINK_CLOSED, "the event loop ended", strlen("the event loop ended"));
    lws_sul_cancel(&link->timer);
}

void rpc_link_close(struct rpc_link *link)
{
    struct lws *wsi = link->wsi;
    link_fail(link, RPC_LINK_CLOSED, "", 0);
    if (wsi != NULL)
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

enum rpc_link_state rpc_link_state(const struct rpc_link *link)
{
    return link->state;
}

const char *rpc_link_text(const struct rpc_link *link)
{
    return link->text;
}

void rpc_link_interrupt(struct rpc_link *link)
{
    lws_cancel_service(link->context);
}
