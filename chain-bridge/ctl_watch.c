#include "chain-bridge/ctl_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "chain-bridge/ctl_feed.h"
#include "chain-bridge/ctl_screen.h"
#include "common/json.h"

#define REDRAW_MS  250
#define SUMMARY_MS 10000
#define TAKE_MS    50

struct config {
    struct ctl_feed_config feed;
    uint32_t seconds;
    bool json;
};

struct watch {
    const struct clock *clock;
    struct board *board;
    struct ctl_feed *feed;
    sigset_t signals;
    bool live; /* draws on a terminal; else prints lines */
    bool json; /* the messages themselves, one a line */
    bool colour;
    bool unicode;
};

/* The signals are blocked before any thread starts and fetched here, between two messages. */
static bool asked_to_stop(const struct watch *watch)
{
    static const struct timespec NOW = {0, 0};
    int number;
    while ((number = sigtimedwait(&watch->signals, NULL, &NOW)) > 0) {
        if (number != SIGWINCH)
            return true;
    }
    return false;
}

static void write_all(const struct buf *text)
{
    size_t done = 0;
    while (done < text->len) {
        ssize_t n = write(STDOUT_FILENO, text->data + done, text->len - done);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        done += n > 0 ? (size_t)n : 0;
    }
}

static void print(const char *text)
{
    struct buf out = BUF_INIT;
    buf_append(&out, text, strlen(text));
    write_all(&out);
    buf_free(&out);
}

static void draw(const struct watch *watch)
{
    struct buf out = BUF_INIT;
    struct winsize size = {0};
    struct screen_view view = {
        .colour = watch->colour,
        .unicode = watch->unicode,
        .now_ms = clock_unix_ms(watch->clock),
    };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    view.width = size.ws_col;
    view.height = size.ws_row;
    screen_draw(watch->board, &out, &view);
    write_all(&out);
    buf_free(&out);
}

static void print_message(const struct ctl_feed_item *item, uint64_t now_ms)
{
    struct buf line = BUF_INIT;
    json_t *payload = json_parse(item->payload, item->len, NULL);
    buf_printf(&line, "{\"t_ms\":%llu,\"topic\":", (unsigned long long)now_ms);
    json_append_string(&line, item->topic);
    buf_printf(&line, ",\"payload\":");
    /* Valid JSON has line breaks between its tokens only. */
    for (size_t i = 0; payload != NULL && i < item->len; i++)
        buf_append_u8(&line, (uint8_t)item->payload[i] < ' ' ? ' ' : (uint8_t)item->payload[i]);
    if (payload == NULL)
        json_append_string(&line, item->payload);
    buf_printf(&line, "}\n");
    json_decref(payload);
    write_all(&line);
    buf_free(&line);
}

static void take_item(struct watch *watch, const struct ctl_feed_item *item)
{
    struct buf line = BUF_INIT;
    char time[CLOCK_TEXT];
    uint64_t now_ms = clock_unix_ms(watch->clock);
    if (watch->json) {
        if (item->kind == CTL_FEED_MESSAGE)
            print_message(item, now_ms);
        return;
    }
    if (item->kind == CTL_FEED_MESSAGE) {
        board_message(watch->board, item->topic, item->payload, item->len, now_ms);
        return;
    }
    bool up = item->kind == CTL_FEED_CONNECTED;
    board_connection(watch->board, up ? item->topic : NULL, item->topic);
    buf_printf(&line, "%s %s %s\n", clock_format_ms(time, now_ms),
               up ? "connected" : "disconnected", item->topic);
    if (!watch->live)
        write_all(&line);
    buf_free(&line);
}

static void show(struct watch *watch, bool summary)
{
    struct buf news = BUF_INIT;
    if (watch->json)
        return;
    board_tell(watch->board, &news);
    if (summary)
        board_sum_up(watch->board, &news, clock_unix_ms(watch->clock));
    if (watch->live)
        draw(watch);
    else
        write_all(&news);
    buf_free(&news);
}

static void loop(struct watch *watch, uint32_t seconds)
{
    uint64_t start_ms = clock_mono_ms(watch->clock);
    uint64_t shown_ms = 0;
    uint64_t summed_ms = start_ms;
    while (!asked_to_stop(watch)) {
        struct ctl_feed_item item;
        if (ctl_feed_take(watch->feed, &item, TAKE_MS)) {
            take_item(watch, &item);
            ctl_feed_item_clear(&item);
        }
        uint64_t now_ms = clock_mono_ms(watch->clock);
        if (seconds != 0 && now_ms - start_ms >= (uint64_t)seconds * 1000)
            return;
        if (shown_ms != 0 && now_ms - shown_ms < REDRAW_MS)
            continue;
        bool summary = now_ms - summed_ms >= SUMMARY_MS;
        show(watch, summary);
        shown_ms = now_ms;
        summed_ms = summary ? now_ms : summed_ms;
    }
}

static bool has_unicode(void)
{
    static const char *const NAMES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < AMR_COUNT(NAMES); i++) {
        const char *value = getenv(NAMES[i]);
        if (value != NULL && *value != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

static void look_at_terminal(struct watch *watch)
{
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    watch->live = isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
    watch->colour = no_colour == NULL || *no_colour == '\0';
    watch->unicode = has_unicode();
}

static void block_signals(struct watch *watch)
{
    sigemptyset(&watch->signals);
    sigaddset(&watch->signals, SIGINT);
    sigaddset(&watch->signals, SIGTERM);
    sigaddset(&watch->signals, SIGHUP);
    sigaddset(&watch->signals, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &watch->signals, NULL);
}

/* The other screen keeps what stood in the terminal before; it comes back at the end. */
static void run_watch(struct watch *watch, uint32_t seconds)
{
    struct buf last = BUF_INIT;
    if (watch->live)
        print("\x1b[?1049h\x1b[?25l\x1b[2J");
    loop(watch, seconds);
    if (watch->live)
        print("\x1b[0m\x1b[?25h\x1b[?1049l");
    if (!watch->json)
        board_sum_up(watch->board, &last, clock_unix_ms(watch->clock));
    write_all(&last);
    buf_free(&last);
}

static int run(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct watch watch = {.clock = ctl->clock, .board = board_new((uint16_t)config->feed.group)};
    block_signals(&watch);
    look_at_terminal(&watch);
    watch.json = config->json;
    watch.live = watch.live && !watch.json;
    watch.feed = ctl_feed_open(&config->feed, err);
    if (watch.feed != NULL)
        run_watch(&watch, config->seconds);
    int code = watch.feed != NULL ? CTL_DONE : CTL_USAGE;
    ctl_feed_close(watch.feed);
    board_free(watch.board);
    return code;
}

static const struct option_row ROWS[] = {
    CTL_FEED_ROWS(struct config),
    OPTION_U32(struct config, seconds, "seconds", "0", 0, 86400, "stop after so long; 0: never"),
    OPTION_FLAG(struct config, json, "json", "print each message as JSON, one a line"),
};

const struct ctl_verb ctl_watch = {
    .name = "watch",
    .usage = "--servers URL,... --ca FILE --cert FILE --key FILE [--group N]",
    .summary = "show a group live: meters, backlog, batches, alarms; Ctrl-C ends",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .run = run,
};
