#include "chain-bridge/ctl_serials.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chain-bridge/ctl.h"
#include "common/file.h"
#include "common/json.h"

#define CONF_MAX 65536
#define FILE_MAX (64 << 20)

struct pair {
    char serial[SERIAL_MAX + 1];
    uint32_t meter;
};

struct ctl_serials {
    struct pair *by_serial;
    struct pair *by_meter;
    size_t count;
    size_t capacity;
};

static int add(struct ctl_serials *serials, const char *serial, uint32_t meter, struct err *err)
{
    if (!serial_valid(serial))
        return err_set(err, "'%.40s' is no serial", serial);
    if (serials->count == serials->capacity) {
        serials->capacity = serials->capacity > 0 ? 2 * serials->capacity : 64;
        serials->by_serial =
            xrealloc(serials->by_serial, serials->capacity * sizeof(*serials->by_serial));
    }
    struct pair *pair = &serials->by_serial[serials->count++];
    memset(pair, 0, sizeof(*pair));
    snprintf(pair->serial, sizeof(pair->serial), "%s", serial);
    pair->meter = meter;
    return 0;
}

/* A line without the blanks around it. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* CONF: lines `name = value` */

static int take_conf(struct ctl_serials *serials, char *text, struct err *err)
{
    char *serial = NULL;
    char *meter_text = NULL;
    char *rest = NULL;
    uint32_t meter = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');
        if (equals == NULL || *trim(line) == '#')
            continue;
        *equals = '\0';
        if (strcmp(trim(line), "serial") == 0)
            serial = trim(equals + 1);
        else if (strcmp(trim(line), "meter") == 0)
            meter_text = trim(equals + 1);
    }
    if (serial == NULL || meter_text == NULL)
        return err_set(err, "has no serial or no meter");
    if (ctl_meter_parse(&meter, meter_text, err) != 0)
        return -1;
    return add(serials, serial, meter, err);
}

static int load_conf(struct ctl_serials *serials, const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    int result = file_read(&text, path, CONF_MAX, err);
    if (result == 0) {
        buf_str(&text);
        result = take_conf(serials, (char *)text.data, err);
        if (result != 0)
            err_wrap(err, "'%s'", path);
    }
    buf_free(&text);
    return result;
}

static bool is_conf(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

static int select_conf(const struct dirent *entry)
{
    return is_conf(entry->d_name);
}

/* Other configurations may lie beside the bundles: those without a meter are passed over. */
static int load_folder(struct ctl_serials *serials, const char *path, struct err *err)
{
    struct dirent **entries = NULL;
    size_t before = serials->count;
    int count = scandir(path, &entries, select_conf, alphasort);
    for (int i = 0; i < count; i++) {
        char *file = xasprintf("%s/%s", path, entries[i]->d_name);
        (void)load_conf(serials, file, NULL);
        free(file);
        free(entries[i]);
    }
    free(entries);
    if (serials->count == before)
        return err_set(err, "no SERIAL.conf in folder '%s'", path);
    return 0;
}

/* CSV AND JSON */

static int take_csv(struct ctl_serials *serials, char *text, struct err *err)
{
    char *rest = NULL;
    unsigned number = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *comma = strchr(line, ',');
        uint32_t meter = 0;
        number++;
        if (*trim(line) == '\0' || *trim(line) == '#')
            continue;
        if (comma == NULL)
            return err_set(err, "line %u: serial,meter is wanted", number);
        *comma = '\0';
        char *value = trim(comma + 1);
        value[strcspn(value, ",")] = '\0';
        if (number == 1 && strcmp(trim(line), "serial") == 0)
            continue;
        if (ctl_meter_parse(&meter, trim(value), err) != 0 ||
            add(serials, trim(line), meter, err) != 0)
            return err_wrap(err, "line %u", number);
    }
    return 0;
}

static int take_json(struct ctl_serials *serials, const struct buf *text, struct err *err)
{
    json_t *root = json_parse(text->data, text->len, err);
    int result = root != NULL ? 0 : -1;
    if (root != NULL && !json_is_array(root))
        result = err_set(err, "an array of objects with serial and meter is wanted");
    for (size_t i = 0; result == 0 && i < json_array_size(root); i++) {
        const json_t *item = json_array_get(root, i);
        const char *serial = json_string_value(json_object_get(item, "serial"));
        json_int_t meter = json_integer_value(json_object_get(item, "meter"));
        if (serial == NULL || meter < 65536 || meter > (json_int_t)UINT32_MAX)
            result = err_set(err, "object %zu has no serial or no meter", i + 1);
        else
            result = add(serials, serial, (uint32_t)meter, err);
    }
    json_decref(root);
    return result;
}

