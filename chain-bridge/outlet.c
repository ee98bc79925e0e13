#include "chain-bridge/outlet.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/topic.h"

enum {
    LINKS_MAX = 16,
    FILTERS = 8,
    FILTERS_UNWATCHED = 6,
    ALARMS_WAITING_MAX = 256,
    CAUSES_MAX = 32,
    ALARM_WINDOW_MS = 10000,
    ALARMS_PER_WINDOW = 20,
    SESSION_EXPIRY_S = 7 * 24 * 3600,
    STOP_MS = 1000
};

struct outlet;

struct link {
    struct outlet *outlet;
    struct mqtt *mqtt;
    bool connected; /* under the outlet's lock */
};

/* How often a cause was told lately. */
struct cause_rate {
    char cause[32];
    uint64_t since_mono_ms;
    uint32_t told;
    uint32_t held_back;
};

struct outlet {
    struct outlet_config config;
    struct link links[LINKS_MAX];
    size_t link_count;
    void (*on_message)(void *cookie, const char *topic, const void *payload, size_t len);
    void *cookie;
    char filter_texts[FILTERS][TOPIC_MAX];
    const char *filters[FILTERS];
    char state_topic[TOPIC_MAX];
    char alarm_topic[TOPIC_MAX];
    char batch_topic[TOPIC_MAX];
    pthread_mutex_t lock;
    struct cause_rate rates[CAUSES_MAX];
    char *waiting[ALARMS_WAITING_MAX]; /* alarm payloads, a ring */
    size_t waiting_first;
    size_t waiting_count;
    struct buf last_state; /* the ticking thread's */
    bool republish;        /* a broker came: give it the state */
};

static const char OFFLINE[] = "{\"v\":1,\"state\":\"offline\"}";

static void on_link_message(void *cookie, const char *topic, const void *payload, size_t len,
                            bool retained)
{
    struct link *link = cookie;
    (void)retained;
    link->outlet->on_message(link->outlet->cookie, topic, payload, len);
}

static void set_connected(struct link *link, bool connected)
{
    struct outlet *outlet = link->outlet;
    pthread_mutex_lock(&outlet->lock);
    bool was = link->connected;
    link->connected = connected;
    outlet->republish = outlet->republish || connected;
    pthread_mutex_unlock(&outlet->lock);
    if (was != connected)
        status_add(outlet->config.status, STATUS_BROKERS, connected ? 1 : -1);
}

static void on_connected(void *cookie, const char *server)
{
    struct link *link = cookie;
    char quoted[128];
    set_connected(link, true);
    log_info(link->outlet->config.log, "connected to broker %s",
             log_quote(quoted, sizeof(quoted), server, strlen(server)));
}

static void on_disconnected(void *cookie, const char *text)
{
    struct link *link = cookie;
    char quoted[256];
    set_connected(link, false);
    log_unusual(link->outlet->config.log, "no broker: %s",
                log_quote(quoted, sizeof(quoted), text, strlen(text)));
}

static int add_link(struct outlet *outlet, const char *server, struct err *err)
{
    const struct outlet_config *config = &outlet->config;
    struct mqtt_config mqtt = {.servers = server,
                               .client_id = config->client_id,
                               .ca_file = config->ca_file,
                               .cert_file = config->cert_file,
                               .key_file = config->key_file,
                               .filters = outlet->filters,
                               .filter_count = config->watch ? FILTERS : FILTERS_UNWATCHED,
                               .keepalive_s = 30,
                               .session_expiry_s = SESSION_EXPIRY_S,
                               .receive_max = 0,
                               .retry_min_ms = 250,
                               .retry_max_ms = 15000,
                               .will_topic = outlet->state_topic,
                               .will_payload = OFFLINE,
                               .will_retained = true};
    if (outlet->link_count == LINKS_MAX)
        return err_set(err, "more than %d brokers", LINKS_MAX);
    struct link *link = &outlet->links[outlet->link_count];
    struct mqtt_handlers handlers = {.on_connected = on_connected,
                                     .on_disconnected = on_disconnected,
                                     .on_message = on_link_message,
                                     .cookie = link};
    link->outlet = outlet;
    link->mqtt = mqtt_new(&mqtt, &handlers, err);
    if (!link->mqtt)
        return -1;
    outlet->link_count++;
    return 0;
}

static int add_links(struct outlet *outlet, struct err *err)
{
    char *list = xstrdup(outlet->config.servers ? outlet->config.servers : "");
    char *rest = NULL;
    int result = 0;
    for (char *server = strtok_r(list, ", ", &rest); result == 0 && server;
         server = strtok_r(NULL, ", ", &rest))
        result = add_link(outlet, server, err);
    free(list);
    if (result == 0 && outlet->link_count == 0)
        return err_set(err, "no broker given");
    return result;
}

