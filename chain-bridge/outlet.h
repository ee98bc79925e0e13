/*
 * outlet.h: the bridge's side of MQTT: every broker of the group, and what is published there.
 *
 * One client per broker URL, each with its own session. Receipts, batches and alarms go to every
 * connected broker (a meter is at one of them). Receipts that nobody can be sent now are dropped:
 * the meter asks again. Alarms wait in a small ring until a broker is there; of one cause, only so
 * many go out in a while, and the rest is counted in the next.
 */
#ifndef AMR_BRIDGE_OUTLET_H
#define AMR_BRIDGE_OUTLET_H

#include "chain-bridge/notices.h"
#include "chain-bridge/status.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mqtt.h"

struct outlet;

struct outlet_config {
    const char *servers; /* comma-separated URLs, one client each */
    const char *client_id;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    uint16_t group;
    bool watch; /* wants states and telemetry of meters, too: for the dashboard */
    const struct clock *clock;
    struct status *status;
    struct log *log;
};

/** Checks the configuration; connects only in outlet_start. */
struct outlet *outlet_new(const struct outlet_config *config, struct err *err) AMR_NODISCARD;
/** on_message runs on Paho's threads: it copies and returns. */
int outlet_start(struct outlet *outlet,
                 void (*on_message)(void *cookie, const char *topic, const void *payload,
                                    size_t len),
                 void *cookie, struct err *err) AMR_NODISCARD;
/** No on_message after it returns. */
void outlet_stop(struct outlet *outlet);
void outlet_free(struct outlet *outlet);

struct notices outlet_notices(struct outlet *outlet);
/** About once a second, one thread: publishes the state if it changed, and alarms that waited. */
void outlet_tick(struct outlet *outlet);

#endif
