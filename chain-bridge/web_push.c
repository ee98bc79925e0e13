#include "chain-bridge/web_push.h"

#include <stdlib.h>
#include <string.h>

#include "chain-bridge/alarm_log.h"
#include "chain-bridge/store_report.h"
#include "chain-bridge/store_web.h"
#include "chain-bridge/web_alarms.h"
#include "chain-bridge/web_batches.h"
#include "chain-bridge/web_meters.h"
#include "chain-bridge/web_overview.h"
#include "chain-bridge/web_readings.h"
#include "common/json.h"
#include "common/json_out.h"
#include "common/options.h"

enum { MEMBERS_MAX = 24, ALARMS_SHOWN = 50, BATCHES_SHOWN = 20, DETAILS_MAX = 512, LIFE_MS = 5000 };

enum channel { OVERVIEW = 1, METERS = 2, ALARMS = 4, BATCHES = 8, METER = 16 };

/* A piece of JSON and the number of the change that made it. */
struct piece {
    uint64_t changed;
    uint64_t id; /* of the thing, or the meter's */
    char *json;
};

struct list {
    struct piece *pieces;
    size_t size;
    size_t count;
    size_t next; /* a ring */
};

struct web_push {
    const struct web_context *context;
    struct piece members[MEMBERS_MAX];
    struct list alarms, batches;
    struct list readings, events; /* of followed meters */
    uint64_t alarm_revision;
    uint64_t sequence; /* of the pieces; the model's numbers come from the same counter */
    uint64_t heard_ms;
    bool batches_stale;
    unsigned followers; /* pages on the channel METER */
};

struct web_push_page {
    struct web_push *push;
    unsigned channels;
    uint32_t meters[PUSH_METERS_MAX];
    size_t meter_count;
    uint32_t meter; /* of the channel METER; 0: none */
    uint64_t sent;  /* the highest number it was sent; 0: nothing yet */
    bool fresh;     /* it subscribed and waits for its first frame */
    uint64_t sent_mono_ms;
};

struct web_push *web_push_new(const struct web_context *context)
{
    struct web_push *push = xcalloc(1, sizeof(*push));
    push->context = context;
    push->alarms = (struct list){xcalloc(ALARMS_SHOWN, sizeof(struct piece)), ALARMS_SHOWN, 0, 0};
    push->batches =
        (struct list){xcalloc(BATCHES_SHOWN, sizeof(struct piece)), BATCHES_SHOWN, 0, 0};
    push->readings = (struct list){xcalloc(DETAILS_MAX, sizeof(struct piece)), DETAILS_MAX, 0, 0};
    push->events = (struct list){xcalloc(DETAILS_MAX, sizeof(struct piece)), DETAILS_MAX, 0, 0};
    push->batches_stale = true;
    return push;
}

static void free_list(struct list *list)
{
    for (size_t i = 0; i < list->size; i++)
        free(list->pieces[i].json);
    free(list->pieces);
}

void web_push_free(struct web_push *push)
{
    if (!push)
        return;
    for (size_t i = 0; i < MEMBERS_MAX; i++)
        free(push->members[i].json);
    free_list(&push->alarms);
    free_list(&push->batches);
    free_list(&push->readings);
    free_list(&push->events);
    free(push);
}

struct web_push_page *web_push_page_new(struct web_push *push)
{
    struct web_push_page *page = xcalloc(1, sizeof(*page));
    page->push = push;
    return page;
}

void web_push_page_free(struct web_push_page *page)
{
    if (!page)
        return;
    page->push->followers -= (page->channels & METER) != 0;
    free(page);
}

/* --- what a page wants ----------------------------------------------------------------------- */

static uint32_t find_meter(struct web_push *push, const char *text)
{
    uint64_t meter = 0;
    if (text && strncmp(text, "id:", 3) == 0)
        return parse_u64(&meter, text + 3, 1, UINT32_MAX, NULL) < 0 ? 0 : (uint32_t)meter;
    return text ? web_live_find(push->context->shared->live, text) : 0;
}

