/*
 * clock.h: time that tests can set.
 *
 * Code that waits, stamps or expires asks a struct clock, never the C library. The system clock
 * can be read by any thread; a manual clock moves only when its test moves it.
 */
#ifndef AMR_COMMON_CLOCK_H
#define AMR_COMMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"

struct clock;

struct clock *clock_system_new(void) AMR_NODISCARD;
/** Starts at unix_ms, monotonic time 0. */
struct clock *clock_manual_new(uint64_t unix_ms) AMR_NODISCARD;
void clock_free(struct clock *clock);

/** Wall time: milliseconds (seconds) since 1970-01-01 UTC. Can jump. */
uint64_t clock_unix_ms(const struct clock *clock);
uint32_t clock_unix_s(const struct clock *clock);
/** Milliseconds that never jump or go back, from an arbitrary start. */
uint64_t clock_mono_ms(const struct clock *clock);

/** Whether the kernel says that something (NTP, PTP) keeps its clock right; manual: as set. */
bool clock_is_synchronised(const struct clock *clock);

/** Manual clocks only: synchronised (the start) or not. */
void clock_set_synchronised(struct clock *clock, bool synchronised);
/** Manual clocks only: lets both times pass; sets the wall clock alone (a jump). */
void clock_advance_ms(struct clock *clock, uint64_t ms);
void clock_set_unix_ms(struct clock *clock, uint64_t unix_ms);

#define CLOCK_TEXT 25
/** "2026-01-02T03:04:05.678Z"; returns text. */
char *clock_format_ms(char text[CLOCK_TEXT], uint64_t unix_ms);

#endif
