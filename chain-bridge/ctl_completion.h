/*
 * ctl_completion.h: the verb that prints a shell's completion for amrctl, made of the verb and
 * option tables. It is complete in itself: pressing Tab starts no program of ours.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_COMPLETION_H
#define AMR_CHAIN_BRIDGE_CTL_COMPLETION_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_completion;

#endif
