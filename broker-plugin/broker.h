/*
 * broker.h: the two things the door asks of the broker, as a table, so that tests can stand in.
 *
 * plugin.c fills it with Mosquitto's functions. Called on the broker's thread, from its callbacks.
 */
#ifndef AMR_BROKER_PLUGIN_BROKER_H
#define AMR_BROKER_PLUGIN_BROKER_H

#include <stdbool.h>
#include <stddef.h>

struct broker {
    /** Sends at QoS 1: to this client whether it subscribed or not, or (NULL) to subscribers. */
    void (*publish)(void *cookie, const char *client_id, const char *topic, const void *payload,
                    size_t len, bool retain);
    /** Disconnects a client that is connected, with its Will; the door hears of it at once. */
    void (*disconnect)(void *cookie, const char *client_id);
    void *cookie;
};

#endif
