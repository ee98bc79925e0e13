#include "meter-client/agent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meter-client/messages.h"

#define EVENT_POWER_UP      2
#define EVENT_CLOCK_OLD     4
#define EVENT_CLOCK_NEW     5
#define EVENT_MEMORY        14
#define EVENT_MEASUREMENT   16
#define EVENT_CONFIG_CHANGE 47
#define CLOCK_VALID_S       1600000000u /* a wall clock before 2020 was never set */
#define CLOCK_JUMP_MS       2000
#define CLOCK_UNSURE_MS     3600000 /* readings are marked for so long after a jump */
#define SLACK_MAX_MS        10000
#define STALE_MS            15000 /* DSMR before 5.0 tells every 10 s */
#define BACKOFF_MAX         6     /* doublings of the ack timeout */
#define MAINTENANCE_MS      60000
#define PRUNE_MS            (24 * 3600 * 1000)
#define REFUSED_RETRY_MS    30000
#define RATE_RETRY_MS       5000
#define TAG_EVENT           (UINT64_C(1) << 32)
#define TAG_RESULT          (UINT64_C(1) << 33)
#define EVENTS_AT_ONCE      16

struct agent {
    struct agent_config config;
    struct agent_parts parts;
    struct measurement measurement;
    bool measured;
    struct source_counters source;
    struct control *control;
    struct registers registers;
    bool restored;         /* told already: the store is behind what was sent with its key */
    bool exchanged;        /* the next reading is the first of another meter */
    uint32_t configured_s; /* the interval without commands */

    struct reading last;  /* the newest reading made */
    uint32_t boundary_s;  /* the next reading's timestamp, or later */
    struct report report; /* readings that wait, and where they are signed */
    uint64_t made;
    uint64_t rollback;
    uint64_t gaps;
    uint64_t resent;
    bool in_rollback;
    bool backlog_full;
    int64_t offset_ms; /* wall minus monotonic: a change is a jump of the clock */
    uint64_t unsure_until_ms;

    bool connected;
    uint32_t cursor;   /* the last report sent in this round */
    uint32_t highest;  /* the last report sent ever */
    uint64_t inflight; /* sent in this round and without a receipt */
    uint32_t event_cursor;
    uint32_t result_cursor;
    unsigned backoff;
    uint32_t oldest;      /* the lowest sequence that waits for a receipt; 0: none did */
    uint32_t hastened;    /* the last one sent again because a later one had its receipt */
    uint64_t progress_ms; /* since when it is the lowest: newer reports do not prolong its wait */
    uint64_t hold_ms;     /* nothing is sent before */
    bool refused;         /* said once per connection */
    uint64_t telemetry_ms;
    uint64_t maintenance_ms;
    uint64_t prune_ms;
};

/* EVENTS */

static int add_event(struct agent *agent, uint16_t code, uint32_t timestamp_s, struct err *err)
{
    struct meter_event event = {.meter = agent->config.meter,
                                .sequence = meter_store_next_event(agent->parts.store),
                                .timestamp_s = timestamp_s,
                                .code = code};
    struct eth_hash digest;

    eip712_event(agent->parts.domain, &digest, &event);
    signer_sign(agent->parts.signer, &event.signature, &digest);
    return meter_store_add_event(agent->parts.store, &event, err);
}

/* READINGS */

static uint32_t boundary_after(const struct agent *agent, uint32_t unix_s)
{
    return (unix_s / agent->config.interval_s + 1) * agent->config.interval_s;
}

/** Puts the readings that wait into a signed, stored report. */
static int make_report(struct agent *agent, struct err *err)
{
    struct report *report = &agent->report;
    struct eth_hash digest;

    if (report->count == 0)
        return 0;
    report->meter = agent->config.meter;
    report->sequence = meter_store_next_sequence(agent->parts.store);
    if (report_check(report, err))
        return err_wrap(err, "own report %" PRIu32, report->sequence);
    eip712_report(agent->parts.domain, &digest, report);
    signer_sign(agent->parts.signer, &report->signature, &digest);
    if (meter_store_add_report(agent->parts.store, report, err))
        return -1;
    log_debug(agent->parts.log, "report stored sequence=%" PRIu32 " readings=%" PRIu32,
              report->sequence, report->count);
    report->count = 0;
    return 0;
}

