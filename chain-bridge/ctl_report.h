/*
 * ctl_report.h: the verbs report daily and report monthly: energy, peaks and what is missing, of
 * meters and groups, by the local calendar, from the ledger's events alone.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_REPORT_H
#define AMR_CHAIN_BRIDGE_CTL_REPORT_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_report_daily;
extern const struct ctl_verb ctl_report_monthly;

#endif
