/*
 * ctl_quarantine.h: the verbs for what a bridge refused and kept: list it, show one message with
 * its bytes, or have the running bridge judge it again (store_quarantine.h).
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_QUARANTINE_H
#define AMR_CHAIN_BRIDGE_CTL_QUARANTINE_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_quarantine_list;
extern const struct ctl_verb ctl_quarantine_show;
extern const struct ctl_verb ctl_quarantine_release;

#endif