static uint32_t report_size(const struct agent *agent)
{
    return agent->connected ? agent->config.readings_per_report : REPORT_READINGS_MAX;
}

static bool all_made(const struct agent *agent)
{
    return agent->config.count && agent->made >= agent->config.count;
}

static int add_reading(struct agent *agent, const struct reading *reading, struct err *err)
{
    struct report *report = &agent->report;

    agent->last = *reading;
    agent->made++;
    report->readings[report->count++] = *reading;
    if (report->count >= report_size(agent) || all_made(agent))
        return make_report(agent, err);
    return meter_store_add_reading(agent->parts.store, reading, err);
}

/** A register that fell or is out of range: told once, and no reading until it is well again. */
static int check_registers(struct agent *agent, bool *ret_good, struct err *err)
{
    const struct measurement *m = &agent->measurement;
    bool good = m->import_wh >= agent->last.import_wh && m->export_wh >= agent->last.export_wh &&
                m->import_wh <= READING_WH_MAX && m->export_wh <= READING_WH_MAX;
    bool told = agent->in_rollback;

    *ret_good = good;
    agent->in_rollback = !good;
    if (good)
        return 0;
    agent->rollback++;
    if (told)
        return 0;
    log_unusual(agent->parts.log,
                "register fell, no reading made import_wh=%" PRIu64 " last_import_wh=%" PRIu64
                " export_wh=%" PRIu64 " last_export_wh=%" PRIu64,
                m->import_wh, agent->last.import_wh, m->export_wh, agent->last.export_wh);
    return add_event(agent, EVENT_MEASUREMENT, clock_unix_s(agent->parts.clock), err);
}

/** Whether the newest measurement is of this boundary: not much after, not long before it. */
static bool measured_at(const struct agent *agent, uint32_t boundary_s)
{
    uint64_t boundary_ms = (uint64_t)boundary_s * 1000;
    uint64_t interval_ms = (uint64_t)agent->config.interval_s * 1000;
    uint64_t slack_ms = interval_ms / 2 < SLACK_MAX_MS ? interval_ms / 2 : SLACK_MAX_MS;

    uint64_t stands_ms = agent->measurement.stands_ms ? agent->measurement.stands_ms : STALE_MS;

    return agent->measured && agent->measurement.unix_ms <= boundary_ms + slack_ms &&
           agent->measurement.unix_ms + stands_ms >= boundary_ms;
}

static bool backlog_full(struct agent *agent, struct err *err)
{
    struct meter_store_counts counts;
    bool full;

    if (meter_store_counts(agent->parts.store, &counts, err))
        return false;
    full = counts.readings_open >= agent->config.max_backlog;
    if (full && !agent->backlog_full)
        log_unusual(agent->parts.log, "backlog is full, no readings made readings=%" PRIu64,
                    counts.readings_open);
    agent->backlog_full = full;
    return full;
}

static int take_reading(struct agent *agent, uint32_t boundary_s, struct err *err)
{
    struct reading reading = {.timestamp_s = boundary_s,
                              .import_wh = agent->measurement.import_wh,
                              .export_wh = agent->measurement.export_wh,
                              .quality = agent->measurement.quality};
    bool good = false;

    if (boundary_s <= agent->last.timestamp_s)
        return 0; /* the clock was set back: wait until it is past the last reading */
    if (!measured_at(agent, boundary_s) || backlog_full(agent, err)) {
        agent->gaps++;
        return 0;
    }
    if (check_registers(agent, &good, err))
        return -1;
    if (!good) {
        agent->gaps++;
        return 0;
    }
    if (clock_mono_ms(agent->parts.clock) < agent->unsure_until_ms)
        reading.quality |= QUALITY_CLOCK_UNSURE;
    if (agent->exchanged)
        reading.quality |= QUALITY_SUBSTITUTED; /* what the old one counted last is not known */
    agent->exchanged = false;
    return add_reading(agent, &reading, err);
}

