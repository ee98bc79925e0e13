/*~
 * One thread of ours (the connector) owns the Paho handle: it makes a fresh one for every attempt
 * and destroys it when the connection ends. That leaves nothing of a dead connection behind: no
 * message that Paho would resend on its own terms, no callback that comes late, no automatic
 * reconnect that forgets its subscriptions.
 *
 * Lock order: Paho's own lock, then mqtt->lock. We never call Paho while holding ours; a publisher
 * counts itself in `users`, and the connector waits for that to reach zero before it destroys.
 */
#include "common/mqtt.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mqtt_setup.h"
#include "common/mqtt_socket.h"

#define CONNECT_TIMEOUT_S  15
#define ATTEMPT_TIMEOUT_MS 20000
/** A connection that lasted less did not help: the backoff goes on growing. */
#define STABLE_MS   10000
#define LEAVE_MS    2000
#define HOPELESS_MS 900000 /* a refusal that no retry changes: somebody must, and then we come */
#define WAITING_MAX 100000

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP };

/**
 * A QoS 1 publish until it is answered: first waiting, in order, until the broker's receive maximum
 * leaves room (Paho would wait for that too, but look only once a second), then with Paho.
 */
struct pending {
    _Atomic(struct mqtt *) mqtt;
    TAILQ_ENTRY(pending) link;
    uint64_t tag;
    char *topic; /* NULL once Paho has it */
    void *payload;
    size_t len;
    bool retain;
};

TAILQ_HEAD(pending_list, pending);

struct mqtt {
    _Atomic(struct mqtt *) self; /* see mine() */
    atomic_uint callbacks;       /* ended; likewise */
    struct clock *clock;         /* the system's: condition variables wait on real time only */
    struct mqtt_handlers handlers;
    struct mqtt_setup setup;

    MQTTAsync anchor; /* see keep_paho() */
    pthread_t connector;
    bool started;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    _Atomic(enum link_state) state;
    bool ended; /* the attempt or connection is over: the connector's turn */
    bool stopping;
    bool again;        /* leave this server and begin with the first */
    bool hopeless;     /* refused for what no retry changes */
    bool disconnected; /* answer to our own DISCONNECT */
    uint32_t stop_timeout_ms;
    unsigned users;  /* threads inside MQTTAsync_send */
    unsigned window; /* QoS 1 messages that may be with Paho */
    unsigned sent;   /* that are */
    bool sending;    /* somebody is in send_one */
    unsigned waiting_count;
    struct pending_list waiting;
    struct pending_list inflight;
    MQTTAsync handle;
    const char *server;  /* of the attempt */
    char reason[256];    /* why it ended */
    char tls_error[160]; /* last line of OpenSSL about this attempt */
};

static uint64_t now_ms(const struct mqtt *mqtt)
{
    return clock_mono_ms(mqtt->clock);
}

/** Waits for a signal, at most until deadline_ms. Lock held. */
static void wait_until(struct mqtt *mqtt, uint64_t deadline_ms)
{
    struct timespec ts = {.tv_sec = (time_t)(deadline_ms / 1000),
                          .tv_nsec = (long)(deadline_ms % 1000) * 1000000};

    pthread_cond_timedwait(&mqtt->changed, &mqtt->lock, &ts);
}

static void unlock_and_tell(struct mqtt *mqtt)
{
    pthread_cond_broadcast(&mqtt->changed);
    pthread_mutex_unlock(&mqtt->lock);
}

/** Callbacks begin with this, and count themselves where they end: unlike Paho's own locks,
 * ThreadSanitizer sees these hand over. */
static struct mqtt *mine(void *cookie)
{
    return atomic_load(&((struct mqtt *)cookie)->self);
}

static void end_connection(struct mqtt *mqtt, const char *what, const char *detail)
{
    pthread_mutex_lock(&mqtt->lock);
    if (!mqtt->ended) {
        snprintf(mqtt->reason, sizeof(mqtt->reason), "%s%s%s", what, detail ? ": " : "",
                 detail ? detail : "");
        mqtt->ended = true;
    }
    mqtt->state = LINK_DOWN;
    unlock_and_tell(mqtt);
}

static int on_tls_error(const char *text, size_t len, void *cookie)
{
    struct mqtt *mqtt = mine(cookie);
    size_t size = sizeof(mqtt->tls_error);

    pthread_mutex_lock(&mqtt->lock);
    snprintf(mqtt->tls_error, size, "%.*s", (int)(len < size ? len : size - 1), text);
    mqtt->tls_error[strcspn(mqtt->tls_error, "\r\n")] = 0;
    pthread_mutex_unlock(&mqtt->lock);
    return 1;
}

