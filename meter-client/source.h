/*
 * source.h: where measurements come from, behind one small interface.
 *
 * A source is named by "<scheme>" or "<scheme>:<address>": one row of the table in source.c each.
 *
 *   sim            a simulated household; registers go on from the last reading stored
 *   p1:ADDRESS     a DSMR P1 port; ADDRESS is tcp://host:port, file://path or /dev/tty...
 *   iec:ADDRESS    an IEC 62056-21 (D0) meter (source_iec.h)
 *   s0:ADDRESS     pulses on a GPIO line (source_s0.h)
 *
 * Owner and only user is the meter's main loop: it polls source_fd for source_events (-1: nothing
 * to poll), wakes at source_due_ms at the latest, and then calls source_read, which never blocks.
 * A source that lost its device reopens it by itself. Registers are watt-hours (OBIS 1-0:1.8.0 and
 * 1-0:2.8.0), power is watts, voltage 1/10 V.
 */
#ifndef AMR_METER_SOURCE_H
#define AMR_METER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/reading.h"

struct source;

struct measurement {
    uint64_t unix_ms; /* by our clock */
    uint32_t clock_s; /* by the meter's own clock; 0: it told none */
    uint64_t import_wh;
    uint64_t export_wh;
    uint32_t import_w;
    uint32_t export_w;
    uint32_t voltage_dv;         /* phase L1; 0: not told */
    uint8_t quality;             /* enum reading_quality */
    uint32_t stands_ms;          /* it may stand for now so long; 0: 15 s */
    char serial[SERIAL_MAX + 1]; /* of the meter; empty: not told */
};

/** Why telegrams were lost. */
struct source_counters {
    uint64_t good;
    uint64_t no_start;
    uint64_t crc;
    uint64_t overlong;
    uint64_t timeout;
    uint64_t value;
    uint64_t reopened;
};

struct source_config {
    const char *spec;
    const struct clock *clock;
    uint64_t seed;          /* sim */
    uint32_t pv_wp;         /* sim: photovoltaics, watt peak; 0: none */
    uint32_t speed;         /* sim: energy flows this many times faster */
    struct reading last;    /* sim: where the registers stand; timestamp 0: new */
    const char *checksum;   /* p1, iec: "auto", "required" or "none" */
    const char *dump_path;  /* p1, iec: raw bytes for support; NULL: nowhere */
    const char *state_path; /* s0: where the count is kept; NULL: nowhere */
    uint32_t timeout_s;     /* p1, iec: reopen after so long without a telegram */
};

int source_open(struct source **ret_source, const struct source_config *config,
                struct err *err) AMR_NODISCARD;
void source_close(struct source *source);

const char *source_scheme(const struct source *source);
int source_fd(const struct source *source);
/** POLLIN or POLLOUT. */
short source_events(const struct source *source);
/** Monotonic; UINT64_MAX: only the descriptor, or whenever the caller likes to know. */
uint64_t source_due_ms(const struct source *source);
/**
 * 1: a measurement; call again. 0: none for now. -1: something went wrong and is told once; the
 * source goes on.
 */
int source_read(struct source *source, struct measurement *ret_measurement,
                struct err *err) AMR_NODISCARD;
struct source_counters source_counters(const struct source *source);

#endif
