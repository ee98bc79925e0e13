#include "chain-bridge/ctl_screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ctl_board_internal.h"
#include "common/clock.h"

#define PLAIN  "0"
#define BOLD   "1"
#define DIM    "2"
#define BAR    "1;37;44"
#define GREEN  "32"
#define YELLOW "33"
#define RED    "1;31"
#define CYAN   "36"

#define BATCH_ROWS 4
#define ALARM_ROWS 3

/* A screen in the making: `left` columns are free on the line, `lines` lines in the window. */
struct screen {
    const struct board *board;
    const struct screen_view *view;
    struct buf *out;
    unsigned left;
    unsigned lines;
};

static void style(struct screen *screen, const char *code)
{
    if (screen->view->colour)
        buf_printf(screen->out, "\x1b[%sm", code);
}

/* ASCII text, cut at the end of the line. */
static void put(struct screen *screen, const char *format, ...) AMR_PRINTF(2, 3);
static void put(struct screen *screen, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    size_t len = strlen(text);
    if (len > screen->left)
        len = screen->left;
    buf_append(screen->out, text, len);
    screen->left -= (unsigned)len;
}

/* One character cell: a glyph, or its stand-in where the terminal has no Unicode. */
static void put_glyph(struct screen *screen, const char *glyph, char instead)
{
    if (screen->left == 0)
        return;
    if (screen->view->unicode)
        buf_append(screen->out, glyph, strlen(glyph));
    else
        buf_append_u8(screen->out, (uint8_t)instead);
    screen->left--;
}

static void put_styled(struct screen *screen, const char *code, const char *text)
{
    style(screen, code);
    put(screen, "%s", text);
    style(screen, PLAIN);
}

static void end_line(struct screen *screen)
{
    buf_printf(screen->out, "\x1b[K");
    if (screen->lines > 0)
        screen->lines--;
    if (screen->lines > 0)
        buf_printf(screen->out, "\r\n");
    screen->left = screen->view->width;
}

/* TEXT */

