/*
 * lcdproc.h: the display on an LCD behind LCDproc's server (LCDd), over its line protocol.
 *
 * Source: LCDproc 0.5 developer's guide, chapter "The LCDproc client language". TCP, usually
 * localhost:13666; "hello", one screen of four string widgets, keys Right, Left and Enter. Nothing
 * blocks, and an LCDd that is away, slow or strange is tried again later (port.h) and never
 * matters. One owner, one thread.
 */
#ifndef AMR_METER_LCDPROC_H
#define AMR_METER_LCDPROC_H

#include "meter-client/screen.h"

struct lcdproc;

/** address is host:port. */
int lcdproc_new(struct lcdproc **ret_lcdproc, const char *address, const struct clock *clock,
                struct err *err) AMR_NODISCARD;
void lcdproc_free(struct lcdproc *lcdproc);
int lcdproc_fd(const struct lcdproc *lcdproc);
short lcdproc_events(const struct lcdproc *lcdproc);
uint64_t lcdproc_due_ms(const struct lcdproc *lcdproc);

/** Connects, reads, answers; returns a key that was pressed. -1 in ret_failed says so once. */
enum screen_key lcdproc_work(struct lcdproc *lcdproc, int *ret_failed, struct err *err);
/** Sends what has changed. */
void lcdproc_show(struct lcdproc *lcdproc, const struct screen_rows *rows);

#endif
