/*
 * ctl_watch.h: the verb that shows a group live in the terminal, from MQTT alone.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_WATCH_H
#define AMR_CHAIN_BRIDGE_CTL_WATCH_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_watch;

#endif