static void read_channels(struct json_reader *reader, struct web_push_page *page)
{
    static const char *const NAMES[] = {"overview", "meters", "alarms", "batches", "meter"};
    json_t *channels = json_take(reader, "subscribe", true);
    if (!json_is_array(channels) || json_array_size(channels) > AMR_COUNT(NAMES))
        json_fail(reader, "subscribe: a list of channels");
    for (size_t i = 0; i < json_array_size(channels); i++) {
        const char *name = json_string_value(json_array_get(channels, i));
        size_t n = 0;
        while (n < AMR_COUNT(NAMES) && (!name || strcmp(name, NAMES[n]) != 0))
            n++;
        if (n == AMR_COUNT(NAMES))
            json_fail(reader, "subscribe: an unknown channel");
        else
            page->channels |= 1u << n;
    }
}

static void read_meters(struct json_reader *reader, struct web_push_page *page)
{
    json_t *meters = json_take(reader, "meters", false);
    json_t *meter = json_take(reader, "meter", false);
    if (meters && (!json_is_array(meters) || json_array_size(meters) > PUSH_METERS_MAX))
        json_fail(reader, "meters: at most %d", PUSH_METERS_MAX);
    for (size_t i = 0; i < json_array_size(meters) && i < PUSH_METERS_MAX; i++) {
        uint32_t id = find_meter(page->push, json_string_value(json_array_get(meters, i)));
        if (id)
            page->meters[page->meter_count++] = id;
    }
    if (meter && !json_is_string(meter))
        json_fail(reader, "meter: a serial, or id: and a number");
    page->meter = find_meter(page->push, json_string_value(meter));
}

int web_push_subscribe(struct web_push_page *page, const void *text, size_t len, struct err *err)
{
    struct json_reader reader;
    struct web_push_page wanted = {.push = page->push, .fresh = true};
    json_t *message = json_parse(text, len, err);
    if (!message)
        return -1;
    json_reader_init(&reader, message, err);
    read_channels(&reader, &wanted);
    read_meters(&reader, &wanted);
    json_t *since = json_take(&reader, "since", false);
    json_t *boot = json_take(&reader, "boot", false);
    const char *boot_text = json_string_value(boot);
    if (since && (!json_is_integer(since) || json_integer_value(since) < 0))
        json_fail(&reader, "since: not a number");
    else if (since && boot_text && strcmp(boot_text, page->push->context->shared->boot) == 0)
        wanted.sent = (uint64_t)json_integer_value(since);
    int result = json_done(&reader);
    json_decref(message);
    if (result < 0)
        return -1;
    page->push->followers += (wanted.channels & METER) != 0;
    page->push->followers -= (page->channels & METER) != 0;
    *page = wanted;
    return 0;
}

/* --- what there is --------------------------------------------------------------------------- */

/* Numbers of pieces and of the model's rows must not cross: both are drawn from the model. */
static uint64_t next_sequence(struct web_push *push)
{
    push->sequence = web_live_count(push->context->shared->live);
    return push->sequence;
}

static bool replace(struct web_push *push, struct piece *piece, uint64_t id, const struct buf *json)
{
    if (piece->json && piece->id == id && strlen(piece->json) == json->len &&
        memcmp(piece->json, json->data, json->len) == 0)
        return false;
    free(piece->json);
    piece->json = xmalloc(json->len + 1);
    memcpy(piece->json, json->data, json->len);
    piece->json[json->len] = '\0';
    piece->id = id;
    piece->changed = next_sequence(push);
    return true;
}

static void add(struct web_push *push, struct list *list, uint64_t id, const struct buf *json)
{
    struct piece *piece = NULL;
    for (size_t i = 0; i < list->count && id && !piece; i++)
        piece = list->pieces[i].id == id ? &list->pieces[i] : NULL;
    if (!piece) {
        piece = &list->pieces[list->next];
        list->next = (list->next + 1) % list->size;
        list->count += list->count < list->size;
    }
    replace(push, piece, id, json);
}

