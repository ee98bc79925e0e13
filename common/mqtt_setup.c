#include "common/mqtt_setup.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/options.h"

#define PEM_MAX      65536
#define PASSWORD_MAX 1024

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static int check_server(const char *server, struct err *err)
{
    const char *host = strstr(server, "://");
    const char *colon = strrchr(server, ':');
    uint64_t port;

    if ((strncmp(server, "ssl://", 6) != 0 && strncmp(server, "tcp://", 6) != 0) ||
        colon <= host + 3 || parse_u64(&port, colon + 1, 1, 65535, NULL))
        return err_set(err, "server '%s': want ssl://host:port", server);
    return 0;
}

static int copy_servers(struct mqtt_setup *setup, const char *servers, struct err *err)
{
    char *copy = xstrdup(servers ? servers : "");
    char *rest = NULL;

    for (char *server = strtok_r(copy, ", ", &rest); server; server = strtok_r(NULL, ", ", &rest)) {
        if (check_server(server, err)) {
            free(copy);
            return -1;
        }
        setup->servers = xrealloc(setup->servers, (setup->server_count + 1) * sizeof(char *));
        setup->servers[setup->server_count++] = xstrdup(server);
    }
    free(copy);
    return setup->server_count ? 0 : err_set(err, "no MQTT server given");
}

static int check_files(const struct mqtt_setup *setup, struct err *err)
{
    struct buf content = BUF_INIT;
    bool tls = false;
    int rc = 0;

    for (size_t i = 0; i < setup->server_count; i++)
        tls = tls || strncmp(setup->servers[i], "ssl://", 6) == 0;
    if (tls && !setup->config.ca_file)
        return err_set(err, "ssl:// needs the file of the CA");
    if (!setup->config.cert_file != !setup->config.key_file)
        return err_set(err, "a client certificate and its key go together");
    if (setup->config.ca_file)
        rc = file_read(&content, setup->config.ca_file, PEM_MAX, err);
    if (rc == 0 && setup->config.cert_file)
        rc = file_read(&content, setup->config.cert_file, PEM_MAX, err);
    if (rc == 0 && setup->config.key_file) {
        buf_clear(&content);
        rc = file_read_secret(&content, setup->config.key_file, PEM_MAX, err);
    }
    if (content.data)
        explicit_bzero(content.data, content.capacity);
    buf_free(&content);
    return rc;
}

static int read_password(struct mqtt_setup *setup, const char *path, struct err *err)
{
    struct buf *password = &setup->password;

    if (!path)
        return 0;
    if (file_read_secret(password, path, PASSWORD_MAX, err))
        return -1;
    while (password->len > 0 && strchr("\r\n", password->data[password->len - 1]))
        password->len--;
    return 0;
}

static void copy_filters(struct mqtt_setup *setup, const struct mqtt_config *config)
{
    setup->filters = xcalloc(config->filter_count + 1, sizeof(*setup->filters));
    setup->filter_qos = xcalloc(config->filter_count + 1, sizeof(*setup->filter_qos));
    for (size_t i = 0; i < config->filter_count; i++) {
        setup->filters[i] = xstrdup(config->filters[i]);
        setup->filter_qos[i] = 1;
    }
}

/** Paho would connect through what these name, and not at all where they are empty. */
static void ignore_proxies(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
}

static void copy_config(struct mqtt_setup *setup, const struct mqtt_config *config)
{
    setup->config = *config;
    setup->config.client_id = xstrdup(config->client_id);
    setup->config.ca_file = copy_or_null(config->ca_file);
    setup->config.cert_file = copy_or_null(config->cert_file);
    setup->config.key_file = copy_or_null(config->key_file);
    setup->config.username = copy_or_null(config->username);
    setup->config.will_topic = copy_or_null(config->will_topic);
    setup->config.will_payload = xstrdup(config->will_payload ? config->will_payload : "");
    if (config->keepalive_s == 0)
        setup->config.keepalive_s = 60;
    if (config->receive_max > 65535)
        setup->config.receive_max = 65535;
    if (config->retry_min_ms == 0)
        setup->config.retry_min_ms = 1000;
}

int mqtt_setup_init(struct mqtt_setup *ret_setup, const struct mqtt_config *config, struct err *err)
{
    struct mqtt_setup *setup = ret_setup;

    ignore_proxies();
    *setup = (struct mqtt_setup){.password = BUF_INIT};
    copy_config(setup, config);
    copy_filters(setup, config);
    if (copy_servers(setup, config->servers, err) || check_files(setup, err))
        return -1;
    return read_password(setup, config->password_file, err);
}

static void free_list(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void mqtt_setup_free(struct mqtt_setup *setup)
{
    free_list(setup->servers, setup->server_count);
    free_list(setup->filters, setup->config.filter_count);
    free(setup->filter_qos);
    free((char *)setup->config.client_id);
    free((char *)setup->config.ca_file);
    free((char *)setup->config.cert_file);
    free((char *)setup->config.key_file);
    free((char *)setup->config.username);
    free((char *)setup->config.will_topic);
    free((char *)setup->config.will_payload);
    if (setup->password.data)
        explicit_bzero(setup->password.data, setup->password.capacity);
    buf_free(&setup->password);
}
