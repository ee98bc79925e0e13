/*
 * ctl_verify.h: the verb verify: sealed readings held against archives of signed reports.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_VERIFY_H
#define AMR_CHAIN_BRIDGE_CTL_VERIFY_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_verify;

#endif
