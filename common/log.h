/*
 * log.h: structured log lines, one event each.
 *
 *   2026-01-02T03:04:05.678Z unusual bridge: report rejected cause=rollback meter=65537 sequence=42
 *
 * Time, level, program, message in lower case, then key=value pairs. Levels:
 *   debug    for whoever works on the code
 *   info     what operators expect to see
 *   unusual  somebody else's fault that is worth seeing
 *   broken   our own bug or a lost promise; fails every end-to-end test
 * Thread-safe: one write(2) a line. Modules below the daemons do not log; they return a struct err.
 * Secrets and raw payloads are never logged; text from outside goes through log_quote.
 */
#ifndef AMR_COMMON_LOG_H
#define AMR_COMMON_LOG_H

#include <stddef.h>

#include "common/attr.h"
#include "common/clock.h"
#include "common/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_UNUSUAL, LOG_LEVEL_BROKEN };

struct log;

/** Lines go to fd (kept open by the caller). The clock must outlive the log. */
struct log *log_new(const char *program, int fd, enum log_level min,
                    const struct clock *clock) AMR_NODISCARD;
/** Lines go to a function instead, without time and program (the plugin hands them to Mosquitto).
 */
struct log *log_new_sink(enum log_level min,
                         void (*sink)(void *cookie, enum log_level level, const char *line),
                         void *cookie) AMR_NODISCARD;
/** Lines of at least `min` also go to a function, without time, level and program; one at most. */
void log_also(struct log *log, enum log_level min, void (*also)(void *cookie, const char *line),
              void *cookie);
/** Any thread. */
void log_set_min(struct log *log, enum log_level min);
void log_free(struct log *log);
int log_level_parse(enum log_level *ret_level, const char *text, struct err *err) AMR_NODISCARD;

void log_debug(struct log *log, const char *format, ...) AMR_PRINTF(2, 3);
void log_info(struct log *log, const char *format, ...) AMR_PRINTF(2, 3);
void log_unusual(struct log *log, const char *format, ...) AMR_PRINTF(2, 3);
void log_broken(struct log *log, const char *format, ...) AMR_PRINTF(2, 3);

/** Copies text as a quoted string with everything unprintable escaped, cut to size; returns out. */
char *log_quote(char *out, size_t size, const char *text, size_t len);

#endif