static int cut_readings(struct agent *agent, struct err *err)
{
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    uint32_t boundary_s;

    if (now_s < CLOCK_VALID_S || all_made(agent))
        return 0;
    if (agent->boundary_s == 0 || agent->boundary_s > boundary_after(agent, now_s))
        agent->boundary_s = boundary_after(agent, now_s); /* start, or the clock was set back */
    if (now_s < agent->boundary_s)
        return 0;
    boundary_s = now_s - now_s % agent->config.interval_s;
    agent->gaps += (boundary_s - agent->boundary_s) / agent->config.interval_s;
    agent->boundary_s = boundary_after(agent, now_s);
    return take_reading(agent, boundary_s, err);
}

static int check_clock(struct agent *agent, struct err *err)
{
    uint64_t now_ms = clock_unix_ms(agent->parts.clock);
    uint64_t mono_ms = clock_mono_ms(agent->parts.clock);
    int64_t offset_ms = (int64_t)now_ms - (int64_t)mono_ms;
    int64_t jump_ms = offset_ms - agent->offset_ms;

    agent->offset_ms = offset_ms;
    if (jump_ms > -CLOCK_JUMP_MS && jump_ms < CLOCK_JUMP_MS)
        return 0;
    log_unusual(agent->parts.log, "clock was set by_ms=%" PRId64, jump_ms);
    agent->unsure_until_ms = mono_ms + CLOCK_UNSURE_MS;
    if (add_event(agent, EVENT_CLOCK_OLD, (uint32_t)(((int64_t)now_ms - jump_ms) / 1000), err))
        return -1;
    return add_event(agent, EVENT_CLOCK_NEW, (uint32_t)(now_ms / 1000), err);
}

/* SENDING */

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

static void restart_round(struct agent *agent)
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
    restart_round(agent);
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
                                  .resent = agent->resent};
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

static int send_all(struct agent *agent, struct err *err)
{
    if (!agent->connected)
        return 0;
    /* What waited for the connection, and is a report's worth now. */
    if (agent->report.count >= report_size(agent) && make_report(agent, err))
        return -1;
    if (send_events(agent, err) || send_results(agent, err) || send_telemetry(agent, err))
        return -1;
    check_timeout(agent);
    if (clock_mono_ms(agent->parts.clock) < agent->hold_ms)
        return 0;
    return send_reports(agent, err);
}

/** Queues again what has waited too long for its seal, and forgets what is old. */
static int maintain(struct agent *agent, struct err *err)
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
        restart_round(agent);
    }
    if (now_ms < agent->prune_ms || now_s <= agent->config.retention_s)
        return 0;
    agent->prune_ms = now_ms + PRUNE_MS;
    return meter_store_prune(agent->parts.store, now_s - agent->config.retention_s, err);
}

/* WHAT HAPPENED */

void agent_measured(struct agent *agent, const struct measurement *measurement)
{
    enum registers_change change;
    struct err err = ERR_INIT;

    agent->measurement = *measurement;
    agent->measured = true;
    change = registers_follow(&agent->registers, &agent->measurement, &agent->last);
    if (change == REGISTERS_SAME)
        return;
    if (change != REGISTERS_NAMED)
        log_unusual(agent->parts.log, "%s import_wh=%" PRIu64 " reported_import_wh=%" PRIu64,
                    change == REGISTERS_EXCHANGED ? "meter was exchanged" : "register rolled over",
                    measurement->import_wh, agent->measurement.import_wh);
    agent->exchanged = agent->exchanged || change == REGISTERS_EXCHANGED;
    if (meter_store_keep_registers(agent->parts.store, &agent->registers, &err) ||
        (change == REGISTERS_EXCHANGED &&
         add_event(agent, EVENT_CONFIG_CHANGE, clock_unix_s(agent->parts.clock), &err)))
        log_unusual(agent->parts.log, "registers are not kept: %s", err.text);
}

void agent_set_source_counters(struct agent *agent, const struct source_counters *counters)
{
    agent->source = *counters;
}

static void send_state(struct agent *agent, bool online)
{
    struct buf payload = BUF_INIT;

    message_state(&payload, online, meter_store_session(agent->parts.store),
                  clock_unix_s(agent->parts.clock));
    publish(agent, TOPIC_STATE, &payload, 1, 0);
    buf_free(&payload);
}

