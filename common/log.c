#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"

#define LINE_MAX_LEN 2048

struct log {
    const char *program;
    int fd;
    _Atomic(enum log_level) min;
    const struct clock *clock;
    void (*sink)(void *cookie, enum log_level level, const char *line);
    void *cookie;
    enum log_level also_min;
    void (*also)(void *cookie, const char *line); /* NULL: none */
    void *also_cookie;
};

static const char *const LEVEL_NAMES[] = {"debug", "info", "unusual", "broken"};

struct log *log_new(const char *program, int fd, enum log_level min, const struct clock *clock)
{
    struct log *log = xcalloc(1, sizeof(*log));

    log->program = program;
    log->fd = fd;
    log->min = min;
    log->clock = clock;
    return log;
}

struct log *log_new_sink(enum log_level min,
                         void (*sink)(void *cookie, enum log_level level, const char *line),
                         void *cookie)
{
    struct log *log = xcalloc(1, sizeof(*log));

    log->min = min;
    log->sink = sink;
    log->cookie = cookie;
    return log;
}

void log_set_min(struct log *log, enum log_level min)
{
    log->min = min;
}

void log_also(struct log *log, enum log_level min, void (*also)(void *cookie, const char *line),
              void *cookie)
{
    log->also_min = min;
    log->also = also;
    log->also_cookie = cookie;
}

void log_free(struct log *log)
{
    free(log);
}

int log_level_parse(enum log_level *ret_level, const char *text, struct err *err)
{
    for (size_t i = 0; i < AMR_COUNT(LEVEL_NAMES); i++) {
        if (strcmp(text, LEVEL_NAMES[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return err_set(err, "log level '%s' is none of debug, info, unusual, broken", text);
}

static void write_line(struct log *log, enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* One write a line, so that lines of threads and programs never mix. */
static void write_line(struct log *log, enum log_level level, const char *format, va_list args)
{
    char line[LINE_MAX_LEN], time[CLOCK_TEXT];
    int used =
        snprintf(line, sizeof(line), "%s %s %s: ", clock_format_ms(time, clock_unix_ms(log->clock)),
                 LEVEL_NAMES[level], log->program);
    int more = vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    size_t len = (size_t)used + (size_t)(more < 0 ? 0 : more);

    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    line[len++] = '\n';
    ssize_t ignored = write(log->fd, line, len);
    (void)ignored; /* nowhere left to complain */
}

static void log_any(struct log *log, enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void log_any(struct log *log, enum log_level level, const char *format, va_list args)
{
    char line[LINE_MAX_LEN];

    if (!log || level < log->min)
        return;
    if (!log->sink) {
        va_list again;

        va_copy(again, args);
        write_line(log, level, format, again);
        va_end(again);
        if (!log->also || level < log->also_min)
            return;
    }
    vsnprintf(line, sizeof(line), format, args);
    if (log->sink)
        log->sink(log->cookie, level, line);
    if (log->also && level >= log->also_min)
        log->also(log->also_cookie, line);
}

void log_debug(struct log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_any(log, LOG_LEVEL_DEBUG, format, args);
    va_end(args);
}

void log_info(struct log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_any(log, LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_unusual(struct log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_any(log, LOG_LEVEL_UNUSUAL, format, args);
    va_end(args);
}

void log_broken(struct log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_any(log, LOG_LEVEL_BROKEN, format, args);
    va_end(args);
}

char *log_quote(char *out, size_t size, const char *text, size_t len)
{
    size_t used = 0;

    if (size < 3) {
        if (size)
            out[0] = '\0';
        return out;
    }
    out[used++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        if (used + (plain ? 1 : 4) + 2 > size)
            break;
        if (plain)
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, size - used, "\\x%02x", c);
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}
