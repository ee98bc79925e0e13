/*
 * ctl_progress.h: how far long work has come: bar, rate and time left, on standard error.
 *
 * Drawn only where standard error is a terminal, at most five times a second, and wiped when the
 * work ends, so that nothing of it is left in logs and pipes. Without colours where NO_COLOR is
 * set. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_PROGRESS_H
#define AMR_CHAIN_BRIDGE_CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/clock.h"

struct ctl_progress;

struct ctl_progress *ctl_progress_new(const struct clock *clock) AMR_NODISCARD;
void ctl_progress_free(struct ctl_progress *progress);
/** Begins a piece of work of so many units; what and unit are kept by reference. */
void ctl_progress_begin(struct ctl_progress *progress, const char *what, const char *unit,
                        uint64_t total);
void ctl_progress_set(struct ctl_progress *progress, uint64_t done);
/** Wipes the line; before anything else is printed, too. */
void ctl_progress_end(struct ctl_progress *progress);

/** The line: "what  [####----]  50 %  12,345 units/s  1:23 left", at most width columns. */
void ctl_progress_line(struct buf *out, const char *what, const char *unit, uint64_t done,
                       uint64_t total, uint64_t elapsed_ms, unsigned width, bool color);
/** Whether out is a terminal that shows colours, and nobody said NO_COLOR. */
bool ctl_color(FILE *out);

/** "12,345,678"; returns text. */
#define CTL_COUNT_TEXT 28
char *ctl_count_text(char text[CTL_COUNT_TEXT], uint64_t count);

#endif
