/*
 * json_out.h: JSON written straight into a buffer, where a tree would only be thrown away.
 *
 * Calls follow the document from left to right; commas come by themselves. key NULL is for members
 * of arrays and for the document itself. The caller closes what it opened, with json_put_end_* of
 * the same kind. Texts are escaped (json_append_string). Pure; any thread.
 */
#ifndef AMR_COMMON_JSON_OUT_H
#define AMR_COMMON_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

void json_put_object(struct buf *out, const char *key);
void json_put_array(struct buf *out, const char *key);
void json_put_end_object(struct buf *out);
void json_put_end_array(struct buf *out);

void json_put_text(struct buf *out, const char *key, const char *text);
/** null where text is NULL or empty. */
void json_put_text_or_null(struct buf *out, const char *key, const char *text);
void json_put_uint(struct buf *out, const char *key, uint64_t value);
void json_put_int(struct buf *out, const char *key, int64_t value);
/** Tenths as a number with one decimal: 2304 is 230.4. */
void json_put_tenths(struct buf *out, const char *key, int64_t tenths);
void json_put_bool(struct buf *out, const char *key, bool value);
void json_put_null(struct buf *out, const char *key);
/** "0x" and the bytes in hexadecimal. */
void json_put_hex(struct buf *out, const char *key, const void *data, size_t len);
/** Text that is JSON already. */
void json_put_raw(struct buf *out, const char *key, const char *json);

#endif
