/*
 * ctl_token.h: the verbs for programs' tokens (web_api.h), in a bridge's store.
 *
 * They work beside the running bridge, which heeds them at once. A token is printed when it is made
 * and never again: the store has its hash.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_TOKEN_H
#define AMR_CHAIN_BRIDGE_CTL_TOKEN_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_token_add;
extern const struct ctl_verb ctl_token_remove;
extern const struct ctl_verb ctl_token_list;

#endif
