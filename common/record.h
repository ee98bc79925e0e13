/*
 * record.h: the packed records of MeterLedger.submitBatch, byte for byte.
 *
 * Numbers are most significant byte first:
 *
 *   records = header block...
 *   header  = 01 | base time u32 | interval u16
 *   block   = shape u8 | meters u8 (1..255) | first number u16 | further u8 | further shape u8
 *             | for each of the meters number, number + 1, ...: one first item, `further` others
 *   item    = time | import | export | [quality u8, if the shape has bit 6; else it is 0]
 *
 *   shape   bit 7 gaps (first items only); bit 6 quality; bits 5-4 time, 3-2 import, 1-0 export,
 * each a code c for a field of 2c bytes (0: none, 1: u16, 2: u32, 3: u48, for import and export of
 * first items only). A shape has at least one byte; without further items theirs is 0.
 *
 * A first item adds to (base time, 0 Wh, 0 Wh), but a u32 time is absolute. A further item adds to
 * the item before it: its time field plus one second, or the interval where it has no time field.
 * Meters do not fall from block to block; the same meter again is how a register that falls, or
 * jumps by 2^32 Wh, is told. Results stay below 2^32 s and 2^47 Wh.
 *
 * Source: contracts/src/interfaces/IMeterLedger.sol. Pure functions; any thread.
 */
#ifndef AMR_COMMON_RECORD_H
#define AMR_COMMON_RECORD_H

#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/reading.h"

struct record {
    uint32_t meter;
    struct reading reading;
};

/**
 * Appends the records of count >= 1 readings, sorted by meter, one group, values in range. Fails
 * where they are not; the smallest shapes that hold each run of neighbours are chosen.
 */
int records_pack(struct buf *out, const struct record *records, size_t count,
                 struct err *err) AMR_NODISCARD;

/**
 * Calls back for every reading in order, strictly: what the contract refuses fails here. A callback
 * that returns non-zero ends it, and that is returned as -1 with err untouched.
 */
int records_unpack(const void *data, size_t len, uint16_t group,
                   int (*on_record)(void *cookie, const struct record *record), void *cookie,
                   struct err *err) AMR_NODISCARD;

struct records_gas {
    uint64_t expected; /* all readings taken, no shared slots: what batches are sized by */
    uint64_t limit;    /* enough even if every reading is rejected: a transaction's gas limit */
};

/** Upper bounds for a submitBatch of so many readings of so many meters in so many bytes. */
struct records_gas records_gas(size_t readings, size_t meters, size_t bytes);

#endif
