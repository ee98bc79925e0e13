/*
 * iec.h: IEC 62056-21 readouts out of a stream of bytes.
 *
 * Source: IEC 62056-21 (2002), 6.3 and 6.4. "/" identification, CR LF, then data sets
 * "address(value*unit)", several on a line or not, and "!" CR LF. Modes A to C frame the data in
 * STX .. ETX and a block check character: the exclusive or of every byte after STX up to and
 * including ETX. Mode D has none. What the optical head echoes of the host's own words ("/?!",
 * ACK 050) is passed over. The parity bit is dropped; values of the past (1.8.0*01) are left alone;
 * an error register F.F that is not zero marks the readout.
 *
 * Feed any pieces of the stream; the callbacks run inside iec_feed. Memory is fixed: data sets are
 * read one by one. 64 kB a readout at most. One owner, any thread.
 */
#ifndef AMR_METER_IEC_H
#define AMR_METER_IEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/reading.h"

#define IEC_READOUT_MAX 65536
#define IEC_IDENT_MAX   32

enum iec_fault {
    IEC_FAULT_NO_START, /* bytes outside any readout */
    IEC_FAULT_BCC,      /* wrong, missing, or cut off by the next readout's start */
    IEC_FAULT_OVERLONG,
    IEC_FAULT_TIMEOUT, /* the rest did not come (iec_timeout) */
    IEC_FAULT_VALUE,   /* whole, but without usable registers */
    IEC_FAULT_COUNT
};

struct iec_readout {
    uint64_t import_wh;          /* 1.8.0, else the sum of its tariffs; kWh where no unit is told */
    uint64_t export_wh;          /* 2.8.0 likewise; 0 where there is none */
    uint32_t import_w;           /* 1.7.0 */
    uint32_t export_w;           /* 2.7.0 */
    uint32_t voltage_dv;         /* 32.7.0, 1/10 V */
    uint8_t quality;             /* enum reading_quality */
    char serial[SERIAL_MAX + 1]; /* C.1.0 or 0.0.0; empty: none or unusable */
};

struct iec_handlers {
    /** The identification without "/" and line end: letters of the maker, speed, type. */
    void (*on_ident)(void *cookie, const char *ident);
    void (*on_readout)(void *cookie, const struct iec_readout *readout);
    void *cookie;
};

struct iec;

/** unchecked: a block check that is wrong or missing is not looked at. */
struct iec *iec_new(bool unchecked, const struct iec_handlers *handlers) AMR_NODISCARD;
void iec_free(struct iec *iec);
void iec_feed(struct iec *iec, const void *data, size_t len);
/** The stream went silent or was lost: a readout that needs no more is taken, another dropped. */
void iec_timeout(struct iec *iec);
/** Whether a readout has begun. */
bool iec_inside(const struct iec *iec);
uint64_t iec_faults(const struct iec *iec, enum iec_fault fault);

#endif
