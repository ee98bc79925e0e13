/*
 * ctl_meters.h: the verbs that list the registered meters and take one out, back in, or give it a
 * new signer.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_METERS_H
#define AMR_CHAIN_BRIDGE_CTL_METERS_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_revoke;
extern const struct ctl_verb ctl_reopen;
extern const struct ctl_verb ctl_rotate;
extern const struct ctl_verb ctl_meters;

#endif
