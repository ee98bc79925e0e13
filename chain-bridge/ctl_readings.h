/*
 * ctl_readings.h: the verb that rebuilds readings from the ledger's events alone: what
 * BatchSubmitted carries, less what ReadingRejected took out.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_READINGS_H
#define AMR_CHAIN_BRIDGE_CTL_READINGS_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_readings;

#endif
