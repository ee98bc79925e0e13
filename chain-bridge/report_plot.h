/*
 * report_plot.h: a meter's curve as drawings: SVG, inline, without scripts, fit for print.
 *
 * Missing intervals are hatched, never bridged by a line. Pure functions; any thread.
 */
#ifndef AMR_CHAIN_BRIDGE_REPORT_PLOT_H
#define AMR_CHAIN_BRIDGE_REPORT_PLOT_H

#include "chain-bridge/curve.h"
#include "common/buf.h"

/** The style and the hatch that the drawings of one page share; once, in its body. */
void report_plot_defs(struct buf *out);
/** Mean power over time, import as an area, export as a line. */
void report_plot_load(struct buf *out, const struct curve *curve);
/** Energy a local day, as bars; what is estimated stands hatched on top. */
void report_plot_days(struct buf *out, const struct curve *curve);

#endif
