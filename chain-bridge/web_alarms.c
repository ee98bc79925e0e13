#include "chain-bridge/web_alarms.h"

#include <stdio.h>
#include <string.h>

#include "common/db.h"
#include "common/json.h"
#include "common/json_out.h"
#include "common/options.h"

enum { NOTE_MAX = 200, IDS_MAX = 500 };

static void put_meter(struct buf *out, const char *serial, uint32_t meter)
{
    json_put_text_or_null(out, "serial", serial);
    if (meter)
        json_put_uint(out, "meter", meter);
    else
        json_put_null(out, "meter");
}

void web_print_alarm(struct buf *out, const struct alarm_group *group, bool close)
{
    json_put_object(out, NULL);
    json_put_uint(out, "id", group->id);
    json_put_uint(out, "first_t", group->first_ms / 1000);
    json_put_uint(out, "last_t", group->last_ms / 1000);
    json_put_uint(out, "count", group->count);
    json_put_uint(out, "meters", group->meters);
    json_put_text(out, "source", group->source);
    json_put_text(out, "cause", group->cause);
    put_meter(out, group->serial, group->meter);
    json_put_text(out, "text", group->text);
    if (group->acknowledged_ms)
        json_put_uint(out, "acknowledged_t", group->acknowledged_ms / 1000);
    else
        json_put_null(out, "acknowledged_t");
    json_put_text_or_null(out, "acknowledged_by", group->acknowledged_by);
    json_put_text_or_null(out, "note", group->note);
    if (close)
        json_put_end_object(out);
}

struct page {
    struct buf *out;
    uint64_t limit;
    uint64_t count;
    uint64_t last; /* id of the last on the page */
    bool more;
};

static bool on_group(void *cookie, const struct alarm_group *group)
{
    struct page *page = cookie;
    if (page->count == page->limit) {
        page->more = true;
        return false;
    }
    web_print_alarm(page->out, group, true);
    page->last = group->id;
    page->count++;
    return true;
}

static int print_page(const struct web_call *call, struct alarm_query *query, struct err *err)
{
    struct buf *out = &call->response->body;
    struct db *db = store_db(call->context->store);
    struct page page = {.out = out, .limit = query->limit};
    struct alarm_counts counts;
    char cursor[24];
    query->limit++;
    if (alarm_log_counts(db, &counts, err) < 0)
        return -1;
    json_put_object(out, NULL);
    json_put_uint(out, "open", counts.open);
    json_put_array(out, "items");
    if (alarm_log_list(db, query, on_group, &page, err) < 0)
        return -1;
    json_put_end_array(out);
    snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)page.last);
    json_put_text_or_null(out, "next_cursor", page.more ? cursor : NULL);
    json_put_end_object(out);
    return 0;
}

int web_list_alarms(const struct web_call *call, struct err *err)
{
    static const char *const NAMES[] = {"state", "cause", "meter", "limit", "cursor"};
    static const char *const STATES[] = {"all", "open", "acknowledged"};
    const struct web_request *request = call->request;
    char cause[WEB_VALUE_MAX], meter[WEB_VALUE_MAX];
    struct alarm_query query = {.cause = cause, .serial = meter};
    struct live_meter row;
    struct err bad = ERR_INIT;
    size_t state;
    uint64_t limit;
    bool has_cause, has_meter;
    if (web_query_known(request, NAMES, AMR_COUNT(NAMES), &bad) < 0 ||
        web_query_choice(request, &state, "state", STATES, AMR_COUNT(STATES), 0, &bad) < 0 ||
        web_query(request, cause, &has_cause, "cause", &bad) < 0 ||
        web_query(request, meter, &has_meter, "meter", &bad) < 0 ||
        web_query_u64(request, &limit, "limit", 1, 500, 100, &bad) < 0 ||
        web_query_u64(request, &query.before, "cursor", 1, INT64_MAX, 0, &bad) < 0)
        return web_bad(call, &bad);
    if (has_meter) {
        uint32_t id = web_meter_argument(call, meter);
        if (id == 0 || !web_live_get(call->context->shared->live, id, &row))
            return 0;
        query.serial = row.serial[0] ? row.serial : "-"; /* none has an alarm by that name */
    }
    query.filter = (enum alarm_filter)state;
    query.limit = (uint32_t)limit;
    return print_page(call, &query, err);
}

static bool on_one(void *cookie, const struct alarm_group *group)
{
    web_print_alarm(cookie, group, false);
    return false;
}

