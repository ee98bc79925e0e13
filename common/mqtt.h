/*
 * mqtt.h: an MQTT client that stays connected, over Paho's MQTTAsync.
 *
 * MQTT 5, TLS with a client certificate, several servers tried in order, reconnects with jittered
 * backoff (a quarter of an hour where the server's reason is one that no retry changes),
 * subscriptions re-issued on every connect (a broker may have lost the session). Handlers run on
 * Paho's threads under its lock: copy, enqueue, wake somebody, return; the only call allowed in
 * them is mqtt_publish. Everything else may be called from any thread but a handler; mqtt_new takes
 * http_proxy and https_proxy out of the environment (brokers are connected to directly), so it is
 * called before there are threads.
 *
 * A PUBACK says only that the broker has the message in memory (or refused it: reason >= 0x80);
 * nothing durable hangs on it. Messages not yet acknowledged when a connection breaks are dropped
 * and reported with a negative reason: whoever must not lose them keeps them itself.
 */
#ifndef AMR_COMMON_MQTT_H
#define AMR_COMMON_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct mqtt;

struct mqtt_config {
    const char *servers; /* comma-separated "ssl://host:port" (or "tcp://", tests only) */
    const char *client_id;
    const char *ca_file;        /* PEM; required with ssl:// */
    const char *cert_file;      /* PEM client certificate (chain) */
    const char *key_file;       /* PEM private key, mode 0600 or 0400 */
    const char *username;       /* NULL: none */
    const char *password_file;  /* read at start; NULL: none */
    const char *const *filters; /* subscriptions, QoS 1 */
    size_t filter_count;
    uint32_t keepalive_s;
    uint32_t session_expiry_s; /* 0: a clean session; else clean start off */
    uint32_t receive_max;      /* QoS 1 messages the broker may have in flight to us; 0: 65535 */
    uint32_t retry_min_ms;     /* backoff between connects, doubled up to max, jittered */
    uint32_t retry_max_ms;
    const char *will_topic; /* NULL: no Will; else QoS 1, retained as said */
    const char *will_payload;
    bool will_retained;
};

struct mqtt_handlers {
    /** Connected and subscribed. */
    void (*on_connected)(void *cookie, const char *server);
    /** Lost, refused or could not connect; text is for people. Retries go on by themselves. */
    void (*on_disconnected)(void *cookie, const char *text);
    /** payload is not terminated and gone after the return. */
    void (*on_message)(void *cookie, const char *topic, const void *payload, size_t len,
                       bool retained);
    /** The end of a QoS 1 publish: MQTT 5 reason code (0 ok, 0x10 nobody subscribed, >= 0x80
     * refused), or -1 where the connection broke first. May be NULL. */
    void (*on_published)(void *cookie, uint64_t tag, int reason);
    void *cookie;
};

/** Checks the configuration and files and copies them; connects only in mqtt_start. */
struct mqtt *mqtt_new(const struct mqtt_config *config, const struct mqtt_handlers *handlers,
                      struct err *err) AMR_NODISCARD;
int mqtt_start(struct mqtt *mqtt, struct err *err) AMR_NODISCARD;
/** Queues a message; tag comes back in on_published (QoS 1). -1 while not connected. */
int mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t len, int qos,
                 bool retain, uint64_t tag, struct err *err) AMR_NODISCARD;
bool mqtt_connected(const struct mqtt *mqtt);
/** Leaves the server it is on, cleanly, and connects to the first again; nothing while not up. */
void mqtt_reconnect(struct mqtt *mqtt);
/** Begins what mqtt_stop does, without waiting: for whoever stops many. */
void mqtt_leave(struct mqtt *mqtt, uint32_t timeout_ms);
/** Disconnects cleanly (no Will) within timeout_ms; no handler runs after it returns. */
void mqtt_stop(struct mqtt *mqtt, uint32_t timeout_ms);
void mqtt_free(struct mqtt *mqtt);

#endif
