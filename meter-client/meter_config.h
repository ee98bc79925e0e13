/*
 * meter_config.h: what amr-meter can be told, and whether it fits together.
 *
 * Rows for common/options.h; the bundle that `amrctl enrol` writes is a configuration file with
 * some of these names.
 */
#ifndef AMR_METER_CONFIG_H
#define AMR_METER_CONFIG_H

#include "common/options.h"
#include "common/reading.h"

struct config {
    /* Options; strings belong to the options handle. */
    const char *servers;
    const char *ca;
    const char *cert;
    const char *key;
    const char *signing_key;
    const char *serial;
    const char *contract;
    const char *store;
    const char *source;
    const char *p1_checksum;
    const char *log_level;
    const char *dir;
    const char *operators;
    const char *relay;
    const char *dump;
    const char *mains;
    const char *display;
    uint64_t chain_id;
    uint64_t seed;
    uint32_t meter;
    uint32_t group;
    uint32_t interval_s;
    uint32_t readings_per_report;
    uint32_t pv_wp;
    uint32_t sim_speed;
    uint32_t source_timeout_s;
    uint32_t count;
    uint32_t window;
    uint32_t ack_timeout_ms;
    uint32_t sealed_timeout_s;
    uint32_t telemetry_s;
    uint32_t max_backlog;
    uint32_t retention_days;
    uint32_t fleet;
    uint32_t failback_s;
    bool direct_reconnect;
    bool require_sync;
};

struct options *config_options(struct config *config) AMR_NODISCARD;
/** Whether `amr-meter run` has what it needs. */
int config_check(const struct config *config, struct err *err) AMR_NODISCARD;

#endif
