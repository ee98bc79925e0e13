#include "common/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

void *xmalloc(size_t len)
{
    return checked(malloc(len ? len : 1));
}

void *xcalloc(size_t count, size_t len)
{
    return checked(calloc(count ? count : 1, len ? len : 1));
}

void *xrealloc(void *p, size_t len)
{
    return checked(realloc(p, len ? len : 1));
}

char *xstrdup(const char *text)
{
    return checked(strdup(text));
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    return checked(len < 0 ? NULL : text);
}

void buf_free(struct buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    *buf = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

/* Keeps one byte beyond len, for buf_str's zero. */
static void reserve(struct buf *buf, size_t more)
{
    assert(more < SIZE_MAX / 4 && buf->len < SIZE_MAX / 4);
    size_t wanted = buf->len + more + 1;
    if (wanted <= buf->capacity)
        return;
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < wanted)
        capacity *= 2;
    buf->data = xrealloc(buf->data, capacity);
    buf->capacity = capacity;
}

uint8_t *buf_extend(struct buf *buf, size_t len)
{
    reserve(buf, len);
    uint8_t *at = buf->data + buf->len;
    buf->len += len;
    return at;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len)
        memcpy(buf_extend(buf, len), data, len);
}

void buf_append_u8(struct buf *buf, uint8_t value)
{
    *buf_extend(buf, 1) = value;
}

void buf_append_be(struct buf *buf, uint64_t value, size_t bytes)
{
    uint8_t *at = buf_extend(buf, bytes);

    for (size_t i = bytes; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    reserve(buf, (size_t)len);
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

const char *buf_str(struct buf *buf)
{
    reserve(buf, 0);
    buf->data[buf->len] = '\0';
    return (const char *)buf->data;
}
