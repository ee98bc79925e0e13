/*
 * report_page.h: an energy report as one HTML page, for screen and A4 paper, whole in itself.
 */
#ifndef AMR_CHAIN_BRIDGE_REPORT_PAGE_H
#define AMR_CHAIN_BRIDGE_REPORT_PAGE_H

#include "chain-bridge/report.h"

void report_page(struct buf *out, const struct energy_report *report);

#endif
