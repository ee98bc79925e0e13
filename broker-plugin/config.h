/*
 * config.h: the plugin's options: `plugin_opt_NAME VALUE` lines of mosquitto.conf, a row each.
 *
 * An unknown name, a value that does not parse or a required one that is missing fails with a text
 * that names it; the broker then refuses to start.
 */
#ifndef AMR_BROKER_PLUGIN_CONFIG_H
#define AMR_BROKER_PLUGIN_CONFIG_H

#include "broker-plugin/door.h"
#include "common/err.h"
#include "common/log.h"

struct config;

/** Every option at its default. */
struct config *config_new(void) AMR_NODISCARD;
void config_free(struct config *config);
int config_set(struct config *config, const char *name, const char *value,
               struct err *err) AMR_NODISCARD;
/** Whether everything required is there and fits together. */
int config_check(struct config *config, struct err *err) AMR_NODISCARD;

/** Valid after config_check; its strings live as long as config. */
const struct door_config *config_door(const struct config *config);
enum log_level config_log_level(const struct config *config);

#endif
