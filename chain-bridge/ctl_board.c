#include "chain-bridge/ctl_board.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ctl_board_internal.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/payload.h"
#include "common/topic.h"

#define NEWS_MAX 65536

struct board *board_new(uint16_t group)
{
    struct board *board = xcalloc(1, sizeof(*board));
    board->group = group;
    snprintf(board->text, sizeof(board->text), "connecting");
    return board;
}

void board_free(struct board *board)
{
    if (board == NULL)
        return;
    buf_free(&board->news);
    free(board->meters);
    free(board);
}

/* Printable ASCII only: what a stranger wrote must not steer the terminal. */
static void copy_text(char *out, size_t size, const char *text)
{
    size_t len = 0;
    for (; text != NULL && *text != '\0' && len + 1 < size; text++)
        out[len++] = *text >= ' ' && *text <= '~' ? *text : '?';
    out[len] = '\0';
}

static void tell(struct board *board, uint64_t now_ms)
{
    char time[CLOCK_TEXT];
    if (board->news.len > NEWS_MAX)
        buf_clear(&board->news);
    buf_printf(&board->news, "%s ", clock_format_ms(time, now_ms));
}

void board_connection(struct board *board, const char *server, const char *text)
{
    copy_text(board->server, sizeof(board->server), server);
    copy_text(board->text, sizeof(board->text), text);
}

/* Sorted by serial, digits by value: M2 before M10. */
static struct board_meter *take_meter(struct board *board, const char *serial)
{
    size_t low = 0;
    size_t high = board->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strverscmp(board->meters[middle].serial, serial);
        if (order == 0)
            return &board->meters[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (board->count == BOARD_METERS) {
        board->dropped++;
        return NULL;
    }
    if (board->count == board->capacity) {
        board->capacity = board->capacity > 0 ? 2 * board->capacity : 16;
        board->meters = xrealloc(board->meters, board->capacity * sizeof(*board->meters));
    }
    memmove(board->meters + low + 1, board->meters + low,
            (board->count - low) * sizeof(*board->meters));
    board->count++;
    board->meters[low] = (struct board_meter){.online = BOARD_UNHEARD};
    snprintf(board->meters[low].serial, sizeof(board->meters[low].serial), "%s", serial);
    return &board->meters[low];
}

static bool get_uint(const json_t *object, const char *key, uint64_t *ret_value)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_value = (uint64_t)json_integer_value(value);
    return true;
}

static const char *get_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* METERS */

static void on_reading(struct board_meter *meter, const char *payload, size_t len)
{
    struct report *report = xcalloc(1, sizeof(*report));
    if (payload_report_parse(report, payload, len, NULL) == 0) {
        const struct reading *last = &report->readings[report->count - 1];
        meter->meter = report->meter;
        if (report->sequence > meter->sequence)
            meter->sequence = report->sequence;
        if (last->timestamp_s >= meter->reading.timestamp_s)
            meter->reading = *last;
    }
    free(report);
}

static void on_receipt(struct board *board, struct board_meter *meter, const char *payload,
                       size_t len, uint64_t now_ms)
{
    struct receipt receipt;
    if (payload_receipt_parse(&receipt, payload, len, NULL) != 0)
        return;
    if (receipt.status == RECEIPT_REJECTED) {
        meter->rejected++;
        char text[sizeof(receipt.text)];
        copy_text(text, sizeof(text), receipt.text);
        tell(board, now_ms);
        buf_printf(&board->news, "rejected serial=%s sequence=%" PRIu32 " cause=%s %s\n",
                   meter->serial, receipt.first, cause_text(receipt.cause), text);
        return;
    }
    if (receipt.last > meter->stored)
        meter->stored = receipt.last;
    if (receipt.status == RECEIPT_SEALED && receipt.last > meter->sealed)
        meter->sealed = receipt.last;
}

static void on_telemetry(struct board_meter *meter, const json_t *value)
{
    const json_t *power = json_object_get(value, "power_w");
    if (json_is_number(power)) {
        meter->has_power = true;
        meter->power_w = (int64_t)json_number_value(power);
    }
    if (get_uint(value, "backlog", &meter->backlog))
        meter->has_backlog = true;
}

