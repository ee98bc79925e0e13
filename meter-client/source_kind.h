/*
 * source_kind.h: what a kind of source provides; a new kind is a new struct and a row in source.c.
 *
 * Each kind has a header with one function that returns its row.
 * open makes the kind's own state from the address after the colon (NULL: none was given); the
 * other functions get it as their first argument and mean what source.h says.
 */
#ifndef AMR_METER_SOURCE_KIND_H
#define AMR_METER_SOURCE_KIND_H

#include "meter-client/source.h"

struct source_kind {
    const char *scheme;
    void *(*open)(const char *address, const struct source_config *config, struct err *err);
    void (*close)(void *self);
    int (*fd)(const void *self);
    short (*events)(const void *self);
    uint64_t (*due_ms)(const void *self);
    int (*read)(void *self, struct measurement *ret_measurement, struct err *err);
    struct source_counters (*counters)(const void *self);
};

#endif
