/*
 * submitter_follow.h: nonces, receipts and finality; private to the submitter.
 *
 * Every hash ever sent for a nonce is looked for; the end is final only in a canonical block.
 */
#ifndef AMR_BRIDGE_SUBMITTER_FOLLOW_H
#define AMR_BRIDGE_SUBMITTER_FOLLOW_H

#include "chain-bridge/submitter_internal.h"

/** Nonces, receipts, and the end of what is final. */
int submitter_follow(struct submitter *submitter, struct err *err) AMR_NODISCARD;

#endif
