#include "chain-bridge/web_daily.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chain-bridge/web_readings.h"
#include "common/json_out.h"

enum { DAY_S = 86400, DATE_LEN = 10 };

/* A meter's day. The registers are those at or before its start and its end. */
struct row {
    uint32_t meter;
    char serial[SERIAL_MAX + 1];
    uint32_t interval_s;
    uint64_t expected;
    uint64_t read;
    uint64_t late;
    uint64_t substituted;
    uint64_t sealed;
    uint32_t last_column;
    struct reading first; /* timestamp 0: none */
    struct reading last;
};

struct day {
    const struct web_call *call;
    uint32_t start_s; /* readings in (start, end]: the one at midnight closes the day before */
    uint32_t end_s;
    uint32_t now_s;
    struct row *rows;
    size_t count;
    struct report_row *room;
    struct row sum;
    uint64_t import_wh;
    uint64_t export_wh;
};

static bool take_meter(void *cookie, const struct live_meter *meter)
{
    struct day *day = cookie;
    if (meter->status == LIVE_CLOSED && !meter->has_reading)
        return true;
    if (day->count % 256 == 0)
        day->rows = xrealloc(day->rows, (day->count + 256) * sizeof(*day->rows));
    struct row *row = &day->rows[day->count++];
    *row = (struct row){.meter = meter->meter, .interval_s = meter->interval_s};
    memcpy(row->serial, meter->serial, sizeof(row->serial));
    return true;
}

static void count_reading(const struct day *day, struct row *row, const struct report_row *report,
                          const struct reading *reading)
{
    uint32_t column = (reading->timestamp_s - 1) / row->interval_s;
    if (reading->timestamp_s <= day->start_s) {
        row->first = row->last = *reading;
        return;
    }
    if (reading->timestamp_s > day->end_s)
        return;
    if (row->first.timestamp_s == 0)
        row->first = *reading;
    row->last = *reading;
    row->sealed += report->state == REPORT_SEALED;
    if (column == row->last_column)
        return;
    row->last_column = column;
    row->read++;
    row->substituted += (reading->quality & (QUALITY_SUBSTITUTED | QUALITY_METER_ERROR)) != 0;
    row->late += report->received_ms / 1000 > reading->timestamp_s + (uint64_t)row->interval_s;
}

/* From the report before the day's first on, whose last reading is the register at its start. */
static int walk_meter(struct day *day, struct row *row, struct err *err)
{
    struct store *store = day->call->context->store;
    struct report_row *room = day->room;
    uint32_t sequence;
    bool found = true;
    if (web_find_time(store, row->meter, day->start_s + 1, room, &sequence, err) < 0)
        return -1;
    int step = store_report_before(store, room, &found, row->meter, sequence, err);
    sequence = step == 0 && found ? room->report.sequence - 1 : sequence - 1;
    while (step == 0) {
        step = store_report_after(store, room, &found, row->meter, sequence, err);
        if (step < 0 || !found)
            return step;
        for (uint32_t i = 0; i < room->report.count; i++)
            count_reading(day, row, room, &room->report.readings[i]);
        if (room->report.readings[room->report.count - 1].timestamp_s >= day->end_s)
            return 0;
        sequence = room->report.sequence;
    }
    return step;
}

static int walk_all(struct day *day, struct err *err)
{
    uint32_t until_s = day->now_s < day->end_s ? day->now_s : day->end_s;
    for (size_t i = 0; i < day->count; i++) {
        struct row *row = &day->rows[i];
        if (until_s > day->start_s)
            row->expected = (until_s - day->start_s) / row->interval_s;
        if (walk_meter(day, row, err) < 0)
            return -1;
        day->sum.expected += row->expected;
        day->sum.read += row->read;
        day->import_wh += row->last.import_wh - row->first.import_wh;
        day->export_wh += row->last.export_wh - row->first.export_wh;
    }
    return 0;
}

/* A row's cells in the order of the CSV's columns; "" is null. */
enum { COLUMNS = 16, CELL = 40 };
static const char *const NAMES[COLUMNS] = {"meter",
                                           "serial",
                                           "expected",
                                           "read",
                                           "late",
                                           "substituted",
                                           "first_t",
                                           "last_t",
                                           "first_import_wh",
                                           "last_import_wh",
                                           "import_wh",
                                           "first_export_wh",
                                           "last_export_wh",
                                           "export_wh",
                                           "sealed",
                                           ""};

static void fill_cells(char cells[COLUMNS][CELL], const struct row *row)
{
    const struct reading *first = &row->first, *last = &row->last;
    const uint64_t numbers[] = {row->meter,
                                0,
                                row->expected,
                                row->read,
                                row->late,
                                row->substituted,
                                first->timestamp_s,
                                last->timestamp_s,
                                first->import_wh,
                                last->import_wh,
                                last->import_wh - first->import_wh,
                                first->export_wh,
                                last->export_wh,
                                last->export_wh - first->export_wh,
                                row->sealed};
    for (size_t i = 0; i < AMR_COUNT(numbers); i++) {
        bool known = i < 6 || i == 14 || last->timestamp_s > 0;
        cells[i][0] = '\0';
        if (i == 1)
            snprintf(cells[i], CELL, "%s", row->serial);
        else if (known)
            snprintf(cells[i], CELL, "%llu", (unsigned long long)numbers[i]);
    }
}

