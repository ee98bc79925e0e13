/*
 * access.h: who may do what on which topic. Pure: the same request always has the same answer.
 *
 *            publishes (r: may be retained, w: also as a Will)             reads, subscribes
 *   meter    its own birth r, state rw, reading, event, telemetry,         its own command, receipt
 *            command-ack, backlog
 *   bridge   command, receipt, server/state/bridge rw, server/batch,       what meters publish,
 *            server/alarm                                                  server/state/broker,
 *                                                                          server/alarm
 *   ops      nothing                                                       amr/v1/<group>/#, $SYS/#
 *
 * Only topics of this server's group. A meter subscribes to exact topics only; the bridge also with
 * + for the serial, and shared ($share/NAME/...). Everything not in the table is denied: $SYS and
 * $CONTROL to all but ops' reading, and other wildcards.
 */
#ifndef AMR_BROKER_PLUGIN_ACCESS_H
#define AMR_BROKER_PLUGIN_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker-plugin/identity.h"
#include "common/topic.h"

enum access_action {
    ACCESS_READ,      /* a message on the way to this client */
    ACCESS_WRITE,     /* a message from a client that is connected */
    ACCESS_WILL,      /* a message that the broker sends for a client that is gone */
    ACCESS_SUBSCRIBE, /* topic is a filter */
};

struct access_request {
    const struct identity *who;
    enum access_action action;
    const char *topic;
    bool retain;
};

/** NULL where the request is allowed, else why not, for people. */
const char *access_check(uint16_t group, const struct access_request *request) AMR_NODISCARD;

#endif
