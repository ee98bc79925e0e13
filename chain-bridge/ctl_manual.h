/*
 * ctl_manual.h: the verb that prints amrctl's manual page, made of the verb and option tables.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_MANUAL_H
#define AMR_CHAIN_BRIDGE_CTL_MANUAL_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_manual;

void ctl_manual_print(FILE *out);

#endif
