#include "common/payload.h"

#include <inttypes.h>
#include <string.h>

#include "common/hex.h"
#include "common/json.h"
#include "common/json_scan.h"

#define VERSION         1
#define NOT_AFTER_S_MAX ((UINT64_C(1) << 40) - 1)

static const char *const CAUSES[CAUSE_COUNT] = {
    "none",     "malformed", "oversize", "unknown", "closed", "identity", "signature",
    "rollback", "conflict",  "stale",    "future",  "rate",   "chain"};

static const char *const STATUSES[] = {"stored", "sealed", "rejected", "missing"};

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

static int too_long(size_t len, struct err *err)
{
    return err_set(err, "%zu bytes where at most %d are allowed", len, PAYLOAD_MAX);
}

/* Opens the object, checks "v" and hands out the reader; the caller decrefs the value. */
static json_t *open_object(struct json_reader *reader, const void *data, size_t len,
                           struct err *err)
{
    if (len > PAYLOAD_MAX) {
        too_long(len, err);
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

/* One pass over the rows' keys, for what meters send by the thousand. */
static int scan(void *ret_struct, const struct scan_row *rows, size_t row_count, const void *data,
                size_t len, struct err *err)
{
    if (len > PAYLOAD_MAX)
        return too_long(len, err);
    return json_scan(ret_struct, rows, row_count, data, len, err);
}

static int check_signature(const struct eth_signature *signature, struct err *err)
{
    uint8_t v = signature->b[64];
    return v == 27 || v == 28 ? 0 : err_set(err, "'sig' does not end in 1b or 1c");
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

static const struct scan_row READING_ROWS[] = {
    SCAN_UINT(struct reading, timestamp_s, "t", 1, UINT32_MAX),
    SCAN_UINT(struct reading, import_wh, "import_wh", 0, READING_WH_MAX),
    SCAN_UINT(struct reading, export_wh, "export_wh", 0, READING_WH_MAX),
    SCAN_UINT(struct reading, quality, "quality", 0, QUALITY_ALL),
};

static const struct scan_row REPORT_ROWS[] = {
    SCAN_CONSTANT("v", VERSION),
    SCAN_UINT(struct report, meter, "meter", 0, UINT32_MAX),
    SCAN_UINT(struct report, sequence, "sequence", 0, UINT32_MAX),
    SCAN_ARRAY(struct report, readings, count, "readings", 1, REPORT_READINGS_MAX, READING_ROWS),
    SCAN_HEX(struct report, signature.b, "sig"),
};

int payload_report_parse(struct report *ret_report, const void *data, size_t len, struct err *err)
{
    struct report report; /* large: filled as far as the readings go, and copied so */

    if (scan(&report, REPORT_ROWS, AMR_COUNT(REPORT_ROWS), data, len, err) ||
        check_signature(&report.signature, err) || report_check(&report, err))
        return -1;
    ret_report->meter = report.meter;
    ret_report->sequence = report.sequence;
    ret_report->count = report.count;
    memcpy(ret_report->readings, report.readings, report.count * sizeof(report.readings[0]));
    ret_report->signature = report.signature;
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

static const struct scan_row EVENT_ROWS[] = {
    SCAN_CONSTANT("v", VERSION),
    SCAN_UINT(struct meter_event, meter, "meter", 0, UINT32_MAX),
    SCAN_UINT(struct meter_event, sequence, "sequence", 0, UINT32_MAX),
    SCAN_UINT(struct meter_event, timestamp_s, "t", 0, UINT32_MAX),
    SCAN_UINT(struct meter_event, code, "code", 0, UINT16_MAX),
    SCAN_HEX(struct meter_event, signature.b, "sig"),
};

int payload_event_parse(struct meter_event *ret_event, const void *data, size_t len,
                        struct err *err)
{
    struct meter_event event;

    if (scan(&event, EVENT_ROWS, AMR_COUNT(EVENT_ROWS), data, len, err) ||
        check_signature(&event.signature, err))
        return -1;
    *ret_event = event;
    return 0;
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

static const struct scan_row COMMAND_ROWS[] = {
    SCAN_CONSTANT("v", VERSION),
    SCAN_UINT(struct command, id, "id", 1, INT64_MAX),
    SCAN_UINT(struct command, meter, "meter", 0, UINT32_MAX),
    SCAN_UINT(struct command, kind, "kind", 0, UINT8_MAX),
    SCAN_UINT(struct command, argument, "argument", 0, UINT32_MAX),
    SCAN_UINT(struct command, not_after_s, "not_after", 0, NOT_AFTER_S_MAX),
    SCAN_HEX(struct command, signature.b, "sig"),
};

int payload_command_parse(struct command *ret_command, const void *data, size_t len,
                          struct err *err)
{
    struct command command;

    if (scan(&command, COMMAND_ROWS, AMR_COUNT(COMMAND_ROWS), data, len, err) ||
        check_signature(&command.signature, err))
        return -1;
    *ret_command = command;
    return 0;
}

void payload_result_print(struct buf *out, const struct command_result *result)
{
    buf_printf(out,
               "{\"v\":%d,\"id\":%" PRIu64 ",\"meter\":%" PRIu32 ",\"outcome\":%u,\"t\":%" PRIu32,
               VERSION, result->id, result->meter, (unsigned)result->outcome, result->timestamp_s);
    append_signature(out, &result->signature);
}

static const struct scan_row RESULT_ROWS[] = {
    SCAN_CONSTANT("v", VERSION),
    SCAN_UINT(struct command_result, id, "id", 1, INT64_MAX),
    SCAN_UINT(struct command_result, meter, "meter", 0, UINT32_MAX),
    SCAN_UINT(struct command_result, outcome, "outcome", 0, UINT8_MAX),
    SCAN_UINT(struct command_result, timestamp_s, "t", 0, UINT32_MAX),
    SCAN_HEX(struct command_result, signature.b, "sig"),
};

int payload_result_parse(struct command_result *ret_result, const void *data, size_t len,
                         struct err *err)
{
    struct command_result result;

    if (scan(&result, RESULT_ROWS, AMR_COUNT(RESULT_ROWS), data, len, err) ||
        check_signature(&result.signature, err))
        return -1;
    *ret_result = result;
    return 0;
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
    json_fail(reader, "'status' is none of stored, sealed, rejected, missing");
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

void payload_backlog_print(struct buf *out, const struct backlog *backlog)
{
    buf_printf(out,
               "{\"v\":%d,\"meter\":%" PRIu32 ",\"first\":%" PRIu32 ",\"open\":%" PRIu32
               ",\"next\":%" PRIu32 ",\"asked\":%s}",
               VERSION, backlog->meter, backlog->first, backlog->open, backlog->next,
               backlog->asked ? "true" : "false");
}

static bool take_bool(struct json_reader *reader, const char *key)
{
    const json_t *value = json_take(reader, key, true);

    if (value && !json_is_boolean(value))
        json_fail(reader, "'%s' is neither true nor false", key);
    return json_is_true(value);
}

int payload_backlog_parse(struct backlog *ret_backlog, const void *data, size_t len,
                          struct err *err)
{
    struct json_reader reader;
    struct backlog backlog = {0};
    json_t *value = open_object(&reader, data, len, err);

    if (!value)
        return -1;
    backlog.meter = take_u32(&reader, "meter");
    backlog.first = (uint32_t)json_take_uint(&reader, "first", 1, UINT32_MAX);
    backlog.open = (uint32_t)json_take_uint(&reader, "open", 1, UINT32_MAX);
    backlog.next = (uint32_t)json_take_uint(&reader, "next", 1, UINT32_MAX);
    backlog.asked = take_bool(&reader, "asked");
    if (backlog.open < backlog.first && backlog.open != backlog.next)
        json_fail(&reader, "'open' is below 'first'");
    int result = json_done(&reader);
    json_decref(value);
    if (result == 0)
        *ret_backlog = backlog;
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
