/*
 * ctl_proof.h: the verbs proof (a reading's proof in one file) and check-proof.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_PROOF_H
#define AMR_CHAIN_BRIDGE_CTL_PROOF_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_proof;
extern const struct ctl_verb ctl_check_proof;

#endif
