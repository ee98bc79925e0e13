/*
 * staff.h: people who log in by name and password: a file of salted, slow hashes.
 *
 * One line a person, `NAME:scrypt:LOG_N:SALT:HASH[:ROLE]`, salt and hash as 0x-hex of 16 and 32
 * bytes, scrypt with r 8 and p 1 (RFC 7914); # starts a comment line. ROLE is viewer (also where it
 * is left out) or operator; only the dashboard asks for it, on the broker all may only subscribe.
 * The file holds no secret in clear but belongs to nobody else: mode 0640 or stricter.
 * staff_refresh follows changes and keeps the last good state where the file cannot be read. A
 * check costs some 30 ms, of the broker's only thread, so the caller limits how many there are. One
 * thread.
 */
#ifndef AMR_COMMON_STAFF_H
#define AMR_COMMON_STAFF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

#define STAFF_MAX          256
#define STAFF_FILE_MAX     65536
#define STAFF_PASSWORD_MAX 128
#define STAFF_LOG_N        14

enum staff_role { STAFF_VIEWER, STAFF_OPERATOR };

struct staff;

const char *staff_role_text(enum staff_role role);
int staff_role_parse(enum staff_role *ret_role, const char *text, struct err *err) AMR_NODISCARD;

struct staff *staff_new(const char *path) AMR_NODISCARD;
void staff_free(struct staff *staff);
/** Reads the file where it changed. ret_changed tells that it was taken over. */
int staff_refresh(struct staff *staff, bool *ret_changed, struct err *err) AMR_NODISCARD;
/** Takes over the content of such a file, all of it or, where a line is bad, nothing. */
int staff_parse(struct staff *staff, const char *text, size_t len, struct err *err) AMR_NODISCARD;

size_t staff_count(const struct staff *staff);
const char *staff_name(const struct staff *staff, size_t i);
bool staff_knows(const struct staff *staff, const char *name);
/** STAFF_VIEWER for a name that is not there. */
enum staff_role staff_role(const struct staff *staff, const char *name);
/** Takes as long for a name that is not there. */
bool staff_check(const struct staff *staff, const char *name, const char *password);

/** Appends the line for a person, with a fresh salt. */
int staff_print(struct buf *out, const char *name, const char *password, unsigned log_n,
                enum staff_role role, struct err *err) AMR_NODISCARD;
/** Appends the content of such a file but the person's line; false where there is none. */
bool staff_without(struct buf *out, const char *text, size_t len, const char *name);

#endif