static int refresh_overview(struct web_push *push, struct err *err)
{
    struct live_totals totals;
    struct buf json = BUF_INIT;
    int result = 0;
    web_live_totals(push->context->shared->live, &totals);
    for (size_t i = 0; result == 0 && i < MEMBERS_MAX && web_overview_name(i); i++) {
        buf_clear(&json);
        result = web_overview_member(push->context, &totals, &json, i, err);
        if (result == 0)
            replace(push, &push->members[i], 1, &json);
    }
    buf_free(&json);
    return result;
}

struct found {
    struct web_push *push;
    struct list *list;
    size_t count;
    uint64_t ids[ALARMS_SHOWN];
    struct buf jsons[ALARMS_SHOWN];
};

static bool on_alarm(void *cookie, const struct alarm_group *group)
{
    struct found *found = cookie;
    found->ids[found->count] = group->id;
    web_print_alarm(&found->jsons[found->count++], group, true);
    return found->count < ALARMS_SHOWN;
}

static bool on_batch(void *cookie, const struct batch_item *item)
{
    struct found *found = cookie;
    found->ids[found->count] = item->id;
    web_print_batch(&found->jsons[found->count++], item, true);
    return found->count < BATCHES_SHOWN;
}

/* Lists come newest first; the ring wants the newest last. */
static void take_found(struct found *found)
{
    for (size_t i = found->count; i > 0; i--) {
        add(found->push, found->list, found->ids[i - 1], &found->jsons[i - 1]);
        buf_free(&found->jsons[i - 1]);
    }
}

static int refresh_alarms(struct web_push *push, struct err *err)
{
    struct db *db = store_db(push->context->store);
    struct found found = {.push = push, .list = &push->alarms};
    struct alarm_counts counts;
    if (alarm_log_counts(db, &counts, err) < 0)
        return -1;
    if (counts.revision == push->alarm_revision)
        return 0;
    struct alarm_query query = {.after_revision = push->alarm_revision, .limit = ALARMS_SHOWN};
    int result = alarm_log_list(db, &query, on_alarm, &found, err);
    take_found(&found);
    push->alarm_revision = counts.revision;
    return result;
}

static int refresh_batches(struct web_push *push, struct err *err)
{
    struct found found = {.push = push, .list = &push->batches};
    if (!push->batches_stale)
        return 0;
    push->batches_stale = false;
    int result = store_batch_each(push->context->store, 0, BATCHES_SHOWN, on_batch, &found, err);
    take_found(&found);
    return result;
}

int web_push_refresh(struct web_push *push, struct err *err)
{
    if (refresh_alarms(push, err) < 0 || refresh_batches(push, err) < 0)
        return -1;
    return refresh_overview(push, err);
}

/* A new piece, even where it reads like the one whose place it takes. */
static void append(struct web_push *push, struct list *list, uint32_t meter, const struct buf *json)
{
    struct piece *piece = &list->pieces[list->next];
    list->next = (list->next + 1) % list->size;
    list->count += list->count < list->size;
    free(piece->json);
    piece->json = NULL;
    replace(push, piece, meter, json);
}

void web_push_report(struct web_push *push, const struct report *report, uint64_t received_ms)
{
    struct buf json = BUF_INIT;
    if (push->followers == 0)
        return;
    struct report_row *row = xcalloc(1, sizeof(*row));
    row->received_ms = received_ms;
    row->report = *report;
    for (uint32_t i = 0; i < report->count; i++) {
        buf_clear(&json);
        web_print_reading(&json, row, i, NULL);
        append(push, &push->readings, report->meter, &json);
    }
    free(row);
    buf_free(&json);
}

void web_push_event(struct web_push *push, const struct event_row *row)
{
    struct buf json = BUF_INIT;
    if (push->followers == 0)
        return;
    web_print_event(&json, row);
    append(push, &push->events, row->event.meter, &json);
    buf_free(&json);
}

