#include "chain-bridge/web_meters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chain-bridge/web_orders.h"
#include "common/json_out.h"
#include "common/options.h"

enum { PAGE_MAX = 10000, EVENTS_SHOWN = 20, COMMANDS_SHOWN = 20, STATUSES = LIVE_CLOSED + 1 };

/* --- a meter --------------------------------------------------------------------------------- */

static void uint_or_null(struct buf *out, const char *key, uint64_t value, bool known)
{
    if (known)
        json_put_uint(out, key, value);
    else
        json_put_null(out, key);
}

static void print_values(struct buf *out, const struct live_meter *row)
{
    bool has = row->has_reading;
    uint_or_null(out, "last_t", row->last.timestamp_s, has);
    uint_or_null(out, "contact_t", row->contact_ms / 1000, row->contact_ms > 0);
    if (row->has_power || row->before.timestamp_s > 0)
        json_put_int(out, "power_w", row->power_w);
    else
        json_put_null(out, "power_w");
    uint_or_null(out, "import_wh", row->last.import_wh, has);
    uint_or_null(out, "export_wh", row->last.export_wh, has);
    uint_or_null(out, "quality", row->last.quality, has);
    json_put_uint(out, "sequence", row->sequence);
    json_put_uint(out, "sealed_sequence", row->sealed_sequence);
    uint_or_null(out, "backlog", row->backlog, row->has_telemetry);
    if (row->voltage_dv)
        json_put_tenths(out, "voltage_v", row->voltage_dv);
    else
        json_put_null(out, "voltage_v");
}

void web_print_meter(struct buf *out, const struct live_meter *row, bool close)
{
    char address[ETH_ADDRESS_TEXT];
    json_put_object(out, NULL);
    json_put_uint(out, "meter", row->meter);
    json_put_text_or_null(out, "serial", row->serial);
    json_put_text(out, "status", live_status_text(row->status));
    if (row->told_state)
        json_put_bool(out, "online", row->online);
    else
        json_put_null(out, "online");
    print_values(out, row);
    json_put_uint(out, "interval_s", row->interval_s);
    json_put_object(out, "day");
    json_put_uint(out, "read", row->day_read);
    json_put_uint(out, "expected", row->day_expected);
    json_put_end_object(out);
    json_put_text(out, "relay", live_relay_text(row->relay));
    json_put_text_or_null(out, "firmware", row->firmware);
    json_put_text(out, "signer", eth_address_text(address, &row->signer));
    if (close)
        json_put_end_object(out);
}

static void print_register(struct buf *out, const char *name, const char *obis, uint64_t value,
                           bool known)
{
    json_put_object(out, NULL);
    json_put_text(out, "name", name);
    json_put_text(out, "obis", obis);
    json_put_text(out, "unit", "Wh");
    uint_or_null(out, "value", value, known);
    json_put_end_object(out);
}

const char *web_event_text(uint16_t code)
{
    static const struct {
        uint16_t code;
        const char *text;
    } TEXTS[] = {{2, "power up"},
                 {4, "clock adjusted: old time"},
                 {5, "clock adjusted: new time"},
                 {14, "store restored or cloned"},
                 {16, "a register fell"},
                 {40, "terminal cover opened"},
                 {41, "terminal cover closed"},
                 {42, "strong magnetic field"},
                 {47, "configuration or meter changed"},
                 {49, "command without an operator's signature"},
                 {59, "ready for reconnection"},
                 {61, "reconnected by a person"},
                 {62, "disconnected remotely"},
                 {63, "reconnected remotely"}};
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++)
        if (TEXTS[i].code == code)
            return TEXTS[i].text;
    return "";
}

void web_print_event(struct buf *out, const struct event_row *row)
{
    json_put_object(out, NULL);
    json_put_uint(out, "t", row->event.timestamp_s);
    json_put_uint(out, "code", row->event.code);
    json_put_text(out, "text", web_event_text(row->event.code));
    json_put_uint(out, "sequence", row->event.sequence);
    json_put_uint(out, "received_t", row->received_ms / 1000);
    json_put_end_object(out);
}

struct events {
    struct buf *out;
    uint64_t limit;
    uint64_t count;
    uint32_t last;
    bool more;
};

static bool on_event(void *cookie, const struct event_row *row)
{
    struct events *events = cookie;
    events->more = events->count == events->limit;
    if (events->more)
        return false;
    web_print_event(events->out, row);
    events->last = row->event.sequence;
    events->count++;
    return true;
}

