/*
 * topic.h: MQTT topics amr/v1/<group>/<serial>/<kind> and amr/v1/<group>/server/<kind>.
 *
 * Groups are decimal 1..65535 without leading zeros. A serial that reads "server" is refused: it
 * would share the server's topics.
 */
#ifndef AMR_COMMON_TOPIC_H
#define AMR_COMMON_TOPIC_H

#include <stdint.h>

#include "common/attr.h"
#include "common/reading.h"

enum topic_kind {
    TOPIC_BIRTH,
    TOPIC_STATE,
    TOPIC_READING,
    TOPIC_EVENT,
    TOPIC_TELEMETRY,
    TOPIC_COMMAND,
    TOPIC_COMMAND_ACK,
    TOPIC_BACKLOG,
    TOPIC_RECEIPT,
    TOPIC_SERVER_BROKER, /* server/state/broker: retained summary by the plugin */
    TOPIC_SERVER_BRIDGE, /* server/state/bridge: retained summary by the bridge */
    TOPIC_SERVER_BATCH,
    TOPIC_SERVER_ALARM
};

#define TOPIC_MAX 80

struct topic {
    uint16_t group;
    char serial[SERIAL_MAX + 1]; /* empty for the server's own topics */
    enum topic_kind kind;
};

/** Writes the topic to text; serial NULL for the server's; returns text. */
char *topic_format(char text[TOPIC_MAX], uint16_t group, const char *serial, enum topic_kind kind);
/** Exact topics only: no wildcard, no empty level, nothing before or after. -1 where it is none. */
int topic_parse(struct topic *ret_topic, const char *text) AMR_NODISCARD;

#endif