static void on_state(struct board *board, struct board_meter *meter, const json_t *value,
                     uint64_t now_ms)
{
    const json_t *online = json_object_get(value, "online");
    enum board_online now = json_is_true(online)    ? BOARD_ONLINE
                            : json_is_false(online) ? BOARD_OFFLINE
                                                    : meter->online;
    if (now != meter->online) {
        tell(board, now_ms);
        buf_printf(&board->news, "meter serial=%s %s\n", meter->serial,
                   now == BOARD_ONLINE ? "online" : "offline");
    }
    meter->online = now;
}

static void on_birth(struct board_meter *meter, const json_t *value)
{
    uint64_t id = 0;
    if (get_uint(value, "meter", &id) && id <= UINT32_MAX)
        meter->meter = (uint32_t)id;
}

/* SERVER */

static void on_bridge(struct board_server *state, const json_t *value)
{
    state->bridge_heard = true;
    state->bridge_online = strcmp(get_text(value, "state"), "offline") != 0;
    (void)get_uint(value, "meters", &state->meters);
    (void)get_uint(value, "stored", &state->stored);
    (void)get_uint(value, "sealed", &state->sealed);
    (void)get_uint(value, "readings_sealed", &state->readings_sealed);
    (void)get_uint(value, "rejected", &state->rejected);
    (void)get_uint(value, "backlog", &state->backlog);
    (void)get_uint(value, "oldest_s", &state->oldest_s);
    (void)get_uint(value, "in_flight", &state->in_flight);
    (void)get_uint(value, "head", &state->head);
    (void)get_uint(value, "balance_gwei", &state->balance_gwei);
    (void)get_uint(value, "base_fee_wei", &state->base_fee_wei);
    copy_text(state->paused, sizeof(state->paused), get_text(value, "paused"));
}

static void on_broker(struct board_server *state, const json_t *value)
{
    json_t *rejected = json_object_get(value, "rejected");
    const char *cause;
    json_t *number;
    uint64_t sum = 0;
    json_object_foreach(rejected, cause, number)
    {
        sum += json_is_integer(number) ? (uint64_t)json_integer_value(number) : 0;
    }
    state->broker_heard = true;
    state->refused = sum;
    (void)get_uint(value, "meters_connected", &state->connected);
}

static void on_batch(struct board *board, const json_t *value, uint64_t now_ms)
{
    struct board_batch batch = {.number = 0};
    if (!get_uint(value, "number", &batch.number) || !get_uint(value, "readings", &batch.readings))
        return;
    (void)get_uint(value, "block", &batch.block);
    (void)get_uint(value, "reports", &batch.reports);
    (void)get_uint(value, "rejected", &batch.rejected);
    (void)get_uint(value, "gas_used", &batch.gas_used);
    (void)get_uint(value, "age_ms", &batch.age_ms);
    copy_text(batch.transaction, sizeof(batch.transaction), get_text(value, "tx"));
    memmove(board->batches + 1, board->batches, (BOARD_BATCHES - 1) * sizeof(batch));
    board->batches[0] = batch;
    if (board->batch_count < BOARD_BATCHES)
        board->batch_count++;
    memmove(board->history + 1, board->history, (BOARD_HISTORY - 1) * sizeof(board->history[0]));
    board->history[0] = batch.readings < UINT32_MAX ? (uint32_t)batch.readings : UINT32_MAX;
    board->batches_heard++;
    board->readings_heard += batch.readings;
    board->gas_heard += batch.gas_used;
    board->age_sum_ms += batch.age_ms;
    tell(board, now_ms);
    buf_printf(&board->news,
               "batch number=%" PRIu64 " block=%" PRIu64 " readings=%" PRIu64 " reports=%" PRIu64
               " rejected=%" PRIu64 " gas=%" PRIu64 " age_ms=%" PRIu64 " tx=%s\n",
               batch.number, batch.block, batch.readings, batch.reports, batch.rejected,
               batch.gas_used, batch.age_ms, batch.transaction);
}

