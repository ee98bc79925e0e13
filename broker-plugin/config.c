#include "broker-plugin/config.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/options.h"
#include "common/payload.h"

struct values {
    struct door_config door;
    const char *log_level;
};

struct config {
    struct values values;
    struct options *options;
    enum log_level log_level;
};

static const struct option_row ROWS[] = {
    OPTION_U32(struct values, door.group, "group", NULL, 1, 65535,
               "the group of meters that this server serves (required)"),
    OPTION_STRING(struct values, door.registry, "registry", NULL,
                  "the registry file that the bridge keeps (required; may be absent at start)"),
    OPTION_STRING(struct values, door.staff, "staff", NULL,
                  "file of people who may log in by password (none: certificates only)"),
    {"check-signature", OPTION_TYPE_FLAG, offsetof(struct values, door.check_signature), "true", 0,
     0, "check the signature of every report, event and command result", false},
    OPTION_U32(struct values, door.future_tolerance_s, "future-tolerance-s", "900", 0, 86400,
               "refuse times that are ahead of the server's clock by more than this"),
    OPTION_U32(struct values, door.report_bytes_max, "max-report-bytes", "16384", 256, PAYLOAD_MAX,
               "refuse reports that are longer"),
    OPTION_U32(struct values, door.summary_s, "summary-s", "10", 1, 3600,
               "publish server/state/broker this often"),
    OPTION_U32(struct values, door.limits.messages_per_s, "messages-per-s", "1000", 1, 1000000,
               "messages a meter may send, per second"),
    OPTION_U32(struct values, door.limits.messages_burst, "messages-burst", "10000", 10, 10000000,
               "messages a meter may send at once after a pause"),
    OPTION_U32(struct values, door.limits.bytes_per_s, "bytes-per-s", "4194304", 1024, 1073741824,
               "payload bytes a meter may send, per second"),
    OPTION_U32(struct values, door.limits.bytes_burst, "bytes-burst", "33554432", 655360,
               1073741824, "payload bytes a meter may send at once after a pause"),
    OPTION_U32(struct values, door.limits.strikes, "strikes", "100", 2, 1000000,
               "refused messages that shut a client out (one is forgiven per second)"),
    OPTION_U32(struct values, door.limits.shut_out_s, "shut-out-s", "60", 1, 86400,
               "how long a client stays shut out"),
    OPTION_STRING(struct values, log_level, "log-level", "info", "debug, info, unusual or broken"),
};

struct config *config_new(void)
{
    struct config *config = xcalloc(1, sizeof *config);
    config->options = options_new(ROWS, AMR_COUNT(ROWS), &config->values, NULL, "plugin_opt_NAME");
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    options_free(config->options);
    free(config);
}

int config_set(struct config *config, const char *name, const char *value, struct err *err)
{
    return options_set(config->options, name, value, "plugin_opt", err);
}

int config_check(struct config *config, struct err *err)
{
    if (config->values.door.group == 0)
        return err_set(err, "plugin_opt_group is required");
    if (!config->values.door.registry)
        return err_set(err, "plugin_opt_registry is required");
    return log_level_parse(&config->log_level, config->values.log_level, err);
}

const struct door_config *config_door(const struct config *config)
{
    return &config->values.door;
}

enum log_level config_log_level(const struct config *config)
{
    return config->log_level;
}
