/*
 * plugin.c: the Mosquitto plugin (interface version 5): options, the table of events, and the
 * translation of each event into a call of the door. Nothing else knows Mosquitto.
 */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "broker-plugin/config.h"
#include "broker-plugin/door.h"
#include "common/attr.h"
#include "common/buf.h"

struct plugin {
    mosquitto_plugin_id_t *id;
    size_t registered;
    struct config *config;
    struct clock *clock;
    struct log *log;
    struct broker broker;
    struct door *door;
};

static void log_line(void *cookie, enum log_level level, const char *line)
{
    static const struct {
        int mosquitto;
        const char *name;
    } LEVELS[] = {
        [LOG_LEVEL_DEBUG] = {MOSQ_LOG_DEBUG, "debug"},
        [LOG_LEVEL_INFO] = {MOSQ_LOG_INFO, "info"},
        [LOG_LEVEL_UNUSUAL] = {MOSQ_LOG_WARNING, "unusual"},
        [LOG_LEVEL_BROKEN] = {MOSQ_LOG_ERR, "broken"},
    };
    (void)cookie;
    mosquitto_log_printf(LEVELS[level].mosquitto, "%s broker: %s", LEVELS[level].name, line);
}

static void publish(void *cookie, const char *client_id, const char *topic, const void *payload,
                    size_t len, bool retain)
{
    struct plugin *plugin = cookie;
    int rc = mosquitto_broker_publish_copy(client_id, topic, (int)len, payload, 1, retain, NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        log_broken(plugin->log, "publish failed topic=%s error=%s", topic, mosquitto_strerror(rc));
}

static void disconnect(void *cookie, const char *client_id)
{
    (void)cookie;
    mosquitto_kick_client_by_clientid(client_id, true);
}

static int on_basic_auth(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    const struct mosquitto_evt_basic_auth *auth = event_data;
    char username[IDENTITY_USERNAME];
    X509 *certificate = mosquitto_client_certificate(auth->client);
    const struct login login = {.handle = auth->client,
                                .client_id = mosquitto_client_id(auth->client),
                                .address = mosquitto_client_address(auth->client),
                                .username = auth->username,
                                .password = auth->password,
                                .certificate = certificate,
                                .websocket =
                                    mosquitto_client_protocol(auth->client) == mp_websockets};
    (void)event;
    bool welcome = door_login(plugin->door, &login, username);
    X509_free(certificate);
    if (!welcome)
        return MOSQ_ERR_AUTH;
    if (username[0] && mosquitto_set_username(auth->client, username) != MOSQ_ERR_SUCCESS) {
        door_logout(plugin->door, auth->client);
        return MOSQ_ERR_AUTH;
    }
    return MOSQ_ERR_SUCCESS;
}

static int on_acl_check(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    const struct mosquitto_evt_acl_check *check = event_data;
    struct door_request request = {.handle = check->client,
                                   .client_id = mosquitto_client_id(check->client),
                                   .username = mosquitto_client_username(check->client),
                                   .topic = check->topic,
                                   .retain = check->retain};
    (void)event;
    switch (check->access) {
    case MOSQ_ACL_READ:
        request.action = ACCESS_READ;
        break;
    case MOSQ_ACL_WRITE:
        request.action = ACCESS_WRITE;
        break;
    case MOSQ_ACL_SUBSCRIBE:
        request.action = ACCESS_SUBSCRIBE;
        break;
    case MOSQ_ACL_UNSUBSCRIBE:
        return MOSQ_ERR_SUCCESS;
    default:
        return MOSQ_ERR_ACL_DENIED;
    }
    return door_access(plugin->door, &request) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

static int on_message(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    const struct mosquitto_evt_message *message = event_data;
    (void)event;
    return door_message(plugin->door, message->client, message->topic, message->payload,
                        message->payloadlen)
               ? MOSQ_ERR_SUCCESS
               : MOSQ_ERR_ACL_DENIED;
}

static int on_disconnect(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    const struct mosquitto_evt_disconnect *end = event_data;
    (void)event;
    door_logout(plugin->door, end->client);
    return MOSQ_ERR_SUCCESS;
}

static int on_tick(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    (void)event;
    (void)event_data;
    door_tick(plugin->door);
    return MOSQ_ERR_SUCCESS;
}

/* SIGHUP. DEFER, since SUCCESS would keep it from the plugins after this one. */
static int on_reload(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    (void)event;
    (void)event_data;
    door_reload(plugin->door);
    return MOSQ_ERR_PLUGIN_DEFER;
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
} EVENTS[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth},
    {MOSQ_EVT_ACL_CHECK, on_acl_check},
    {MOSQ_EVT_MESSAGE, on_message},
    {MOSQ_EVT_DISCONNECT, on_disconnect},
    {MOSQ_EVT_TICK, on_tick},
    {MOSQ_EVT_RELOAD, on_reload},
};

static void plugin_free(struct plugin *plugin)
{
    while (plugin->registered > 0) {
        plugin->registered--;
        mosquitto_callback_unregister(plugin->id, EVENTS[plugin->registered].event,
                                      EVENTS[plugin->registered].callback, NULL);
    }
    door_free(plugin->door);
    log_free(plugin->log);
    clock_free(plugin->clock);
    config_free(plugin->config);
    free(plugin);
}

static int register_events(struct plugin *plugin)
{
    for (size_t i = 0; i < AMR_COUNT(EVENTS); i++) {
        int rc = mosquitto_callback_register(plugin->id, EVENTS[i].event, EVENTS[i].callback, NULL,
                                             plugin);
        if (rc != MOSQ_ERR_SUCCESS)
            return rc;
        plugin->registered++;
    }
    return MOSQ_ERR_SUCCESS;
}

static int configure(struct plugin *plugin, const struct mosquitto_opt *options, int option_count)
{
    struct err err = ERR_INIT;
    plugin->config = config_new();
    for (int i = 0; i < option_count; i++)
        if (config_set(plugin->config, options[i].key, options[i].value, &err) < 0)
            goto fail;
    if (config_check(plugin->config, &err) < 0)
        goto fail;
    return 0;
fail:
    mosquitto_log_printf(MOSQ_LOG_ERR, "amr_broker_plugin: %s", err.text);
    return -1;
}

AMR_EXPORT int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
    for (int i = 0; i < supported_version_count; i++)
        if (supported_versions[i] == MOSQ_PLUGIN_VERSION)
            return MOSQ_PLUGIN_VERSION;
    return -1;
}

AMR_EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
                                     struct mosquitto_opt *options, int option_count)
{
    struct plugin *plugin = xcalloc(1, sizeof *plugin);
    int rc = MOSQ_ERR_INVAL;
    plugin->id = identifier;
    if (configure(plugin, options, option_count) < 0)
        goto fail;
    plugin->clock = clock_system_new();
    plugin->log = log_new_sink(config_log_level(plugin->config), log_line, NULL);
    plugin->broker = (struct broker){publish, disconnect, plugin};
    plugin->door =
        door_new(config_door(plugin->config), &plugin->broker, plugin->log, plugin->clock);
    rc = register_events(plugin);
    if (rc != MOSQ_ERR_SUCCESS)
        goto fail;
    *userdata = plugin;
    return MOSQ_ERR_SUCCESS;
fail:
    plugin_free(plugin);
    return rc;
}

AMR_EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options,
                                        int option_count)
{
    (void)options;
    (void)option_count;
    plugin_free(userdata);
    return MOSQ_ERR_SUCCESS;
}
