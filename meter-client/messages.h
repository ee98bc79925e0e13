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

/** What is wrong with the meter as long as it is; in telemetry by name, and on the display. */
enum meter_alarm {
    ALARM_STORE = 1,    /* the store takes nothing: what is new waits in memory */
    ALARM_BACKLOG = 2,  /* as many readings wait for their seal as may: none is made */
    ALARM_ROLLBACK = 4, /* a register fell: no reading is made */
    ALARM_SILENT = 8,   /* the source says nothing */
    ALARM_CLOCK = 16,   /* the clock is not sure */
    ALARM_POWER = 32,   /* mains power is away */
    ALARM_COUNT = 6
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
    unsigned alarms;   /* enum meter_alarm */
};

void message_birth(struct buf *out, const struct birth *birth);
void message_state(struct buf *out, bool online, uint32_t session, uint32_t unix_s);
/** The name of one alarm. */
const char *meter_alarm_name(enum meter_alarm alarm);
void message_telemetry(struct buf *out, const struct telemetry *telemetry);

#endif