static void on_connection_lost(void *cookie, char *cause)
{
    end_connection(mine(cookie), "connection lost", cause);
}

static void on_server_disconnect(void *cookie, MQTTProperties *properties,
                                 enum MQTTReasonCodes reason)
{
    (void)properties;
    end_connection(mine(cookie), "disconnected by the server", MQTTReasonCode_toString(reason));
}

/** Refusals that stay until somebody changes a configuration; being unknown is not one. */
static bool is_hopeless(int code)
{
    static const enum MQTTReasonCodes CODES[] = {MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION,
                                                 MQTTREASONCODE_CLIENT_IDENTIFIER_NOT_VALID,
                                                 MQTTREASONCODE_BANNED,
                                                 MQTTREASONCODE_BAD_AUTHENTICATION_METHOD,
                                                 MQTTREASONCODE_TOPIC_NAME_INVALID,
                                                 MQTTREASONCODE_PACKET_TOO_LARGE,
                                                 MQTTREASONCODE_PAYLOAD_FORMAT_INVALID,
                                                 MQTTREASONCODE_RETAIN_NOT_SUPPORTED,
                                                 MQTTREASONCODE_QOS_NOT_SUPPORTED};

    for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++) {
        if ((int)CODES[i] == code)
            return true;
    }
    return false;
}

static void on_connect_failure(void *cookie, MQTTAsync_failureData5 *data)
{
    struct mqtt *mqtt = mine(cookie);
    char tls_error[sizeof(mqtt->tls_error)];
    const char *detail = data->message;

    pthread_mutex_lock(&mqtt->lock);
    memcpy(tls_error, mqtt->tls_error, sizeof(tls_error));
    pthread_mutex_unlock(&mqtt->lock);
    /* A refusing CONNACK comes with its reason in code; Paho's own failures are negative there. */
    if (data->code >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        detail = MQTTReasonCode_toString((enum MQTTReasonCodes)data->code);
        pthread_mutex_lock(&mqtt->lock);
        mqtt->hopeless = is_hopeless(data->code);
        pthread_mutex_unlock(&mqtt->lock);
    } else if (tls_error[0])
        detail = tls_error;
    else if (!detail)
        detail = MQTTAsync_strerror(data->code);
    end_connection(mqtt, "connect failed", detail);
}

static void link_is_up(struct mqtt *mqtt)
{
    bool up;

    pthread_mutex_lock(&mqtt->lock);
    up = !mqtt->ended && !mqtt->stopping;
    mqtt->state = up ? LINK_UP : mqtt->state;
    unlock_and_tell(mqtt);
    mqtt_socket_no_delay(mqtt->server);
    if (up && mqtt->handlers.on_connected)
        mqtt->handlers.on_connected(mqtt->handlers.cookie, mqtt->server);
    mqtt->callbacks++;
}

static void on_subscribed(void *cookie, MQTTAsync_successData5 *data)
{
    struct mqtt *mqtt = mine(cookie);

    /* With one filter Paho reports a refusal as failure; with more it is in the list. */
    for (int i = 0; mqtt->setup.config.filter_count > 1 && i < data->alt.sub.reasonCodeCount; i++) {
        enum MQTTReasonCodes reason = data->alt.sub.reasonCodes[i];

        if (reason >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
            end_connection(mqtt, "subscription refused", MQTTReasonCode_toString(reason));
            return;
        }
    }
    link_is_up(mqtt);
}

static void on_subscribe_failure(void *cookie, MQTTAsync_failureData5 *data)
{
    end_connection(mine(cookie), "subscription refused", MQTTReasonCode_toString(data->reasonCode));
}

/** How many messages the broker lets be unacknowledged; Paho itself stops one short of it. */
static void read_window(struct mqtt *mqtt, MQTTProperties *properties)
{
    int64_t maximum = MQTTProperties_getNumericValue(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);

    if (maximum < 1) /* not told */
        maximum = 65535;
    pthread_mutex_lock(&mqtt->lock);
    mqtt->window = maximum > 2 ? (unsigned)maximum - 2 : 1;
    pthread_mutex_unlock(&mqtt->lock);
}

