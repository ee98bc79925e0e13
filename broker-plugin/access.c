#include "broker-plugin/access.h"

#include <stdio.h>
#include <string.h>

enum right { READ = 1, WRITE = 2, RETAIN = 4, WILL = 8 };

#define KINDS (TOPIC_SERVER_ALARM + 1)

static const uint8_t RIGHTS[ROLE_COUNT][KINDS] = {
    [ROLE_METER] =
        {
            [TOPIC_BIRTH] = WRITE | RETAIN,
            [TOPIC_STATE] = WRITE | RETAIN | WILL,
            [TOPIC_READING] = WRITE,
            [TOPIC_EVENT] = WRITE,
            [TOPIC_TELEMETRY] = WRITE,
            [TOPIC_COMMAND_ACK] = WRITE,
            [TOPIC_BACKLOG] = WRITE,
            [TOPIC_COMMAND] = READ,
            [TOPIC_RECEIPT] = READ,
        },
    [ROLE_BRIDGE] =
        {
            [TOPIC_BIRTH] = READ,
            [TOPIC_STATE] = READ,
            [TOPIC_READING] = READ,
            [TOPIC_EVENT] = READ,
            [TOPIC_TELEMETRY] = READ,
            [TOPIC_COMMAND_ACK] = READ,
            [TOPIC_BACKLOG] = READ,
            [TOPIC_COMMAND] = WRITE,
            [TOPIC_RECEIPT] = WRITE,
            [TOPIC_SERVER_BROKER] = READ,
            [TOPIC_SERVER_BRIDGE] = WRITE | RETAIN | WILL,
            [TOPIC_SERVER_BATCH] = WRITE,
            [TOPIC_SERVER_ALARM] = READ | WRITE,
        },
    /* Staff read everything of the group: see staff_check. */
};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *staff_check(uint16_t group, const struct access_request *request)
{
    char prefix[TOPIC_MAX];
    if (request->action == ACCESS_WRITE || request->action == ACCESS_WILL)
        return "this role may not publish";
    snprintf(prefix, sizeof prefix, "amr/v1/%u/", (unsigned)group);
    if (starts_with(request->topic, prefix) || starts_with(request->topic, "$SYS/"))
        return NULL;
    return "not a topic of this server";
}

/* Skips "$share/NAME/"; NULL where the name is missing or odd. */
static const char *shared_filter(const char *filter)
{
    const char *name = filter + strlen("$share/");
    size_t len = strcspn(name, "/");
    char copy[SERIAL_MAX + 1];
    if (name[len] != '/' || len >= sizeof copy)
        return NULL;
    memcpy(copy, name, len);
    copy[len] = '\0';
    return serial_valid(copy) ? name + len + 1 : NULL;
}

/* Reads a bridge's filter as a topic: "+" in the place of the serial becomes the serial "any". */
static int bridge_filter_parse(struct topic *ret_topic, uint16_t group, const char *filter)
{
    char prefix[TOPIC_MAX];
    char text[TOPIC_MAX];
    if (starts_with(filter, "$share/")) {
        filter = shared_filter(filter);
        if (!filter)
            return -1;
    }
    snprintf(prefix, sizeof prefix, "amr/v1/%u/+/", (unsigned)group);
    if (!starts_with(filter, prefix))
        return topic_parse(ret_topic, filter);
    int len =
        snprintf(text, sizeof text, "amr/v1/%u/any/%s", (unsigned)group, filter + strlen(prefix));
    return len < (int)sizeof text ? topic_parse(ret_topic, text) : -1;
}

static int request_topic(struct topic *ret_topic, uint16_t group,
                         const struct access_request *request)
{
    if (request->who->role == ROLE_BRIDGE && request->action == ACCESS_SUBSCRIBE)
        return bridge_filter_parse(ret_topic, group, request->topic);
    return topic_parse(ret_topic, request->topic);
}

static const char *rights_check(uint8_t rights, const struct access_request *request)
{
    bool reads = request->action == ACCESS_READ || request->action == ACCESS_SUBSCRIBE;
    if (reads)
        return rights & READ ? NULL : "this role may not read this topic";
    if (!(rights & WRITE))
        return "this role may not publish on this topic";
    if (request->retain && !(rights & RETAIN))
        return "messages on this topic cannot be retained";
    if (request->action == ACCESS_WILL && !(rights & WILL))
        return "no Will on this topic";
    return NULL;
}

const char *access_check(uint16_t group, const struct access_request *request)
{
    struct topic topic;
    if (request->who->role == ROLE_OPS)
        return staff_check(group, request);
    if (request_topic(&topic, group, request) < 0)
        return request->action == ACCESS_SUBSCRIBE ? "not a filter of this role" : "no such topic";
    if (topic.group != group)
        return "a topic of another group";
    if (request->who->role == ROLE_METER && strcmp(topic.serial, request->who->name) != 0)
        return "another client's topic";
    return rights_check(RIGHTS[request->who->role][topic.kind], request);
}
