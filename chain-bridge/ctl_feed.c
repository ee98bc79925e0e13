#include "chain-bridge/ctl_feed.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "chain-bridge/pki.h"
#include "common/buf.h"
#include "common/mqtt.h"

#define QUEUE_MAX 4096
#define STOP_MS   1000

struct ctl_feed {
    struct mqtt *mqtt;
    pthread_mutex_t lock;
    int filled; /* eventfd: readable while the queue may hold something */
    struct ctl_feed_item queue[QUEUE_MAX];
    size_t first;
    size_t count;
};

void ctl_feed_item_clear(struct ctl_feed_item *item)
{
    free(item->topic);
    free(item->payload);
    memset(item, 0, sizeof(*item));
}

/* Takes the item over. */
static void push(struct ctl_feed *feed, struct ctl_feed_item item)
{
    pthread_mutex_lock(&feed->lock);
    if (feed->count == QUEUE_MAX) {
        ctl_feed_item_clear(&feed->queue[feed->first]);
        feed->first = (feed->first + 1) % QUEUE_MAX;
        feed->count--;
    }
    feed->queue[(feed->first + feed->count) % QUEUE_MAX] = item;
    feed->count++;
    pthread_mutex_unlock(&feed->lock);
    (void)!eventfd_write(feed->filled, 1);
}

static void on_connected(void *cookie, const char *server)
{
    push(cookie, (struct ctl_feed_item){CTL_FEED_CONNECTED, xstrdup(server), NULL, 0, false});
}

static void on_disconnected(void *cookie, const char *text)
{
    push(cookie, (struct ctl_feed_item){CTL_FEED_DISCONNECTED, xstrdup(text), NULL, 0, false});
}

static void on_message(void *cookie, const char *topic, const void *payload, size_t len,
                       bool retained)
{
    struct ctl_feed_item item = {CTL_FEED_MESSAGE, xstrdup(topic), xmalloc(len + 1), len, retained};
    memcpy(item.payload, payload, len);
    item.payload[len] = '\0';
    push(cookie, item);
}

static int connect_feed(struct ctl_feed *feed, const struct ctl_feed_config *config,
                        struct err *err)
{
    char name[64];
    char id[96];
    char filter[32];
    const char *filters[] = {filter};
    struct mqtt_handlers handlers = {on_connected, on_disconnected, on_message, NULL, feed};
    if (config->servers == NULL || config->ca == NULL || config->cert == NULL ||
        config->key == NULL)
        return err_set(err, "give --servers, --ca, --cert and --key (amrctl pki issue --role ops "
                            "makes a certificate)");
    if (pki_common_name(name, sizeof(name), config->cert, err) != 0)
        return -1;
    snprintf(id, sizeof(id), "%s~%ld", name, (long)getpid());
    snprintf(filter, sizeof(filter), "amr/v1/%u/#", (unsigned)config->group);
    struct mqtt_config mqtt = {
        .servers = config->servers,
        .client_id = id,
        .ca_file = config->ca,
        .cert_file = config->cert,
        .key_file = config->key,
        .filters = filters,
        .filter_count = 1,
        .keepalive_s = 30,
        .retry_min_ms = 250,
        .retry_max_ms = 5000,
    };
    feed->mqtt = mqtt_new(&mqtt, &handlers, err);
    return feed->mqtt != NULL ? mqtt_start(feed->mqtt, err) : -1;
}

struct ctl_feed *ctl_feed_open(const struct ctl_feed_config *config, struct err *err)
{
    struct ctl_feed *feed = xcalloc(1, sizeof(*feed));
    pthread_mutex_init(&feed->lock, NULL);
    feed->filled = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (feed->filled < 0)
        err_errno(err, "eventfd");
    else if (connect_feed(feed, config, err) == 0)
        return feed;
    ctl_feed_close(feed);
    return NULL;
}

void ctl_feed_close(struct ctl_feed *feed)
{
    if (feed == NULL)
        return;
    if (feed->mqtt != NULL) {
        mqtt_stop(feed->mqtt, STOP_MS);
        mqtt_free(feed->mqtt);
    }
    for (; feed->count > 0; feed->count--) {
        ctl_feed_item_clear(&feed->queue[feed->first]);
        feed->first = (feed->first + 1) % QUEUE_MAX;
    }
    if (feed->filled >= 0)
        close(feed->filled);
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}

static bool pop(struct ctl_feed *feed, struct ctl_feed_item *ret_item)
{
    pthread_mutex_lock(&feed->lock);
    bool taken = feed->count > 0;
    if (taken) {
        *ret_item = feed->queue[feed->first];
        feed->first = (feed->first + 1) % QUEUE_MAX;
        feed->count--;
    }
    pthread_mutex_unlock(&feed->lock);
    return taken;
}

bool ctl_feed_take(struct ctl_feed *feed, struct ctl_feed_item *ret_item, uint32_t timeout_ms)
{
    struct pollfd wait = {.fd = feed->filled, .events = POLLIN};
    eventfd_t count;
    if (pop(feed, ret_item))
        return true;
    (void)!poll(&wait, 1, (int)timeout_ms);
    (void)!eventfd_read(feed->filled, &count);
    return pop(feed, ret_item);
}
