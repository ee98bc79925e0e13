/*
 * web_readings.h: handlers of the API for a meter's readings and their proofs, from the store.
 *
 * Times are found by bisecting a meter's sequences: reports hold rising times, and need no index.
 */
#ifndef AMR_BRIDGE_WEB_READINGS_H
#define AMR_BRIDGE_WEB_READINGS_H

#include "chain-bridge/store_batch.h"
#include "chain-bridge/store_report.h"
#include "chain-bridge/web_api.h"

/** The lowest sequence of the meter whose report ends at or after t; UINT32_MAX: none. row is room
 * to work in. */
int web_find_time(struct store *store, uint32_t meter, uint32_t t, struct report_row *row,
                  uint32_t *ret_sequence, struct err *err) AMR_NODISCARD;

int web_list_readings(const struct web_call *call, struct err *err);
int web_get_proof(const struct web_call *call, struct err *err);

/** Schema Reading; batch NULL: not sealed. */
void web_print_reading(struct buf *out, const struct report_row *row, uint32_t reading,
                       const struct batch_row *batch);

#endif
