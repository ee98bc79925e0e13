#include "common/payload.h"

#include <inttypes.h>
#include <string.h>

#include "common/hex.h"
#include "common/json.h"

#define VERSION         1
#define NOT_AFTER_S_MAX ((UINT64_C(1) << 40) - 1)

static const char *const CAUSES[CAUSE_COUNT] = {
    "none",     "malformed", "oversize", "unknown", "closed", "identity", "signature",
    "rollback", "conflict",  "stale",    "future",  "rate",   "chain"};

static const char *const STATUSES[] = {"stored", "sealed", "rejected"};

const char *cause_text(enum cause cause)
{
    return CAUSES[cause];
}

static void append_signature(struct buf *out, const struct eth_signature *signature)
{
    buf_printf(out, ",\"sig\":\"");
    hex0x_append(out, signature->b, sizeof(signature->b));
    buf_printf(out, "\"}");
}

/* Opens the object, checks "v" and hands out the reader; the caller decrefs the value. */
static json_t *open_object(struct json_reader *reader, const void *data, size_t len,
                           struct err *err)
{
    if (len > PAYLOAD_MAX) {
        err_set(err, "%zu bytes where at most %d are allowed", len, PAYLOAD_MAX);
        return NULL;
    }
    json_t *value = json_parse(data, len, err);
    if (!value)
        return NULL;
    json_reader_init(reader, value, err);
    json_take_uint(reader, "v", VERSION, VERSION);
    return value;
}

static uint32_t take_u32(struct json_reader *reader, const char *key)
{
    return (uint32_t)json_take_uint(reader, key, 0, UINT32_MAX);
}

static void take_signature(struct json_reader *reader, struct eth_signature *ret_signature)
{
    json_take_hex(reader, "sig", ret_signature->b, sizeof(ret_signature->b));
    if (!reader->failed && ret_signature->b[64] != 27 && ret_signature->b[64] != 28)
        json_fail(reader, "'sig' does not end in 1b or 1c");
}

void payload_report_print(struct buf *out, const struct report *report)
{
    buf_printf(out, "{\"v\":%d,\"meter\":%" PRIu32 ",\"sequence\":%" PRIu32 ",\"readings\":[",
               VERSION, report->meter, report->sequence);
    for (uint32_t i = 0; i < report->count; i++) {
        const struct reading *reading = &report->readings[i];
        buf_printf(out,
                   "%s{\"t\":%" PRIu32 ",\"import_wh\":%" PRIu64 ",\"export_wh\":%" PRIu64
                   ",\"quality\":%u}",
                   i ? "," : "", reading->timestamp_s, reading->import_wh, reading->export_wh,
                   (unsigned)reading->quality);
    }
    buf_append_u8(out, ']');
    append_signature(out, &report->signature);
}

static void take_reading(struct json_reader *outer, json_t *value, uint32_t index,
                         struct reading *ret_reading)
{
    struct json_reader reader;
    struct err err = ERR_INIT;

    json_reader_init(&reader, value, &err);
    ret_reading->timestamp_s = (uint32_t)json_take_uint(&reader, "t", 1, UINT32_MAX);
    ret_reading->import_wh = json_take_uint(&reader, "import_wh", 0, READING_WH_MAX);
    ret_reading->export_wh = json_take_uint(&reader, "export_wh", 0, READING_WH_MAX);
    ret_reading->quality = (uint8_t)json_take_uint(&reader, "quality", 0, QUALITY_ALL);
    if (json_done(&reader))
        json_fail(outer, "readings[%" PRIu32 "]: %.200s", index, err.text);
}

static void take_readings(struct json_reader *reader, struct report *ret_report)
{
    json_t *array = json_take(reader, "readings", true);

    if (!array)
        return;
    size_t count = json_array_size(array); /* 0 where it is no array */
    if (count < 1 || count > REPORT_READINGS_MAX) {
        json_fail(reader, "'readings' is not an array of 1 to %d", REPORT_READINGS_MAX);
        return;
    }
    ret_report->count = (uint32_t)count;
    for (uint32_t i = 0; i < ret_report->count && !reader->failed; i++)
        take_reading(reader, json_array_get(array, i), i, &ret_report->readings[i]);
}

