#include "common/topic.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "amr/v1/"

/* Indexed by enum topic_kind. */
static const char *const NAMES[] = {
    "birth",   "state",   "reading",      "event",        "telemetry", "command", "command-ack",
    "backlog", "receipt", "state/broker", "state/bridge", "batch",     "alarm"};

char *topic_format(char text[TOPIC_MAX], uint16_t group, const char *serial, enum topic_kind kind)
{
    snprintf(text, TOPIC_MAX, PREFIX "%u/%s/%s", (unsigned)group, serial ? serial : "server",
             NAMES[kind]);
    return text;
}

/* Decimal 1..65535 without leading zeros, up to a slash; returns what follows the slash. */
static const char *parse_group(uint16_t *ret_group, const char *text)
{
    unsigned value = 0;
    const char *at = text;

    if (*at < '1' || *at > '9')
        return NULL;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (unsigned)(*at - '0');
        if (value > UINT16_MAX)
            return NULL;
    }
    if (*at != '/')
        return NULL;
    *ret_group = (uint16_t)value;
    return at + 1;
}

int topic_parse(struct topic *ret_topic, const char *text)
{
    struct topic topic = {0};
    enum topic_kind from = TOPIC_BIRTH, to = TOPIC_RECEIPT;

    if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) != 0)
        return -1;
    const char *at = parse_group(&topic.group, text + sizeof(PREFIX) - 1);
    const char *slash = at ? strchr(at, '/') : NULL;
    if (!slash || slash == at || slash - at > SERIAL_MAX)
        return -1;
    memcpy(topic.serial, at, (size_t)(slash - at));
    if (!serial_valid(topic.serial))
        return -1;
    if (strcmp(topic.serial, "server") == 0) {
        topic.serial[0] = '\0';
        from = TOPIC_SERVER_BROKER;
        to = TOPIC_SERVER_ALARM;
    }
    for (unsigned kind = from; kind <= (unsigned)to; kind++) {
        if (strcmp(slash + 1, NAMES[kind]) == 0) {
            topic.kind = (enum topic_kind)kind;
            *ret_topic = topic;
            return 0;
        }
    }
    return -1;
}
