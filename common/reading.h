/*
 * reading.h: what a meter measured, what it reports, and the limits of both.
 *
 * Energy is watt-hours, time is Unix seconds UTC. Registers are OBIS 1-0:1.8.0 (import) and
 * 1-0:2.8.0 (export) and fit 47 bits, the width of the contract's lane. A meter id is
 * group << 16 | number, group >= 1.
 */
#ifndef AMR_COMMON_READING_H
#define AMR_COMMON_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/eth.h"

#define READING_WH_MAX      ((UINT64_C(1) << 47) - 1)
#define REPORT_READINGS_MAX 96
#define SERIAL_MAX          32

/** Quality bits; 0 is good. Meanings as OCMF's clock status and meter state. */
enum reading_quality {
    QUALITY_CLOCK_UNSURE = 1 << 0, /* OCMF clock status U or R */
    QUALITY_SUBSTITUTED = 1 << 1,  /* OCMF meter state S */
    QUALITY_METER_ERROR = 1 << 2,  /* OCMF meter state E, F, T, O */
    QUALITY_ALL = 7
};

struct reading {
    uint32_t timestamp_s;
    uint64_t import_wh;
    uint64_t export_wh;
    uint8_t quality;
};

/** 1..96 readings of one meter, timestamps strictly rising, registers never falling. */
struct report {
    uint32_t meter;
    uint32_t sequence; /* grows by one per report, starts at 1 */
    uint32_t count;
    struct reading readings[REPORT_READINGS_MAX];
    struct eth_signature signature;
};

static inline uint16_t meter_group(uint32_t meter)
{
    return (uint16_t)(meter >> 16);
}

static inline uint16_t meter_number(uint32_t meter)
{
    return (uint16_t)meter;
}

/** [A-Za-z0-9._-]{1,32} */
bool serial_valid(const char *serial);
bool reading_equal(const struct reading *a, const struct reading *b);
/** Compares content, whoever signed it. */
bool report_same(const struct report *a, const struct report *b);
/** Compares content, signature included. */
bool report_equal(const struct report *a, const struct report *b);
/** Checks count, ranges, order of time and registers: what holds for any report by itself. */
int report_check(const struct report *report, struct err *err) AMR_NODISCARD;

#endif
