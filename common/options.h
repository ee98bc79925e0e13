/*
 * options.h: one row per option; command line, environment, file, --help and --dump-config
 * all come from that row.
 *
 *   static const struct option_row ROWS[] = {
 *       OPTION_U32(struct config, batch_age_ms, "batch-age-ms", "2000", 1, 600000,
 *                  "seal a batch when its oldest reading is this old"),
 *   };
 *
 * Later beats earlier: default, configuration file (`name = value`, # comments,
 * PEM blocks are passed over), environment
 * (PREFIX_BATCH_AGE_MS), command line (--batch-age-ms 500 or --batch-age-ms=500; a flag without a
 * value is true). Unknown names, values that do not parse or are out of range: refused, naming
 * where they stand (file:line, environment, command line). Strings are owned by the options handle
 * and live until options_free. In a file, `include = FILE` reads another one there, named from the
 * folder of the first; `include = -FILE` passes it over where it is missing. PREFIX_CONFIG in the
 * environment names a file that is read before those of --config.
 */
#ifndef AMR_COMMON_OPTIONS_H
#define AMR_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

enum option_type {
    OPTION_TYPE_FLAG,   /* bool */
    OPTION_TYPE_STRING, /* const char *; NULL where not given and no default */
    OPTION_TYPE_U32,    /* uint32_t within min..max */
    OPTION_TYPE_U64,    /* uint64_t within min..max */
    OPTION_TYPE_LIST    /* const char * of comma-separated values; giving it again appends */
};

struct option_row {
    const char *name;
    enum option_type type;
    size_t offset;
    const char *fallback; /* default as text; NULL: none */
    uint64_t min;
    uint64_t max;
    const char *help;
    bool live; /* options_take takes it over; --help says "[live]" */
};

#define OPTION_FLAG(config, field, name, help)                                                     \
    {                                                                                              \
        name, OPTION_TYPE_FLAG, offsetof(config, field), "false", 0, 0, help, false                \
    }
#define OPTION_STRING(config, field, name, fallback, help)                                         \
    {                                                                                              \
        name, OPTION_TYPE_STRING, offsetof(config, field), fallback, 0, 0, help, false             \
    }
#define OPTION_LIST(config, field, name, fallback, help)                                           \
    {                                                                                              \
        name, OPTION_TYPE_LIST, offsetof(config, field), fallback, 0, 0, help, false               \
    }
#define OPTION_U32(config, field, name, fallback, min, max, help)                                  \
    {                                                                                              \
        name, OPTION_TYPE_U32, offsetof(config, field), fallback, min, max, help, false            \
    }
#define OPTION_U64(config, field, name, fallback, min, max, help)                                  \
    {                                                                                              \
        name, OPTION_TYPE_U64, offsetof(config, field), fallback, min, max, help, false            \
    }
#define OPTION_STRING_LIVE(config, field, name, fallback, help)                                    \
    {                                                                                              \
        name, OPTION_TYPE_STRING, offsetof(config, field), fallback, 0, 0, help, true              \
    }
#define OPTION_U32_LIVE(config, field, name, fallback, min, max, help)                             \
    {                                                                                              \
        name, OPTION_TYPE_U32, offsetof(config, field), fallback, min, max, help, true             \
    }
#define OPTION_U64_LIVE(config, field, name, fallback, min, max, help)                             \
    {                                                                                              \
        name, OPTION_TYPE_U64, offsetof(config, field), fallback, min, max, help, true             \
    }

struct options;

/** What the caller does next. */
enum options_result {
    OPTIONS_RUN,  /* go on */
    OPTIONS_EXIT, /* --help, --version, --man or --dump-config was answered on stdout: exit 0 */
    OPTIONS_WRONG /* err says what; exit 2 */
};

/**
 * target is the struct that the rows' offsets are in; it gets the defaults here (texts without one
 * become NULL, numbers without one stay as they are). env_prefix such as
 * "AMR_BRIDGE", or NULL for no environment. usage is the line(s) after "usage: ", a blank line, one
 * line that tells what the program does, and where there is more to say a blank line and that.
 */
struct options *options_new(const struct option_row *rows, size_t count, void *target,
                            const char *env_prefix, const char *usage) AMR_NODISCARD;
void options_free(struct options *options);
/** Configuration files may hold these names, too: they are for other users of the same file. */
void options_tolerate(struct options *options, bool (*known)(const char *name));

/**
 * Reads --config FILE, the environment and the command line. Arguments that are not options are
 * moved to the front: ret_argc of them stand at argv[1]... --help, --version, --dump-config and
 * --config are known to every program.
 */
enum options_result options_parse(struct options *options, int *ret_argc, int argc, char **argv,
                                  struct err *err) AMR_NODISCARD;

/** Sets one option by name; origin tells people where it came from ("mosquitto.conf"). */
int options_set(struct options *options, const char *name, const char *value, const char *origin,
                struct err *err) AMR_NODISCARD;

/**
 * Takes over from `fresh`, read later from the same rows, what differs in live rows. on_change is
 * told of every row that differs: taken says whether it is in force now, or needs a restart. Texts
 * are NULL where a value is not set.
 */
void options_take(struct options *options, const struct options *fresh,
                  void (*on_change)(void *cookie, const char *name, const char *from,
                                    const char *to, bool taken),
                  void *cookie);

/** Usage, then a line or two per option with its default. */
void options_help(const struct options *options, FILE *out);
/** The manual page of a daemon with these options, as roff. */
void options_manual(const struct options *options, FILE *out);
/** "TEXT", "N", "LIST" or "". */
const char *option_value_word(enum option_type type);
/** Every option as `name = value` under a comment that tells its origin: a valid file again. */
void options_dump(const struct options *options, FILE *out);

/** A whole decimal number within min..max, nothing before or after it. */
int parse_u64(uint64_t *ret_value, const char *text, uint64_t min, uint64_t max,
              struct err *err) AMR_NODISCARD;

#endif
