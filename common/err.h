/*
 * err.h: the one error idiom.
 *
 * A function that can fail takes `struct err *err` last, returns -1 (or NULL) and leaves one line
 * of text there that a person can act on: lower case, no full stop, what was attempted first.
 * Callers on the way up add context with err_wrap; whoever owns the outcome logs it once.
 * err may be NULL: then only the return value tells. Bugs of our own are assert()s, never errs;
 * outside input never reaches an assert.
 */
#ifndef AMR_COMMON_ERR_H
#define AMR_COMMON_ERR_H

#include "common/attr.h"

struct err {
    char text[512];
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/** Sets the text. Always returns -1, so that `return err_set(err, ...)` reads well. */
int err_set(struct err *err, const char *format, ...) AMR_PRINTF(2, 3);

/** Sets the text followed by ": " and strerror(errno). Always returns -1. */
int err_errno(struct err *err, const char *format, ...) AMR_PRINTF(2, 3);

/** Puts context and ": " before the text that is there. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) AMR_PRINTF(2, 3);

#endif
