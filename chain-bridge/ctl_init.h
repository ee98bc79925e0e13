/*
 * ctl_init.h: the verb that makes everything one server needs in a folder: certificate authority
 * and certificates, accounts with their passphrases, configurations of broker, bridge and amrctl.
 *
 * The folder appears whole or not at all: it is made beside its place and moved there at the end.
 * Nothing that exists is ever touched.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_INIT_H
#define AMR_CHAIN_BRIDGE_CTL_INIT_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_init;

#endif
