/*
 * agent.h: the meter's logic: measurements become readings on wall-clock boundaries, readings
 * become signed reports in the store, and reports go out until a receipt says sealed.
 *
 * No thread, no waiting, no socket of its own: the caller's one thread hands in what happened
 * (measurement, connection, message) and calls agent_tick whenever agent_due_ms is over. The link
 * is a function table, so that tests run it without a broker.
 *
 * Sending is go-back-N over the receipts: at most `window` reports are without a `stored` receipt;
 * where none of them comes in time, or after a reconnect, sending starts again at the lowest.
 * While there is no connection readings wait, up to 96 in one report, so a long outage costs few
 * signatures.
 */
#ifndef AMR_METER_AGENT_H
#define AMR_METER_AGENT_H

#include "common/eip712.h"
#include "common/log.h"
#include "common/signer.h"
#include "common/topic.h"
#include "meter-client/control.h"
#include "meter-client/meter_store_control.h"
#include "meter-client/meter_store_reports.h"
#include "meter-client/source.h"

struct agent;

struct agent_link {
    /** Queues a message; -1 where it is not connected. tag comes back in agent_published. */
    int (*publish)(void *cookie, enum topic_kind kind, const void *payload, size_t len, int qos,
                   bool retain, uint64_t tag, struct err *err);
    void *cookie;
};

struct agent_config {
    const char *serial;
    const char *source; /* scheme, for the birth message */
    uint32_t meter;
    uint32_t interval_s;
    uint32_t readings_per_report;
    uint32_t window;
    uint32_t ack_timeout_ms;
    uint32_t sealed_timeout_s;
    uint32_t telemetry_s; /* 0: none */
    uint32_t max_backlog; /* open readings above which none is made */
    uint32_t retention_s;
    uint32_t count;    /* readings to make; 0: no end */
    bool require_sync; /* readings are unsure while the kernel's clock is not synchronised */
    struct control_config control;
};

/** All borrowed; they outlive the agent. */
struct agent_parts {
    struct meter_store *store;
    const struct signer *signer;
    const struct eip712 *domain;
    const struct clock *clock;
    struct log *log;
    struct agent_link link;
};

int agent_new(struct agent **ret_agent, const struct agent_config *config,
              const struct agent_parts *parts, struct err *err) AMR_NODISCARD;
void agent_free(struct agent *agent);

void agent_measured(struct agent *agent, const struct measurement *measurement);
/** For telemetry. */
void agent_set_source_counters(struct agent *agent, const struct source_counters *counters);
void agent_connected(struct agent *agent);
void agent_disconnected(struct agent *agent);
void agent_published(struct agent *agent, uint64_t tag, int reason);
void agent_receipt(struct agent *agent, const void *payload, size_t len);

/** An operator's command. Fails, as does the next one, only where the store does. */
int agent_command(struct agent *agent, const void *payload, size_t len,
                  struct err *err) AMR_NODISCARD;
/** A person at the meter confirms a reconnection that is armed. */
int agent_confirm(struct agent *agent, struct err *err) AMR_NODISCARD;

/** Mains power went: a last reading and event go out at once. Or it is back. */
void agent_power(struct agent *agent, bool away);

/** Does what is due. Where the store fails (a full disk) it waits in memory and tries again. */
void agent_tick(struct agent *agent);
/** Wall time of the next boundary, in ms since 1970. */
uint64_t agent_boundary_ms(const struct agent *agent);
/** Monotonic time of everything else; UINT64_MAX: none. */
uint64_t agent_due_ms(const struct agent *agent);
/** Says goodbye: state offline. */
void agent_leave(struct agent *agent);

/** For displays and sums. */
struct agent_status {
    struct measurement measurement; /* the newest; unix_ms 0: none yet */
    struct reading last;            /* the newest reading; timestamp 0: none yet */
    struct meter_store_counts counts;
    uint64_t made;   /* readings since the start */
    unsigned alarms; /* enum meter_alarm */
    enum control_state control;
    bool connected;
};

void agent_status(const struct agent *agent, struct agent_status *ret_status);

enum agent_end { AGENT_GOES_ON, AGENT_ALL_SEALED, AGENT_SOME_REJECTED };
/** With config.count: whether that many readings were made and every report's fate is known. */
enum agent_end agent_end(const struct agent *agent);

#endif