static void send_birth(struct agent *agent)
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

void agent_connected(struct agent *agent)
{
    agent->connected = true;
    agent->refused = false;
    agent->event_cursor = 0;
    agent->result_cursor = 0;
    agent->backoff = 0;
    agent->hold_ms = 0;
    agent->hastened = 0;
    restart_round(agent);
    send_birth(agent);
    send_state(agent, true);
}

void agent_disconnected(struct agent *agent)
{
    agent->connected = false;
    agent->inflight = 0;
}

void agent_leave(struct agent *agent)
{
    if (agent->connected)
        send_state(agent, false);
}

void agent_published(struct agent *agent, uint64_t tag, int reason)
{
    struct err err = ERR_INIT;

    if (reason >= 0x80 && !agent->refused) {
        /* The cause follows as a rejected receipt where the broker has our plugin. */
        log_unusual(agent->parts.log, "broker refused a message reason=0x%02x", (unsigned)reason);
        agent->refused = true;
    }
    if (tag & TAG_EVENT && reason >= 0 && reason < 0x80 &&
        meter_store_event_sent(agent->parts.store, (uint32_t)tag, &err))
        log_unusual(agent->parts.log, "event is not marked as sent: %s", err.text);
    if (tag & TAG_RESULT && reason >= 0 && reason < 0x80 &&
        meter_store_result_sent(agent->parts.store, (uint32_t)tag, &err))
        log_unusual(agent->parts.log, "result is not marked as sent: %s", err.text);
}

/** How long to wait before trying again; 0: there is no use in it. */
static uint64_t retry_ms(const struct agent *agent, enum cause cause)
{
    switch (cause) {
    case CAUSE_RATE:
        return RATE_RETRY_MS;
    case CAUSE_UNKNOWN: /* the registry may not have heard of us yet */
    case CAUSE_CLOSED:  /* and may open us again */
        return REFUSED_RETRY_MS;
    case CAUSE_FUTURE: /* no use where our own clock has since been set back */
        return agent->last.timestamp_s > clock_unix_s(agent->parts.clock) + 3600 ? 0
                                                                                 : RATE_RETRY_MS;
    default:
        return 0;
    }
}

static int lowest_queued(struct agent *agent, uint32_t *ret_sequence, struct err *err)
{
    struct buf payload = BUF_INIT;
    int found = meter_store_next_queued(agent->parts.store, ret_sequence, &payload, 0, err);

    buf_free(&payload);
    if (found == 0)
        *ret_sequence = 0;
    return found < 0 ? -1 : 0;
}

/** Progress is that the lowest has its receipt. Where only a later one has, the lowest was lost. */
static int follow_progress(struct agent *agent, const struct receipt *receipt, struct err *err)
{
    uint32_t lowest;

    if (lowest_queued(agent, &lowest, err) ||
        meter_store_count_queued(agent->parts.store, &agent->inflight, agent->cursor, err))
        return -1;
    if (lowest != agent->oldest) {
        agent->oldest = lowest;
        agent->backoff = 0;
        agent->progress_ms = clock_mono_ms(agent->parts.clock);
    }
    if (receipt->status != RECEIPT_REJECTED && lowest && lowest <= agent->cursor &&
        lowest < receipt->first && lowest != agent->hastened) {
        log_info(agent->parts.log, "a later report has its receipt, sending again from=%" PRIu32,
                 lowest);
        agent->hastened = lowest;
        restart_round(agent);
    }
    return 0;
}

static int apply_receipt(struct agent *agent, const struct receipt *receipt, struct err *err)
{
    uint64_t changed = 0;

    if (meter_store_apply(agent->parts.store, &changed, receipt, clock_unix_s(agent->parts.clock),
                          err))
        return -1;
    if (receipt->status == RECEIPT_REJECTED && changed && agent->report.count == 0 &&
        meter_store_last(agent->parts.store, &agent->last, err))
        return -1;
    return follow_progress(agent, receipt, err);
}

