#include "chain-bridge/web_feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/queue.h"
#include "chain-bridge/store_report.h"
#include "chain-bridge/store_web.h"
#include "common/json.h"

enum { ITEMS_MAX = 20000, EVENTS_MAX = 4096, MESSAGE_MAX = 4096, DRAIN_AT_ONCE = 256 };

enum kind { ITEM_REPORT, ITEM_MESSAGE, ITEM_SEALED, ITEM_BATCH, ITEM_EVENT };

struct item {
    enum kind kind;
    enum topic_kind topic;
    char serial[SERIAL_MAX + 1];
    uint64_t received_ms;
    uint32_t meter;
    uint32_t sequence;
    uint16_t code;
    size_t len;
    uint8_t data[]; /* of a report: struct report up to its last reading; of a message: payload */
};

struct web_feed {
    struct web_feed_config config;
    struct alarm_log *alarms;
    struct queue *items;
    struct queue *events;
    atomic_uint_fast64_t dropped;
};

struct web_feed *web_feed_new(const struct web_feed_config *config)
{
    struct web_feed *feed = xcalloc(1, sizeof(*feed));
    feed->config = *config;
    feed->alarms = alarm_log_new(config->store);
    feed->items = queue_new(ITEMS_MAX);
    feed->events = queue_new(EVENTS_MAX);
    return feed;
}

static void free_all(struct queue *queue)
{
    void *items[DRAIN_AT_ONCE];
    size_t count;
    queue_close(queue);
    while ((count = queue_pop(queue, items, DRAIN_AT_ONCE)) > 0)
        for (size_t i = 0; i < count; i++)
            free(items[i]);
    queue_free(queue);
}

void web_feed_free(struct web_feed *feed)
{
    if (!feed)
        return;
    free_all(feed->items);
    free_all(feed->events);
    alarm_log_free(feed->alarms);
    free(feed);
}

/* --- offering, any thread -------------------------------------------------------------------- */

static struct item *new_item(const struct web_feed *feed, enum kind kind, const char *serial,
                             const void *data, size_t len)
{
    struct item *item = xmalloc(sizeof(*item) + len);
    *item =
        (struct item){.kind = kind, .received_ms = clock_unix_ms(feed->config.clock), .len = len};
    snprintf(item->serial, sizeof(item->serial), "%s", serial ? serial : "");
    if (len)
        memcpy(item->data, data, len);
    return item;
}

static void offer(struct web_feed *feed, struct item *item)
{
    if (!queue_try_push(feed->items, item)) {
        atomic_fetch_add(&feed->dropped, 1);
        free(item);
    }
}

void web_feed_report(struct web_feed *feed, const char *serial, const struct report *report,
                     uint64_t received_ms)
{
    if (!feed->config.live)
        return;
    size_t len = offsetof(struct report, readings) + report->count * sizeof(report->readings[0]);
    struct item *item = new_item(feed, ITEM_REPORT, serial, report, len);
    item->received_ms = received_ms;
    offer(feed, item);
}

/* The broker's alarms; ours came by web_feed_notices. */
static void keep_alarm(struct web_feed *feed, const void *payload, size_t len)
{
    json_t *object = json_parse(payload, len, NULL);
    const char *source = json_string_value(json_object_get(object, "source"));
    const char *cause = json_string_value(json_object_get(object, "cause"));
    struct alarm alarm = {.unix_ms = clock_unix_ms(feed->config.clock),
                          .source = "broker",
                          .cause = cause,
                          .serial = json_string_value(json_object_get(object, "serial")),
                          .meter = (uint32_t)json_integer_value(json_object_get(object, "meter")),
                          .sequence =
                              (uint32_t)json_integer_value(json_object_get(object, "sequence")),
                          .client = json_string_value(json_object_get(object, "client")),
                          .address = json_string_value(json_object_get(object, "address")),
                          .text = json_string_value(json_object_get(object, "text"))};
    if (source && cause && strcmp(source, "broker") == 0)
        alarm_log_offer(feed->alarms, &alarm);
    json_decref(object);
}

