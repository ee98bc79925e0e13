#include "common/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/manual.h"
#include "common/nearest.h"

#define CONFIG_FILE_MAX 65536
#define INCLUDES_MAX    16

struct value {
    char *text;   /* as given; NULL: not set and no default */
    char *origin; /* "default", "file:line", "environment", "command line" */
};

struct options {
    const struct option_row *rows;
    size_t count;
    void *target;
    const char *env_prefix;
    const char *usage;
    bool (*tolerated)(const char *name); /* NULL: no name is */
    unsigned includes;                   /* so far: no circle goes on for ever */
    struct value *values;
};

int parse_u64(uint64_t *ret_value, const char *text, uint64_t min, uint64_t max, struct err *err)
{
    uint64_t value = 0;

    if (!*text)
        return err_set(err, "empty where a number is wanted");
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9')
            return err_set(err, "'%.40s' is not a whole number", text);
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return err_set(err, "'%.40s' is too large", text);
        value = value * 10 + digit;
    }
    if (value < min || value > max)
        return err_set(err, "%" PRIu64 " is not within %" PRIu64 "..%" PRIu64, value, min, max);
    *ret_value = value;
    return 0;
}

static int parse_flag(bool *ret_value, const char *text, struct err *err)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};

    for (size_t i = 0; i < AMR_COUNT(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret_value = strcmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return err_set(err, "'%.40s' is neither true nor false", text);
}

/* Writes the parsed text to the row's field; text belongs to the options. */
static int store_value(const struct options *options, const struct option_row *row,
                       const char *text, struct err *err)
{
    char *field = (char *)options->target + row->offset;
    uint64_t number;

    switch (row->type) {
    case OPTION_TYPE_FLAG:
        return parse_flag((bool *)(void *)field, text, err);
    case OPTION_TYPE_STRING:
    case OPTION_TYPE_LIST:
        *(const char **)(void *)field = text;
        return 0;
    case OPTION_TYPE_U32:
        if (parse_u64(&number, text, row->min, row->max, err))
            return -1;
        *(uint32_t *)(void *)field = (uint32_t)number;
        return 0;
    case OPTION_TYPE_U64:
        return parse_u64((uint64_t *)(void *)field, text, row->min, row->max, err);
    }
    return err_set(err, "option of unknown type");
}

static size_t find_row(const struct options *options, const char *name, size_t len)
{
    for (size_t i = 0; i < options->count; i++)
        if (strlen(options->rows[i].name) == len && memcmp(options->rows[i].name, name, len) == 0)
            return i;
    return SIZE_MAX;
}

/* A list given twice by the same kind of origin grows; a later kind replaces it. */
static char *joined(const struct option_row *row, const struct value *value, const char *text,
                    const char *origin)
{
    bool grows = row->type == OPTION_TYPE_LIST && value->text && *value->text &&
                 strncmp(value->origin, origin, strcspn(origin, ":")) == 0;

    return grows ? xasprintf("%s,%s", value->text, text) : xstrdup(text);
}

static int set_row(struct options *options, size_t index, const char *text, const char *origin,
                   struct err *err)
{
    const struct option_row *row = &options->rows[index];
    struct value *value = &options->values[index];
    char *copy = joined(row, value, text, origin);

    if (store_value(options, row, copy, err)) {
        free(copy);
        return err_wrap(err, "%s: %s", origin, row->name);
    }
    free(value->text);
    free(value->origin);
    value->text = copy;
    value->origin = xstrdup(origin);
    return 0;
}

/* " (did you mean 'X'?)" */
static void suggest(const struct options *options, const char *name, struct err *err)
{
    for (size_t i = 0; i < options->count && err != NULL; i++) {
        size_t len = strlen(err->text);
        if (nearest_is_slip(name, options->rows[i].name)) {
            snprintf(err->text + len, sizeof(err->text) - len, " (did you mean '%s'?)",
                     options->rows[i].name);
            return;
        }
    }
}

int options_set(struct options *options, const char *name, const char *value, const char *origin,
                struct err *err)
{
    size_t index = find_row(options, name, strlen(name));

    if (index == SIZE_MAX) {
        err_set(err, "%s: unknown option '%.60s'", origin, name);
        suggest(options, name, err);
        return -1;
    }
    return set_row(options, index, value, origin, err);
}

struct options *options_new(const struct option_row *rows, size_t count, void *target,
                            const char *env_prefix, const char *usage)
{
    struct options *options = xcalloc(1, sizeof(*options));
    struct err err = ERR_INIT;

    options->rows = rows;
    options->count = count;
    options->target = target;
    options->env_prefix = env_prefix;
    options->usage = usage;
    options->values = xcalloc(count, sizeof(*options->values));
    for (size_t i = 0; i < count; i++) {
        bool text = rows[i].type == OPTION_TYPE_STRING || rows[i].type == OPTION_TYPE_LIST;
        if (text)
            *(const char **)(void *)((char *)target + rows[i].offset) = NULL;
        if (rows[i].fallback && set_row(options, i, rows[i].fallback, "default", &err)) {
            fprintf(stderr, "option table: %s\n", err.text);
            abort();
        }
    }
    return options;
}

void options_free(struct options *options)
{
    if (!options)
        return;
    for (size_t i = 0; i < options->count; i++) {
        free(options->values[i].text);
        free(options->values[i].origin);
    }
    free(options->values);
    free(options);
}

void options_tolerate(struct options *options, bool (*known)(const char *name))
{
    options->tolerated = known;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

static int parse_file(struct options *options, const char *path, struct err *err);

/* A file named in another one: from that one's folder, `-` before it where it may be missing. */
static int include(struct options *options, const char *name, const char *from, const char *origin,
                   struct err *err)
{
    bool optional = *name == '-';
    const char *slash = strrchr(from, '/');
    int len = slash != NULL ? (int)(slash - from) + 1 : 0;
    int result = 0;

    name += optional;
    char *path = *name == '/' ? xstrdup(name) : xasprintf("%.*s%s", len, from, name);
    if (++options->includes > INCLUDES_MAX)
        result = err_set(err, "%s: more than %d files are included: do they include each other?",
                         origin, INCLUDES_MAX);
    else if (access(path, R_OK) == 0)
        result = parse_file(options, path, err);
    else if (!optional || errno != ENOENT)
        result = err_errno(err, "%s: include '%s'", origin, path);
    free(path);
    return result;
}

/* One line `name = value`, blank or # comment. */
static int parse_line(struct options *options, char *line, const char *path, const char *origin,
                      struct err *err)
{
    char *start = trim(line);

    if (!*start || *start == '#')
        return 0;
    char *equals = strchr(start, '=');
    if (!equals)
        return err_set(err, "%s: '%.60s' is not `name = value`", origin, start);
    *equals = '\0';
    char *name = trim(start), *value = trim(equals + 1);
    if (strcmp(name, "include") == 0)
        return include(options, value, path, origin, err);
    if (find_row(options, name, strlen(name)) == SIZE_MAX && options->tolerated != NULL &&
        options->tolerated(name))
        return 0;
    return options_set(options, name, value, origin, err);
}

/* Certificates may stand in the same file, for whoever reads those from it. */
static bool is_pem(const char *line, bool *pem)
{
    bool was = *pem;

    if (strncmp(line, "-----BEGIN ", 11) == 0)
        *pem = true;
    else if (was && strncmp(line, "-----END ", 9) == 0)
        *pem = false;
    return was || *pem;
}

static int parse_file(struct options *options, const char *path, struct err *err)
{
    struct buf content = BUF_INIT;
    int result = -1;
    unsigned number = 0;
    bool pem = false;

    if (file_read(&content, path, CONFIG_FILE_MAX, err))
        goto done;
    buf_str(&content);
    if (memchr(content.data, '\0', content.len)) {
        err_set(err, "'%s' holds a zero byte: not a configuration file", path);
        goto done;
    }
    char *line = (char *)content.data;
    while (line) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        char *origin = xasprintf("%s:%u", path, ++number);
        int wrong = is_pem(line, &pem) ? 0 : parse_line(options, line, path, origin, err);
        free(origin);
        if (wrong)
            goto done;
        line = end;
    }
    result = pem ? err_set(err, "%s: a PEM block has no end", path) : 0;
done:
    buf_free(&content);
    return result;
}

static char *env_name(const struct options *options, const char *option)
{
    char *name = xasprintf("%s_%s", options->env_prefix, option);

    for (char *at = name; *at; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    return name;
}

static int parse_environment(struct options *options, struct err *err)
{
    for (size_t i = 0; options->env_prefix && i < options->count; i++) {
        char *name = env_name(options, options->rows[i].name);
        const char *text = getenv(name);
        int wrong = text ? set_row(options, i, text, "environment", err) : 0;
        free(name);
        if (wrong)
            return -1;
    }
    return 0;
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] == '-' && argument[2];
}

static int parse_environment_config(struct options *options, struct err *err)
{
    char *name = options->env_prefix ? env_name(options, "config") : NULL;
    const char *path = name ? getenv(name) : NULL;
    int result = path && *path ? parse_file(options, path, err) : 0;
    if (result)
        err_wrap(err, "%s", name);
    free(name);
    return result;
}

/* --config FILE is read before everything else on the command line. */
static int parse_config(struct options *options, int argc, char **argv, struct err *err)
{
    if (parse_environment_config(options, err))
        return -1;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *path = NULL;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            path = argv[++i];
        else if (strncmp(argv[i], "--config=", 9) == 0)
            path = argv[i] + 9;
        else if (strcmp(argv[i], "--config") == 0)
            return err_set(err, "command line: --config needs a file");
        if (path && parse_file(options, path, err))
            return -1;
    }
    return 0;
}