/* 1234567 -> "1,234,567"; returns text. */
static const char *grouped(char text[32], uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

static const char *age_text(char text[24], uint64_t seconds)
{
    if (seconds < 100)
        snprintf(text, 24, "%u s", (unsigned)seconds);
    else if (seconds < 6000)
        snprintf(text, 24, "%u min", (unsigned)(seconds / 60));
    else if (seconds < 360000)
        snprintf(text, 24, "%u h", (unsigned)(seconds / 3600));
    else
        snprintf(text, 24, "%" PRIu64 " d", seconds / 86400);
    return text;
}

static const char *kwh_text(char text[32], uint64_t wh)
{
    snprintf(text, 32, "%" PRIu64 ".%03" PRIu64, wh / 1000, wh % 1000);
    return text;
}

/* HEAD */

static void draw_bar(struct screen *screen)
{
    const struct board *board = screen->board;
    char time[CLOCK_TEXT];
    clock_format_ms(time, screen->view->now_ms);
    style(screen, BAR);
    put(screen, " AMR Ledger   group %u   ", (unsigned)board->group);
    put_glyph(screen, board->server[0] != '\0' ? "\u25cf" : "\u25cb", '*');
    put(screen, " %s%s", board->server[0] != '\0' ? "" : "no broker: ",
        board->server[0] != '\0' ? board->server : board->text);
    unsigned clock_len = 14;
    while (screen->left > clock_len)
        put(screen, " ");
    if (screen->left >= clock_len)
        put(screen, "%.8s UTC  ", time + 11);
    style(screen, PLAIN);
    end_line(screen);
    end_line(screen);
}

static void put_label(struct screen *screen, const char *label)
{
    style(screen, DIM);
    put(screen, " %-9s ", label);
    style(screen, PLAIN);
}

static void put_number(struct screen *screen, const char *code, uint64_t value, const char *what)
{
    char text[32];
    put_styled(screen, code, grouped(text, value));
    put(screen, " %s   ", what);
}

static void draw_chain(struct screen *screen)
{
    const struct board_server *state = &screen->board->state;
    put_label(screen, "chain");
    if (!state->bridge_heard) {
        put(screen, "waiting for the bridge");
        end_line(screen);
        return;
    }
    if (!state->bridge_online)
        put_styled(screen, RED, "bridge offline   ");
    put(screen, "block ");
    put_number(screen, BOLD, state->head, "");
    put_number(screen, PLAIN, state->in_flight, "in flight");
    put(screen, "balance %" PRIu64 ".%04" PRIu64 " ETH   base fee %.3g gwei",
        state->balance_gwei / 1000000000, state->balance_gwei % 1000000000 / 100000,
        (double)state->base_fee_wei / 1e9);
    end_line(screen);
    if (state->paused[0] != '\0') {
        put_label(screen, "");
        style(screen, RED);
        put(screen, "paused: %s", state->paused);
        style(screen, PLAIN);
        end_line(screen);
    }
}

static void draw_reports(struct screen *screen)
{
    const struct board_server *state = &screen->board->state;
    char age[24];
    put_label(screen, "reports");
    put_number(screen, BOLD, state->stored, "stored");
    put_number(screen, state->sealed > 0 ? GREEN : PLAIN, state->sealed, "sealed");
    put_number(screen, state->backlog > 0 ? YELLOW : PLAIN, state->backlog, "waiting");
    if (state->backlog > 0)
        put(screen, "(oldest %s)   ", age_text(age, state->oldest_s));
    put_number(screen, state->rejected + state->refused > 0 ? RED : PLAIN,
               state->rejected + state->refused, "refused");
    end_line(screen);
}

/* Bars of readings a batch, oldest first. */
static void put_history(struct screen *screen)
{
    static const char *const BARS[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    const struct board *board = screen->board;
    size_t count =
        board->batches_heard < BOARD_HISTORY ? (size_t)board->batches_heard : BOARD_HISTORY;
    uint32_t most = 1;
    for (size_t i = 0; i < count; i++)
        most = board->history[i] > most ? board->history[i] : most;
    style(screen, CYAN);
    for (size_t i = count; i > 0 && screen->view->unicode; i--)
        put_glyph(screen, BARS[(uint64_t)board->history[i - 1] * 7 / most], '|');
    style(screen, PLAIN);
    if (screen->view->unicode && count > 0)
        put(screen, "   ");
}

static void draw_readings(struct screen *screen)
{
    const struct board *board = screen->board;
    put_label(screen, "readings");
    put_number(screen, GREEN, board->state.readings_sealed, "sealed");
    if (board->readings_heard > 0) {
        put_number(screen, BOLD, board->gas_heard / board->readings_heard, "gas/reading");
        put(screen, "%.1f s to seal   ",
            (double)board->age_sum_ms / 1000.0 / (double)board->batches_heard);
    }
    put_history(screen);
    end_line(screen);
}

/* METERS */

enum meter_column {
    COLUMN_METER,
    COLUMN_SERIAL,
    COLUMN_AGE,
    COLUMN_IMPORT,
    COLUMN_EXPORT,
    COLUMN_POWER,
    COLUMN_BACKLOG,
    COLUMN_SEQUENCE,
    COLUMN_STORED,
    COLUMN_SEALED
};

/* shown_from: width of the terminal from which on there is room for it. */
static const struct {
    const char *title;
    int width;
    unsigned shown_from;
} COLUMNS[] = {
    [COLUMN_METER] = {"METER", 10, 96},       [COLUMN_SERIAL] = {"SERIAL", -16, 0},
    [COLUMN_AGE] = {"READ", 6, 40},           [COLUMN_IMPORT] = {"IMPORT kWh", 13, 0},
    [COLUMN_EXPORT] = {"EXPORT kWh", 11, 84}, [COLUMN_POWER] = {"W", 7, 60},
    [COLUMN_BACKLOG] = {"BACKLOG", 7, 110},   [COLUMN_SEQUENCE] = {"SENT", 6, 104},
    [COLUMN_STORED] = {"STORED", 6, 68},      [COLUMN_SEALED] = {"SEALED", 6, 50},
};

static const char *meter_cell(char text[48], enum meter_column column,
                              const struct board_meter *meter, uint64_t now_s)
{
    uint64_t then_s = meter->reading.timestamp_s;
    bool read = then_s != 0;
    text[0] = '\0';
    if (column == COLUMN_SERIAL)
        snprintf(text, 48, "%.16s", meter->serial);
    else if (column == COLUMN_METER && meter->meter != 0)
        snprintf(text, 48, "%" PRIu32, meter->meter);
    else if (column == COLUMN_AGE && read)
        age_text(text, now_s > then_s ? now_s - then_s : 0);
    else if (column == COLUMN_IMPORT && read)
        kwh_text(text, meter->reading.import_wh);
    else if (column == COLUMN_EXPORT && read)
        kwh_text(text, meter->reading.export_wh);
    else if (column == COLUMN_POWER && meter->has_power)
        snprintf(text, 48, "%" PRId64, meter->power_w);
    else if (column == COLUMN_BACKLOG && meter->has_backlog)
        snprintf(text, 48, "%" PRIu64, meter->backlog);
    else if (column == COLUMN_SEQUENCE && meter->sequence != 0)
        snprintf(text, 48, "%" PRIu32, meter->sequence);
    else if (column == COLUMN_STORED && meter->stored != 0)
        snprintf(text, 48, "%" PRIu32, meter->stored);
    else if (column == COLUMN_SEALED && meter->sealed != 0)
        snprintf(text, 48, "%" PRIu32, meter->sealed);
    return text;
}

static const char *meter_style(enum meter_column column, const struct board_meter *meter)
{
    if (column == COLUMN_BACKLOG && meter->backlog > 5)
        return YELLOW;
    if (column == COLUMN_SEALED)
        return meter->sealed != 0 && meter->sealed >= meter->stored ? GREEN : YELLOW;
    if (column == COLUMN_METER)
        return DIM;
    return column == COLUMN_IMPORT ? BOLD : PLAIN;
}

static void put_online(struct screen *screen, enum board_online online)
{
    put(screen, " ");
    style(screen, online == BOARD_ONLINE ? GREEN : (online == BOARD_OFFLINE ? RED : DIM));
    if (online == BOARD_OFFLINE)
        put_glyph(screen, "\u25cb", 'x');
    else
        put_glyph(screen, "\u25cf", online == BOARD_ONLINE ? '*' : '?');
    style(screen, PLAIN);
    put(screen, " ");
}

static void draw_meter(struct screen *screen, const struct board_meter *meter)
{
    put_online(screen, meter->online);
    for (size_t i = 0; i < AMR_COUNT(COLUMNS); i++) {
        char text[48];
        if (screen->view->width < COLUMNS[i].shown_from)
            continue;
        style(screen, meter_style((enum meter_column)i, meter));
        put(screen, "%*s", COLUMNS[i].width,
            meter_cell(text, (enum meter_column)i, meter, screen->view->now_ms / 1000));
        style(screen, PLAIN);
        put(screen, " ");
    }
    if (meter->rejected > 0) {
        style(screen, RED);
        put(screen, " %" PRIu32 " refused", meter->rejected);
        style(screen, PLAIN);
    }
    end_line(screen);
}

static int trouble(const struct board_meter *meter)
{
    return (meter->online == BOARD_OFFLINE ? 4 : 0) + (meter->rejected > 0 ? 2 : 0) +
           (meter->backlog > 5 ? 1 : 0);
}

static int by_trouble(const void *a, const void *b)
{
    const struct board_meter *first = *(const struct board_meter *const *)a;
    const struct board_meter *second = *(const struct board_meter *const *)b;
    int order = trouble(second) - trouble(first);
    return order != 0 ? order : strverscmp(first->serial, second->serial);
}

static void draw_meter_titles(struct screen *screen)
{
    style(screen, DIM);
    put(screen, "   ");
    for (size_t i = 0; i < AMR_COUNT(COLUMNS); i++) {
        if (screen->view->width >= COLUMNS[i].shown_from)
            put(screen, "%*s ", COLUMNS[i].width, COLUMNS[i].title);
    }
    style(screen, PLAIN);
    end_line(screen);
}

/* room: lines for rows, the line that counts the rest included. */
static void draw_meters(struct screen *screen, unsigned room)
{
    const struct board *board = screen->board;
    const struct board_meter **order =
        xcalloc(board->count + 1, sizeof(const struct board_meter *));
    size_t shown = board->count;
    end_line(screen);
    draw_meter_titles(screen);
    for (size_t i = 0; i < board->count; i++)
        order[i] = &board->meters[i];
    if (shown > room) {
        qsort(order, board->count, sizeof(const struct board_meter *), by_trouble);
        shown = room > 0 ? room - 1 : 0;
    }
    for (size_t i = 0; i < shown; i++)
        draw_meter(screen, order[i]);
    if (shown < board->count && room > 0) {
        style(screen, DIM);
        put(screen, "   and %zu more", board->count - shown + board->dropped);
        style(screen, PLAIN);
        end_line(screen);
    }
    free(order);
}

/* BATCHES AND ALARMS */

static void draw_batch(struct screen *screen, const struct board_batch *batch)
{
    char gas[32];
    char each[32];
    bool ok = batch->rejected == 0;
    put(screen, "   %6" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %12s %11s %7.1f  ",
        batch->number, batch->block, batch->readings, batch->reports, grouped(gas, batch->gas_used),
        batch->readings > 0 ? grouped(each, batch->gas_used / batch->readings) : "",
        (double)batch->age_ms / 1000.0);
    if (!ok) {
        style(screen, RED);
        put(screen, "%" PRIu64 " refused  ", batch->rejected);
        style(screen, PLAIN);
    }
    put_styled(screen, CYAN, batch->transaction);
    end_line(screen);
}

static void draw_batches(struct screen *screen, size_t count)
{
    if (count == 0)
        return;
    end_line(screen);
    style(screen, DIM);
    put(screen, "   %6s %9s %8s %8s %12s %11s %7s  %s", "BATCH", "BLOCK", "READINGS", "REPORTS",
        "GAS", "GAS/READING", "SECONDS", "TRANSACTION");
    style(screen, PLAIN);
    end_line(screen);
    for (size_t i = 0; i < count; i++)
        draw_batch(screen, &screen->board->batches[i]);
}

static void draw_alarms(struct screen *screen, size_t count)
{
    if (count == 0)
        return;
    end_line(screen);
    for (size_t i = 0; i < count; i++) {
        const struct board_alarm *alarm = &screen->board->alarms[i];
        char time[CLOCK_TEXT];
        clock_format_ms(time, alarm->unix_s < UINT32_MAX ? alarm->unix_s * 1000 : 0);
        style(screen, RED);
        put(screen, " %s %.8s %s", i == 0 ? "ALARM" : "     ", time + 11, alarm->cause);
        style(screen, PLAIN);
        put(screen, "  %s  %s", alarm->who, alarm->text);
        end_line(screen);
    }
}

void screen_draw(const struct board *board, struct buf *out, const struct screen_view *view)
{
    struct screen screen = {board, view, out, view->width, view->height};
    size_t batches = board->batch_count < BATCH_ROWS ? board->batch_count : BATCH_ROWS;
    size_t alarms = board->alarm_count < ALARM_ROWS ? board->alarm_count : ALARM_ROWS;
    unsigned head = 7 + (board->state.paused[0] != '\0');
    if (view->height < head + 12)
        batches = batches > 1 ? 1 : batches;
    unsigned foot = (unsigned)((batches > 0 ? batches + 2 : 0) + (alarms > 0 ? alarms + 1 : 0)) + 1;
    buf_printf(out, "\x1b[H");
    draw_bar(&screen);
    draw_chain(&screen);
    draw_reports(&screen);
    draw_readings(&screen);
    draw_meters(&screen, view->height > head + foot ? view->height - head - foot : 0);
    if (screen.lines > foot - 1)
        draw_batches(&screen, batches);
    if (screen.lines > alarms + 1)
        draw_alarms(&screen, alarms);
    buf_printf(out, "\x1b[J");
}