void web_feed_message(struct web_feed *feed, const struct topic *topic, const void *payload,
                      size_t len)
{
    if (len > MESSAGE_MAX)
        return;
    if (topic->kind == TOPIC_SERVER_ALARM) {
        keep_alarm(feed, payload, len);
        return;
    }
    struct item *item = new_item(feed, ITEM_MESSAGE, topic->serial, payload, len);
    item->topic = topic->kind;
    if (topic->kind == TOPIC_EVENT) {
        if (!queue_try_push(feed->events, item))
            free(item);
    } else if (feed->config.live) {
        offer(feed, item);
    } else {
        free(item);
    }
}

static void on_receipt(void *cookie, const char *serial, const struct receipt *receipt)
{
    struct web_feed *feed = cookie;
    if (receipt->status == RECEIPT_SEALED && feed->config.live) {
        struct item *item = new_item(feed, ITEM_SEALED, serial, NULL, 0);
        item->meter = receipt->meter;
        item->sequence = receipt->last;
        offer(feed, item);
    }
    feed->config.next.receipt(feed->config.next.cookie, serial, receipt);
}

static void on_alarm(void *cookie, const struct alarm *alarm)
{
    struct web_feed *feed = cookie;
    struct alarm ours = *alarm;
    ours.source = "bridge";
    ours.unix_ms = clock_unix_ms(feed->config.clock);
    alarm_log_offer(feed->alarms, &ours);
    feed->config.next.alarm(feed->config.next.cookie, alarm);
}

static void on_batch(void *cookie, const struct batch_notice *batch)
{
    struct web_feed *feed = cookie;
    if (feed->config.live)
        offer(feed, new_item(feed, ITEM_BATCH, NULL, NULL, 0));
    feed->config.next.batch(feed->config.next.cookie, batch);
}

static void on_command(void *cookie, const char *serial, const struct command *command)
{
    struct web_feed *feed = cookie;
    feed->config.next.command(feed->config.next.cookie, serial, command);
}

struct notices web_feed_notices(struct web_feed *feed)
{
    return (struct notices){.receipt = on_receipt,
                            .alarm = on_alarm,
                            .batch = on_batch,
                            .command = on_command,
                            .cookie = feed};
}

/* --- draining -------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text)
        snprintf(to, size, "%s", text);
}

static void apply_birth(const json_t *object, struct live_meter *row)
{
    json_int_t interval_s = json_integer_value(json_object_get(object, "interval_s"));
    json_int_t sessions = json_integer_value(json_object_get(object, "session"));
    if (interval_s >= 1 && interval_s <= 86400)
        row->interval_s = (uint32_t)interval_s;
    if (sessions >= 0 && sessions <= UINT32_MAX)
        row->sessions = (uint32_t)sessions;
    copy_text(row->firmware, sizeof(row->firmware), object, "firmware");
    copy_text(row->source, sizeof(row->source), object, "source");
}

static void apply_telemetry(const json_t *object, struct live_meter *row, uint64_t received_ms)
{
    const json_t *power = json_object_get(object, "power_w");
    double voltage = json_number_value(json_object_get(object, "voltage_v"));
    json_int_t backlog = json_integer_value(json_object_get(object, "backlog"));
    row->has_telemetry = true;
    row->telemetry_ms = received_ms;
    row->has_power = json_is_integer(power);
    if (row->has_power)
        row->power_w = json_integer_value(power);
    row->voltage_dv = voltage > 0 && voltage < 1e6 ? (uint32_t)(voltage * 10 + 0.5) : 0;
    row->backlog = backlog > 0 && backlog < UINT32_MAX ? (uint32_t)backlog : 0;
}

struct applied {
    const struct item *item;
    const json_t *object;
};

static void apply_message(void *cookie, struct live_meter *row)
{
    const struct applied *applied = cookie;
    const struct item *item = applied->item;
    if (!row->serial[0])
        memcpy(row->serial, item->serial, sizeof(row->serial));
    if (item->topic == TOPIC_BIRTH) {
        apply_birth(applied->object, row);
        return; /* retained: says nothing about when */
    }
    if (item->topic == TOPIC_STATE) {
        row->told_state = true;
        row->online = json_is_true(json_object_get(applied->object, "online"));
    } else if (item->topic == TOPIC_TELEMETRY) {
        apply_telemetry(applied->object, row, item->received_ms);
        row->contact_ms = item->received_ms;
    }
}