static int unknown_option(const struct options *options, const char *name, size_t len,
                          struct err *err)
{
    char *typed = xasprintf("%.*s", (int)len, name);
    err_set(err, "command line: unknown option --%.60s, see --help", typed);
    suggest(options, typed, err);
    free(typed);
    return -1;
}

/* argv[index] is an option: sets it and returns how many arguments it took, -1 where wrong. */
static int parse_option(struct options *options, int argc, char **argv, int index, struct err *err)
{
    const char *name = argv[index] + 2;
    size_t len = strcspn(name, "=");
    size_t row = find_row(options, name, len);

    if (len == 6 && strncmp(name, "config", 6) == 0)
        return name[len] ? 1 : 2;
    if (row == SIZE_MAX)
        return unknown_option(options, name, len, err);
    if (name[len] == '=')
        return set_row(options, row, name + len + 1, "command line", err) ? -1 : 1;
    if (options->rows[row].type == OPTION_TYPE_FLAG)
        return set_row(options, row, "true", "command line", err) ? -1 : 1;
    if (index + 1 >= argc)
        return err_set(err, "command line: --%s needs a value", name);
    return set_row(options, row, argv[index + 1], "command line", err) ? -1 : 2;
}

static int parse_arguments(struct options *options, int *ret_argc, int argc, char **argv,
                           bool *ret_dump, struct err *err)
{
    int kept = 0;
    bool only_plain = false;

    for (int i = 1; i < argc;) {
        if (only_plain || !is_option(argv[i])) {
            if (!only_plain && strcmp(argv[i], "--") == 0)
                only_plain = true;
            else
                argv[1 + kept++] = argv[i];
            i++;
            continue;
        }
        if (strcmp(argv[i], "--dump-config") == 0) {
            *ret_dump = true;
            i++;
            continue;
        }
        int taken = parse_option(options, argc, argv, i, err);
        if (taken < 0)
            return -1;
        i += taken;
    }
    *ret_argc = kept;
    return 0;
}

