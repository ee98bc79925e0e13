#include "meter-client/screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "meter-client/messages.h"

#define MINUTE_S 60
#define HOUR_S   3600
#define DAY_S    86400

/** Fills one line: cut at 20, blanks to 20, nothing but ASCII. */
static void put(struct screen_rows *rows, int row, const char *format, ...) AMR_PRINTF(3, 4);

static void put(struct screen_rows *rows, int row, const char *format, ...)
{
    char text[256];
    va_list args;
    size_t len;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    len = strnlen(text, SCREEN_COLUMNS);
    memset(rows->row[row], ' ', SCREEN_COLUMNS);
    for (size_t i = 0; i < len; i++)
        rows->row[row][i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
    rows->row[row][SCREEN_COLUMNS] = 0;
}

/** A word on the left, a number with its unit on the right. */
static void put_pair(struct screen_rows *rows, int row, const char *word, const char *value)
{
    int width = SCREEN_COLUMNS - (int)strlen(word);

    put(rows, row, "%s%*s", word, width, value);
}

static void put_energy(struct screen_rows *rows, int row, const char *word, uint64_t wh)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64 ".%03u kWh", wh / 1000, (unsigned)(wh % 1000));
    put_pair(rows, row, word, text);
}

static void put_count(struct screen_rows *rows, int row, const char *word, uint64_t count)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, count);
    put_pair(rows, row, word, text);
}

/** HH:MM:SS where the display hangs. */
static void local_time(char text[9], uint32_t unix_s)
{
    time_t when = unix_s;
    struct tm tm;

    memcpy(text, "--:--:--", 9);
    if (unix_s && localtime_r(&when, &tm))
        strftime(text, 9, "%H:%M:%S", &tm);
}

static void age(char text[8], uint32_t seconds)
{
    if (seconds < 2 * MINUTE_S)
        snprintf(text, 8, "%us", (unsigned)seconds);
    else if (seconds < 2 * HOUR_S)
        snprintf(text, 8, "%umin", (unsigned)(seconds / MINUTE_S));
    else if (seconds < 2 * DAY_S)
        snprintf(text, 8, "%uh", (unsigned)(seconds / HOUR_S));
    else
        snprintf(text, 8, "%ud", (unsigned)(seconds / DAY_S % 10000));
}

static void put_title(struct screen_rows *rows, const char *title, const struct screen_view *view)
{
    char text[9];
    int width = SCREEN_COLUMNS - 8;

    local_time(text, view->now_s);
    put(rows, 0, "%-*.*s%s", width, width - 1, title, text);
}

static bool is_silent(const struct screen_view *view)
{
    return view->status.measurement.unix_ms == 0 || view->status.alarms & ALARM_SILENT;
}

static void reading(struct screen_rows *rows, const struct screen_view *view)
{
    const struct reading *last = &view->status.last;
    char text[9];

    put_title(rows, view->serial, view);
    if (is_silent(view))
        put(rows, 1, "source is silent");
    else
        put_energy(rows, 1, "now", view->status.measurement.import_wh);
    if (last->timestamp_s == 0) {
        put(rows, 2, "no reading yet");
        put(rows, 3, " ");
        return;
    }
    local_time(text, last->timestamp_s);
    put_energy(rows, 2, "read", last->import_wh);
    put(rows, 3, "at %s%9s", text, last->quality ? "unsure" : "good");
}

static void power(struct screen_rows *rows, const struct screen_view *view)
{
    const struct measurement *m = &view->status.measurement;
    char text[24];

    put_title(rows, "Power", view);
    put(rows, 2, " ");
    put(rows, 3, " ");
    if (is_silent(view)) {
        put(rows, 1, "source is silent");
        return;
    }
    snprintf(text, sizeof(text), "%" PRIu32 " W", m->export_w ? m->export_w : m->import_w);
    put_pair(rows, 1, m->export_w ? "export" : "import", text);
    if (m->voltage_dv) {
        snprintf(text, sizeof(text), "%u.%u V", (unsigned)(m->voltage_dv / 10),
                 (unsigned)(m->voltage_dv % 10));
        put_pair(rows, 2, "voltage", text);
    }
}

