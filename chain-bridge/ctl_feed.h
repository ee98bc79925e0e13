/*
 * ctl_feed.h: a group's MQTT messages, taken one by one: what status and watch listen to.
 *
 * Connects as operations staff, with an id made of the certificate's name, and subscribes to
 * everything of the group. Paho's threads fill a bounded queue; when the reader is slow the oldest
 * messages are dropped and counted. The reader is one thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_FEED_H
#define AMR_CHAIN_BRIDGE_CTL_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/options.h"

struct ctl_feed_config {
    const char *servers;
    const char *ca;
    const char *cert;
    const char *key;
    uint32_t group;
};

#define CTL_FEED_ROWS(config)                                                                      \
    OPTION_LIST(config, feed.servers, "servers", NULL, "the group's brokers, ssl://host:port"),    \
        OPTION_STRING(config, feed.ca, "ca", NULL, "CA certificate (PEM) of the brokers"),         \
        OPTION_STRING(config, feed.cert, "cert", NULL, "certificate (PEM) with role ops"),         \
        OPTION_STRING(config, feed.key, "key", NULL, "its private key (PEM), mode 0600"),          \
        OPTION_U32(config, feed.group, "group", "1", 1, 65535, "group to listen to")

enum ctl_feed_kind { CTL_FEED_CONNECTED, CTL_FEED_DISCONNECTED, CTL_FEED_MESSAGE };

struct ctl_feed_item {
    enum ctl_feed_kind kind;
    char *topic; /* the server for CONNECTED, why for DISCONNECTED */
    char *payload;
    size_t len;
    bool retained;
};

struct ctl_feed;

struct ctl_feed *ctl_feed_open(const struct ctl_feed_config *config, struct err *err) AMR_NODISCARD;
void ctl_feed_close(struct ctl_feed *feed);
/** Waits up to timeout_ms; true with an item, which ctl_feed_item_clear releases. */
bool ctl_feed_take(struct ctl_feed *feed, struct ctl_feed_item *ret_item, uint32_t timeout_ms);
void ctl_feed_item_clear(struct ctl_feed_item *item);

#endif