void web_push_batches(struct web_push *push)
{
    push->batches_stale = true;
}

void web_push_heard(struct web_push *push, uint64_t unix_ms)
{
    push->heard_ms = unix_ms;
}

/* --- what is sent ---------------------------------------------------------------------------- */

bool web_push_due(const struct web_push_page *page)
{
    const struct web_shared *shared = page->push->context->shared;
    if (page->channels == 0)
        return false;
    return page->fresh || web_live_sequence(shared->live) > page->sent ||
           clock_mono_ms(shared->clock) - page->sent_mono_ms >= LIFE_MS;
}

static void print_overview(const struct web_push_page *page, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        const struct piece *member = &page->push->members[i];
        if (!member->json || member->changed <= page->sent)
            continue;
        if (!any)
            json_put_object(out, "overview");
        json_put_raw(out, NULL, member->json);
        any = true;
    }
    if (!any)
        return;
    json_put_uint(out, "t", clock_unix_ms(page->push->context->shared->clock));
    json_put_end_object(out);
}

/* Newest first. meter: only of this one; 0: all. */
static void print_list(const struct web_push_page *page, const struct list *list, const char *key,
                       uint32_t meter, struct buf *out)
{
    bool any = false;
    for (size_t i = 1; i <= list->count; i++) {
        const struct piece *piece = &list->pieces[(list->next + list->size - i) % list->size];
        if (!piece->json || piece->changed <= page->sent || (meter && piece->id != meter))
            continue;
        if (!any)
            json_put_array(out, key);
        json_put_raw(out, NULL, piece->json);
        any = true;
    }
    if (any)
        json_put_end_array(out);
}

static void print_meters(const struct web_push_page *page, struct buf *out)
{
    struct web_live *live = page->push->context->shared->live;
    struct live_meter row;
    bool any = false;
    for (size_t i = 0; i < page->meter_count; i++) {
        if (!web_live_get(live, page->meters[i], &row) || row.changed <= page->sent)
            continue;
        if (!any)
            json_put_array(out, "meters");
        web_print_meter(out, &row, true);
        any = true;
    }
    if (any)
        json_put_end_array(out);
}

static void print_meter(const struct web_push_page *page, struct buf *out)
{
    struct live_meter row;
    if (!page->meter || !web_live_get(page->push->context->shared->live, page->meter, &row) ||
        row.changed <= page->sent)
        return;
    json_put_object(out, "meter");
    buf_printf(out, "\"row\":");
    web_print_meter(out, &row, true);
    if (page->sent) { /* what was before a page's first frame it asks the API for */
        print_list(page, &page->push->readings, "readings", page->meter, out);
        print_list(page, &page->push->events, "events", page->meter, out);
    }
    json_put_end_object(out);
}

void web_push_next(struct web_push_page *page, struct buf *out)
{
    const struct web_shared *shared = page->push->context->shared;
    uint64_t sequence = web_live_sequence(shared->live);
    if (page->channels == 0)
        return;
    buf_append_u8(out, '{'); /* no comma, whatever room for the frame's head stands before */
    json_put_text(out, "type", page->sent == 0 ? "snapshot" : "delta");
    json_put_text(out, "boot", shared->boot);
    json_put_uint(out, "sequence", sequence);
    json_put_uint(out, "t", clock_unix_ms(shared->clock));
    json_put_uint(out, "data_t", page->push->heard_ms);
    if (page->channels & OVERVIEW)
        print_overview(page, out);
    if (page->channels & METERS)
        print_meters(page, out);
    if (page->channels & ALARMS)
        print_list(page, &page->push->alarms, "alarms", 0, out);
    if (page->channels & BATCHES)
        print_list(page, &page->push->batches, "batches", 0, out);
    if (page->channels & METER)
        print_meter(page, out);
    json_put_end_object(out);
    page->sent = sequence;
    page->sent_mono_ms = clock_mono_ms(shared->clock);
    page->fresh = false;
}