static int load_table(struct ctl_serials *serials, const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    int result = file_read(&text, path, FILE_MAX, err);
    if (result == 0) {
        buf_str(&text);
        const char *begin = (const char *)text.data + strspn((const char *)text.data, " \t\r\n");
        result = *begin == '[' || *begin == '{' ? take_json(serials, &text, err)
                                                : take_csv(serials, (char *)text.data, err);
        if (result != 0)
            err_wrap(err, "'%s'", path);
    }
    buf_free(&text);
    return result;
}

/* WHOLE */

static int compare_serial(const void *a, const void *b)
{
    const struct pair *first = a;
    const struct pair *second = b;
    int order = strcmp(first->serial, second->serial);
    return order != 0 ? order : (first->meter > second->meter) - (first->meter < second->meter);
}

static int compare_meter(const void *a, const void *b)
{
    const struct pair *first = a;
    const struct pair *second = b;
    return (first->meter > second->meter) - (first->meter < second->meter);
}

static int sort(struct ctl_serials *serials, struct err *err)
{
    size_t kept = 0;
    if (serials->count == 0)
        return 0;
    struct pair *list = serials->by_serial;
    qsort(list, serials->count, sizeof(*list), compare_serial);
    for (size_t i = 0; i < serials->count; i++) {
        if (kept == 0 || compare_serial(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
        if (kept > 1 && strcmp(list[kept - 1].serial, list[kept - 2].serial) == 0)
            return err_set(err, "serial %s is given for meters %" PRIu32 " and %" PRIu32,
                           list[kept - 1].serial, list[kept - 2].meter, list[kept - 1].meter);
    }
    serials->count = kept;
    serials->by_meter = xmalloc(kept * sizeof(*list));
    memcpy(serials->by_meter, list, kept * sizeof(*list));
    qsort(serials->by_meter, kept, sizeof(*list), compare_meter);
    for (size_t i = 1; i < kept; i++) {
        if (serials->by_meter[i].meter == serials->by_meter[i - 1].meter)
            return err_set(err, "meter %" PRIu32 " is given for serials %s and %s",
                           serials->by_meter[i].meter, serials->by_meter[i - 1].serial,
                           serials->by_meter[i].serial);
    }
    return 0;
}

static int load(struct ctl_serials *serials, const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return err_errno(err, "'%s'", path);
    if (S_ISDIR(info.st_mode))
        return load_folder(serials, path, err);
    return is_conf(path) ? load_conf(serials, path, err) : load_table(serials, path, err);
}

struct ctl_serials *ctl_serials_load(const char *paths, struct err *err)
{
    struct ctl_serials *serials = xcalloc(1, sizeof(*serials));
    int result = 0;
    while (result == 0 && paths != NULL && *paths != '\0') {
        size_t len = strcspn(paths, ",");
        char *path = xasprintf("%.*s", (int)len, paths);
        result = load(serials, path, err);
        free(path);
        paths += len + (paths[len] == ',');
    }
    if (result == 0 && sort(serials, err) == 0)
        return serials;
    err_wrap(err, "serials");
    ctl_serials_free(serials);
    return NULL;
}

void ctl_serials_free(struct ctl_serials *serials)
{
    if (serials == NULL)
        return;
    free(serials->by_serial);
    free(serials->by_meter);
    free(serials);
}

static const struct pair *find(const struct pair *list, size_t count, const struct pair *wanted,
                               int (*compare)(const void *a, const void *b))
{
    return count > 0 ? bsearch(wanted, list, count, sizeof(*list), compare) : NULL;
}

const char *ctl_serials_name(const struct ctl_serials *serials, uint32_t meter)
{
    const struct pair wanted = {.meter = meter};
    const struct pair *pair = find(serials->by_meter, serials->count, &wanted, compare_meter);
    return pair != NULL ? pair->serial : NULL;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->serial, ((const struct pair *)b)->serial);
}

int ctl_serials_meter(const struct ctl_serials *serials, uint32_t *ret_meter, const char *text,
                      struct err *err)
{
    struct pair wanted = {.meter = 0};
    struct err other = ERR_INIT;
    snprintf(wanted.serial, sizeof(wanted.serial), "%.*s", SERIAL_MAX, text);
    const struct pair *pair = find(serials->by_serial, serials->count, &wanted, compare_text);
    if (pair != NULL && strcmp(pair->serial, text) == 0) {
        *ret_meter = pair->meter;
        return 0;
    }
    if (ctl_meter_parse(ret_meter, text, &other) == 0)
        return 0;
    if (!serial_valid(text))
        return err_set(err, "%s", other.text);
    return err_set(err,
                   "'%s' is no meter id (65537 or 1/1); for serials give --serials: the folder of "
                   "enrol's files, or a file with serial,meter",
                   text);
}