static void on_connect_success(void *cookie, MQTTAsync_successData5 *data)
{
    struct mqtt *mqtt = mine(cookie);
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    int rc;

    read_window(mqtt, &data->properties);
    if (mqtt->setup.config.filter_count == 0) {
        link_is_up(mqtt);
        return;
    }
    response.context = mqtt;
    response.onSuccess5 = on_subscribed;
    response.onFailure5 = on_subscribe_failure;
    rc = MQTTAsync_subscribeMany(mqtt->handle, (int)mqtt->setup.config.filter_count,
                                 mqtt->setup.filters, mqtt->setup.filter_qos, &response);
    if (rc != MQTTASYNC_SUCCESS)
        end_connection(mqtt, "subscribe failed", MQTTAsync_strerror(rc));
}

static int on_message_arrived(void *cookie, char *topic, int topic_len, MQTTAsync_message *message)
{
    struct mqtt *mqtt = mine(cookie);

    /* A length (0: not told) other than strlen means a zero byte inside: never a topic of ours. */
    if ((topic_len == 0 || strlen(topic) == (size_t)topic_len) && mqtt->handlers.on_message)
        mqtt->handlers.on_message(mqtt->handlers.cookie, topic, message->payload,
                                  (size_t)message->payloadlen, message->retained);
    mqtt->callbacks++;
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void pending_free(struct pending *pending)
{
    free(pending->topic);
    free(pending->payload);
    free(pending);
}

static void on_publish_success(void *cookie, MQTTAsync_successData5 *data);
static void on_publish_failure(void *cookie, MQTTAsync_failureData5 *data);

static int paho_send(MQTTAsync handle, const char *topic, const void *payload, size_t len, int qos,
                     bool retain, struct pending *pending)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

    response.context = pending;
    response.onSuccess5 = pending ? on_publish_success : NULL;
    response.onFailure5 = pending ? on_publish_failure : NULL;
    return MQTTAsync_send(handle, topic, (int)len, payload, qos, retain, &response);
}

static void pending_finish(struct pending *pending, int reason)
{
    struct mqtt *mqtt = pending->mqtt;
    uint64_t tag;

    pthread_mutex_lock(&mqtt->lock);
    tag = pending->tag;
    TAILQ_REMOVE(&mqtt->inflight, pending, link);
    mqtt->sent -= pending->topic ? 0 : 1;
    mqtt->waiting_count -= pending->topic ? 1 : 0;
    pthread_mutex_unlock(&mqtt->lock);
    pending_free(pending);
    if (mqtt->handlers.on_published)
        mqtt->handlers.on_published(mqtt->handlers.cookie, tag, reason);
    mqtt->callbacks++;
}

/** Hands one waiting message to Paho. False where none may go. */
static bool send_one(struct mqtt *mqtt)
{
    struct pending *pending;
    struct pending message;
    int rc;

    pthread_mutex_lock(&mqtt->lock);
    pending = TAILQ_FIRST(&mqtt->waiting);
    if (!pending || mqtt->state != LINK_UP || mqtt->sent >= mqtt->window || mqtt->sending) {
        pthread_mutex_unlock(&mqtt->lock);
        return false;
    }
    mqtt->sending = true; /* one at a time, or they would overtake each other */
    mqtt->users++;
    TAILQ_REMOVE(&mqtt->waiting, pending, link);
    mqtt->waiting_count--;
    TAILQ_INSERT_TAIL(&mqtt->inflight, pending, link);
    mqtt->sent++;
    message = *pending;
    pending->topic = NULL;
    pending->payload = NULL;
    pthread_mutex_unlock(&mqtt->lock);

    rc = paho_send(mqtt->handle, message.topic, message.payload, message.len, 1, message.retain,
                   pending);
    free(message.topic);
    free(message.payload);
    if (rc != MQTTASYNC_SUCCESS)
        pending_finish(pending, -1);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->sending = false;
    mqtt->users--;
    unlock_and_tell(mqtt);
    return true;
}

/** The same for a message's callback. */
static struct mqtt *owner(void *cookie)
{
    return atomic_load(&((struct pending *)cookie)->mqtt);
}

static void on_publish_success(void *cookie, MQTTAsync_successData5 *data)
{
    struct mqtt *mqtt = owner(cookie);

    pending_finish(cookie, (int)data->reasonCode);
    while (send_one(mqtt))
        continue;
}

static void on_publish_failure(void *cookie, MQTTAsync_failureData5 *data)
{
    struct mqtt *mqtt = owner(cookie);
    bool refused = data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR;

    pending_finish(cookie, refused ? (int)data->reasonCode : -1);
    while (send_one(mqtt))
        continue;
}

