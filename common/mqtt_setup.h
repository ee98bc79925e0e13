/*
 * mqtt_setup.h: an MQTT client's configuration, checked and copied; private to mqtt.c.
 *
 * Takes http_proxy and https_proxy out of the environment, so it runs before there are threads:
 * brokers are connected to directly.
 */
#ifndef AMR_COMMON_MQTT_SETUP_H
#define AMR_COMMON_MQTT_SETUP_H

#include "common/buf.h"
#include "common/mqtt.h"

struct mqtt_setup {
    struct mqtt_config config; /* its strings are our copies; servers and filters are beside it */
    char **servers;
    size_t server_count;
    char **filters;
    int *filter_qos;
    struct buf password;
};

/** Free it also where this fails. */
int mqtt_setup_init(struct mqtt_setup *ret_setup, const struct mqtt_config *config,
                    struct err *err) AMR_NODISCARD;
void mqtt_setup_free(struct mqtt_setup *setup);

#endif
