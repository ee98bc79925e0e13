/*
 * hex.h: hexadecimal text, strict both ways.
 *
 * Encoding is lower case. Decoding takes either case, wants the exact length and refuses anything
 * else; the 0x prefix is required where the name says so, as Ethereum's JSON-RPC does.
 */
#ifndef AMR_COMMON_HEX_H
#define AMR_COMMON_HEX_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/buf.h"
#include "common/err.h"

/** Bytes a 0x-prefixed text of len bytes needs, with its terminating zero. */
#define HEX0X_SIZE(len) (2 * (len) + 3)

/** Writes "0x" and 2*len digits and a zero to text; returns text. */
char *hex0x_encode(char *text, const void *data, size_t len);
void hex0x_append(struct buf *out, const void *data, size_t len);

/** Decodes exactly len bytes from "0x" and 2*len digits of a zero-terminated text. */
int hex0x_decode(void *ret_data, size_t len, const char *text, struct err *err) AMR_NODISCARD;
/** Decodes digits of any even count (with or without 0x), at most max bytes, and appends them. */
int hex_decode_append(struct buf *out, size_t max, const char *text, size_t text_len,
                      struct err *err) AMR_NODISCARD;

/** An Ethereum quantity: "0x" and 1..16 digits without leading zeros (leniently: with). */
int hex_quantity_decode(uint64_t *ret_value, const char *text, struct err *err) AMR_NODISCARD;
/** Writes "0x.." without leading zeros to a text of at least 19 bytes; returns text. */
char *hex_quantity_encode(char *text, uint64_t value);

#endif
