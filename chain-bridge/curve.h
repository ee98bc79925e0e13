/*
 * curve.h: a meter's registers as energy per interval.
 *
 * Between two readings in a row the energy is what the registers grew by, spread evenly over the
 * time between; where that is longer than one and a half intervals, readings are missing: the
 * intervals in it count as missing, and what they are given of the growth as estimated. An interval
 * is expected where the owner says so. Energy is watt-hours, as a double, since intervals may get
 * parts of a growth. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CURVE_H
#define AMR_CHAIN_BRIDGE_CURVE_H

#include <stddef.h>

#include "common/reading.h"

enum curve_flag {
    CURVE_EXPECTED = 1,    /* a reading should be there */
    CURVE_SUBSTITUTED = 2, /* of a reading with that quality */
    CURVE_DOUBTFUL = 4     /* clock unsure or meter error */
};

struct curve_slot {
    double import_wh;
    double export_wh;
    double estimated_wh; /* of import_wh: of a time without readings */
    uint32_t covered_s;  /* measured; the whole interval, unless readings are missing */
    uint8_t flags;
};

struct curve {
    int64_t from_s;
    uint32_t step_s;
    size_t count;
    struct curve_slot *slots;
    struct reading last; /* timestamp 0: none yet */
};

void curve_init(struct curve *curve, int64_t from_s, int64_t to_s, uint32_t step_s);
void curve_clear(struct curve *curve);
/** The meter's next reading, also those before from_s. */
void curve_add(struct curve *curve, const struct reading *reading);
/** Intervals that end after from_s and not after to_s. */
void curve_expect(struct curve *curve, int64_t from_s, int64_t to_s);
/** Adds a meter to a group's curve of the same intervals: covered where every expected one is. */
void curve_join(struct curve *group, const struct curve *meter);

bool curve_is_measured(const struct curve *curve, size_t slot);

struct curve_sum {
    double import_wh;
    double export_wh;
    double estimated_wh; /* of import_wh */
    uint64_t expected;   /* intervals */
    uint64_t measured;
    uint64_t substituted; /* of the measured */
    uint64_t doubtful;
    double peak_w;  /* mean import power of an interval; 0: none was measured */
    int64_t peak_s; /* its begin */
};
/** Over the intervals that begin within from_s and to_s (not included). */
struct curve_sum curve_sum(const struct curve *curve, int64_t from_s, int64_t to_s);

#endif
