/*
 * registers.h: what the meter's registers show becomes what is reported, which never falls.
 *
 * A register that rolls over (it stood within 1 % below 10^8, 10^9 .. 10^13 Wh, and now stands
 * within 1 % above zero) goes on counting. Where the meter behind the source is another one (its
 * serial changed) reporting goes on from where it was, whatever the new meter shows. Any other
 * fall is none of these and is left to the caller to tell. Pure; the caller keeps the struct, and
 * in its store.
 */
#ifndef AMR_METER_REGISTERS_H
#define AMR_METER_REGISTERS_H

#include <stdbool.h>

#include "meter-client/source.h"

/** Reported = shown_wh + (raw - raw_wh). All zero: as the meter shows it. */
struct register_base {
    uint64_t raw_wh;
    uint64_t shown_wh;
};

struct registers {
    struct register_base import;
    struct register_base export;
    char serial[SERIAL_MAX + 1]; /* of the meter behind the source; empty: it told none yet */
};

enum registers_change {
    REGISTERS_SAME,
    REGISTERS_NAMED, /* the serial is told for the first time */
    REGISTERS_ROLLED_OVER,
    REGISTERS_EXCHANGED
};

/**
 * Turns the measurement's registers into reported ones; last is the newest reading that was
 * reported (timestamp 0: none). Anything but REGISTERS_SAME wants the struct to be stored.
 */
enum registers_change registers_follow(struct registers *registers, struct measurement *measurement,
                                       const struct reading *last);

/** What the meter showed when it was reported as that. */
void registers_raw(const struct registers *registers, struct reading *reading);

#endif