static void make_filters(struct outlet *outlet)
{
    static const enum topic_kind KINDS[FILTERS] = {
        TOPIC_READING, TOPIC_COMMAND_ACK,  TOPIC_BACKLOG, TOPIC_BIRTH,
        TOPIC_EVENT,   TOPIC_SERVER_ALARM, TOPIC_STATE,   TOPIC_TELEMETRY};
    for (size_t i = 0; i < FILTERS; i++)
        outlet->filters[i] = topic_format(outlet->filter_texts[i], outlet->config.group,
                                          KINDS[i] == TOPIC_SERVER_ALARM ? NULL : "+", KINDS[i]);
}

struct outlet *outlet_new(const struct outlet_config *config, struct err *err)
{
    struct outlet *outlet = xcalloc(1, sizeof(*outlet));
    outlet->config = *config;
    pthread_mutex_init(&outlet->lock, NULL);
    make_filters(outlet);
    topic_format(outlet->state_topic, config->group, NULL, TOPIC_SERVER_BRIDGE);
    topic_format(outlet->alarm_topic, config->group, NULL, TOPIC_SERVER_ALARM);
    topic_format(outlet->batch_topic, config->group, NULL, TOPIC_SERVER_BATCH);
    if (add_links(outlet, err) < 0) {
        outlet_free(outlet);
        return NULL;
    }
    return outlet;
}

int outlet_start(struct outlet *outlet,
                 void (*on_message)(void *cookie, const char *topic, const void *payload,
                                    size_t len),
                 void *cookie, struct err *err)
{
    outlet->on_message = on_message;
    outlet->cookie = cookie;
    for (size_t i = 0; i < outlet->link_count; i++)
        if (mqtt_start(outlet->links[i].mqtt, err) < 0)
            return -1;
    return 0;
}

/* false: no broker took it. */
static bool publish(struct outlet *outlet, const char *topic, const void *payload, size_t len,
                    bool retain)
{
    bool taken = false;
    for (size_t i = 0; i < outlet->link_count; i++) {
        struct mqtt *mqtt = outlet->links[i].mqtt;
        if (mqtt_connected(mqtt) &&
            mqtt_publish(mqtt, topic, payload, len, 1, retain, 0, NULL) == 0)
            taken = true;
    }
    return taken;
}

static void *stop_link(void *cookie)
{
    struct link *link = cookie;
    mqtt_stop(link->mqtt, STOP_MS);
    return NULL;
}

/* All at once: each may take STOP_MS, and the end has a deadline. */
void outlet_stop(struct outlet *outlet)
{
    pthread_t threads[LINKS_MAX];
    bool runs[LINKS_MAX];
    publish(outlet, outlet->state_topic, OFFLINE, sizeof(OFFLINE) - 1, true);
    for (size_t i = 0; i < outlet->link_count; i++) {
        runs[i] = pthread_create(&threads[i], NULL, stop_link, &outlet->links[i]) == 0;
        if (!runs[i])
            stop_link(&outlet->links[i]);
    }
    for (size_t i = 0; i < outlet->link_count; i++)
        if (runs[i])
            pthread_join(threads[i], NULL);
}

void outlet_free(struct outlet *outlet)
{
    if (!outlet)
        return;
    for (size_t i = 0; i < outlet->link_count; i++)
        mqtt_free(outlet->links[i].mqtt);
    for (size_t i = 0; i < outlet->waiting_count; i++)
        free(outlet->waiting[(outlet->waiting_first + i) % ALARMS_WAITING_MAX]);
    buf_free(&outlet->last_state);
    pthread_mutex_destroy(&outlet->lock);
    free(outlet);
}

static void publish_receipt(void *cookie, const char *serial, const struct receipt *receipt)
{
    struct outlet *outlet = cookie;
    struct buf payload = BUF_INIT;
    char topic[TOPIC_MAX];
    topic_format(topic, outlet->config.group, serial, TOPIC_RECEIPT);
    payload_receipt_print(&payload, receipt);
    publish(outlet, topic, payload.data, payload.len, false);
    buf_free(&payload);
}

static void publish_command(void *cookie, const char *serial, const struct command *command)
{
    struct outlet *outlet = cookie;
    struct buf payload = BUF_INIT;
    char topic[TOPIC_MAX];
    topic_format(topic, outlet->config.group, serial, TOPIC_COMMAND);
    payload_command_print(&payload, command);
    publish(outlet, topic, payload.data, payload.len, false);
    buf_free(&payload);
}

/* Called with the lock held. */
static struct cause_rate *find_rate(struct outlet *outlet, const char *cause)
{
    size_t i = 0;
    while (i < CAUSES_MAX - 1 && outlet->rates[i].cause[0] &&
           strncmp(outlet->rates[i].cause, cause, sizeof(outlet->rates[i].cause) - 1) != 0)
        i++;
    struct cause_rate *rate = &outlet->rates[i];
    snprintf(rate->cause, sizeof(rate->cause), "%s", cause);
    return rate;
}