static void print_json_row(struct buf *out, const struct row *row)
{
    char cells[COLUMNS][CELL];
    fill_cells(cells, row);
    json_put_object(out, NULL);
    for (size_t i = 0; i + 1 < COLUMNS; i++) {
        if (i == 1)
            json_put_text_or_null(out, NAMES[i], cells[i]);
        else
            json_put_raw(out, NAMES[i], cells[i][0] ? cells[i] : "null");
    }
    json_put_end_object(out);
}

static void print_json(const struct day *day, const char *date)
{
    struct buf *out = &day->call->response->body;
    json_put_object(out, NULL);
    json_put_text(out, "date", date);
    json_put_uint(out, "start_t", day->start_s);
    json_put_uint(out, "end_t", day->end_s);
    json_put_bool(out, "complete", day->now_s >= day->end_s);
    json_put_uint(out, "meters", day->count);
    json_put_uint(out, "read", day->sum.read);
    json_put_uint(out, "expected", day->sum.expected);
    json_put_uint(out, "import_wh", day->import_wh);
    json_put_uint(out, "export_wh", day->export_wh);
    json_put_array(out, "items");
    for (size_t i = 0; i < day->count; i++)
        print_json_row(out, &day->rows[i]);
    json_put_end_array(out);
    json_put_end_object(out);
}

/* RFC 4180. Serials hold nothing that needs quotes. */
static void print_csv(const struct day *day, const char *date)
{
    struct web_response *response = day->call->response;
    char cells[COLUMNS][CELL];
    for (size_t i = 0; i + 1 < COLUMNS; i++)
        buf_printf(&response->body, "%s%s", i ? "," : "", NAMES[i]);
    buf_printf(&response->body, "\r\n");
    for (size_t row = 0; row < day->count; row++) {
        fill_cells(cells, &day->rows[row]);
        for (size_t i = 0; i + 1 < COLUMNS; i++)
            buf_printf(&response->body, "%s%s", i ? "," : "", cells[i]);
        buf_printf(&response->body, "\r\n");
    }
    response->content_type = "text/csv; charset=utf-8; header=present";
    snprintf(response->disposition, sizeof(response->disposition),
             "attachment; filename=\"daily-%s.csv\"", date);
}

/* YYYY-MM-DD of the proleptic Gregorian calendar, from 1970 on. */
static int parse_date(const char *text, uint32_t *ret_start_s, struct err *err)
{
    struct tm tm = {0};
    char again[16] = "";
    const char *end = strlen(text) == DATE_LEN ? strptime(text, "%Y-%m-%d", &tm) : NULL;
    time_t start = end && !*end ? timegm(&tm) : -1;
    if (start >= 0)
        strftime(again, sizeof(again), "%Y-%m-%d", &tm);
    if (start < 0 || start > UINT32_MAX - DAY_S || strcmp(again, text) != 0)
        return err_set(err, "date: not a day as YYYY-MM-DD");
    *ret_start_s = (uint32_t)start;
    return 0;
}

static int read_day(const struct web_request *request, uint32_t now_s, char date[WEB_VALUE_MAX],
                    uint32_t *ret_start_s, size_t *ret_format, struct err *err)
{
    static const char *const PARAMETERS[] = {"date", "format"};
    static const char *const FORMATS[] = {"json", "csv"};
    bool found;
    if (web_query_known(request, PARAMETERS, AMR_COUNT(PARAMETERS), err) < 0 ||
        web_query_choice(request, ret_format, "format", FORMATS, 2, 0, err) < 0 ||
        web_query(request, date, &found, "date", err) < 0)
        return -1;
    if (!found) {
        time_t yesterday = (time_t)now_s - DAY_S;
        struct tm tm;
        gmtime_r(&yesterday, &tm);
        strftime(date, WEB_VALUE_MAX, "%Y-%m-%d", &tm);
    }
    return parse_date(date, ret_start_s, err);
}

int web_get_daily(const struct web_call *call, struct err *err)
{
    char date[WEB_VALUE_MAX];
    struct day day = {.call = call, .now_s = clock_unix_s(call->context->shared->clock)};
    struct err bad = ERR_INIT;
    size_t format;
    if (read_day(call->request, day.now_s, date, &day.start_s, &format, &bad) < 0)
        return web_bad(call, &bad);
    day.end_s = day.start_s + DAY_S;
    day.room = xcalloc(1, sizeof(*day.room));
    web_live_each(call->context->shared->live, take_meter, &day);
    int result = walk_all(&day, err);
    if (result == 0 && format == 1)
        print_csv(&day, date);
    else if (result == 0)
        print_json(&day, date);
    free(day.rows);
    free(day.room);
    return result;
}
