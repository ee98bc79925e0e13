/*
 * p1.h: DSMR P1 telegrams out of a stream of bytes.
 *
 * Source: P1 Companion Standard 2.2 to 5.0.2, eMUCS-P1. "/" identification, empty line, one data
 * object a line, "!" and the CRC-16/ARC of everything from "/" to "!" inclusive, printed in hex
 * (some meters drop leading zeros). DSMR 2.2 and 3.0 have no CRC. Feed any pieces of the stream;
 * each good telegram is handed to the callback inside p1_feed. Bytes are bounded (4 kB a telegram),
 * lines that are not known are skipped, and what cannot be used is counted by its cause.
 */
#ifndef AMR_METER_P1_H
#define AMR_METER_P1_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/reading.h"

#define P1_TELEGRAM_MAX 4096

enum p1_checksum {
    P1_CHECKSUM_AUTO,     /* asked for from DSMR 4 on, and once the stream has shown one */
    P1_CHECKSUM_REQUIRED, /* a telegram without one is refused */
    P1_CHECKSUM_NONE      /* not looked at */
};

enum p1_fault {
    P1_FAULT_NO_START, /* bytes outside any telegram: reading began in the middle of one */
    P1_FAULT_CRC,      /* wrong, missing, or cut off by the next telegram's start */
    P1_FAULT_OVERLONG, /* more than P1_TELEGRAM_MAX bytes */
    P1_FAULT_TIMEOUT,  /* the rest did not come (p1_timeout) */
    P1_FAULT_VALUE,    /* whole, but without usable registers */
    P1_FAULT_COUNT
};

struct p1_telegram {
    uint64_t import_wh;          /* 1-0:1.8.0, else the sum of its tariffs */
    uint64_t export_wh;          /* 1-0:2.8.0 likewise; 0 where there is none */
    uint32_t import_w;           /* 1-0:1.7.0 */
    uint32_t export_w;           /* 1-0:2.7.0 */
    uint32_t voltage_dv;         /* 1-0:32.7.0, 1/10 V */
    uint32_t clock_s;            /* 0-0:1.0.0 taken as Central European time; 0: none or unusable */
    char serial[SERIAL_MAX + 1]; /* 0-0:96.1.1; empty: none or unusable */
};

struct p1;

struct p1 *p1_new(enum p1_checksum checksum,
                  void (*on_telegram)(void *cookie, const struct p1_telegram *telegram),
                  void *cookie) AMR_NODISCARD;
void p1_free(struct p1 *p1);
void p1_feed(struct p1 *p1, const void *data, size_t len);
/** The stream went silent or was lost: what is there of a telegram is counted and dropped. */
void p1_timeout(struct p1 *p1);
uint64_t p1_faults(const struct p1 *p1, enum p1_fault fault);

#endif
