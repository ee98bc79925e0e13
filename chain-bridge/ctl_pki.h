/*
 * ctl_pki.h: the verbs that make the certificate authority and its certificates (pki.h).
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_PKI_H
#define AMR_CHAIN_BRIDGE_CTL_PKI_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_pki_init;
extern const struct ctl_verb ctl_pki_issue;

#endif