/* Which meter a serial is: the model knows, or a birth says it, checked by the plugin. */
static uint32_t meter_of(struct web_feed *feed, const struct item *item, const json_t *object)
{
    uint32_t meter = web_live_find(feed->config.live, item->serial);
    if (meter == 0 && item->topic == TOPIC_BIRTH)
        meter = (uint32_t)json_integer_value(json_object_get(object, "meter"));
    return meter;
}

static void drain_message(struct web_feed *feed, const struct item *item)
{
    json_t *object = json_parse(item->data, item->len, NULL);
    struct applied applied = {.item = item, .object = object};
    uint32_t meter = object ? meter_of(feed, item, object) : 0;
    if (meter)
        web_live_change(feed->config.live, meter, apply_message, &applied);
    json_decref(object);
}

static void apply_sealed(void *cookie, struct live_meter *row)
{
    const struct item *item = cookie;
    if (item->sequence > row->sealed_sequence)
        row->sealed_sequence = item->sequence;
}

static void apply_event(void *cookie, struct live_meter *row)
{
    const struct item *item = cookie;
    row->contact_ms = item->received_ms > row->contact_ms ? item->received_ms : row->contact_ms;
    if (item->code == 62)
        row->relay = RELAY_DISCONNECTED;
    else if (item->code == 59)
        row->relay = RELAY_READY;
    else if (item->code == 61 || item->code == 63)
        row->relay = RELAY_CONNECTED;
}

static void drain_item(struct web_feed *feed, struct item *item, const struct web_feed_sink *sink)
{
    struct web_live *live = feed->config.live;
    if (item->kind == ITEM_REPORT) {
        struct report report;
        memcpy(&report, item->data, item->len);
        web_live_report(live, item->serial, &report, item->received_ms);
        sink->report(sink->cookie, &report, item->received_ms);
    } else if (item->kind == ITEM_MESSAGE) {
        drain_message(feed, item);
    } else if (item->kind == ITEM_SEALED) {
        web_live_change(live, item->meter, apply_sealed, item);
    } else if (item->kind == ITEM_EVENT) {
        struct event_row row = {.received_ms = item->received_ms};
        web_live_change(live, item->meter, apply_event, item);
        if (payload_event_parse(&row.event, item->data, item->len, NULL) == 0)
            sink->event(sink->cookie, &row);
    } else {
        sink->batch(sink->cookie);
    }
}

void web_feed_drain(struct web_feed *feed, const struct web_feed_sink *sink, uint64_t *ret_heard_ms)
{
    void *items[DRAIN_AT_ONCE];
    web_live_drop(feed->config.live, atomic_exchange(&feed->dropped, 0));
    for (size_t left = queue_length(feed->items); left > 0;) {
        size_t count = queue_pop(feed->items, items, left < DRAIN_AT_ONCE ? left : DRAIN_AT_ONCE);
        for (size_t i = 0; i < count; i++) {
            const struct item *item = items[i];
            if (item->received_ms > *ret_heard_ms)
                *ret_heard_ms = item->received_ms;
            drain_item(feed, items[i], sink);
            free(items[i]);
        }
        left -= count;
    }
}

/* --- events ---------------------------------------------------------------------------------- */

/* Only what the meter's registered signer signed is kept. */
static bool verify_event(const struct web_feed *feed, const struct item *item,
                         struct meter_event *ret_event)
{
    struct eth_hash digest;
    struct eth_address signer;
    if (payload_event_parse(ret_event, item->data, item->len, NULL) < 0)
        return false;
    struct registry_meter known = roster_find(feed->config.roster, ret_event->meter);
    eip712_event(feed->config.domain, &digest, ret_event);
    return known.status == METER_ACTIVE &&
           recoverer_recover(feed->config.recoverer, &signer, &digest, &ret_event->signature) ==
               0 &&
           eth_address_equal(&signer, &known.signer);
}