int web_get_meter(const struct web_call *call, struct err *err)
{
    struct live_meter row;
    struct buf *out = &call->response->body;
    uint32_t meter = web_meter_argument(call, call->argument);
    if (meter == 0 || !web_live_get(call->context->shared->live, meter, &row))
        return 0;
    struct events events = {.out = out, .limit = EVENTS_SHOWN};
    web_print_meter(out, &row, false);
    json_put_text_or_null(out, "source", row.source);
    uint_or_null(out, "session", row.sessions, row.sessions > 0);
    json_put_array(out, "registers");
    print_register(out, "import_wh", "1-0:1.8.0", row.last.import_wh, row.has_reading);
    print_register(out, "export_wh", "1-0:2.8.0", row.last.export_wh, row.has_reading);
    json_put_end_array(out);
    json_put_array(out, "events");
    if (store_event_each(call->context->store, meter, 0, EVENTS_SHOWN, on_event, &events, err) < 0)
        return -1;
    json_put_end_array(out);
    if (web_print_commands(call->context, out, "commands", meter, COMMANDS_SHOWN, err) < 0)
        return -1;
    json_put_end_object(out);
    return 0;
}

int web_list_events(const struct web_call *call, struct err *err)
{
    static const char *const NAMES[] = {"limit", "cursor"};
    struct buf *out = &call->response->body;
    struct err bad = ERR_INIT;
    uint64_t limit, before;
    char cursor[24];
    uint32_t meter = web_meter_argument(call, call->argument);
    if (meter == 0)
        return 0;
    if (web_query_known(call->request, NAMES, AMR_COUNT(NAMES), &bad) < 0 ||
        web_query_u64(call->request, &limit, "limit", 1, 500, 50, &bad) < 0 ||
        web_query_u64(call->request, &before, "cursor", 1, UINT32_MAX, 0, &bad) < 0)
        return web_bad(call, &bad);
    struct events events = {.out = out, .limit = limit};
    json_put_object(out, NULL);
    json_put_array(out, "items");
    if (store_event_each(call->context->store, meter, before, (uint32_t)limit + 1, on_event,
                         &events, err) < 0)
        return -1;
    json_put_end_array(out);
    snprintf(cursor, sizeof(cursor), "%u", (unsigned)events.last);
    json_put_text_or_null(out, "next_cursor", events.more ? cursor : NULL);
    json_put_end_object(out);
    return 0;
}

/* --- many ------------------------------------------------------------------------------------ */

enum sort { SORT_SILENCE, SORT_SERIAL, SORT_METER, SORT_LAST, SORT_POWER, SORT_IMPORT, SORT_DAY };

struct selection {
    bool statuses[STATUSES];
    char search[WEB_VALUE_MAX];
    enum sort sort;
    bool descending;
    uint64_t limit;
    uint64_t cursor; /* the meter that the page before ended with; 0: the first page */
    struct web_live *live;
    struct live_meter *rows; /* copies */
    size_t count;
    size_t capacity;
    size_t first; /* of the page */
    size_t end;
};

