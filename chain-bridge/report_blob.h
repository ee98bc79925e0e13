/*
 * report_blob.h: a signed report as a compact byte string, for the store.
 *
 * Version byte 1, then LEB128 varints: count, and per reading the differences of time, import and
 * export from the reading before (the first: from 0) and a quality byte; the 65-byte signature
 * ends it. Meter and sequence are the row's. One hourly reading takes about 80 bytes instead of
 * 230 of JSON. Pure functions; any thread.
 */
#ifndef AMR_BRIDGE_REPORT_BLOB_H
#define AMR_BRIDGE_REPORT_BLOB_H

#include "common/buf.h"
#include "common/reading.h"

void report_blob_encode(struct buf *out, const struct report *report);
/** Fails where the bytes are not exactly one report that report_check() accepts. */
int report_blob_decode(struct report *ret_report, uint32_t meter, uint32_t sequence,
                       const void *data, size_t len, struct err *err) AMR_NODISCARD;

#endif
