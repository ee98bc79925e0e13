#include "meter-client/agent_outbox.h"

#include <inttypes.h>

#include "meter-client/agent_readings.h"
#include "meter-client/agent_receipts.h"
#include "meter-client/messages.h"

#define BACKOFF_MAX    6 /* doublings of the ack timeout */
#define MAINTENANCE_MS 60000
#define PRUNE_MS       (24 * 3600 * 1000)
#define TAG_EVENT      (UINT64_C(1) << 32)
#define TAG_RESULT     (UINT64_C(1) << 33)
#define EVENTS_AT_ONCE 16

/* MQTT 5, table 2-6. */
#define REASON_REFUSED                0x80
#define REASON_TOPIC_NAME_INVALID     0x90
#define REASON_PACKET_TOO_LARGE       0x95
#define REASON_PAYLOAD_FORMAT_INVALID 0x99

static int publish(struct agent *agent, enum topic_kind kind, struct buf *payload, int qos,
                   uint64_t tag)
{
    struct err err = ERR_INIT;
    bool retain = kind == TOPIC_BIRTH || kind == TOPIC_STATE;
    int rc = agent->parts.link.publish(agent->parts.link.cookie, kind, payload->data, payload->len,
                                       qos, retain, tag, &err);

    if (rc)
        log_debug(agent->parts.log, "not sent: %s", err.text);
    return rc;
}

void agent_restart_round(struct agent *agent)
{
    agent->cursor = 0;
    agent->inflight = 0;
    agent->progress_ms = clock_mono_ms(agent->parts.clock);
}

static void check_timeout(struct agent *agent)
{
    uint64_t wait_ms = (uint64_t)agent->config.ack_timeout_ms << agent->backoff;

    if (agent->inflight == 0 || clock_mono_ms(agent->parts.clock) < agent->progress_ms + wait_ms)
        return;
    log_unusual(agent->parts.log, "no receipt in time, sending again reports=%" PRIu64,
                agent->inflight);
    agent->backoff += agent->backoff < BACKOFF_MAX ? 1 : 0;
    agent_restart_round(agent);
}

static int send_reports(struct agent *agent, struct err *err)
{
    struct buf payload = BUF_INIT;
    uint32_t sequence;
    int found = 0;

    while (agent->inflight < agent->config.window) {
        buf_clear(&payload);
        found =
            meter_store_next_queued(agent->parts.store, &sequence, &payload, agent->cursor, err);
        if (found <= 0 || publish(agent, TOPIC_READING, &payload, 1, sequence))
            break;
        agent->resent += sequence <= agent->highest ? 1 : 0;
        agent->highest = sequence > agent->highest ? sequence : agent->highest;
        agent->cursor = sequence;
        if (agent->inflight++ == 0)
            agent->progress_ms = clock_mono_ms(agent->parts.clock);
    }
    buf_free(&payload);
    return found < 0 ? -1 : 0;
}

static int send_events(struct agent *agent, struct err *err)
{
    struct buf payload = BUF_INIT;
    uint32_t sequence;
    int found = 0;

    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        buf_clear(&payload);
        found = meter_store_unsent_event(agent->parts.store, &sequence, &payload,
                                         agent->event_cursor, err);
        if (found <= 0 || publish(agent, TOPIC_EVENT, &payload, 1, TAG_EVENT | sequence))
            break;
        agent->event_cursor = sequence;
    }
    buf_free(&payload);
    return found < 0 ? -1 : 0;
}

static int send_results(struct agent *agent, struct err *err)
{
    struct buf payload = BUF_INIT;
    uint32_t sequence;
    int found = 0;

    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        buf_clear(&payload);
        found = meter_store_unsent_result(agent->parts.store, &sequence, &payload,
                                          agent->result_cursor, err);
        if (found <= 0 || publish(agent, TOPIC_COMMAND_ACK, &payload, 1, TAG_RESULT | sequence))
            break;
        agent->result_cursor = sequence;
    }
    buf_free(&payload);
    return found < 0 ? -1 : 0;
}

static int send_telemetry(struct agent *agent, struct err *err)
{
    struct telemetry telemetry = {.unix_s = clock_unix_s(agent->parts.clock),
                                  .measurement = agent->measured ? &agent->measurement : NULL,
                                  .source = agent->source,
                                  .made = agent->made,
                                  .rollback = agent->rollback,
                                  .gaps = agent->gaps,
                                  .resent = agent->resent,
                                  .alarms = agent_alarms(agent)};
    struct buf payload = BUF_INIT;
    uint64_t now_ms = clock_mono_ms(agent->parts.clock);

    if (agent->config.telemetry_s == 0 || now_ms < agent->telemetry_ms)
        return 0;
    agent->telemetry_ms = now_ms + (uint64_t)agent->config.telemetry_s * 1000;
    if (meter_store_counts(agent->parts.store, &telemetry.counts, err))
        return -1;
    message_telemetry(&payload, &telemetry);
    publish(agent, TOPIC_TELEMETRY, &payload, 0, 0);
    buf_free(&payload);
    return 0;
}