static int publish_once(struct mqtt *mqtt, const char *topic, const void *payload, size_t len,
                        bool retain, struct err *err)
{
    int rc;

    pthread_mutex_lock(&mqtt->lock);
    if (mqtt->state != LINK_UP) {
        pthread_mutex_unlock(&mqtt->lock);
        return err_set(err, "publish on %s: not connected", topic);
    }
    mqtt->users++;
    pthread_mutex_unlock(&mqtt->lock);
    rc = paho_send(mqtt->handle, topic, payload, len, 0, retain, NULL);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->users--;
    unlock_and_tell(mqtt);
    return rc == MQTTASYNC_SUCCESS
               ? 0
               : err_set(err, "publish on %s: %s", topic, MQTTAsync_strerror(rc));
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t len, int qos,
                 bool retain, uint64_t tag, struct err *err)
{
    struct pending *pending;
    const char *refusal = NULL;

    if (qos == 0)
        return publish_once(mqtt, topic, payload, len, retain, err);
    pending = xcalloc(1, sizeof(*pending));
    pending->tag = tag;
    pending->topic = xstrdup(topic);
    pending->payload = memcpy(xmalloc(len + 1), payload, len);
    pending->len = len;
    pending->retain = retain;
    pending->mqtt = mqtt;
    pthread_mutex_lock(&mqtt->lock);
    if (mqtt->state != LINK_UP) {
        refusal = "not connected";
    } else if (mqtt->waiting_count >= WAITING_MAX) {
        refusal = "too many messages are waiting";
    } else {
        TAILQ_INSERT_TAIL(&mqtt->waiting, pending, link);
        mqtt->waiting_count++;
    }
    pthread_mutex_unlock(&mqtt->lock);
    if (refusal) {
        pending_free(pending);
        return err_set(err, "publish on %s: %s", topic, refusal);
    }
    while (send_one(mqtt))
        continue;
    return 0;
}

bool mqtt_connected(const struct mqtt *mqtt)
{
    return mqtt->state == LINK_UP;
}

static void fill_tls(struct mqtt *mqtt, MQTTAsync_SSLOptions *tls)
{
    /* The library's default protocol range is the system's: TLS 1.2 and up on Debian. */
    tls->trustStore = mqtt->setup.config.ca_file;
    tls->keyStore = mqtt->setup.config.cert_file;
    tls->privateKey = mqtt->setup.config.key_file;
    tls->enableServerCertAuth = 1;
    tls->verify = 1; /* host name or address against the certificate */
    tls->disableDefaultTrustStore = 1;
    tls->ssl_error_cb = on_tls_error;
    tls->ssl_error_context = mqtt;
}

static int paho_connect(struct mqtt *mqtt, MQTTAsync handle)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                           .value.integer4 = mqtt->setup.config.session_expiry_s};
    MQTTProperty receive = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM,
                            .value.integer2 = (unsigned short)mqtt->setup.config.receive_max};
    int rc;

    options.keepAliveInterval = (int)mqtt->setup.config.keepalive_s;
    options.cleanstart = mqtt->setup.config.session_expiry_s == 0;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.username = mqtt->setup.config.username;
    options.binarypwd.data = mqtt->setup.password.data;
    options.binarypwd.len = (int)mqtt->setup.password.len;
    options.context = mqtt;
    options.onSuccess5 = on_connect_success;
    options.onFailure5 = on_connect_failure;
    fill_tls(mqtt, &tls);
    if (strncmp(mqtt->server, "ssl://", 6) == 0)
        options.ssl = &tls;
    will.topicName = mqtt->setup.config.will_topic;
    will.message = mqtt->setup.config.will_payload;
    will.qos = 1;
    will.retained = mqtt->setup.config.will_retained;
    if (mqtt->setup.config.will_topic)
        options.will = &will;
    if (mqtt->setup.config.session_expiry_s)
        MQTTProperties_add(&properties, &expiry);
    if (mqtt->setup.config.receive_max)
        MQTTProperties_add(&properties, &receive);
    options.connectProperties = &properties;
    rc = MQTTAsync_connect(handle, &options);
    MQTTProperties_free(&properties);
    return rc;
}