static void on_alarm(struct board *board, const json_t *value, uint64_t now_ms)
{
    struct board_alarm alarm = {.unix_s = now_ms / 1000};
    const char *who = get_text(value, "serial");
    (void)get_uint(value, "t", &alarm.unix_s);
    copy_text(alarm.cause, sizeof(alarm.cause), get_text(value, "cause"));
    copy_text(alarm.who, sizeof(alarm.who), *who != '\0' ? who : get_text(value, "source"));
    copy_text(alarm.text, sizeof(alarm.text), get_text(value, "text"));
    memmove(board->alarms + 1, board->alarms, (BOARD_ALARMS - 1) * sizeof(alarm));
    board->alarms[0] = alarm;
    if (board->alarm_count < BOARD_ALARMS)
        board->alarm_count++;
    tell(board, now_ms);
    buf_printf(&board->news, "alarm cause=%s from=%s %s\n", alarm.cause, alarm.who, alarm.text);
}

/* MESSAGES */

static void on_server_message(struct board *board, enum topic_kind kind, const json_t *value,
                              uint64_t now_ms)
{
    switch (kind) {
    case TOPIC_SERVER_BRIDGE:
        on_bridge(&board->state, value);
        return;
    case TOPIC_SERVER_BROKER:
        on_broker(&board->state, value);
        return;
    case TOPIC_SERVER_BATCH:
        on_batch(board, value, now_ms);
        return;
    case TOPIC_SERVER_ALARM:
        on_alarm(board, value, now_ms);
        return;
    default:
        return;
    }
}

static void on_meter_json(struct board *board, struct board_meter *meter, enum topic_kind kind,
                          const json_t *value, uint64_t now_ms)
{
    if (kind == TOPIC_TELEMETRY)
        on_telemetry(meter, value);
    else if (kind == TOPIC_STATE)
        on_state(board, meter, value, now_ms);
    else if (kind == TOPIC_BIRTH)
        on_birth(meter, value);
}

/* What is not JSON is nobody's news here: the plugin and the bridge have told it already. */
static json_t *parse_object(const char *payload, size_t len)
{
    json_t *value = json_parse(payload, len, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

static void on_meter_message(struct board *board, const struct topic *topic, const char *payload,
                             size_t len, uint64_t now_ms)
{
    struct board_meter *meter = take_meter(board, topic->serial);
    if (meter == NULL)
        return;
    if (topic->kind == TOPIC_READING) {
        on_reading(meter, payload, len);
    } else if (topic->kind == TOPIC_RECEIPT) {
        on_receipt(board, meter, payload, len, now_ms);
    } else {
        json_t *value = parse_object(payload, len);
        if (value != NULL)
            on_meter_json(board, meter, topic->kind, value, now_ms);
        json_decref(value);
    }
}

void board_message(struct board *board, const char *topic_text, const char *payload, size_t len,
                   uint64_t now_ms)
{
    struct topic topic;
    if (len == 0 || len > PAYLOAD_MAX || topic_parse(&topic, topic_text) != 0 ||
        topic.group != board->group)
        return;
    if (topic.serial[0] != '\0') {
        on_meter_message(board, &topic, payload, len, now_ms);
        return;
    }
    json_t *value = parse_object(payload, len);
    if (value != NULL)
        on_server_message(board, topic.kind, value, now_ms);
    json_decref(value);
}

void board_tell(struct board *board, struct buf *out)
{
    buf_append(out, board->news.data, board->news.len);
    buf_clear(&board->news);
}

void board_sum_up(const struct board *board, struct buf *out, uint64_t now_ms)
{
    const struct board_server *state = &board->state;
    char time[CLOCK_TEXT];
    size_t online = 0;
    for (size_t i = 0; i < board->count; i++)
        online += board->meters[i].online == BOARD_ONLINE;
    buf_printf(out,
               "%s group=%u meters=%zu online=%zu stored=%" PRIu64 " sealed=%" PRIu64
               " readings_sealed=%" PRIu64 " backlog=%" PRIu64 " oldest_s=%" PRIu64
               " rejected=%" PRIu64 " batches_seen=%" PRIu64 "\n",
               clock_format_ms(time, now_ms), (unsigned)board->group, board->count, online,
               state->stored, state->sealed, state->readings_sealed, state->backlog,
               state->oldest_s, state->rejected + state->refused, board->batches_heard);
}
