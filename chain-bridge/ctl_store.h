/*
 * ctl_store.h: a bridge's store, opened by a verb beside the running bridge.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_STORE_H
#define AMR_CHAIN_BRIDGE_CTL_STORE_H

#include "chain-bridge/store.h"

/** Fails with what to do about it. */
int ctl_store_open(struct store **ret_store, const char *path, struct err *err) AMR_NODISCARD;

#endif
