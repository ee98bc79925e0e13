#include "meter-client/agent_readings.h"

#include <inttypes.h>

#include "meter-client/messages.h"

#define CLOCK_VALID_S   1600000000u /* a wall clock before 2020 was never set */
#define CLOCK_JUMP_MS   2000
#define CLOCK_UNSURE_MS 3600000 /* readings are marked for so long after a jump */
#define CLOCK_APART_S   60
#define SLACK_MIN_MS    1000 /* timestamps are whole seconds */
#define SLACK_MAX_MS    10000
#define STALE_MS        15000 /* DSMR before 5.0 tells every 10 s */

uint32_t agent_boundary_after(const struct agent *agent, uint32_t unix_s)
{
    return (unix_s / agent->config.interval_s + 1) * agent->config.interval_s;
}

void agent_sign_report(void *agent, struct report *report)
{
    const struct agent_parts *parts = &((struct agent *)agent)->parts;
    struct eth_hash digest;

    eip712_report(parts->domain, &digest, report);
    signer_sign(parts->signer, &report->signature, &digest);
}

int agent_make_report(struct agent *agent, struct err *err)
{
    struct report *report = &agent->report;

    if (report->count == 0)
        return 0;
    report->meter = agent->config.meter;
    report->sequence = meter_store_next_sequence(agent->parts.store);
    if (report_check(report, err))
        return err_wrap(err, "own report %" PRIu32, report->sequence);
    agent_sign_report(agent, report);
    if (meter_store_add_report(agent->parts.store, report, err))
        return -1;
    log_debug(agent->parts.log, "report stored sequence=%" PRIu32 " readings=%" PRIu32,
              report->sequence, report->count);
    report->count = 0;
    agent->saved = 0;
    return 0;
}

uint32_t agent_report_size(const struct agent *agent)
{
    return agent->connected ? agent->config.readings_per_report : REPORT_READINGS_MAX;
}

bool agent_all_made(const struct agent *agent)
{
    return agent->config.count && agent->made >= agent->config.count;
}

int agent_save_readings(struct agent *agent, struct err *err)
{
    const struct report *report = &agent->report;

    if (report->count >= agent_report_size(agent) || (report->count && agent_all_made(agent)))
        return agent_make_report(agent, err);
    for (; agent->saved < report->count; agent->saved++) {
        if (meter_store_add_reading(agent->parts.store, &report->readings[agent->saved], err))
            return -1;
    }
    return 0;
}

static void add_reading(struct agent *agent, const struct reading *reading)
{
    struct report *report = &agent->report;

    agent->last = *reading;
    agent->made++;
    report->readings[report->count++] = *reading;
    agent_flush(agent);
}

/** A register that fell or is out of range: told once, and no reading until it is well again. */
static bool check_registers(struct agent *agent)
{
    const struct measurement *m = &agent->measurement;
    bool good = m->import_wh >= agent->last.import_wh && m->export_wh >= agent->last.export_wh &&
                m->import_wh <= READING_WH_MAX && m->export_wh <= READING_WH_MAX;
    bool told = agent->in_rollback;

    agent->in_rollback = !good;
    if (good)
        return true;
    agent->rollback++;
    if (told)
        return false;
    log_unusual(agent->parts.log,
                "register fell, no reading made import_wh=%" PRIu64 " last_import_wh=%" PRIu64
                " export_wh=%" PRIu64 " last_export_wh=%" PRIu64,
                m->import_wh, agent->last.import_wh, m->export_wh, agent->last.export_wh);
    agent_add_event(agent, EVENT_MEASUREMENT, clock_unix_s(agent->parts.clock));
    return false;
}

bool agent_measured_at(const struct agent *agent, uint32_t boundary_s)
{
    uint64_t boundary_ms = (uint64_t)boundary_s * 1000;
    uint64_t interval_ms = (uint64_t)agent->config.interval_s * 1000;
    uint64_t half_ms = interval_ms / 2 > SLACK_MIN_MS ? interval_ms / 2 : SLACK_MIN_MS;
    uint64_t slack_ms = half_ms < SLACK_MAX_MS ? half_ms : SLACK_MAX_MS;

    uint64_t stands_ms = agent->measurement.stands_ms ? agent->measurement.stands_ms : STALE_MS;

    return agent->measured && agent->measurement.unix_ms <= boundary_ms + slack_ms &&
           agent->measurement.unix_ms + stands_ms >= boundary_ms;
}

/**
 * For an hour after the clock was set, while the meter behind the source tells another time, and
 * while the kernel says that nothing keeps its clock right (where that is asked for).
 */
static bool is_clock_unsure(const struct agent *agent)
{
    uint64_t told_s = agent->measurement.clock_s;
    uint64_t ours_s = agent->measurement.unix_ms / 1000;

    if (clock_mono_ms(agent->parts.clock) < agent->unsure_until_ms)
        return true;
    if (agent->config.require_sync && !clock_is_synchronised(agent->parts.clock))
        return true;
    return told_s && (told_s > ours_s + CLOCK_APART_S || told_s + CLOCK_APART_S < ours_s);
}

