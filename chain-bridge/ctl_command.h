/*
 * ctl_command.h: the verbs that command a meter and follow the command to the meter's signed
 * result on the chain.
 *
 * An operator signs the command (EIP-712) and sends it to the contract by a transaction of his own.
 * The bridge of the meter's group takes it from there to the meter, and the meter's result back to
 * the chain. What the chain says is followed always; with --servers also what passes the broker.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_COMMAND_H
#define AMR_CHAIN_BRIDGE_CTL_COMMAND_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_command_disconnect;
extern const struct ctl_verb ctl_command_reconnect;
extern const struct ctl_verb ctl_command_read;
extern const struct ctl_verb ctl_command_interval;
extern const struct ctl_verb ctl_command_follow;
extern const struct ctl_verb ctl_command_list;

#endif
