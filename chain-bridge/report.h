/*
 * report.h: what meters and groups used, period by period, ready to be printed.
 *
 * A report is filled by its owner (ctl_report.c): the periods of a calendar, a line for every meter
 * and group with its curve. An interval is expected from a meter's first sealed reading on, until
 * it was closed, as soon as it is over for as long as an interval takes. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_REPORT_H
#define AMR_CHAIN_BRIDGE_REPORT_H

#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/curve.h"
#include "common/buf.h"

/** Intervals of all lines together at most: half a gigabyte. */
#define REPORT_SLOTS_MAX 16000000u

struct report_period {
    int64_t from_s;
    int64_t to_s;
    char name[16]; /* 2026-03-29, 2026-03 */
};

struct report_line {
    uint16_t group;
    uint32_t meter; /* 0: the whole group */
    size_t meters;  /* of a group */
    const char *serial;
    struct curve curve;
};

struct energy_report {
    const char *title;
    const char *zone;
    bool monthly;
    uint64_t chain_id;
    struct eth_address contract;
    uint64_t head;
    uint32_t made_s;
    uint32_t step_s;
    struct report_period *periods;
    size_t period_count;
    struct report_line *lines; /* a group before its meters */
    size_t line_count;
};

void report_clear(struct energy_report *report);
/** Local days (months) from the one that from_s is in to before to_s. */
void report_periods(struct energy_report *report, int64_t from_s, int64_t to_s);
/** What a line is called: "meter 65537", "E-01", "group 1". */
void report_name(char *text, size_t size, const struct report_line *line);
/** The line's sums in a period; of a group, its meters' intervals and its own peak. */
struct curve_sum report_sum(const struct energy_report *report, const struct report_line *line,
                            const struct report_period *period);

/** A row a line and period. */
void report_rows(const struct energy_report *report, FILE *out, enum ctl_format format);

#endif
