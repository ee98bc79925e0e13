/*
 * counters.h: what the door did since it was built, and the summary it publishes of that.
 */
#ifndef AMR_BROKER_PLUGIN_COUNTERS_H
#define AMR_BROKER_PLUGIN_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/payload.h"
#include "common/registry.h"

struct counters {
    uint64_t admitted; /* reports, events and command results */
    uint64_t resent;   /* reports that had been admitted before */
    uint64_t other;    /* birth, state, telemetry */
    uint64_t rejected[CAUSE_COUNT];
    uint64_t denied; /* publishes, Wills and subscriptions off limits */
    uint64_t logins;
    uint64_t logins_refused;
    uint64_t disconnected; /* by us */
    uint64_t shut_out;
    uint64_t alarms;
    uint64_t alarms_suppressed;
};

/** What is so right now. */
struct counters_gauges {
    uint64_t unix_s;
    uint64_t started_unix_s;
    uint64_t clients;
    uint64_t meters_connected;
    uint64_t meters_registered;
    bool registry_ready; /* was read at least once */
    bool registry_good;  /* could be read the last time */
    const struct registry_head *registry;
};

/** Appends the payload of server/state/broker. */
void counters_print(struct buf *out, const struct counters *counters,
                    const struct counters_gauges *gauges);

#endif
