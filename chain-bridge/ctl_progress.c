#include "chain-bridge/ctl_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVERY_MS  200
#define BAR_MAX   24
#define WIDTH_MIN 40

struct ctl_progress {
    const struct clock *clock;
    bool shown; /* standard error is a terminal that can go back to a line's begin */
    bool color;
    bool dirty; /* a line stands there */
    const char *what;
    const char *unit;
    uint64_t total;
    uint64_t begun_ms;
    uint64_t drawn_ms;
    uint64_t first; /* done at the first report: what a resumed run did not do itself */
    bool first_known;
};

static bool is_terminal(FILE *out)
{
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && term != NULL && strcmp(term, "dumb") != 0;
}

bool ctl_color(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    return is_terminal(out) && (no_color == NULL || *no_color == '\0');
}

struct ctl_progress *ctl_progress_new(const struct clock *clock)
{
    struct ctl_progress *progress = xcalloc(1, sizeof(*progress));
    progress->clock = clock;
    progress->shown = is_terminal(stderr);
    progress->color = ctl_color(stderr);
    return progress;
}

void ctl_progress_free(struct ctl_progress *progress)
{
    if (progress == NULL)
        return;
    ctl_progress_end(progress);
    free(progress);
}

void ctl_progress_begin(struct ctl_progress *progress, const char *what, const char *unit,
                        uint64_t total)
{
    ctl_progress_end(progress);
    progress->what = what;
    progress->unit = unit;
    progress->total = total;
    progress->begun_ms = clock_mono_ms(progress->clock);
    progress->drawn_ms = 0;
    progress->first_known = false;
}

static unsigned terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < WIDTH_MIN)
        return 79;
    return size.ws_col - 1u;
}

void ctl_progress_set(struct ctl_progress *progress, uint64_t done)
{
    uint64_t now = clock_mono_ms(progress->clock);
    if (!progress->first_known) {
        progress->first = done;
        progress->first_known = true;
    }
    if (!progress->shown || now - progress->drawn_ms < EVERY_MS)
        return;
    struct buf line = BUF_INIT;
    uint64_t total = progress->total > progress->first ? progress->total - progress->first : 0;
    ctl_progress_line(&line, progress->what, progress->unit, done - progress->first, total,
                      now - progress->begun_ms, terminal_width(), progress->color);
    fprintf(stderr, "\r%s\033[K", buf_str(&line));
    fflush(stderr);
    buf_free(&line);
    progress->drawn_ms = now;
    progress->dirty = true;
}

void ctl_progress_end(struct ctl_progress *progress)
{
    if (progress->dirty)
        fputs("\r\033[K", stderr);
    progress->dirty = false;
}

char *ctl_count_text(char text[CTL_COUNT_TEXT], uint64_t count)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *at = text;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

static void put_left(struct buf *out, uint64_t seconds)
{
    if (seconds >= 3600)
        buf_printf(out, "  %" PRIu64 ":%02u:%02u left", seconds / 3600,
                   (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    else
        buf_printf(out, "  %u:%02u left", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
}

static void put_bar(struct buf *out, unsigned width, uint64_t done, uint64_t total, bool color)
{
    unsigned full = (unsigned)((double)done / (double)total * width);
    buf_printf(out, "  [%s", color ? "\033[32m" : "");
    for (unsigned i = 0; i < width; i++)
        buf_append_u8(out, i < full ? '#' : '-');
    buf_printf(out, "%s]", color ? "\033[0m" : "");
}

void ctl_progress_line(struct buf *out, const char *what, const char *unit, uint64_t done,
                       uint64_t total, uint64_t elapsed_ms, unsigned width, bool color)
{
    struct buf tail = BUF_INIT;
    char count[CTL_COUNT_TEXT];
    if (total == 0)
        total = 1;
    if (done > total)
        done = total;
    double rate = elapsed_ms > 0 ? (double)done * 1000 / (double)elapsed_ms : 0;
    buf_printf(&tail, " %3u %%  %s %s/s", (unsigned)(done * 100 / total),
               ctl_count_text(count, (uint64_t)rate), unit);
    if (rate > 0 && elapsed_ms >= 1000)
        put_left(&tail, (uint64_t)((double)(total - done) / rate + 0.5));
    size_t used = strlen(what) + tail.len + 4;
    buf_append(out, what, strlen(what));
    if (used + 4 <= width)
        put_bar(out, (unsigned)(width - used < BAR_MAX ? width - used : BAR_MAX), done, total,
                color);
    buf_append(out, tail.data, tail.len);
    buf_free(&tail);
}
