#include "chain-bridge/reload.h"

#include <string.h>

struct changes {
    const struct reload *reload;
    int taken;
};

static const char *shown(char *out, size_t size, const char *text)
{
    return text ? log_quote(out, size, text, strlen(text)) : "none";
}

static void tell_change(void *cookie, const char *name, const char *from, const char *to,
                        bool taken)
{
    struct changes *changes = cookie;
    char before[200], after[200];
    changes->taken += taken;
    const char *was = shown(before, sizeof(before), from), *is = shown(after, sizeof(after), to);
    if (taken)
        log_info(changes->reload->log, "reload: %s is %s, was %s", name, is, was);
    else
        log_unusual(changes->reload->log, "reload: %s stays %s until a restart makes it %s", name,
                    was, is);
}

static int take(const struct reload *reload, const struct options *fresh)
{
    struct changes changes = {reload, 0};
    struct err err = ERR_INIT;
    options_take(reload->options, fresh, tell_change, &changes);
    if (config_check(reload->config, &err) < 0) {
        log_broken(reload->log, "reload: %s", err.text); /* the fresh one was good */
        return -1;
    }
    if (changes.taken == 0)
        log_info(reload->log, "reload: nothing changed");
    return changes.taken;
}

int reload_config(const struct reload *reload)
{
    struct err err = ERR_INIT;
    struct config config = {0};
    struct options *fresh = config_options(&config);
    int taken = -1;
    if (config_read(fresh, &config, reload->argc, reload->argv, &err) == OPTIONS_RUN)
        taken = take(reload, fresh);
    else
        log_unusual(reload->log, "reload: the old configuration stays: %s", err.text);
    options_free(fresh);
    return taken;
}
