#include "meter-client/link.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "meter-client/failback.h"
#include "meter-client/messages.h"

#define QUEUE_MAX        4096
#define KEEPALIVE_S      60
#define SESSION_EXPIRY_S (24 * 3600)
#define RECEIVE_MAX      100
#define RETRY_MIN_MS     1000
#define RETRY_MAX_MS     60000
#define STOP_MS          2000

enum happening { CONNECTED, DISCONNECTED, PUBLISHED, RECEIPT, COMMAND };

struct item {
    STAILQ_ENTRY(item) next;
    enum happening happening;
    uint64_t tag;
    int reason;
    size_t len;
    char text[]; /* of CONNECTED and DISCONNECTED, payload of RECEIPT and COMMAND */
};

STAILQ_HEAD(items, item);

struct link {
    struct mqtt *mqtt;
    struct failback *failback;
    struct log *log;
    uint16_t group;
    char serial[SERIAL_MAX + 1];
    char receipt_topic[TOPIC_MAX];
    char command_topic[TOPIC_MAX];
    bool told_lost; /* one line per outage */
    int fd;
    pthread_mutex_t lock; /* guards the queue */
    struct items items;
    unsigned count;
};

/** A full queue loses what can be had again: a receipt comes again when the report does. */
static void put(struct link *link, enum happening happening, uint64_t tag, int reason,
                const void *data, size_t len)
{
    struct item *item = xmalloc(sizeof(*item) + len + 1);
    uint64_t one = 1;
    bool full;

    item->happening = happening;
    item->tag = tag;
    item->reason = reason;
    item->len = len;
    if (len)
        memcpy(item->text, data, len);
    item->text[len] = 0;
    pthread_mutex_lock(&link->lock);
    full = link->count >= QUEUE_MAX && happening != CONNECTED && happening != DISCONNECTED;
    if (!full) {
        STAILQ_INSERT_TAIL(&link->items, item, next);
        link->count++;
    }
    pthread_mutex_unlock(&link->lock);
    if (full)
        free(item);
    else if (write(link->fd, &one, sizeof(one)) != sizeof(one))
        return; /* the counter is at its maximum: the loop is awake */
}

static void on_connected(void *cookie, const char *server)
{
    put(cookie, CONNECTED, 0, 0, server, strlen(server));
}

static void on_disconnected(void *cookie, const char *text)
{
    put(cookie, DISCONNECTED, 0, 0, text, strlen(text));
}

static void on_message(void *cookie, const char *topic, const void *payload, size_t len,
                       bool retained)
{
    struct link *link = cookie;

    if (retained || len > PAYLOAD_MAX)
        return;
    if (strcmp(topic, link->receipt_topic) == 0)
        put(link, RECEIPT, 0, 0, payload, len);
    else if (strcmp(topic, link->command_topic) == 0)
        put(link, COMMAND, 0, 0, payload, len);
}

static void on_published(void *cookie, uint64_t tag, int reason)
{
    put(cookie, PUBLISHED, tag, reason, NULL, 0);
}

static struct item *take(struct link *link)
{
    struct item *item;

    pthread_mutex_lock(&link->lock);
    item = STAILQ_FIRST(&link->items);
    if (item) {
        STAILQ_REMOVE_HEAD(&link->items, next);
        link->count--;
    }
    pthread_mutex_unlock(&link->lock);
    return item;
}

static void lost(struct link *link, const struct item *item, struct agent *agent)
{
    char text[256];

    if (!link->told_lost)
        log_unusual(link->log, "no connection, trying again: %s",
                    log_quote(text, sizeof(text), item->text, item->len));
    link->told_lost = true;
    failback_disconnected(link->failback);
    agent_disconnected(agent);
}

static void deliver(struct link *link, const struct item *item, struct agent *agent)
{
    struct err err = ERR_INIT;

    switch (item->happening) {
    case CONNECTED:
        log_info(link->log, "connected server=%s", item->text);
        link->told_lost = false;
        failback_connected(link->failback, item->text);
        agent_connected(agent);
        break;
    case DISCONNECTED:
        lost(link, item, agent);
        break;
    case PUBLISHED:
        agent_published(agent, item->tag, item->reason);
        break;
    case RECEIPT:
        agent_receipt(agent, item->text, item->len);
        break;
    case COMMAND:
        if (agent_command(agent, item->text, item->len, &err))
            log_unusual(link->log, "command is not done: %s", err.text);
        break;
    }
}