static int write_events(struct web_feed *feed, void *const *items, bool *news, size_t count,
                        struct err *err)
{
    if (store_begin(feed->config.store, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        const struct item *item = items[i];
        struct event_row row = {.received_ms = item->received_ms};
        if (verify_event(feed, item, &row.event))
            result = store_event_add(feed->config.store, &row, &news[i], err);
    }
    if (result == 0 && store_commit(feed->config.store, err) == 0)
        return 0;
    store_rollback(feed->config.store);
    return -1;
}

static void pass_event_on(struct web_feed *feed, struct item *item)
{
    struct meter_event event;
    if (!feed->config.live || payload_event_parse(&event, item->data, item->len, NULL) < 0) {
        free(item);
        return;
    }
    item->kind = ITEM_EVENT;
    item->meter = event.meter;
    item->sequence = event.sequence;
    item->code = event.code;
    offer(feed, item);
}

static int flush_events(struct web_feed *feed, struct err *err)
{
    void *items[DRAIN_AT_ONCE];
    bool news[DRAIN_AT_ONCE] = {false};
    size_t waiting = queue_length(feed->events);
    if (waiting == 0)
        return 0;
    size_t count =
        queue_pop(feed->events, items, waiting < DRAIN_AT_ONCE ? waiting : DRAIN_AT_ONCE);
    int result = write_events(feed, items, news, count, err);
    for (size_t i = 0; i < count; i++) {
        if (result == 0 && news[i])
            pass_event_on(feed, items[i]);
        else if (result == 0 || !queue_try_push(feed->events, items[i]))
            free(items[i]);
    }
    return result;
}

int web_feed_flush(struct web_feed *feed, struct err *err)
{
    if (flush_events(feed, err) < 0)
        return -1;
    return alarm_log_flush(feed->alarms, err);
}

/* --- the last day, from the store ------------------------------------------------------------ */

static bool take_meter(void *cookie, const struct live_meter *row)
{
    struct buf *meters = cookie;
    buf_append(meters, &row->meter, sizeof(row->meter));
    return true;
}

struct history {
    struct web_live *live;
    char serial[SERIAL_MAX + 1];
    uint32_t since_s;
    uint32_t sealed;
    struct report_row rows[2]; /* the newer, and the one before it */
};

static bool take_relay(void *cookie, const struct event_row *row)
{
    struct live_meter *meter = cookie;
    struct item item = {.received_ms = row->received_ms, .code = row->event.code};
    apply_event(&item, meter);
    return meter->relay == RELAY_UNKNOWN;
}

static void apply_known(void *cookie, struct live_meter *row)
{
    const struct live_meter *known = cookie;
    if (row->relay == RELAY_UNKNOWN)
        row->relay = known->relay;
    if (known->sealed_sequence > row->sealed_sequence)
        row->sealed_sequence = known->sealed_sequence;
}

static int load_meter(struct history *history, struct store *store, uint32_t meter, struct err *err)
{
    static const struct reading NONE = {0};
    struct report_row *row = &history->rows[0], *before = &history->rows[1];
    struct live_meter known = {0};
    struct meter_row named;
    bool found;
    if (store_meter_get(store, &named, meter, err) < 0 ||
        store_report_before(store, row, &found, meter, UINT32_MAX, err) < 0)
        return -1;
    while (found) {
        if (row->state == REPORT_SEALED && known.sealed_sequence == 0)
            known.sealed_sequence = row->report.sequence;
        bool more;
        if (store_report_before(store, before, &more, meter, row->report.sequence, err) < 0)
            return -1;
        const struct report *older = &before->report;
        web_live_history(history->live, named.serial, &row->report,
                         more ? &older->readings[older->count - 1] : &NONE, row->received_ms);
        found = more && row->report.readings[0].timestamp_s > history->since_s;
        *row = *before;
    }
    if (store_event_each(store, meter, 0, 50, take_relay, &known, err) < 0)
        return -1;
    web_live_change(history->live, meter, apply_known, &known);
    return 0;
}

int web_feed_history(struct web_feed *feed, struct store *store, bool (*stop)(void *cookie),
                     void *cookie, struct err *err)
{
    struct buf meters = BUF_INIT;
    struct history *history = xcalloc(1, sizeof(*history));
    const struct grid *grid = web_live_grid(feed->config.live);
    uint32_t span_s = grid_columns(grid) * grid_step(grid);
    uint32_t now_s = clock_unix_s(feed->config.clock);
    int result = 0;
    history->live = feed->config.live;
    history->since_s = now_s > span_s ? now_s - span_s : 0;
    web_live_each(feed->config.live, take_meter, &meters);
    for (size_t at = 0; result == 0 && at < meters.len && !stop(cookie); at += sizeof(uint32_t)) {
        uint32_t meter;
        memcpy(&meter, meters.data + at, sizeof(meter));
        result = load_meter(history, store, meter, err);
    }
    free(history);
    buf_free(&meters);
    return result;
}
