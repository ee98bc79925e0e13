/*
 * ctl_deploy.h: the verb that puts a MeterLedger on the chain and writes ledger.conf,
 * the three lines by which bridges, meters and amrctl know it.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_DEPLOY_H
#define AMR_CHAIN_BRIDGE_CTL_DEPLOY_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_deploy;

#endif
