/*
 * submitter_send.h: broadcasts, the same bytes again, and fees; private to the submitter.
 *
 * What a node answers is only a hint: receipts tell the truth (submitter_follow.h).
 */
#ifndef AMR_BRIDGE_SUBMITTER_SEND_H
#define AMR_BRIDGE_SUBMITTER_SEND_H

#include "chain-bridge/submitter_internal.h"

void submitter_broadcast(struct submitter *submitter, struct flight *flight);
void submitter_send_due(struct submitter *submitter, struct flight *flight);

#endif
