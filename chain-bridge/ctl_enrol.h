/*
 * ctl_enrol.h: the verb that turns certificate requests into meters: checked, registered on
 * chain under dense ids, certified, each with a configuration file. Can be run again after a
 * failure: a signer that is registered keeps its meter, files that exist are kept.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_ENROL_H
#define AMR_CHAIN_BRIDGE_CTL_ENROL_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_enrol;

#endif
