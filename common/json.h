/*
 * json.h: strict reading of JSON objects, over Jansson.
 *
 * A reader walks one object: each json_take_* asks for a key and marks it seen; json_done fails
 * if a key was left over. Duplicate keys are refused while parsing. After the first failure the
 * reader remembers the error and the following calls do nothing, so that a parser is a straight
 * list of takes and one check at the end.
 */
#ifndef AMR_COMMON_JSON_H
#define AMR_COMMON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct json_reader {
    json_t *object; /* borrowed */
    size_t taken;
    bool failed;
    struct err *err;
};

/** Parses text into a value that the caller json_decref()s; NULL and err where it is not JSON. */
json_t *json_parse(const void *text, size_t len, struct err *err) AMR_NODISCARD;

/** Starts reading; a value that is not an object is a failure. */
void json_reader_init(struct json_reader *reader, json_t *object, struct err *err);
/** The value of key, borrowed; NULL (and a failure, if required) where it is missing. */
json_t *json_take(struct json_reader *reader, const char *key, bool required);
uint64_t json_take_uint(struct json_reader *reader, const char *key, uint64_t min, uint64_t max);
/** A string; borrowed, "" on failure. */
const char *json_take_string(struct json_reader *reader, const char *key, bool required);
/** A "0x" string of exactly len bytes. */
void json_take_hex(struct json_reader *reader, const char *key, void *ret_data, size_t len);
/** 0 where everything was taken and nothing is left over or failed. */
int json_done(struct json_reader *reader) AMR_NODISCARD;
/** Records a failure found by the caller. */
void json_fail(struct json_reader *reader, const char *format, ...) AMR_PRINTF(2, 3);

/** Appends text as a JSON string with quotes and escapes; what is not UTF-8 becomes "?". */
void json_append_string(struct buf *out, const char *text);

#endif