/* Whether one more alarm of this cause may go out; *ret_held_back: how many did not before it. */
static bool may_tell(struct outlet *outlet, const char *cause, uint32_t *ret_held_back)
{
    uint64_t now = clock_mono_ms(outlet->config.clock);
    pthread_mutex_lock(&outlet->lock);
    struct cause_rate *rate = find_rate(outlet, cause);
    if (rate->told == 0 || now - rate->since_mono_ms >= ALARM_WINDOW_MS) {
        rate->since_mono_ms = now;
        rate->told = 0;
    }
    bool may = rate->told < ALARMS_PER_WINDOW;
    *ret_held_back = may ? rate->held_back : 0;
    rate->held_back = may ? 0 : rate->held_back + 1;
    rate->told += may;
    pthread_mutex_unlock(&outlet->lock);
    return may;
}

static void keep_alarm(struct outlet *outlet, const char *payload)
{
    pthread_mutex_lock(&outlet->lock);
    if (outlet->waiting_count < ALARMS_WAITING_MAX) {
        size_t at = (outlet->waiting_first + outlet->waiting_count) % ALARMS_WAITING_MAX;
        outlet->waiting[at] = xstrdup(payload);
        outlet->waiting_count++;
    }
    pthread_mutex_unlock(&outlet->lock);
}

static void publish_alarm(void *cookie, const struct alarm *alarm)
{
    struct outlet *outlet = cookie;
    struct buf payload = BUF_INIT;
    struct alarm full = *alarm;
    char text[400];
    uint32_t held_back;
    if (!may_tell(outlet, alarm->cause, &held_back))
        return;
    full.source = "bridge";
    full.unix_ms = clock_unix_ms(outlet->config.clock);
    if (held_back) {
        snprintf(text, sizeof(text), "%s (and %u more before)", alarm->text ? alarm->text : "",
                 (unsigned)held_back);
        full.text = text;
    }
    payload_alarm_print(&payload, &full);
    if (!publish(outlet, outlet->alarm_topic, payload.data, payload.len, false))
        keep_alarm(outlet, buf_str(&payload));
    buf_free(&payload);
}

static void publish_batch(void *cookie, const struct batch_notice *batch)
{
    struct outlet *outlet = cookie;
    struct buf payload = BUF_INIT;
    char root[ETH_HASH_TEXT], transaction[ETH_HASH_TEXT];
    buf_printf(&payload,
               "{\"v\":1,\"t\":%u,\"number\":%llu,\"root\":\"%s\",\"tx\":\"%s\","
               "\"block\":%llu,\"reports\":%u,\"readings\":%u,\"rejected\":%u,\"gas_used\":%llu,"
               "\"gas_price_wei\":%llu,\"age_ms\":%llu}",
               (unsigned)clock_unix_s(outlet->config.clock), (unsigned long long)batch->number,
               eth_hash_text(root, &batch->root), eth_hash_text(transaction, &batch->transaction),
               (unsigned long long)batch->block, (unsigned)batch->reports,
               (unsigned)batch->readings, (unsigned)batch->rejected,
               (unsigned long long)batch->gas_used, (unsigned long long)batch->gas_price_wei,
               (unsigned long long)batch->age_ms);
    publish(outlet, outlet->batch_topic, payload.data, payload.len, false);
    buf_free(&payload);
}

struct notices outlet_notices(struct outlet *outlet)
{
    return (struct notices){.receipt = publish_receipt,
                            .alarm = publish_alarm,
                            .batch = publish_batch,
                            .command = publish_command,
                            .cookie = outlet};
}

static char *take_waiting(struct outlet *outlet)
{
    char *payload = NULL;
    pthread_mutex_lock(&outlet->lock);
    if (outlet->waiting_count) {
        payload = outlet->waiting[outlet->waiting_first];
        outlet->waiting_first = (outlet->waiting_first + 1) % ALARMS_WAITING_MAX;
        outlet->waiting_count--;
    }
    pthread_mutex_unlock(&outlet->lock);
    return payload;
}

static bool take_republish(struct outlet *outlet)
{
    pthread_mutex_lock(&outlet->lock);
    bool republish = outlet->republish;
    outlet->republish = false;
    pthread_mutex_unlock(&outlet->lock);
    return republish;
}

static void publish_state(struct outlet *outlet)
{
    struct buf state = BUF_INIT, full = BUF_INIT;
    status_print(outlet->config.status, &state, 0);
    bool same = state.len == outlet->last_state.len &&
                memcmp(state.data, outlet->last_state.data, state.len) == 0;
    if (!take_republish(outlet) && same) {
        buf_free(&state);
        return;
    }
    status_print(outlet->config.status, &full, clock_unix_s(outlet->config.clock));
    bool sent = publish(outlet, outlet->state_topic, full.data, full.len, true);
    buf_free(&full);
    buf_free(&outlet->last_state);
    if (sent)
        outlet->last_state = state;
    else
        buf_free(&state);
}

void outlet_tick(struct outlet *outlet)
{
    char *payload;
    if (status_get(outlet->config.status, STATUS_BROKERS) == 0)
        return;
    publish_state(outlet);
    while ((payload = take_waiting(outlet)) != NULL) {
        publish(outlet, outlet->alarm_topic, payload, strlen(payload), false);
        free(payload);
    }
}