static int read_statuses(const struct web_request *request, struct selection *selection,
                         struct err *err)
{
    char value[WEB_VALUE_MAX], *rest = NULL;
    bool found;
    if (web_query(request, value, &found, "status", err) < 0)
        return -1;
    for (size_t i = 0; i < STATUSES; i++)
        selection->statuses[i] = !found;
    for (char *name = strtok_r(value, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        size_t i = 0;
        while (i < STATUSES && strcmp(name, live_status_text((enum live_status)i)) != 0)
            i++;
        if (i == STATUSES)
            return err_set(err, "status: none of the values it can have");
        selection->statuses[i] = true;
    }
    return 0;
}

static bool wanted(const struct selection *selection, const struct live_meter *row)
{
    char id[16];
    if (!selection->statuses[row->status])
        return false;
    if (selection->search[0] == '\0')
        return true;
    snprintf(id, sizeof(id), "%u", (unsigned)row->meter);
    return strcasestr(row->serial, selection->search) || strcmp(id, selection->search) == 0;
}

static bool take_row(void *cookie, const struct live_meter *row)
{
    struct selection *selection = cookie;
    if (!wanted(selection, row))
        return true;
    if (selection->count == selection->capacity) {
        selection->capacity = selection->capacity ? 2 * selection->capacity : 256;
        selection->rows = xrealloc(selection->rows, selection->capacity * sizeof(*selection->rows));
    }
    selection->rows[selection->count++] = *row;
    return true;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static uint64_t share(const struct live_meter *row)
{
    return row->day_expected ? (uint64_t)row->day_read * 1000000 / row->day_expected : 0;
}

static int compare(const struct live_meter *a, const struct live_meter *b, enum sort sort)
{
    int order = 0;
    switch (sort) {
    case SORT_SILENCE:
        order = compare_u64(a->status, b->status);
        return order ? order : compare_u64(a->last.timestamp_s, b->last.timestamp_s);
    case SORT_SERIAL:
        return strcmp(a->serial, b->serial);
    case SORT_LAST:
        return compare_u64(a->last.timestamp_s, b->last.timestamp_s);
    case SORT_POWER:
        return (a->power_w > b->power_w) - (a->power_w < b->power_w);
    case SORT_IMPORT:
        return compare_u64(a->last.import_wh, b->last.import_wh);
    case SORT_DAY:
        return compare_u64(share(a), share(b));
    case SORT_METER:
        break;
    }
    return 0;
}

static int by_selection(const void *a_, const void *b_, void *cookie)
{
    const struct selection *selection = cookie;
    const struct live_meter *a = a_, *b = b_;
    int order = compare(a, b, selection->sort);
    if (order == 0)
        order = compare_u64(a->meter, b->meter);
    return selection->descending ? -order : order;
}

/* Sorts and finds the page after the meter that the last one ended with. */
static int cut_page(struct selection *selection, struct err *err)
{
    if (selection->count)
        qsort_r(selection->rows, selection->count, sizeof(*selection->rows), by_selection,
                selection);
    selection->first = 0;
    while (selection->cursor && selection->first < selection->count &&
           selection->rows[selection->first].meter != selection->cursor)
        selection->first++;
    if (selection->cursor && selection->first++ == selection->count)
        return err_set(err, "cursor: its meter is not in the list any more, begin again");
    selection->end = selection->first + selection->limit;
    if (selection->end > selection->count)
        selection->end = selection->count;
    return 0;
}

static int read_selection(const struct web_request *request, struct selection *selection,
                          const char *const *sorts, size_t sort_count, struct err *err)
{
    static const char *const ORDERS[] = {"asc", "desc"};
    size_t sort, order;
    bool found;
    if (read_statuses(request, selection, err) < 0 ||
        web_query(request, selection->search, &found, "search", err) < 0 ||
        web_query_choice(request, &sort, "sort", sorts, sort_count, 0, err) < 0 ||
        web_query_choice(request, &order, "order", ORDERS, 2, 0, err) < 0 ||
        web_query_u64(request, &selection->limit, "limit", 1, PAGE_MAX, 200, err) < 0 ||
        web_query_u64(request, &selection->cursor, "cursor", 1, UINT32_MAX, 0, err) < 0)
        return -1;
    selection->sort = (enum sort)sort;
    selection->descending = order == 1;
    return 0;
}

static void print_cursor(struct buf *out, const struct selection *selection)
{
    char cursor[16] = "";
    if (selection->end < selection->count)
        snprintf(cursor, sizeof(cursor), "%u", (unsigned)selection->rows[selection->end - 1].meter);
    json_put_text_or_null(out, "next_cursor", cursor);
}

int web_list_meters(const struct web_call *call, struct err *err)
{
    static const char *const NAMES[] = {"status", "search", "sort", "order", "limit", "cursor"};
    static const char *const SORTS[] = {"silence", "serial",    "meter", "last_t",
                                        "power_w", "import_wh", "day"};
    struct web_live *live = call->context->shared->live;
    struct selection selection = {.live = live};
    struct buf *out = &call->response->body;
    struct err bad = ERR_INIT;
    (void)err;
    if (web_query_known(call->request, NAMES, AMR_COUNT(NAMES), &bad) < 0 ||
        read_selection(call->request, &selection, SORTS, AMR_COUNT(SORTS), &bad) < 0)
        return web_bad(call, &bad);
    uint64_t sequence = web_live_sequence(live);
    web_live_each(live, take_row, &selection);
    if (cut_page(&selection, &bad) < 0) {
        free(selection.rows);
        return web_bad(call, &bad);
    }
    json_put_object(out, NULL);
    json_put_uint(out, "total", selection.count);
    json_put_uint(out, "t", clock_unix_ms(call->context->shared->clock));
    json_put_uint(out, "sequence", sequence);
    json_put_text(out, "boot", call->context->shared->boot);
    json_put_array(out, "items");
    for (size_t i = selection.first; i < selection.end; i++)
        web_print_meter(out, &selection.rows[i], true);
    json_put_end_array(out);
    print_cursor(out, &selection);
    json_put_end_object(out);
    free(selection.rows);
    return 0;
}

/* --- the grid -------------------------------------------------------------------------------- */

struct heatmap {
    struct selection selection;
    uint32_t first; /* column */
    uint32_t due;
    char *cells; /* one line a selected row, in the order of the rows' numbers */
    uint32_t *totals;
};

static void count_cell(uint32_t totals[4], char cell)
{
    static const char LETTERS[] = "oLs.";
    const char *at = strchr(LETTERS, cell);
    if (at)
        totals[at - LETTERS]++;
}

/* The copy's cells pointer must not be used later: what it shows is copied here, under the lock. */
static bool take_cells(void *cookie, const struct live_meter *row)
{
    struct heatmap *map = cookie;
    size_t columns = map->due + 1 - map->first;
    if (!wanted(&map->selection, row))
        return true;
    take_row(&map->selection, row);
    size_t at = map->selection.count - 1;
    map->cells = xrealloc(map->cells, map->selection.capacity * columns);
    for (size_t i = 0; i < columns; i++) {
        char cell = web_live_cell(map->selection.live, row, map->first + (uint32_t)i, map->due);
        map->cells[at * columns + i] = cell;
        count_cell(&map->totals[4 * i], cell);
    }
    map->selection.rows[at].contact_ms = at; /* where its cells are, once it is sorted */
    return true;
}

static void print_heatmap(struct buf *out, const struct heatmap *map)
{
    const struct selection *selection = &map->selection;
    size_t columns = map->due + 1 - map->first;
    json_put_array(out, "meters");
    for (size_t i = selection->first; i < selection->end; i++) {
        json_put_object(out, NULL);
        json_put_uint(out, "meter", selection->rows[i].meter);
        json_put_text_or_null(out, "serial", selection->rows[i].serial);
        json_put_end_object(out);
    }
    json_put_end_array(out);
    json_put_array(out, "cells");
    for (size_t i = selection->first; i < selection->end; i++) {
        buf_printf(out, "%s\"%.*s\"", i > selection->first ? "," : "", (int)columns,
                   map->cells + selection->rows[i].contact_ms * columns);
    }
    json_put_end_array(out);
    json_put_array(out, "totals");
    for (size_t i = 0; i < columns; i++) {
        json_put_array(out, NULL);
        for (size_t j = 0; j < 4; j++)
            json_put_uint(out, NULL, map->totals[4 * i + j]);
        json_put_end_array(out);
    }
    json_put_end_array(out);
}

static int answer_heatmap(const struct web_call *call, struct heatmap *map)
{
    struct buf *out = &call->response->body;
    struct err bad = ERR_INIT;
    uint32_t step_s = grid_step(web_live_grid(map->selection.live));
    web_live_each(map->selection.live, take_cells, map);
    if (cut_page(&map->selection, &bad) < 0)
        return web_bad(call, &bad);
    json_put_object(out, NULL);
    json_put_uint(out, "start_t", (uint64_t)map->first * step_s);
    json_put_uint(out, "step_s", step_s);
    json_put_uint(out, "columns", map->due + 1 - map->first);
    print_heatmap(out, map);
    print_cursor(out, &map->selection);
    json_put_end_object(out);
    return 0;
}

int web_get_heatmap(const struct web_call *call, struct err *err)
{
    static const char *const NAMES[] = {"status", "search", "sort", "columns", "limit", "cursor"};
    static const char *const SORTS[] = {"worst", "serial", "meter"};
    struct web_live *live = call->context->shared->live;
    struct heatmap map = {.selection = {.live = live}};
    struct live_totals totals;
    struct err bad = ERR_INIT;
    uint64_t columns;
    (void)err;
    if (web_query_known(call->request, NAMES, AMR_COUNT(NAMES), &bad) < 0 ||
        read_selection(call->request, &map.selection, SORTS, AMR_COUNT(SORTS), &bad) < 0 ||
        web_query_u64(call->request, &columns, "columns", 1, GRID_COLUMNS_MAX - 1, 96, &bad) < 0)
        return web_bad(call, &bad);
    if (map.selection.sort == SORT_SILENCE)
        map.selection.sort = SORT_DAY;
    web_live_totals(live, &totals);
    if (columns > totals.day_columns)
        columns = totals.day_columns;
    map.due = totals.due_column;
    map.first = totals.due_column + 1 - (uint32_t)columns;
    map.totals = xcalloc(4 * columns + 1, sizeof(*map.totals));
    int result = answer_heatmap(call, &map);
    free(map.selection.rows);
    free(map.cells);
    free(map.totals);
    return result;
}