/** The limit is an alarm, as an event and in telemetry; what is there already stays. */
static bool backlog_full(struct agent *agent)
{
    struct meter_store_counts counts;
    struct err err = ERR_INIT;
    bool full;

    if (meter_store_counts(agent->parts.store, &counts, &err)) {
        agent_store_trouble(agent, &err);
        return false;
    }
    full = counts.readings_open >= agent->config.max_backlog;
    if (full == agent->backlog_full)
        return full;
    log_unusual(agent->parts.log, "backlog %s readings=%" PRIu64,
                full ? "is full, no readings made" : "has room again", counts.readings_open);
    agent->backlog_full = full;
    agent_add_event(agent, full ? EVENT_BACKLOG_FULL : EVENT_BACKLOG_ROOM,
                    clock_unix_s(agent->parts.clock));
    return full;
}

void agent_take_reading(struct agent *agent, uint32_t boundary_s)
{
    struct reading reading = {.timestamp_s = boundary_s,
                              .import_wh = agent->measurement.import_wh,
                              .export_wh = agent->measurement.export_wh,
                              .quality = agent->measurement.quality};

    if (boundary_s <= agent->last.timestamp_s)
        return; /* the clock was set back: wait until it is past the last reading */
    if (agent->report.count == REPORT_READINGS_MAX || !agent_measured_at(agent, boundary_s) ||
        backlog_full(agent) || !check_registers(agent)) {
        agent->gaps++;
        return;
    }
    if (is_clock_unsure(agent))
        reading.quality |= QUALITY_CLOCK_UNSURE;
    if (agent->exchanged)
        reading.quality |= QUALITY_SUBSTITUTED; /* what the old one counted last is not known */
    agent->exchanged = false;
    add_reading(agent, &reading);
}

void agent_cut_readings(struct agent *agent)
{
    uint32_t now_s = clock_unix_s(agent->parts.clock);
    uint32_t boundary_s;

    if (now_s < CLOCK_VALID_S || agent_all_made(agent))
        return;
    if (agent->boundary_s == 0 || agent->boundary_s > agent_boundary_after(agent, now_s))
        agent->boundary_s =
            agent_boundary_after(agent, now_s); /* start, or the clock was set back */
    if (now_s < agent->boundary_s)
        return;
    boundary_s = now_s - now_s % agent->config.interval_s;
    agent->gaps += (boundary_s - agent->boundary_s) / agent->config.interval_s;
    agent->boundary_s = agent_boundary_after(agent, now_s);
    agent_take_reading(agent, boundary_s);
}

void agent_check_clock(struct agent *agent)
{
    uint64_t now_ms = clock_unix_ms(agent->parts.clock);
    uint64_t mono_ms = clock_mono_ms(agent->parts.clock);
    int64_t offset_ms = (int64_t)now_ms - (int64_t)mono_ms;
    int64_t jump_ms = offset_ms - agent->offset_ms;

    agent->offset_ms = offset_ms;
    if (jump_ms > -CLOCK_JUMP_MS && jump_ms < CLOCK_JUMP_MS)
        return;
    log_unusual(agent->parts.log, "clock was set by_ms=%" PRId64, jump_ms);
    agent->unsure_until_ms = mono_ms + CLOCK_UNSURE_MS;
    agent_add_event(agent, EVENT_CLOCK_OLD, (uint32_t)(((int64_t)now_ms - jump_ms) / 1000));
    agent_add_event(agent, EVENT_CLOCK_NEW, (uint32_t)(now_ms / 1000));
}

bool agent_is_silent(const struct agent *agent)
{
    const struct measurement *m = &agent->measurement;
    uint64_t stands_ms = m->stands_ms ? m->stands_ms : STALE_MS;

    return !agent->measured || m->unix_ms + stands_ms < clock_unix_ms(agent->parts.clock);
}

unsigned agent_alarms(const struct agent *agent)
{
    return (agent->store_failed ? ALARM_STORE : 0u) | (agent->backlog_full ? ALARM_BACKLOG : 0u) |
           (agent->in_rollback ? ALARM_ROLLBACK : 0u) |
           (agent_is_silent(agent) ? ALARM_SILENT : 0u) |
           (is_clock_unsure(agent) ? ALARM_CLOCK : 0u) | (agent->power_away ? ALARM_POWER : 0u);
}

void agent_measured(struct agent *agent, const struct measurement *measurement)
{
    enum registers_change change;

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
    agent->registers_changed = true;
    if (change == REGISTERS_EXCHANGED)
        agent_add_event(agent, EVENT_CONFIG_CHANGE, clock_unix_s(agent->parts.clock));
    else
        agent_flush(agent);
}