static void export(struct screen_rows *rows, const struct screen_view *view)
{
    put_title(rows, "Export", view);
    if (is_silent(view))
        put(rows, 1, "source is silent");
    else
        put_energy(rows, 1, "now", view->status.measurement.export_wh);
    if (view->status.last.timestamp_s)
        put_energy(rows, 2, "read", view->status.last.export_wh);
    else
        put(rows, 2, "no reading yet");
    put(rows, 3, " ");
}

static void link(struct screen_rows *rows, const struct screen_view *view)
{
    const struct meter_store_counts *counts = &view->status.counts;
    uint64_t open = counts->reports[REPORT_QUEUED] + counts->reports[REPORT_STORED];
    char since[8] = "";

    put_title(rows, view->status.connected ? "Online" : "OFFLINE", view);
    put_count(rows, 1, "reports sealed", counts->reports[REPORT_SEALED]);
    put_count(rows, 2, "reports waiting", open);
    if (counts->reports[REPORT_REJECTED])
        put_count(rows, 3, "REJECTED", counts->reports[REPORT_REJECTED]);
    else if (counts->oldest_s && counts->oldest_s < view->now_s) {
        age(since, view->now_s - counts->oldest_s);
        put_pair(rows, 3, "oldest since", since);
    } else
        put(rows, 3, "all is sealed");
}

static void relay(struct screen_rows *rows, const struct screen_view *view)
{
    static const struct {
        const char *line[3];
    } STATES[] = {
        [CONTROL_DISCONNECTED] = {{"DISCONNECTED", "by the supplier", " "}},
        [CONTROL_CONNECTED] = {{"connected", " ", " "}},
        [CONTROL_READY] = {{"READY TO CONNECT", "Is all switched off?", "Then press OK"}},
    };

    put_title(rows, "Relay", view);
    for (int i = 0; i < 3; i++)
        put(rows, i + 1, "%s", STATES[view->status.control].line[i]);
}

/** Breaks at blanks where that leaves no more than half a line empty. */
static void put_wrapped(struct screen_rows *rows, int row, const char *text)
{
    for (; row < SCREEN_ROWS; row++) {
        size_t len = strnlen(text, SCREEN_COLUMNS);

        if (text[len]) {
            size_t cut = len;

            while (cut > SCREEN_COLUMNS / 2 && text[cut] != ' ')
                cut--;
            len = cut > SCREEN_COLUMNS / 2 ? cut : len;
        }
        put(rows, row, "%.*s", (int)len, text);
        text += len;
        while (*text == ' ')
            text++;
    }
}

static void trouble(struct screen_rows *rows, const struct screen_view *view)
{
    char names[64] = "";
    char when[9];

    for (unsigned bit = 1; bit < 1u << ALARM_COUNT; bit <<= 1) {
        size_t used = strlen(names);

        if (view->status.alarms & bit)
            snprintf(names + used, sizeof(names) - used, "%s%s", used ? " " : "",
                     meter_alarm_name((enum meter_alarm)bit));
    }
    put_title(rows, names[0] ? "ALARM" : "No alarm", view);
    if (names[0])
        put(rows, 1, "%s", names);
    if (view->error_s == 0) {
        put_wrapped(rows, names[0] ? 2 : 1, names[0] ? " " : "nothing went wrong");
        return;
    }
    local_time(when, view->error_s);
    if (!names[0])
        put(rows, 1, "last at %s", when);
    put_wrapped(rows, 2, view->error);
}

void screen_render(struct screen_rows *ret_rows, enum screen screen, const struct screen_view *view)
{
    static void (*const DRAW[SCREEN_COUNT])(struct screen_rows *, const struct screen_view *) = {
        [SCREEN_READING] = reading, [SCREEN_POWER] = power, [SCREEN_EXPORT] = export,
        [SCREEN_LINK] = link,       [SCREEN_RELAY] = relay, [SCREEN_TROUBLE] = trouble,
    };

    DRAW[screen](ret_rows, view);
}

enum screen screen_after(enum screen screen, enum screen_key key)
{
    if (key == KEY_NEXT)
        return (screen + 1) % SCREEN_COUNT;
    if (key == KEY_BACK)
        return (screen + SCREEN_COUNT - 1) % SCREEN_COUNT;
    return screen;
}
