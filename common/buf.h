/*
 * buf.h: a growable byte buffer.
 *
 * Zero-initialise with BUF_INIT; buf_free releases. A failed allocation aborts the process: the
 * daemons bound what they read before it gets here, so running out of memory is our own bug.
 * Not thread-safe; one owner.
 */
#ifndef AMR_COMMON_BUF_H
#define AMR_COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t capacity;
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void buf_free(struct buf *buf);
void buf_clear(struct buf *buf);

/** Makes room for len more bytes and returns where they go; buf->len grows by len. */
uint8_t *buf_extend(struct buf *buf, size_t len);
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_u8(struct buf *buf, uint8_t value);
/** Appends the lowest `bytes` bytes of value, most significant first. */
void buf_append_be(struct buf *buf, uint64_t value, size_t bytes);
void buf_printf(struct buf *buf, const char *format, ...) AMR_PRINTF(2, 3);

/** The content as a C string (a terminating zero is kept behind it); valid until the next change.
 */
const char *buf_str(struct buf *buf);

/** malloc, calloc and strdup that abort where there is no memory. */
void *xmalloc(size_t len) AMR_NODISCARD;
void *xcalloc(size_t count, size_t len) AMR_NODISCARD;
void *xrealloc(void *p, size_t len) AMR_NODISCARD;
char *xstrdup(const char *text) AMR_NODISCARD;
char *xasprintf(const char *format, ...) AMR_PRINTF(1, 2) AMR_NODISCARD;

#endif
