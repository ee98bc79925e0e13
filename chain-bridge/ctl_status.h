/*
 * ctl_status.h: the verb that tells how chain, contract, servers and meters are doing.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_STATUS_H
#define AMR_CHAIN_BRIDGE_CTL_STATUS_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_status;

#endif