/** Begins an attempt; failing at once looks like any other failed attempt. */
static void attempt_begin(struct mqtt *mqtt, const char *server)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    MQTTAsync handle = NULL;
    int rc;

    options.maxBufferedMessages = WAITING_MAX;
    rc = MQTTAsync_createWithOptions(&handle, server, mqtt->setup.config.client_id,
                                     MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->handle = handle;
    mqtt->server = server;
    mqtt->state = LINK_CONNECTING;
    mqtt->ended = false;
    mqtt->tls_error[0] = 0;
    pthread_mutex_unlock(&mqtt->lock);
    if (rc == MQTTASYNC_SUCCESS) {
        MQTTAsync_setCallbacks(handle, mqtt, on_connection_lost, on_message_arrived, NULL);
        MQTTAsync_setDisconnected(handle, mqtt, on_server_disconnect);
        rc = paho_connect(mqtt, handle);
    }
    if (rc != MQTTASYNC_SUCCESS)
        end_connection(mqtt, "connect failed", MQTTAsync_strerror(rc));
}

/** Waits until the attempt or connection is over. Returns how long it was up, in ms. */
static uint64_t attempt_wait(struct mqtt *mqtt)
{
    uint64_t start = now_ms(mqtt);
    uint64_t up_since = 0;

    pthread_mutex_lock(&mqtt->lock);
    while (!mqtt->ended && !mqtt->stopping && !mqtt->again) {
        if (mqtt->state == LINK_UP) {
            up_since = up_since ? up_since : now_ms(mqtt);
            pthread_cond_wait(&mqtt->changed, &mqtt->lock);
        } else if (now_ms(mqtt) < start + ATTEMPT_TIMEOUT_MS) {
            wait_until(mqtt, start + ATTEMPT_TIMEOUT_MS);
        } else {
            snprintf(mqtt->reason, sizeof(mqtt->reason), "connect failed: no answer in time");
            mqtt->ended = true;
        }
    }
    pthread_mutex_unlock(&mqtt->lock);
    return up_since ? now_ms(mqtt) - up_since : 0;
}

static void on_disconnect_success(void *cookie, MQTTAsync_successData5 *data)
{
    struct mqtt *mqtt = mine(cookie);

    (void)data;
    pthread_mutex_lock(&mqtt->lock);
    mqtt->disconnected = true;
    unlock_and_tell(mqtt);
}

static void say_disconnect(struct mqtt *mqtt, uint32_t timeout_ms)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    uint64_t deadline = now_ms(mqtt) + timeout_ms;

    options.timeout = (int)timeout_ms;
    options.context = mqtt;
    options.onSuccess5 = on_disconnect_success; /* a failure runs into the deadline */
    if (MQTTAsync_disconnect(mqtt->handle, &options) != MQTTASYNC_SUCCESS)
        return;
    pthread_mutex_lock(&mqtt->lock);
    while (!mqtt->disconnected && now_ms(mqtt) < deadline)
        wait_until(mqtt, deadline);
    pthread_mutex_unlock(&mqtt->lock);
}

/** Takes the link down, destroys the handle and reports what was still unacknowledged. */
static void attempt_end(struct mqtt *mqtt)
{
    uint32_t timeout_ms;
    bool clean;

    pthread_mutex_lock(&mqtt->lock);
    clean = mqtt->state == LINK_UP && !mqtt->ended;
    mqtt->state = LINK_DOWN;
    while (mqtt->users > 0)
        pthread_cond_wait(&mqtt->changed, &mqtt->lock);
    timeout_ms = mqtt->stopping ? mqtt->stop_timeout_ms : LEAVE_MS;
    pthread_mutex_unlock(&mqtt->lock);
    if (clean)
        say_disconnect(mqtt, timeout_ms);
    if (mqtt->handle)
        MQTTAsync_destroy(
            &mqtt->handle); /* waits for callbacks; calls on_publish_failure for most of them */
    TAILQ_CONCAT(&mqtt->inflight, &mqtt->waiting, link);
    for (struct pending *p = TAILQ_FIRST(&mqtt->inflight), *next; p; p = next) {
        next = TAILQ_NEXT(p, link);
        pending_finish(p, -1);
    }
}

/** Somewhere between half of ms and ms, so that many clients do not come back as one. */
static uint64_t jitter(struct mqtt *mqtt, uint64_t ms)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        random = (uint32_t)now_ms(mqtt);
    return ms / 2 + random % (ms / 2 + 1);
}

/** True where it is time to end. */
static bool pause_or_stop(struct mqtt *mqtt, uint64_t ms)
{
    uint64_t deadline = now_ms(mqtt) + ms;
    bool stopping;

    pthread_mutex_lock(&mqtt->lock);
    while (!mqtt->stopping && now_ms(mqtt) < deadline)
        wait_until(mqtt, deadline);
    stopping = mqtt->stopping;
    pthread_mutex_unlock(&mqtt->lock);
    return stopping;
}

