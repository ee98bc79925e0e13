/*
 * web_batches.h: handlers of the API for batches and their transactions.
 *
 * Lists are pages by the store's batch id, newest first.
 */
#ifndef AMR_BRIDGE_WEB_BATCHES_H
#define AMR_BRIDGE_WEB_BATCHES_H

#include "chain-bridge/store_web.h"
#include "chain-bridge/web_api.h"

int web_list_batches(const struct web_call *call, struct err *err);
int web_get_batch(const struct web_call *call, struct err *err);

/** Schema Batch; the closing brace is left to the caller who adds members. */
void web_print_batch(struct buf *out, const struct batch_item *item, bool close);

#endif
