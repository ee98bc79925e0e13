#include "meter-client/messages.h"

#include <inttypes.h>

#include "common/json.h"

void message_birth(struct buf *out, const struct birth *birth)
{
    buf_printf(out, "{\"v\":1,\"meter\":%" PRIu32 ",\"serial\":", birth->meter);
    json_append_string(out, birth->serial);
    buf_printf(out, ",\"registers\":["
                    "{\"name\":\"import_wh\",\"obis\":\"1-0:1.8.0\",\"unit\":\"Wh\"},"
                    "{\"name\":\"export_wh\",\"obis\":\"1-0:2.8.0\",\"unit\":\"Wh\"}]");
    buf_printf(out, ",\"interval_s\":%" PRIu32 ",\"firmware\":\"amr-meter %s\",\"source\":",
               birth->interval_s, AMR_VERSION);
    json_append_string(out, birth->source);
    buf_printf(out, ",\"session\":%" PRIu32 ",\"sequence\":%" PRIu32 "}", birth->session,
               birth->sequence);
}

void message_state(struct buf *out, bool online, uint32_t session, uint32_t unix_s)
{
    buf_printf(out, "{\"v\":1,\"online\":%s,\"session\":%" PRIu32 ",\"t\":%" PRIu32 "}",
               online ? "true" : "false", session, unix_s);
}

static void append_measurement(struct buf *out, const struct measurement *m)
{
    buf_printf(out, ",\"power_w\":%" PRId64 ",\"import_wh\":%" PRIu64 ",\"export_wh\":%" PRIu64,
               (int64_t)m->import_w - (int64_t)m->export_w, m->import_wh, m->export_wh);
    if (m->voltage_dv)
        buf_printf(out, ",\"voltage_v\":%" PRIu32 ".%" PRIu32, m->voltage_dv / 10,
                   m->voltage_dv % 10);
}

const char *meter_alarm_name(enum meter_alarm alarm)
{
    static const char *const NAMES[ALARM_COUNT] = {"store",  "backlog", "rollback",
                                                   "silent", "clock",   "power"};

    return NAMES[__builtin_ctz(alarm)];
}

static void append_alarms(struct buf *out, unsigned alarms)
{
    const char *comma = "";

    buf_printf(out, ",\"alarms\":[");
    for (unsigned bit = 1; bit < 1u << ALARM_COUNT; bit <<= 1) {
        if (!(alarms & bit))
            continue;
        buf_printf(out, "%s\"%s\"", comma, meter_alarm_name((enum meter_alarm)bit));
        comma = ",";
    }
    buf_printf(out, "]");
}

void message_telemetry(struct buf *out, const struct telemetry *t)
{
    uint64_t backlog = t->counts.reports[REPORT_QUEUED] + t->counts.reports[REPORT_STORED];
    uint32_t oldest_s = t->counts.oldest_s;

    buf_printf(out, "{\"v\":1,\"t\":%" PRIu32, t->unix_s);
    if (t->measurement)
        append_measurement(out, t->measurement);
    buf_printf(out,
               ",\"backlog\":%" PRIu64 ",\"backlog_readings\":%" PRIu64 ",\"oldest_s\":%" PRIu32
               ",\"stored\":%" PRIu64 ",\"sealed\":%" PRIu64 ",\"rejected\":%" PRIu64,
               backlog, t->counts.readings_open,
               oldest_s && oldest_s < t->unix_s ? t->unix_s - oldest_s : 0,
               t->counts.reports[REPORT_STORED], t->counts.reports[REPORT_SEALED],
               t->counts.reports[REPORT_REJECTED]);
    append_alarms(out, t->alarms);
    buf_printf(out,
               ",\"counters\":{\"readings\":%" PRIu64 ",\"rollback\":%" PRIu64 ",\"gaps\":%" PRIu64
               ",\"resent\":%" PRIu64 ",\"telegrams\":%" PRIu64 ",\"no_start\":%" PRIu64
               ",\"crc\":%" PRIu64 ",\"overlong\":%" PRIu64 ",\"timeout\":%" PRIu64
               ",\"value\":%" PRIu64 ",\"reopened\":%" PRIu64 "}}",
               t->made, t->rollback, t->gaps, t->resent, t->source.good, t->source.no_start,
               t->source.crc, t->source.overlong, t->source.timeout, t->source.value,
               t->source.reopened);
}
