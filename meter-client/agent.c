#include "meter-client/agent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meter-client/agent_outbox.h"
#include "meter-client/agent_readings.h"
#include "meter-client/agent_receipts.h"
#include "meter-client/meter_store_resign.h"

#define STORE_RETRY_MS 1000

/* WHAT MUST GET INTO THE STORE */

void agent_store_trouble(struct agent *agent, const struct err *why)
{
    agent->store_retry_ms = clock_mono_ms(agent->parts.clock) + STORE_RETRY_MS;
    if (agent->store_failed)
        return;
    agent->store_failed = true;
    log_unusual(agent->parts.log, "store fails, trying again: %s", why->text);
    agent_add_event(agent, EVENT_MEMORY, clock_unix_s(agent->parts.clock));
}

static void sign_event(void *cookie, struct meter_event *event)
{
    struct agent *agent = cookie;
    struct eth_hash digest;

    eip712_event(agent->parts.domain, &digest, event);
    signer_sign(agent->parts.signer, &event->signature, &digest);
}

static int store_event(struct agent *agent, const struct waiting_event *waiting, struct err *err)
{
    struct meter_event event = {.meter = agent->config.meter,
                                .sequence = meter_store_next_event(agent->parts.store),
                                .timestamp_s = waiting->timestamp_s,
                                .code = waiting->code};

    sign_event(agent, &event);
    return meter_store_add_event(agent->parts.store, &event, err);
}

static int store_waiting(struct agent *agent, struct err *err)
{
    while (agent->waiting_count > 0) {
        if (store_event(agent, &agent->waiting[0], err))
            return -1;
        memmove(agent->waiting, agent->waiting + 1,
                --agent->waiting_count * sizeof(agent->waiting[0]));
    }
    if (agent->registers_changed &&
        meter_store_keep_registers(agent->parts.store, &agent->registers, err))
        return -1;
    agent->registers_changed = false;
    return agent_save_readings(agent, err);
}

bool agent_flush(struct agent *agent)
{
    struct err err = ERR_INIT;
    uint64_t now_ms = clock_mono_ms(agent->parts.clock);

    if (agent->store_failed && now_ms < agent->store_retry_ms)
        return false;
    if (store_waiting(agent, &err)) {
        agent_store_trouble(agent, &err);
        return false;
    }
    if (agent->store_failed)
        log_info(agent->parts.log, "store works again");
    agent->store_failed = false;
    return true;
}

void agent_add_event(struct agent *agent, uint16_t code, uint32_t timestamp_s)
{
    if (agent->waiting_count == EVENTS_WAITING) {
        log_unusual(agent->parts.log, "too many events wait, one is lost code=%u", (unsigned)code);
        return;
    }
    agent->waiting[agent->waiting_count++] = (struct waiting_event){code, timestamp_s};
    agent_flush(agent);
}

/* WHAT HAPPENED */

void agent_set_source_counters(struct agent *agent, const struct source_counters *counters)
{
    agent->source = *counters;
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
    agent_restart_round(agent);
    agent_send_birth(agent);
    agent_send_state(agent, true);
    agent_send_backlog(agent, 1, false);
}

void agent_disconnected(struct agent *agent)
{
    agent->connected = false;
    agent->inflight = 0;
}

void agent_leave(struct agent *agent)
{
    if (agent->connected)
        agent_send_state(agent, false);
    agent_disconnected(agent);
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
    agent_take_receipt(agent, &receipt);
}

/* COMMANDS */

/** A reading between the boundaries, sent at once; one of this very second is as good. */
static int read_now(void *cookie, struct err *err)
{
    struct agent *agent = cookie;
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    bool fresh = now_s == agent->last.timestamp_s;
    uint64_t made = agent->made;

    if (now_s < agent->last.timestamp_s)
        return err_set(err, "the clock is behind the last reading");
    if (!fresh && agent_is_silent(agent))
        return err_set(err, "the source is silent");
    if (!fresh)
        agent_take_reading(agent, now_s);
    if (agent->report.count && agent_make_report(agent, err))
        return -1;
    return fresh || agent->made > made ? 0 : err_set(err, "the source's registers are not usable");
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
    agent->boundary_s = agent_boundary_after(agent, now_s);
    agent_send_birth(agent);
    agent_add_event(agent, EVENT_CONFIG_CHANGE, now_s);
    return 0;
}

