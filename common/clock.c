#include "common/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

#include "common/buf.h"

struct clock {
    bool manual;
    atomic_bool unsynchronised; /* manual */
    _Atomic uint64_t unix_ms;
    _Atomic uint64_t mono_ms;
};

struct clock *clock_system_new(void)
{
    return xcalloc(1, sizeof(struct clock));
}

struct clock *clock_manual_new(uint64_t unix_ms)
{
    struct clock *clock = xcalloc(1, sizeof(*clock));

    clock->manual = true;
    clock->unix_ms = unix_ms;
    return clock;
}

void clock_free(struct clock *clock)
{
    free(clock);
}

static uint64_t system_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_unix_ms(const struct clock *clock)
{
    return clock->manual ? clock->unix_ms : system_ms(CLOCK_REALTIME);
}

uint32_t clock_unix_s(const struct clock *clock)
{
    return (uint32_t)(clock_unix_ms(clock) / 1000);
}

uint64_t clock_mono_ms(const struct clock *clock)
{
    return clock->manual ? clock->mono_ms : system_ms(CLOCK_MONOTONIC);
}

bool clock_is_synchronised(const struct clock *clock)
{
    struct timex state = {.modes = 0};

    if (clock->manual)
        return !clock->unsynchronised;
    return adjtimex(&state) != TIME_ERROR;
}

void clock_set_synchronised(struct clock *clock, bool synchronised)
{
    clock->unsynchronised = !synchronised;
}

void clock_advance_ms(struct clock *clock, uint64_t ms)
{
    clock->unix_ms += ms;
    clock->mono_ms += ms;
}

void clock_set_unix_ms(struct clock *clock, uint64_t unix_ms)
{
    clock->unix_ms = unix_ms;
}

char *clock_format_ms(char text[CLOCK_TEXT], uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    char whole[CLOCK_TEXT];

    if (!gmtime_r(&seconds, &tm) || !strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm))
        whole[0] = '\0';
    snprintf(text, CLOCK_TEXT, "%.19s.%03uZ", whole, (unsigned)(unix_ms % 1000));
    return text;
}
