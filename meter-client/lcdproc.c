#include "meter-client/lcdproc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "meter-client/port.h"

#define LINE_LEN 256
#define KEYS_MAX 8

struct lcdproc {
    struct port *port;
    const struct clock *clock;
    bool greeted; /* "hello" is sent */
    bool ready;   /* and answered: the widgets are there */
    bool failed;  /* said already */
    struct screen_rows shown;
    size_t len;
    char line[LINE_LEN];
    enum screen_key keys[KEYS_MAX];
    unsigned key_count;
};

int lcdproc_new(struct lcdproc **ret_lcdproc, const char *address, const struct clock *clock,
                struct err *err)
{
    struct lcdproc *lcdproc = xcalloc(1, sizeof(*lcdproc));
    char *tcp = xasprintf("tcp://%s", address);
    struct port_config config = {
        .address = tcp, .clock = clock, .line = {.baud = 9600}, .write = true};
    int rc = port_new(&lcdproc->port, &config, err);

    free(tcp);
    lcdproc->clock = clock;
    if (rc) {
        lcdproc_free(lcdproc);
        return err_wrap(err, "display 'lcdproc://%s'", address);
    }
    *ret_lcdproc = lcdproc;
    return 0;
}

void lcdproc_free(struct lcdproc *lcdproc)
{
    if (!lcdproc)
        return;
    port_free(lcdproc->port);
    free(lcdproc);
}

int lcdproc_fd(const struct lcdproc *lcdproc)
{
    return port_fd(lcdproc->port);
}

short lcdproc_events(const struct lcdproc *lcdproc)
{
    return port_events(lcdproc->port);
}

uint64_t lcdproc_due_ms(const struct lcdproc *lcdproc)
{
    return port_due_ms(lcdproc->port);
}

static void lost(struct lcdproc *lcdproc)
{
    lcdproc->greeted = false;
    lcdproc->ready = false;
    lcdproc->len = 0;
}

static int say(struct lcdproc *lcdproc, const char *text, struct err *err)
{
    if (port_write(lcdproc->port, text, strlen(text), err) == 0)
        return 0;
    lost(lcdproc);
    return -1;
}

/** After "connect ...": one screen with a string a row, and the keys. */
static int set_up(struct lcdproc *lcdproc, struct err *err)
{
    static const char *const LINES[] = {
        "client_set -name amr-meter\n",
        "screen_add m\n",
        "screen_set m -heartbeat off\n",
        "screen_set m -backlight on\n",
        "widget_add m 1 string\n",
        "widget_add m 2 string\n",
        "widget_add m 3 string\n",
        "widget_add m 4 string\n",
        "client_add_key -shared Right Left\n",
        "client_add_key -shared Enter\n",
    };

    memset(&lcdproc->shown, 0, sizeof(lcdproc->shown));
    for (size_t i = 0; i < AMR_COUNT(LINES); i++) {
        if (say(lcdproc, LINES[i], err))
            return -1;
    }
    lcdproc->ready = true;
    lcdproc->failed = false;
    port_settled(lcdproc->port);
    return 0;
}

static enum screen_key key_of(const char *name)
{
    if (strcmp(name, "Right") == 0)
        return KEY_NEXT;
    if (strcmp(name, "Left") == 0)
        return KEY_BACK;
    return strcmp(name, "Enter") == 0 ? KEY_CONFIRM : KEY_NONE;
}

/** What the server says: its greeting and keys matter, all else does not. */
static int take_line(struct lcdproc *lcdproc, struct err *err)
{
    if (strncmp(lcdproc->line, "connect ", 8) == 0 && !lcdproc->ready)
        return set_up(lcdproc, err);
    if (strncmp(lcdproc->line, "key ", 4) == 0 && lcdproc->key_count < KEYS_MAX)
        lcdproc->keys[lcdproc->key_count++] = key_of(lcdproc->line + 4);
    return 0;
}

static int take(struct lcdproc *lcdproc, const char *bytes, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != '\n') {
            /* What is too long is none of what we know: its rest is read and cut. */
            if (lcdproc->len < LINE_LEN - 1 && bytes[i] != '\r')
                lcdproc->line[lcdproc->len++] = bytes[i];
            continue;
        }
        lcdproc->line[lcdproc->len] = 0;
        lcdproc->len = 0;
        if (take_line(lcdproc, err))
            return -1;
    }
    return 0;
}

static int work(struct lcdproc *lcdproc, struct err *err)
{
    char bytes[512];
    ssize_t got;
    int ready = port_work(lcdproc->port, err);

    if (ready <= 0) {
        if (port_fd(lcdproc->port) < 0)
            lost(lcdproc);
        return ready;
    }
    if (!lcdproc->greeted) {
        lcdproc->greeted = true;
        if (say(lcdproc, "hello\n", err))
            return -1;
    }
    got = port_read(lcdproc->port, bytes, sizeof(bytes), err);
    if (got < 0)
        lost(lcdproc);
    return got > 0 ? take(lcdproc, bytes, (size_t)got, err) : (int)got;
}

enum screen_key lcdproc_work(struct lcdproc *lcdproc, int *ret_failed, struct err *err)
{
    enum screen_key key;
    bool told = lcdproc->failed;

    *ret_failed = 0;
    if (work(lcdproc, err)) {
        *ret_failed = told ? 0 : -1;
        lcdproc->failed = true;
    }
    if (lcdproc->key_count == 0)
        return KEY_NONE;
    key = lcdproc->keys[0];
    memmove(lcdproc->keys, lcdproc->keys + 1, --lcdproc->key_count * sizeof(key));
    return key;
}

void lcdproc_show(struct lcdproc *lcdproc, const struct screen_rows *rows)
{
    for (int i = 0; i < SCREEN_ROWS && lcdproc->ready; i++) {
        char text[SCREEN_COLUMNS + 1];
        char line[PORT_WRITE_MAX];

        if (strcmp(lcdproc->shown.row[i], rows->row[i]) == 0)
            continue;
        memcpy(text, rows->row[i], sizeof(text));
        for (char *c = text; *c; c++)
            *c = *c == '{' || *c == '}' || *c == '\\' || *c == '"' ? '\'' : *c;
        snprintf(line, sizeof(line), "widget_set m %d 1 %d {%s}\n", i + 1, i + 1, text);
        if (say(lcdproc, line, NULL) == 0)
            memcpy(lcdproc->shown.row[i], rows->row[i], sizeof(lcdproc->shown.row[i]));
    }
}
