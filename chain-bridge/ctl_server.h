/*
 * ctl_server.h: the verbs for the contract's list of servers.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_SERVER_H
#define AMR_CHAIN_BRIDGE_CTL_SERVER_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_server_add;
extern const struct ctl_verb ctl_server_remove;
extern const struct ctl_verb ctl_server_list;

#endif
