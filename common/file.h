/*
 * file.h: whole small files, bounded; secrets only from files that others cannot read.
 */
#ifndef AMR_COMMON_FILE_H
#define AMR_COMMON_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

/** Appends the file's content; fails where it is longer than max. */
int file_read(struct buf *out, const char *path, size_t max, struct err *err) AMR_NODISCARD;
/** The same, and refuses a file that group or others can read or write. */
int file_read_secret(struct buf *out, const char *path, size_t max, struct err *err) AMR_NODISCARD;
int file_size(uint64_t *ret_bytes, const char *path, struct err *err) AMR_NODISCARD;
/** Creates the file with mode, writes, fsyncs; refuses to overwrite. */
int file_create(const char *path, unsigned mode, const void *data, size_t len,
                struct err *err) AMR_NODISCARD;
/** Puts a new file in the place of path, or makes it: whoever looks sees the old or the new one,
 * after a power cut, too. A file that was there keeps its owner and group. */
int file_replace(const char *path, unsigned mode, const void *data, size_t len,
                 struct err *err) AMR_NODISCARD;
/** A new file in TMPDIR (/tmp) that has no name and is gone when it is closed: its descriptor; -1.
 */
int file_scratch(struct err *err) AMR_NODISCARD;

#endif
