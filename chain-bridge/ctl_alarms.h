/*
 * ctl_alarms.h: the verbs that list and acknowledge the alarms in a bridge's store, beside the
 * running bridge (alarm_log.h).
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_ALARMS_H
#define AMR_CHAIN_BRIDGE_CTL_ALARMS_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_alarms;
extern const struct ctl_verb ctl_alarms_acknowledge;

#endif