static void on_member(void *cookie, const struct alarm *alarm)
{
    struct buf *out = cookie;
    json_put_object(out, NULL);
    json_put_uint(out, "t", alarm->unix_ms / 1000);
    put_meter(out, alarm->serial, alarm->meter);
    if (alarm->sequence)
        json_put_uint(out, "sequence", alarm->sequence);
    else
        json_put_null(out, "sequence");
    json_put_text_or_null(out, "client", alarm->client);
    json_put_text_or_null(out, "address", alarm->address);
    json_put_text(out, "text", alarm->text);
    json_put_end_object(out);
}

/* The group without its closing brace; false: answered by a problem. */
static int print_one(const struct web_call *call, uint64_t *ret_id, bool *ret_found,
                     struct err *err)
{
    struct err bad = ERR_INIT;
    *ret_found = false;
    if (parse_u64(ret_id, call->argument, 1, INT64_MAX, &bad) < 0)
        return web_bad(call, &bad);
    if (alarm_log_get(store_db(call->context->store), *ret_id, on_one, &call->response->body,
                      ret_found, err) < 0)
        return -1;
    if (!*ret_found)
        web_problem(call->response, 404, "no such alarm");
    return 0;
}

int web_get_alarm(const struct web_call *call, struct err *err)
{
    struct buf *out = &call->response->body;
    uint64_t id;
    bool found;
    int result = print_one(call, &id, &found, err);
    if (result < 0 || !found)
        return result;
    json_put_array(out, "members");
    if (alarm_log_members(store_db(call->context->store), id, on_member, out, err) < 0)
        return -1;
    json_put_end_array(out);
    json_put_end_object(out);
    return 0;
}

struct acknowledgement {
    char note[NOTE_MAX + 1];
    size_t count;
    uint64_t ids[IDS_MAX];
};

static void read_ids(struct json_reader *reader, struct acknowledgement *ret)
{
    json_t *ids = json_take(reader, "ids", true);
    if (!json_is_array(ids) || json_array_size(ids) < 1 || json_array_size(ids) > IDS_MAX) {
        json_fail(reader, "ids: 1 to %d numbers", IDS_MAX);
        return;
    }
    for (ret->count = 0; ret->count < json_array_size(ids); ret->count++) {
        json_int_t id = json_integer_value(json_array_get(ids, ret->count));
        if (id < 1)
            json_fail(reader, "ids: not a number of an alarm");
        ret->ids[ret->count] = (uint64_t)id;
    }
}

static bool read_acknowledgement(const struct web_call *call, bool several,
                                 struct acknowledgement *ret)
{
    struct err err = ERR_INIT;
    struct json_reader reader;
    json_t *body = web_body(call);
    if (!body)
        return false;
    json_reader_init(&reader, body, &err);
    const char *note = json_is_object(body) && json_object_get(body, "note")
                           ? json_take_string(&reader, "note", true)
                           : "";
    if (strlen(note) > NOTE_MAX)
        json_fail(&reader, "note: at most %d bytes", NOTE_MAX);
    if (several)
        read_ids(&reader, ret);
    bool read = json_done(&reader) == 0;
    if (!read)
        web_bad(call, &err);
    snprintf(ret->note, sizeof(ret->note), "%s", note);
    json_decref(body);
    return read;
}

int web_acknowledge(const struct web_call *call, struct err *err)
{
    struct acknowledgement given = {.count = 0};
    struct err bad = ERR_INIT;
    uint64_t id, now_ms = clock_unix_ms(call->context->shared->clock);
    bool changed, found;
    if (parse_u64(&id, call->argument, 1, INT64_MAX, &bad) < 0)
        return web_bad(call, &bad);
    if (!read_acknowledgement(call, false, &given))
        return 0;
    if (alarm_log_acknowledge(call->context->store, id, call->who.name, given.note, now_ms,
                              &changed, err) < 0)
        return -1;
    int result = print_one(call, &id, &found, err);
    if (result == 0 && found)
        json_put_end_object(&call->response->body);
    return result;
}

int web_acknowledge_all(const struct web_call *call, struct err *err)
{
    struct acknowledgement given = {.count = 0};
    uint64_t now_ms = clock_unix_ms(call->context->shared->clock), count = 0;
    bool changed;
    if (!read_acknowledgement(call, true, &given))
        return 0;
    for (size_t i = 0; i < given.count; i++) {
        if (alarm_log_acknowledge(call->context->store, given.ids[i], call->who.name, given.note,
                                  now_ms, &changed, err) < 0)
            return -1;
        count += changed;
    }
    json_put_object(&call->response->body, NULL);
    json_put_uint(&call->response->body, "acknowledged", count);
    json_put_end_object(&call->response->body);
    return 0;
}