void link_drain(struct link *link, struct agent *agent)
{
    struct item *item;
    uint64_t count;

    if (failback_is_due(link->failback)) {
        log_info(link->log, "the first server answers again, going back");
        mqtt_reconnect(link->mqtt);
    }
    if (read(link->fd, &count, sizeof(count)) < 0)
        return; /* nothing there */
    while ((item = take(link))) {
        deliver(link, item, agent);
        free(item);
    }
}

static int link_publish(void *cookie, enum topic_kind kind, const void *payload, size_t len,
                        int qos, bool retain, uint64_t tag, struct err *err)
{
    struct link *link = cookie;
    char topic[TOPIC_MAX];

    topic_format(topic, link->group, link->serial, kind);
    return mqtt_publish(link->mqtt, topic, payload, len, qos, retain, tag, err);
}

struct agent_link link_for_agent(struct link *link)
{
    return (struct agent_link){.publish = link_publish, .cookie = link};
}

static struct mqtt *make_mqtt(struct link *link, const struct link_config *config, struct err *err)
{
    const char *filters[] = {link->receipt_topic, link->command_topic};
    char will_topic[TOPIC_MAX];
    struct buf will = BUF_INIT;
    struct mqtt_handlers handlers = {on_connected, on_disconnected, on_message, on_published, link};
    struct mqtt_config mqtt = {.servers = config->servers,
                               .client_id = link->serial,
                               .ca_file = config->ca_file,
                               .cert_file = config->cert_file,
                               .key_file = config->key_file,
                               .filters = filters,
                               .filter_count = AMR_COUNT(filters),
                               .keepalive_s = KEEPALIVE_S,
                               .session_expiry_s = SESSION_EXPIRY_S,
                               .receive_max = RECEIVE_MAX,
                               .retry_min_ms = RETRY_MIN_MS,
                               .retry_max_ms = RETRY_MAX_MS,
                               .will_topic = will_topic,
                               .will_retained = true};
    struct mqtt *made;

    message_state(&will, false, config->session, config->unix_s);
    mqtt.will_payload = buf_str(&will);
    topic_format(will_topic, link->group, link->serial, TOPIC_STATE);
    made = mqtt_new(&mqtt, &handlers, err);
    buf_free(&will);
    return made;
}

int link_new(struct link **ret_link, const struct link_config *config, struct log *log,
             struct err *err)
{
    struct link *link = xcalloc(1, sizeof(*link));

    link->log = log;
    link->group = config->group;
    memcpy(link->serial, config->serial, strnlen(config->serial, SERIAL_MAX));
    topic_format(link->receipt_topic, link->group, link->serial, TOPIC_RECEIPT);
    topic_format(link->command_topic, link->group, link->serial, TOPIC_COMMAND);
    pthread_mutex_init(&link->lock, NULL);
    STAILQ_INIT(&link->items);
    link->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->fd < 0)
        err_errno(err, "make an event descriptor");
    else if (failback_new(&link->failback, config->servers, config->failback_s, config->clock,
                          err) == 0)
        link->mqtt = make_mqtt(link, config, err);
    if (!link->mqtt) {
        link_free(link);
        return -1;
    }
    *ret_link = link;
    return 0;
}

int link_start(struct link *link, struct err *err)
{
    return mqtt_start(link->mqtt, err);
}

uint64_t link_due_ms(const struct link *link)
{
    return failback_due_ms(link->failback);
}

int link_fd(const struct link *link)
{
    return link->fd;
}

void link_leave(struct link *link)
{
    mqtt_leave(link->mqtt, STOP_MS);
}

void link_stop(struct link *link)
{
    mqtt_stop(link->mqtt, STOP_MS);
}

void link_free(struct link *link)
{
    struct item *item;

    if (!link)
        return;
    mqtt_free(link->mqtt);
    failback_free(link->failback);
    while ((item = take(link)))
        free(item);
    if (link->fd >= 0)
        close(link->fd);
    pthread_mutex_destroy(&link->lock);
    free(link);
}