int payload_report_parse(struct report *ret_report, const void *data, size_t len, struct err *err)
{
    struct json_reader reader;
    struct report report = {0};
    json_t *value = open_object(&reader, data, len, err);

    if (!value)
        return -1;
    report.meter = take_u32(&reader, "meter");
    report.sequence = take_u32(&reader, "sequence");
    take_readings(&reader, &report);
    take_signature(&reader, &report.signature);
    int result = json_done(&reader);
    json_decref(value);
    if (result || report_check(&report, err))
        return -1;
    *ret_report = report;
    return 0;
}

void payload_event_print(struct buf *out, const struct meter_event *event)
{
    buf_printf(out,
               "{\"v\":%d,\"meter\":%" PRIu32 ",\"sequence\":%" PRIu32 ",\"t\":%" PRIu32
               ",\"code\":%u",
               VERSION, event->meter, event->sequence, event->timestamp_s, (unsigned)event->code);
    append_signature(out, &event->signature);
}

int payload_event_parse(struct meter_event *ret_event, const void *data, size_t len,
                        struct err *err)
{
    struct json_reader reader;
    struct meter_event event = {0};
    json_t *value = open_object(&reader, data, len, err);

    if (!value)
        return -1;
    event.meter = take_u32(&reader, "meter");
    event.sequence = take_u32(&reader, "sequence");
    event.timestamp_s = take_u32(&reader, "t");
    event.code = (uint16_t)json_take_uint(&reader, "code", 0, UINT16_MAX);
    take_signature(&reader, &event.signature);
    int result = json_done(&reader);
    json_decref(value);
    if (result == 0)
        *ret_event = event;
    return result;
}

void payload_command_print(struct buf *out, const struct command *command)
{
    buf_printf(out,
               "{\"v\":%d,\"id\":%" PRIu64 ",\"meter\":%" PRIu32
               ",\"kind\":%u,\"argument\":%" PRIu32 ",\"not_after\":%" PRIu64,
               VERSION, command->id, command->meter, (unsigned)command->kind, command->argument,
               command->not_after_s);
    append_signature(out, &command->signature);
}

int payload_command_parse(struct command *ret_command, const void *data, size_t len,
                          struct err *err)
{
    struct json_reader reader;
    struct command command = {0};
    json_t *value = open_object(&reader, data, len, err);

    if (!value)
        return -1;
    command.id = json_take_uint(&reader, "id", 1, INT64_MAX);
    command.meter = take_u32(&reader, "meter");
    command.kind = (uint8_t)json_take_uint(&reader, "kind", 0, UINT8_MAX);
    command.argument = take_u32(&reader, "argument");
    command.not_after_s = json_take_uint(&reader, "not_after", 0, NOT_AFTER_S_MAX);
    take_signature(&reader, &command.signature);
    int result = json_done(&reader);
    json_decref(value);
    if (result == 0)
        *ret_command = command;
    return result;
}

void payload_result_print(struct buf *out, const struct command_result *result)
{
    buf_printf(out,
               "{\"v\":%d,\"id\":%" PRIu64 ",\"meter\":%" PRIu32 ",\"outcome\":%u,\"t\":%" PRIu32,
               VERSION, result->id, result->meter, (unsigned)result->outcome, result->timestamp_s);
    append_signature(out, &result->signature);
}

int payload_result_parse(struct command_result *ret_result, const void *data, size_t len,
                         struct err *err)
{
    struct json_reader reader;
    struct command_result parsed = {0};
    json_t *value = open_object(&reader, data, len, err);

    if (!value)
        return -1;
    parsed.id = json_take_uint(&reader, "id", 1, INT64_MAX);
    parsed.meter = take_u32(&reader, "meter");
    parsed.outcome = (uint8_t)json_take_uint(&reader, "outcome", 0, UINT8_MAX);
    parsed.timestamp_s = take_u32(&reader, "t");
    take_signature(&reader, &parsed.signature);
    int result = json_done(&reader);
    json_decref(value);
    if (result == 0)
        *ret_result = parsed;
    return result;
}

