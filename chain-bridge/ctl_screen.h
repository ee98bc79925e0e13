/*
 * ctl_screen.h: draws the board of amrctl watch on a terminal (ECMA-48 sequences).
 *
 * A drawing never is wider or higher than the view: columns and rows that do not fit are left out,
 * the least telling first; of many meters those in trouble come first. Pure.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_SCREEN_H
#define AMR_CHAIN_BRIDGE_CTL_SCREEN_H

#include "chain-bridge/ctl_board.h"

struct screen_view {
    unsigned width;
    unsigned height;
    bool colour;
    bool unicode;
    uint64_t now_ms; /* Unix milliseconds */
};

/** Appends a whole screen: cursor home, the lines, the rest of the terminal cleared. */
void screen_draw(const struct board *board, struct buf *out, const struct screen_view *view);

#endif
