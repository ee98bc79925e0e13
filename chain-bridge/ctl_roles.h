/*
 * ctl_roles.h: the verbs for the contract's lists: servers that write, operators whose signed
 * commands count, readers. Changes are the admin's.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_ROLES_H
#define AMR_CHAIN_BRIDGE_CTL_ROLES_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_server_add;
extern const struct ctl_verb ctl_server_remove;
extern const struct ctl_verb ctl_server_list;
extern const struct ctl_verb ctl_operator_add;
extern const struct ctl_verb ctl_operator_remove;
extern const struct ctl_verb ctl_operator_list;
extern const struct ctl_verb ctl_reader_add;
extern const struct ctl_verb ctl_reader_remove;
extern const struct ctl_verb ctl_reader_list;

#endif