static bool take_flag(struct mqtt *mqtt, bool *flag)
{
    bool was;

    pthread_mutex_lock(&mqtt->lock);
    was = *flag;
    *flag = false;
    pthread_mutex_unlock(&mqtt->lock);
    return was;
}

static void *connector_main(void *cookie)
{
    struct mqtt *mqtt = cookie;
    uint64_t backoff_ms = mqtt->setup.config.retry_min_ms;
    uint64_t pause_ms = 0;
    size_t next = 0;

    while (!pause_or_stop(mqtt, pause_ms)) {
        uint64_t up_ms;

        attempt_begin(mqtt, mqtt->setup.servers[next]);
        up_ms = attempt_wait(mqtt);
        attempt_end(mqtt);
        if (pause_or_stop(mqtt, 0))
            break;
        if (mqtt->handlers.on_disconnected)
            mqtt->handlers.on_disconnected(mqtt->handlers.cookie, mqtt->reason);
        if (take_flag(mqtt, &mqtt->again)) {
            next = 0;
            pause_ms = 0;
            continue;
        }
        pause_ms = 0; /* the next server at once; wait only when all were tried */
        if (up_ms < STABLE_MS && ++next < mqtt->setup.server_count)
            continue;
        next = 0;
        if (up_ms >= STABLE_MS)
            backoff_ms = mqtt->setup.config.retry_min_ms;
        pause_ms = jitter(mqtt, take_flag(mqtt, &mqtt->hopeless) ? HOPELESS_MS : backoff_ms);
        if (2 * backoff_ms <= mqtt->setup.config.retry_max_ms)
            backoff_ms *= 2;
    }
    return NULL;
}

static void init_lock(struct mqtt *mqtt)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&mqtt->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&mqtt->lock, NULL);
    TAILQ_INIT(&mqtt->waiting);
    TAILQ_INIT(&mqtt->inflight);
}

struct mqtt *mqtt_new(const struct mqtt_config *config, const struct mqtt_handlers *handlers,
                      struct err *err)
{
    struct mqtt *mqtt = xcalloc(1, sizeof(*mqtt));

    init_lock(mqtt);
    mqtt->clock = clock_system_new();
    mqtt->handlers = *handlers;
    if (mqtt_setup_init(&mqtt->setup, config, err)) {
        mqtt_free(mqtt);
        return NULL;
    }
    mqtt->self = mqtt;
    return mqtt;
}

/*
 * A handle that never connects and is never destroyed: with its last handle Paho tears itself down,
 * while its receiving thread may still write a trace entry into the table that this frees.
 */
static int keep_paho(struct mqtt *mqtt, struct err *err)
{
    if (MQTTAsync_create(&mqtt->anchor, mqtt->setup.servers[0], mqtt->setup.config.client_id,
                         MQTTCLIENT_PERSISTENCE_NONE, NULL) != MQTTASYNC_SUCCESS)
        return err_set(err, "start the MQTT library");
    return 0;
}

int mqtt_start(struct mqtt *mqtt, struct err *err)
{
    if (keep_paho(mqtt, err))
        return -1;
    errno = pthread_create(&mqtt->connector, NULL, connector_main, mqtt);
    if (errno)
        return err_errno(err, "start the MQTT thread");
    mqtt->started = true;
    return 0;
}

void mqtt_reconnect(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    if (mqtt->state == LINK_UP) {
        mqtt->again = true;
        snprintf(mqtt->reason, sizeof(mqtt->reason), "going to the first server");
    }
    unlock_and_tell(mqtt);
}

void mqtt_leave(struct mqtt *mqtt, uint32_t timeout_ms)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->stopping = true;
    mqtt->stop_timeout_ms = timeout_ms;
    unlock_and_tell(mqtt);
}

void mqtt_stop(struct mqtt *mqtt, uint32_t timeout_ms)
{
    if (!mqtt || !mqtt->started)
        return;
    mqtt_leave(mqtt, timeout_ms);
    pthread_join(mqtt->connector, NULL);
    (void)atomic_load(&mqtt->callbacks);
    mqtt->started = false;
}

void mqtt_free(struct mqtt *mqtt)
{
    if (!mqtt)
        return;
    mqtt_stop(mqtt, 0);
    mqtt_setup_free(&mqtt->setup);
    clock_free(mqtt->clock);
    pthread_cond_destroy(&mqtt->changed);
    pthread_mutex_destroy(&mqtt->lock);
    free(mqtt);
}