/** Sequences are known to the server that this store never gave, or with other content. */
static void check_restored(struct agent *agent, const struct receipt *receipt)
{
    bool ahead = receipt->status != RECEIPT_REJECTED &&
                 receipt->last >= meter_store_next_sequence(agent->parts.store);
    struct err err = ERR_INIT;

    if (!ahead && !(receipt->status == RECEIPT_REJECTED && receipt->cause == CAUSE_CONFLICT))
        return;
    if (ahead)
        meter_store_skip(agent->parts.store, receipt->last);
    if (agent->restored)
        return;
    agent->restored = true;
    log_unusual(agent->parts.log,
                "the store was restored or cloned: others sent with its key up to=%" PRIu32,
                receipt->last);
    if (add_event(agent, EVENT_MEMORY, clock_unix_s(agent->parts.clock), &err))
        log_unusual(agent->parts.log, "event is not kept: %s", err.text);
}

/** False where it changes nothing but when to try again. */
static bool judge_rejection(struct agent *agent, const struct receipt *receipt)
{
    char text[256];
    uint64_t wait_ms = retry_ms(agent, receipt->cause);

    log_unusual(agent->parts.log,
                "rejected first=%" PRIu32 " last=%" PRIu32 " cause=%s retry=%s text=%s",
                receipt->first, receipt->last, cause_text(receipt->cause), wait_ms ? "yes" : "no",
                log_quote(text, sizeof(text), receipt->text, strlen(receipt->text)));
    if (wait_ms == 0)
        return receipt->first != 0; /* 0: it could not read which report it was */
    restart_round(agent);
    agent->hold_ms = agent->progress_ms + wait_ms;
    return false;
}

void agent_receipt(struct agent *agent, const void *payload, size_t len)
{
    struct receipt receipt;
    struct err err = ERR_INIT;

    if (payload_receipt_parse(&receipt, payload, len, &err)) {
        log_unusual(agent->parts.log, "unusable receipt: %s", err.text);
        return;
    }
    if (receipt.meter != agent->config.meter && receipt.meter != 0) {
        log_unusual(agent->parts.log, "receipt for another meter meter=%" PRIu32, receipt.meter);
        return;
    }
    check_restored(agent, &receipt);
    if (receipt.status == RECEIPT_REJECTED && !judge_rejection(agent, &receipt))
        return;
    if (apply_receipt(agent, &receipt, &err))
        log_unusual(agent->parts.log, "receipt is not stored: %s", err.text);
}

/* COMMANDS */

/** A reading between the boundaries, sent at once. */
static int read_now(void *cookie, struct err *err)
{
    struct agent *agent = cookie;
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    uint64_t made = agent->made;

    if (now_s <= agent->last.timestamp_s)
        return err_set(err, "there is a reading of this second");
    if (!measured_at(agent, now_s))
        return err_set(err, "the source is silent");
    if (take_reading(agent, now_s, err) || (agent->report.count && make_report(agent, err)))
        return -1;
    return agent->made > made ? 0 : err_set(err, "the source's registers are not usable");
}

static int set_interval(void *cookie, uint32_t interval_s, struct err *err)
{
    struct agent *agent = cookie;
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    uint32_t before_s;

    if (meter_store_command_interval(agent->parts.store, interval_s, agent->configured_s, err) ||
        meter_store_interval(agent->parts.store, &before_s, interval_s, err))
        return -1;
    if (before_s == interval_s)
        return 0;
    agent->config.interval_s = interval_s;
    agent->boundary_s = boundary_after(agent, now_s);
    send_birth(agent);
    return add_event(agent, EVENT_CONFIG_CHANGE, now_s, err);
}

static int tell_event(void *cookie, uint16_t code, struct err *err)
{
    struct agent *agent = cookie;

    return add_event(agent, code, clock_unix_s(agent->parts.clock), err);
}

int agent_command(struct agent *agent, const void *payload, size_t len, struct err *err)
{
    agent->result_cursor = 0; /* one that was sent may be asked for again */
    return control_command(agent->control, payload, len, err);
}

int agent_confirm(struct agent *agent, struct err *err)
{
    return control_confirm(agent->control, err);
}

/* TIME */