void payload_receipt_print(struct buf *out, const struct receipt *receipt)
{
    buf_printf(out,
               "{\"v\":%d,\"status\":\"%s\",\"meter\":%" PRIu32 ",\"first\":%" PRIu32
               ",\"last\":%" PRIu32,
               VERSION, STATUSES[receipt->status], receipt->meter, receipt->first, receipt->last);
    if (receipt->status == RECEIPT_SEALED) {
        buf_printf(out, ",\"batch\":\"");
        hex0x_append(out, receipt->batch.b, sizeof(receipt->batch.b));
        buf_printf(out, "\",\"tx\":\"");
        hex0x_append(out, receipt->transaction.b, sizeof(receipt->transaction.b));
        buf_printf(out, "\",\"block\":%" PRIu64, receipt->block);
    }
    if (receipt->status == RECEIPT_REJECTED) {
        buf_printf(out, ",\"cause\":\"%s\",\"text\":", cause_text(receipt->cause));
        json_append_string(out, receipt->text);
    }
    buf_append_u8(out, '}');
}

static enum receipt_status take_status(struct json_reader *reader)
{
    const char *text = json_take_string(reader, "status", true);

    for (size_t i = 0; i < AMR_COUNT(STATUSES); i++)
        if (strcmp(text, STATUSES[i]) == 0)
            return (enum receipt_status)i;
    json_fail(reader, "'status' is none of stored, sealed, rejected");
    return RECEIPT_STORED;
}

/* A cause that a newer server invented is no reason to lose the rejection. */
static enum cause take_cause(struct json_reader *reader)
{
    const char *text = json_take_string(reader, "cause", true);

    for (int i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
        if (strcmp(text, CAUSES[i]) == 0)
            return (enum cause)i;
    return CAUSE_NONE;
}

static void take_outcome(struct json_reader *reader, struct receipt *receipt)
{
    if (receipt->status == RECEIPT_SEALED) {
        json_take_hex(reader, "batch", receipt->batch.b, sizeof(receipt->batch.b));
        json_take_hex(reader, "tx", receipt->transaction.b, sizeof(receipt->transaction.b));
        receipt->block = json_take_uint(reader, "block", 0, INT64_MAX);
    }
    if (receipt->status == RECEIPT_REJECTED) {
        receipt->cause = take_cause(reader);
        const char *text = json_take_string(reader, "text", true);
        size_t len = strlen(text);
        if (len >= sizeof(receipt->text))
            len = sizeof(receipt->text) - 1;
        memcpy(receipt->text, text, len);
    }
}

int payload_receipt_parse(struct receipt *ret_receipt, const void *data, size_t len,
                          struct err *err)
{
    struct json_reader reader;
    struct receipt receipt = {0};
    json_t *value = open_object(&reader, data, len, err);

    if (!value)
        return -1;
    receipt.status = take_status(&reader);
    receipt.meter = take_u32(&reader, "meter");
    receipt.first = take_u32(&reader, "first");
    receipt.last = take_u32(&reader, "last");
    take_outcome(&reader, &receipt);
    if (receipt.first > receipt.last)
        json_fail(&reader, "'first' is above 'last'");
    int result = json_done(&reader);
    json_decref(value);
    if (result == 0)
        *ret_receipt = receipt;
    return result;
}

static void append_text(struct buf *out, const char *key, const char *text)
{
    if (!text || !*text)
        return;
    buf_printf(out, ",\"%s\":", key);
    json_append_string(out, text);
}

void payload_alarm_print(struct buf *out, const struct alarm *alarm)
{
    buf_printf(out, "{\"v\":%d,\"t\":%" PRIu64, VERSION, alarm->unix_ms / 1000);
    append_text(out, "source", alarm->source);
    append_text(out, "cause", alarm->cause);
    append_text(out, "serial", alarm->serial);
    if (alarm->meter)
        buf_printf(out, ",\"meter\":%" PRIu32, alarm->meter);
    if (alarm->sequence)
        buf_printf(out, ",\"sequence\":%" PRIu32, alarm->sequence);
    append_text(out, "client", alarm->client);
    append_text(out, "address", alarm->address);
    append_text(out, "text", alarm->text);
    buf_append_u8(out, '}');
}