static int tell_event(void *cookie, uint16_t code, struct err *err)
{
    struct agent *agent = cookie;

    (void)err;
    agent_add_event(agent, code, clock_unix_s(agent->parts.clock));
    return 0;
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

void agent_power(struct agent *agent, bool away)
{
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    struct err err = ERR_INIT;

    if (away == agent->power_away)
        return;
    agent->power_away = away;
    log_unusual(agent->parts.log, "mains power is %s", away ? "away" : "back");
    agent_add_event(agent, away ? EVENT_POWER_DOWN : EVENT_POWER_UP, now_s);
    if (away && read_now(agent, &err))
        log_info(agent->parts.log, "no last reading: %s", err.text);
    agent_tick(agent); /* while there still is power */
}

/* TIME */

void agent_tick(struct agent *agent)
{
    struct err err = ERR_INIT;

    agent_check_clock(agent);
    agent_cut_readings(agent);
    agent_flush(agent);
    if (agent_maintain(agent, &err) || agent_send_all(agent, &err))
        agent_store_trouble(agent, &err);
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

    if (agent->store_failed && agent->store_retry_ms < due_ms)
        due_ms = agent->store_retry_ms;
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

void agent_status(const struct agent *agent, struct agent_status *ret_status)
{
    memset(ret_status, 0, sizeof(*ret_status));
    if (agent->measured)
        ret_status->measurement = agent->measurement;
    ret_status->last = agent->last;
    if (meter_store_counts(agent->parts.store, &ret_status->counts, NULL))
        memset(&ret_status->counts, 0, sizeof(ret_status->counts)); /* told as an alarm */
    ret_status->made = agent->made;
    ret_status->alarms = agent_alarms(agent);
    ret_status->control = control_state(agent->control);
    ret_status->connected = agent->connected;
}

enum agent_end agent_end(const struct agent *agent)
{
    struct meter_store_counts counts;

    if (!agent_all_made(agent) || meter_store_counts(agent->parts.store, &counts, NULL) ||
        counts.readings_open > 0)
        return AGENT_GOES_ON;
    return counts.reports[REPORT_REJECTED] ? AGENT_SOME_REJECTED : AGENT_ALL_SEALED;
}

/* MAKING */

static void sign_result(void *cookie, struct command_result *result)
{
    struct agent *agent = cookie;
    struct eth_hash digest;

    eip712_result(agent->parts.domain, &digest, result);
    signer_sign(agent->parts.signer, &result->signature, &digest);
}

/** After a rotation of the key. */
static int take_over(struct agent *agent, struct err *err)
{
    struct meter_store_signing signing = {.signer = signer_address(agent->parts.signer),
                                          .report = agent_sign_report,
                                          .event = sign_event,
                                          .result = sign_result,
                                          .cookie = agent};
    uint64_t count = 0;

    if (!meter_store_is_foreign(agent->parts.store))
        return 0;
    if (meter_store_resign(agent->parts.store, &count, &signing, err))
        return err_wrap(err, "sign with the new key");
    log_info(agent->parts.log, "another signing key than before, signed anew messages=%" PRIu64,
             count);
    return 0;
}

static int restore(struct agent *agent, struct err *err)
{
    struct meter_store *store = agent->parts.store;
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    uint32_t interval_before_s;
    uint32_t commanded_s;

    if (take_over(agent, err) || meter_store_registers(store, &agent->registers, err))
        return -1;
    if (meter_store_commanded_interval(store, &commanded_s, agent->configured_s, err))
        return -1;
    if (commanded_s) {
        agent->config.interval_s = commanded_s;
        agent->boundary_s = agent_boundary_after(agent, now_s);
    }
    if (meter_store_last(store, &agent->last, err) ||
        meter_store_pending(store, agent->report.readings, &agent->report.count, err) ||
        meter_store_interval(store, &interval_before_s, agent->config.interval_s, err))
        return -1;
    agent->saved = agent->report.count;
    agent_add_event(agent, EVENT_POWER_UP, now_s);
    if (interval_before_s && interval_before_s != agent->config.interval_s)
        agent_add_event(agent, EVENT_CONFIG_CHANGE, now_s);
    /* Were there ever more than one report takes, the older ones go first. */
    while (agent->report.count == REPORT_READINGS_MAX) {
        if (agent_make_report(agent, err) ||
            meter_store_pending(store, agent->report.readings, &agent->report.count, err))
            return -1;
        agent->saved = agent->report.count;
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
    agent->boundary_s = agent_boundary_after(agent, clock_unix_s(parts->clock));
    agent->telemetry_ms = mono_ms;
    agent->maintenance_ms = mono_ms;
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
