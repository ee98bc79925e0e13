/*
 * link.h: the agent's link over MQTT (common/mqtt.h).
 *
 * Paho's threads only put what happened into a bounded queue and wake the descriptor; link_drain
 * hands it to the agent on the main loop's thread, which is the only caller of everything here. The
 * client id is the serial, as the broker demands; the Will says offline.
 */
#ifndef AMR_METER_LINK_H
#define AMR_METER_LINK_H

#include "common/log.h"
#include "common/mqtt.h"
#include "meter-client/agent.h"

struct link;

struct link_config {
    const char *servers;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *serial;
    uint16_t group;
    uint32_t session; /* for the Will */
    uint32_t unix_s;  /* likewise */
    uint32_t failback_s;
    const struct clock *clock;
};

int link_new(struct link **ret_link, const struct link_config *config, struct log *log,
             struct err *err) AMR_NODISCARD;
int link_start(struct link *link, struct err *err) AMR_NODISCARD;
/** Readable when link_drain has something to do. */
int link_fd(const struct link *link);
void link_drain(struct link *link, struct agent *agent);
/** When link_drain has something to do without a message; monotonic. */
uint64_t link_due_ms(const struct link *link);
struct agent_link link_for_agent(struct link *link);
/** Begins to, for whoever stops many. */
void link_leave(struct link *link);
/** Disconnects cleanly; nothing comes in afterwards. */
void link_stop(struct link *link);
void link_free(struct link *link);

#endif
