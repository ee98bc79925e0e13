/*
 * local_time.h: days and months as people in one place count them.
 *
 * Time is Unix seconds; a day begins at local midnight (or, where the clock jumps over that, at the
 * first moment of the date) and has 23, 24 or 25 hours where daylight saving begins or ends. Zones
 * are the C library's (IANA names, /usr/share/zoneinfo). The zone is the process's: set it once, at
 * the begin, before there are other threads.
 */
#ifndef AMR_CHAIN_BRIDGE_LOCAL_TIME_H
#define AMR_CHAIN_BRIDGE_LOCAL_TIME_H

#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

/** "Europe/Berlin", "UTC"; NULL: the machine's. Unknown names are refused. */
int local_time_zone(const char *name, struct err *err) AMR_NODISCARD;

/** The begin of the local day (month) that time is in, and of the one `count` later. */
int64_t local_day(int64_t time_s, int count);
int64_t local_month(int64_t time_s, int count);
/** The begin of a day: "2026-03-29". */
int local_date_parse(int64_t *ret_time_s, const char *text, struct err *err) AMR_NODISCARD;

#define LOCAL_TIME_TEXT 32
/** "2026-03-29", "2026-03"; returns text. */
char *local_date_text(char text[LOCAL_TIME_TEXT], int64_t time_s);
char *local_month_text(char text[LOCAL_TIME_TEXT], int64_t time_s);
/** "2026-03-29 03:00 +02:00"; returns text. */
char *local_time_text(char text[LOCAL_TIME_TEXT], int64_t time_s);

#endif