static bool asked_for(const char *option, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

enum options_result options_parse(struct options *options, int *ret_argc, int argc, char **argv,
                                  struct err *err)
{
    bool dump = false;

    if (asked_for("--help", argc, argv)) {
        options_help(options, stdout);
        return OPTIONS_EXIT;
    }
    if (asked_for("--version", argc, argv)) {
        puts("amr-ledger " AMR_VERSION);
        return OPTIONS_EXIT;
    }
    if (asked_for("--man", argc, argv)) {
        options_manual(options, stdout);
        return OPTIONS_EXIT;
    }
    if (parse_config(options, argc, argv, err) || parse_environment(options, err) ||
        parse_arguments(options, ret_argc, argc, argv, &dump, err))
        return OPTIONS_WRONG;
    if (dump) {
        options_dump(options, stdout);
        return OPTIONS_EXIT;
    }
    return OPTIONS_RUN;
}

const char *option_value_word(enum option_type type)
{
    static const char *const words[] = {"", "TEXT", "N", "N", "LIST"};

    return words[type];
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

void options_take(struct options *options, const struct options *fresh,
                  void (*on_change)(void *cookie, const char *name, const char *from,
                                    const char *to, bool taken),
                  void *cookie)
{
    for (size_t i = 0; i < options->count; i++) {
        const struct option_row *row = &options->rows[i];
        struct value *value = &options->values[i];
        const struct value *other = &fresh->values[i];
        if (same_text(value->text, other->text))
            continue;
        bool taken = row->live && other->text;
        on_change(cookie, row->name, value->text, other->text, taken);
        if (!taken)
            continue;
        free(value->text);
        free(value->origin);
        *value = (struct value){xstrdup(other->text), xstrdup(other->origin)};
        (void)!store_value(options, row, value->text, NULL); /* it parsed before */
    }
}

void options_help(const struct options *options, FILE *out)
{
    fprintf(out, "usage: %s\n\noptions:\n", options->usage);
    fprintf(out, "  --config FILE\n      read `name = value` lines from FILE\n");
    for (size_t i = 0; i < options->count; i++) {
        const struct option_row *row = &options->rows[i];
        const char *word = option_value_word(row->type);
        fprintf(out, "  --%s%s%s\n      %s%s", row->name, *word ? " " : "", word, row->help,
                row->live ? " [live]" : "");
        if (row->fallback && *row->fallback && row->type != OPTION_TYPE_FLAG)
            fprintf(out, " (default %s)", row->fallback);
        fputc('\n', out);
    }
    fprintf(out, "  --dump-config\n      print every option, its value and where it came from\n"
                 "  --help, --man, --version\n");
    if (options->env_prefix)
        fprintf(out, "\nEach option can also stand in the environment, as %s_NAME.\n",
                options->env_prefix);
}

void options_dump(const struct options *options, FILE *out)
{
    for (size_t i = 0; i < options->count; i++) {
        const struct value *value = &options->values[i];
        if (value->text)
            fprintf(out, "# %s\n%s = %s\n", value->origin, options->rows[i].name, value->text);
        else
            fprintf(out, "# not set\n# %s =\n", options->rows[i].name);
    }
}

/* The usage's parts are what a manual page has, too. */
void options_manual(const struct options *options, FILE *out)
{
    const char *blank = strstr(options->usage, "\n\n");
    const char *summary = blank ? blank + 2 : "";
    const char *more = strstr(summary, "\n\n");
    char *program = xasprintf("%.*s", (int)strcspn(options->usage, " \n"), options->usage);
    char *synopsis = xasprintf("%.*s", (int)(blank ? blank - options->usage : 0), options->usage);
    char *line = xasprintf("%.*s", (int)(more ? more - summary : (long)strlen(summary)), summary);
    struct manual manual = {
        .program = program,
        .section = "8",
        .summary = line,
        .synopsis = synopsis,
        .description = more ? more + 2 : NULL,
        .env_prefix = options->env_prefix,
        .see_also = "amrctl(1), amr-bridge(8), amr-meter(8), mosquitto(8)",
    };
    manual_begin(out, &manual);
    manual_section(out, "OPTIONS");
    manual_rows(out, options->rows, options->count);
    manual_end(out, &manual);
    free(program);
    free(synopsis);
    free(line);
}