int agent_send_all(struct agent *agent, struct err *err)
{
    if (!agent->connected)
        return 0;
    if (send_events(agent, err) || send_results(agent, err) || send_telemetry(agent, err))
        return -1;
    check_timeout(agent);
    if (clock_mono_ms(agent->parts.clock) < agent->hold_ms)
        return 0;
    return send_reports(agent, err);
}

int agent_maintain(struct agent *agent, struct err *err)
{
    uint64_t now_ms = clock_mono_ms(agent->parts.clock);
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    uint64_t again = 0;

    if (now_ms < agent->maintenance_ms)
        return 0;
    agent->maintenance_ms = now_ms + MAINTENANCE_MS;
    if (now_s > agent->config.sealed_timeout_s &&
        meter_store_requeue(agent->parts.store, &again, now_s - agent->config.sealed_timeout_s,
                            err))
        return -1;
    if (again) {
        log_unusual(agent->parts.log, "not sealed in time, sending again reports=%" PRIu64, again);
        agent_restart_round(agent);
    }
    if (now_ms < agent->prune_ms || now_s <= agent->config.retention_s)
        return 0;
    agent->prune_ms = now_ms + PRUNE_MS;
    return meter_store_prune(agent->parts.store, now_s - agent->config.retention_s, err);
}

void agent_send_state(struct agent *agent, bool online)
{
    struct buf payload = BUF_INIT;

    message_state(&payload, online, meter_store_session(agent->parts.store),
                  clock_unix_s(agent->parts.clock));
    publish(agent, TOPIC_STATE, &payload, 1, 0);
    buf_free(&payload);
}

void agent_send_birth(struct agent *agent)
{
    struct birth birth = {.serial = agent->config.serial,
                          .source = agent->config.source,
                          .meter = agent->config.meter,
                          .interval_s = agent->config.interval_s,
                          .session = meter_store_session(agent->parts.store),
                          .sequence = meter_store_next_sequence(agent->parts.store)};
    struct buf payload = BUF_INIT;

    message_birth(&payload, &birth);
    publish(agent, TOPIC_BIRTH, &payload, 1, 0);
    buf_free(&payload);
}

void agent_send_backlog(struct agent *agent, uint32_t first, bool asked)
{
    struct backlog backlog = {.meter = agent->config.meter,
                              .first = first,
                              .next = meter_store_next_sequence(agent->parts.store),
                              .asked = asked};
    struct buf payload = BUF_INIT;
    struct err err = ERR_INIT;

    if (meter_store_first_open(agent->parts.store, &backlog.open, first, &err)) {
        agent_store_trouble(agent, &err);
        return;
    }
    payload_backlog_print(&payload, &backlog);
    publish(agent, TOPIC_BACKLOG, &payload, 1, 0);
    buf_free(&payload);
}

/** Refusals of what was sent, not of who sent it: the same bytes never pass. */
static enum cause final_cause(int reason)
{
    switch (reason) {
    case REASON_TOPIC_NAME_INVALID:
    case REASON_PAYLOAD_FORMAT_INVALID:
        return CAUSE_MALFORMED;
    case REASON_PACKET_TOO_LARGE:
        return CAUSE_OVERSIZE;
    default:
        return CAUSE_NONE;
    }
}

static int settle(struct agent *agent, uint64_t tag, enum cause cause, struct err *err)
{
    struct receipt refused = {.status = RECEIPT_REJECTED,
                              .meter = agent->config.meter,
                              .first = (uint32_t)tag,
                              .last = (uint32_t)tag,
                              .cause = cause,
                              .text = "by the broker's reason code"};

    if (tag & TAG_EVENT)
        return meter_store_event_sent(agent->parts.store, (uint32_t)tag, err);
    if (tag & TAG_RESULT)
        return meter_store_result_sent(agent->parts.store, (uint32_t)tag, err);
    if (tag && cause != CAUSE_NONE)
        agent_take_receipt(agent, &refused);
    return 0;
}

void agent_published(struct agent *agent, uint64_t tag, int reason)
{
    struct err err = ERR_INIT;
    enum cause cause = final_cause(reason);

    if (reason >= REASON_REFUSED && (!agent->refused || cause != CAUSE_NONE)) {
        /* The cause follows as a rejected receipt where the broker has our plugin. */
        log_unusual(agent->parts.log, "broker refused a message reason=0x%02x", (unsigned)reason);
        agent->refused = true;
    }
    if (reason < 0 || (reason >= REASON_REFUSED && cause == CAUSE_NONE))
        return;
    if (settle(agent, tag, cause, &err))
        agent_store_trouble(agent, &err);
}