int agent_tick(struct agent *agent, struct err *err)
{
    if (check_clock(agent, err) || cut_readings(agent, err) || maintain(agent, err))
        return -1;
    return send_all(agent, err);
}

uint64_t agent_boundary_ms(const struct agent *agent)
{
    return (uint64_t)agent->boundary_s * 1000;
}

uint64_t agent_due_ms(const struct agent *agent)
{
    uint64_t due_ms = agent->maintenance_ms;
    uint64_t ack_ms =
        agent->progress_ms + ((uint64_t)agent->config.ack_timeout_ms << agent->backoff);

    if (!agent->connected)
        return due_ms;
    if (agent->inflight && ack_ms < due_ms)
        due_ms = ack_ms;
    if (agent->config.telemetry_s && agent->telemetry_ms < due_ms)
        due_ms = agent->telemetry_ms;
    if (agent->hold_ms > clock_mono_ms(agent->parts.clock) && agent->hold_ms < due_ms)
        due_ms = agent->hold_ms;
    return due_ms;
}

enum agent_end agent_end(const struct agent *agent)
{
    struct meter_store_counts counts;

    if (!all_made(agent) || meter_store_counts(agent->parts.store, &counts, NULL) ||
        counts.readings_open > 0)
        return AGENT_GOES_ON;
    return counts.reports[REPORT_REJECTED] ? AGENT_SOME_REJECTED : AGENT_ALL_SEALED;
}

/* MAKING */

static int restore(struct agent *agent, struct err *err)
{
    struct meter_store *store = agent->parts.store;
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    uint32_t interval_before_s;
    uint32_t commanded_s;

    if (meter_store_registers(store, &agent->registers, err))
        return -1;
    if (meter_store_commanded_interval(store, &commanded_s, agent->configured_s, err))
        return -1;
    if (commanded_s) {
        agent->config.interval_s = commanded_s;
        agent->boundary_s = boundary_after(agent, now_s);
    }
    if (meter_store_last(store, &agent->last, err) ||
        meter_store_pending(store, agent->report.readings, &agent->report.count, err) ||
        meter_store_interval(store, &interval_before_s, agent->config.interval_s, err) ||
        add_event(agent, EVENT_POWER_UP, now_s, err))
        return -1;
    if (interval_before_s && interval_before_s != agent->config.interval_s &&
        add_event(agent, EVENT_CONFIG_CHANGE, now_s, err))
        return -1;
    /* Were there ever more than one report takes, the older ones go first. */
    while (agent->report.count == REPORT_READINGS_MAX) {
        if (make_report(agent, err) ||
            meter_store_pending(store, agent->report.readings, &agent->report.count, err))
            return -1;
    }
    return 0;
}

static int make_control(struct agent *agent, struct err *err)
{
    struct control_parts parts = {.store = agent->parts.store,
                                  .signer = agent->parts.signer,
                                  .domain = agent->parts.domain,
                                  .clock = agent->parts.clock,
                                  .log = agent->parts.log,
                                  .read_now = read_now,
                                  .set_interval = set_interval,
                                  .event = tell_event,
                                  .cookie = agent};

    return control_new(&agent->control, &agent->config.control, &parts, err);
}

int agent_new(struct agent **ret_agent, const struct agent_config *config,
              const struct agent_parts *parts, struct err *err)
{
    struct agent *agent = xcalloc(1, sizeof(*agent));
    uint64_t mono_ms = clock_mono_ms(parts->clock);

    agent->config = *config;
    agent->configured_s = config->interval_s;
    agent->parts = *parts;
    agent->offset_ms = (int64_t)clock_unix_ms(parts->clock) - (int64_t)mono_ms;
    agent->boundary_s = boundary_after(agent, clock_unix_s(parts->clock));
    agent->telemetry_ms = mono_ms;
    agent->maintenance_ms = mono_ms + MAINTENANCE_MS;
    agent->prune_ms = mono_ms;
    if (restore(agent, err) || make_control(agent, err)) {
        agent_free(agent);
        return -1;
    }
    *ret_agent = agent;
    return 0;
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    control_free(agent->control);
    free(agent);
}
