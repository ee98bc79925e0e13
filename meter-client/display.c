#include "meter-client/display.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "meter-client/lcdproc.h"
#include "meter-client/terminal.h"

#define REFRESH_MS     1000
#define LCDPROC_PREFIX "lcdproc://"

struct display {
    const struct clock *clock;
    struct terminal *terminal;
    struct lcdproc *lcdproc;
    enum screen screen;
    bool armed; /* the relay's screen came up for it */
    struct screen_view view;
    uint64_t due_ms;
};

static int add(struct display *display, const char *word, struct err *err)
{
    if (strcmp(word, "terminal") == 0 && !display->terminal)
        return terminal_new(&display->terminal, STDIN_FILENO, STDOUT_FILENO, err);
    if (strncmp(word, LCDPROC_PREFIX, strlen(LCDPROC_PREFIX)) == 0 && !display->lcdproc)
        return lcdproc_new(&display->lcdproc, word + strlen(LCDPROC_PREFIX), display->clock, err);
    return err_set(err, "display '%s': want terminal or lcdproc://host:port, each once", word);
}

int display_new(struct display **ret_display, const char *list, const char *serial,
                const struct clock *clock, struct err *err)
{
    struct display *display = xcalloc(1, sizeof(*display));
    char *words = xstrdup(list ? list : "");
    char *rest = NULL;
    int rc = 0;

    display->clock = clock;
    display->view.serial = serial;
    for (char *word = strtok_r(words, ", ", &rest); word && rc == 0;
         word = strtok_r(NULL, ", ", &rest))
        rc = add(display, word, err);
    free(words);
    if (rc) {
        display_free(display);
        return -1;
    }
    *ret_display = display;
    return 0;
}

void display_free(struct display *display)
{
    if (!display)
        return;
    terminal_free(display->terminal);
    lcdproc_free(display->lcdproc);
    free(display);
}

void display_error(struct display *display, const char *text)
{
    display->view.error_s = clock_unix_s(display->clock);
    snprintf(display->view.error, sizeof(display->view.error), "%s", text);
    display->due_ms = 0;
}

void display_poll(const struct display *display, struct pollfd ret_fds[DISPLAY_FDS])
{
    ret_fds[0] = (struct pollfd){.fd = -1};
    ret_fds[1] = (struct pollfd){.fd = -1};
    if (display->terminal)
        ret_fds[0] = (struct pollfd){.fd = terminal_fd(display->terminal), .events = POLLIN};
    if (display->lcdproc)
        ret_fds[1] = (struct pollfd){.fd = lcdproc_fd(display->lcdproc),
                                     .events = lcdproc_events(display->lcdproc)};
}

uint64_t display_due_ms(const struct display *display)
{
    uint64_t lcd_ms = display->lcdproc ? lcdproc_due_ms(display->lcdproc) : UINT64_MAX;

    if (!display->terminal && !display->lcdproc)
        return UINT64_MAX;
    return lcd_ms < display->due_ms ? lcd_ms : display->due_ms;
}

static enum screen_key next_key(struct display *display, struct log *log)
{
    enum screen_key key = display->terminal ? terminal_key(display->terminal) : KEY_NONE;
    struct err err = ERR_INIT;
    int failed = 0;

    if (key != KEY_NONE || !display->lcdproc)
        return key;
    key = lcdproc_work(display->lcdproc, &failed, &err);
    if (failed)
        log_unusual(log, "display is away, trying again: %s", err.text);
    return key;
}

/** True where the key confirms. */
static bool take_key(struct display *display, enum screen_key key)
{
    display->due_ms = 0;
    display->screen = screen_after(display->screen, key);
    return key == KEY_CONFIRM && display->screen == SCREEN_RELAY && display->armed;
}

static void show(struct display *display)
{
    struct screen_rows rows;

    display->view.now_s = clock_unix_s(display->clock);
    screen_render(&rows, display->screen, &display->view);
    if (display->terminal)
        terminal_show(display->terminal, &rows);
    if (display->lcdproc)
        lcdproc_show(display->lcdproc, &rows);
}

bool display_work(struct display *display, const struct agent *agent, struct log *log)
{
    uint64_t now_ms = clock_mono_ms(display->clock);
    bool confirmed = false;
    bool armed;
    enum screen_key key;

    if (!display->terminal && !display->lcdproc)
        return false;
    while ((key = next_key(display, log)) != KEY_NONE)
        confirmed = take_key(display, key) || confirmed;
    if (now_ms < display->due_ms)
        return confirmed;
    agent_status(agent, &display->view.status);
    armed = display->view.status.control == CONTROL_READY;
    if (armed && !display->armed)
        display->screen = SCREEN_RELAY;
    display->armed = armed;
    show(display);
    display->due_ms = now_ms + REFRESH_MS;
    return confirmed;
}
