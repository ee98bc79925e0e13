/*
 * messages.h: what the meter says about itself: birth, state and telemetry, as JSON.
 *
 * Unsigned, for displays and operators; nothing billed is in them. INTERFACES.md shows each.
 */
#ifndef AMR_METER_MESSAGES_H
#define AMR_METER_MESSAGES_H

#include "meter-client/meter_store.h"
#include "meter-client/source.h"

struct birth {
    const char *serial;
    const char *source; /* scheme */
    uint32_t meter;
    uint32_t interval_s;
    uint32_t session;
    uint32_t sequence; /* of the next report */
};

struct telemetry {
    uint32_t unix_s;
    const struct measurement *measurement; /* NULL: none lately */
    struct meter_store_counts counts;
    struct source_counters source;
    uint64_t made;     /* readings, in this session */
    uint64_t rollback; /* measurements below the last reading */
    uint64_t gaps;     /* intervals without a reading */
    uint64_t resent;   /* reports sent again */
};

void message_birth(struct buf *out, const struct birth *birth);
void message_state(struct buf *out, bool online, uint32_t session, uint32_t unix_s);
void message_telemetry(struct buf *out, const struct telemetry *telemetry);

#endif
