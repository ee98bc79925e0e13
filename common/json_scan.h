/*
 * json_scan.h: strict reading of a JSON object into a struct, in one pass and without a tree.
 *
 * For payloads that come by the thousand: the rows below say what an object must hold, and
 * json_scan fills the struct with it. Every row's key must be there exactly once, in any order, and
 * no other; numbers are whole and within their range; white space and escapes are JSON's (RFC
 * 8259). What it accepts is what json.h's reader with the same takes accepts: the fuzzer compares
 * them. Never allocates, never reads past the text. Pure; any thread.
 */
#ifndef AMR_COMMON_JSON_SCAN_H
#define AMR_COMMON_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum scan_kind {
    SCAN_KIND_UINT, /* into an unsigned field of 1, 2, 4 or 8 bytes, min..max */
    SCAN_KIND_HEX,  /* "0x" and twice `size` digits into that many bytes */
    SCAN_KIND_ARRAY /* min..max objects into an array, their number into a uint32_t */
};

struct scan_row {
    const char *key;
    enum scan_kind kind;
    size_t offset; /* of the field in the struct */
    size_t size;   /* of the field, or of an array's element; 0: the number is only checked */
    uint64_t min, max;
    size_t count_offset;         /* arrays: of the field for their length */
    const struct scan_row *rows; /* arrays: what an element holds */
    size_t row_count;
};

#define SCAN_SIZE(type, field) sizeof(((type *)0)->field)
#define SCAN_UINT(type, field, key, min, max)                                                      \
    {                                                                                              \
        key, SCAN_KIND_UINT, offsetof(type, field), SCAN_SIZE(type, field), min, max, 0, NULL, 0   \
    }
/** A number that must be this one and is stored nowhere. */
#define SCAN_CONSTANT(key, value)                                                                  \
    {                                                                                              \
        key, SCAN_KIND_UINT, 0, 0, value, value, 0, NULL, 0                                        \
    }
#define SCAN_HEX(type, field, key)                                                                 \
    {                                                                                              \
        key, SCAN_KIND_HEX, offsetof(type, field), SCAN_SIZE(type, field), 0, 0, 0, NULL, 0        \
    }
#define SCAN_ARRAY(type, field, count, key, min, max, rows)                                        \
    {                                                                                              \
        key, SCAN_KIND_ARRAY, offsetof(type, field), SCAN_SIZE(type, field[0]), min, max,          \
            offsetof(type, count), rows, AMR_COUNT(rows)                                           \
    }

/** At most 32 rows. On failure the struct may be partly filled: scan into one of your own. */
int json_scan(void *ret_struct, const struct scan_row *rows, size_t row_count, const void *text,
              size_t len, struct err *err) AMR_NODISCARD;

#endif
