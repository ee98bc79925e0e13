#include "chain-bridge/ctl_bundle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/file.h"
#include "common/options.h"

#define CONF_MAX 65536

static const char *skip_blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

char *ctl_bundle_value(const struct buf *conf, const char *name)
{
    const char *at = (const char *)conf->data;
    const char *end = at + conf->len;
    size_t len = strlen(name);
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end != NULL ? line_end : end;
        const char *start = skip_blank(at, line_end);
        const char *after = start + len;
        if (after < line_end && memcmp(start, name, len) == 0) {
            after = skip_blank(after, line_end);
            if (after < line_end && *after == '=') {
                after = skip_blank(after + 1, line_end);
                while (line_end > after && strchr(" \t\r", line_end[-1]) != NULL)
                    line_end--;
                return xasprintf("%.*s", (int)(line_end - after), after);
            }
        }
        at = line_end + (line_end < end);
    }
    return NULL;
}

int ctl_bundle_meter(uint32_t *ret_meter, bool *ret_known, const char *folder, const char *serial,
                     const char *contract, struct err *err)
{
    struct buf conf = BUF_INIT;
    uint64_t meter = 0;
    char *path = xasprintf("%s/%s.conf", folder, serial);
    int result = access(path, F_OK) == 0 ? file_read(&conf, path, CONF_MAX, err) : 0;
    char *id = ctl_bundle_value(&conf, "meter");
    char *ledger = ctl_bundle_value(&conf, "contract");
    *ret_known = result == 0 && id != NULL && ledger != NULL && strcasecmp(ledger, contract) == 0;
    if (*ret_known && parse_u64(&meter, id, 65536, UINT32_MAX, err) != 0)
        result = err_wrap(err, "'%s': meter", path);
    if (*ret_known && result == 0)
        *ret_meter = (uint32_t)meter;
    free(id);
    free(ledger);
    free(path);
    buf_free(&conf);
    return result;
}
