/*
 * ctl_key.h: the verbs for Ethereum keys in Web3 key files (common/keystore.h).
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_KEY_H
#define AMR_CHAIN_BRIDGE_CTL_KEY_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_key_new;
extern const struct ctl_verb ctl_key_import;
extern const struct ctl_verb ctl_key_show;
extern const struct ctl_verb ctl_key_passphrase;

#endif
