#include "broker-plugin/counters.h"

#include <inttypes.h>

static void print_rejected(struct buf *out, const uint64_t rejected[CAUSE_COUNT])
{
    const char *comma = "";
    buf_printf(out, ",\"rejected\":{");
    for (int cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        buf_printf(out, "%s\"%s\":%" PRIu64, comma, cause_text((enum cause)cause), rejected[cause]);
        comma = ",";
    }
    buf_printf(out, "}");
}

static void print_registry(struct buf *out, const struct counters_gauges *gauges)
{
    buf_printf(out, ",\"registry\":{\"ready\":%s,\"good\":%s",
               gauges->registry_ready ? "true" : "false", gauges->registry_good ? "true" : "false");
    if (gauges->registry_ready)
        buf_printf(out, ",\"block\":%" PRIu64 ",\"revision\":%" PRIu64, gauges->registry->block,
                   gauges->registry->revision);
    buf_printf(out, "}");
}

void counters_print(struct buf *out, const struct counters *counters,
                    const struct counters_gauges *gauges)
{
    buf_printf(out, "{\"v\":1,\"t\":%" PRIu64 ",\"started\":%" PRIu64, gauges->unix_s,
               gauges->started_unix_s);
    buf_printf(out, ",\"clients\":%" PRIu64 ",\"meters_connected\":%" PRIu64, gauges->clients,
               gauges->meters_connected);
    buf_printf(out, ",\"meters_registered\":%" PRIu64, gauges->meters_registered);
    print_registry(out, gauges);
    buf_printf(out, ",\"admitted\":%" PRIu64 ",\"resent\":%" PRIu64 ",\"other\":%" PRIu64,
               counters->admitted, counters->resent, counters->other);
    print_rejected(out, counters->rejected);
    buf_printf(out, ",\"denied\":%" PRIu64 ",\"logins\":%" PRIu64 ",\"logins_refused\":%" PRIu64,
               counters->denied, counters->logins, counters->logins_refused);
    buf_printf(out, ",\"disconnected\":%" PRIu64 ",\"shut_out\":%" PRIu64, counters->disconnected,
               counters->shut_out);
    buf_printf(out, ",\"alarms\":%" PRIu64 ",\"alarms_suppressed\":%" PRIu64 "}", counters->alarms,
               counters->alarms_suppressed);
}
