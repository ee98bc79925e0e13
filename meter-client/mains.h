/*
 * mains.h: whether mains power is there, by a file that tells 1 or 0: a GPIO in sysfs (its edge
 * wakes at once where it is set up so) or whatever writes such a file (looked at every second).
 */
#ifndef AMR_METER_MAINS_H
#define AMR_METER_MAINS_H

#include <stdbool.h>

#include "common/clock.h"
#include "common/err.h"

struct mains;

/** path NULL: power is always there. */
int mains_new(struct mains **ret_mains, const char *path, const struct clock *clock,
              struct err *err) AMR_NODISCARD;
void mains_free(struct mains *mains);
/** To be polled for POLLPRI; -1: nothing. */
int mains_fd(const struct mains *mains);
uint64_t mains_due_ms(const struct mains *mains);
/** Looks again where it is time or the descriptor woke. A file that tells neither changes nothing.
 */
bool mains_away(struct mains *mains, bool woken);

#endif
