/* Every payload that MQTT can bring, and the topic it came on. What parses must print and parse
 * again to the same; reports and events are also read by way of Jansson, which must agree. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <string.h>

#include "common/json.h"
#include "common/payload.h"
#include "common/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_signature(struct json_reader *reader, struct eth_signature *ret_signature)
{
    json_take_hex(reader, "sig", ret_signature->b, sizeof(ret_signature->b));
    if (!reader->failed && ret_signature->b[64] != 27 && ret_signature->b[64] != 28)
        json_fail(reader, "v");
}

static void take_readings(struct json_reader *outer, struct report *ret_report)
{
    json_t *array = json_take(outer, "readings", true);
    size_t count = json_array_size(array);

    if (count < 1 || count > REPORT_READINGS_MAX) {
        json_fail(outer, "readings");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct reading *reading = &ret_report->readings[i];
        struct json_reader reader;
        json_reader_init(&reader, json_array_get(array, i), NULL);
        reading->timestamp_s = (uint32_t)json_take_uint(&reader, "t", 1, UINT32_MAX);
        reading->import_wh = json_take_uint(&reader, "import_wh", 0, READING_WH_MAX);
        reading->export_wh = json_take_uint(&reader, "export_wh", 0, READING_WH_MAX);
        reading->quality = (uint8_t)json_take_uint(&reader, "quality", 0, QUALITY_ALL);
        if (json_done(&reader))
            json_fail(outer, "reading");
    }
    ret_report->count = (uint32_t)count;
}

static int reference_report(struct report *ret_report, json_t *value)
{
    struct json_reader reader;

    memset(ret_report, 0, sizeof(*ret_report));
    json_reader_init(&reader, value, NULL);
    json_take_uint(&reader, "v", 1, 1);
    ret_report->meter = (uint32_t)json_take_uint(&reader, "meter", 0, UINT32_MAX);
    ret_report->sequence = (uint32_t)json_take_uint(&reader, "sequence", 0, UINT32_MAX);
    take_readings(&reader, ret_report);
    take_signature(&reader, &ret_report->signature);
    return json_done(&reader) ? -1 : report_check(ret_report, NULL);
}

static int reference_event(struct meter_event *ret_event, json_t *value)
{
    struct json_reader reader;

    memset(ret_event, 0, sizeof(*ret_event));
    json_reader_init(&reader, value, NULL);
    json_take_uint(&reader, "v", 1, 1);
    ret_event->meter = (uint32_t)json_take_uint(&reader, "meter", 0, UINT32_MAX);
    ret_event->sequence = (uint32_t)json_take_uint(&reader, "sequence", 0, UINT32_MAX);
    ret_event->timestamp_s = (uint32_t)json_take_uint(&reader, "t", 0, UINT32_MAX);
    ret_event->code = (uint16_t)json_take_uint(&reader, "code", 0, UINT16_MAX);
    take_signature(&reader, &ret_event->signature);
    return json_done(&reader);
}

/* Jansson 2.14 overlooks a NUL byte behind a number; JSON has none. */
static void compare_with_jansson(const uint8_t *data, size_t size)
{
    bool readable = size <= PAYLOAD_MAX && !memchr(data, 0, size);
    json_t *value = readable ? json_parse(data, size, NULL) : NULL;
    struct report report, other_report;
    struct meter_event event, other_event;
    int read = payload_report_parse(&report, data, size, NULL);

    assert(read == (value ? reference_report(&other_report, value) : -1));
    assert(read || report_equal(&report, &other_report));
    read = payload_event_parse(&event, data, size, NULL);
    assert(read == (value ? reference_event(&other_event, value) : -1));
    assert(read ||
           (event.meter == other_event.meter && event.sequence == other_event.sequence &&
            event.timestamp_s == other_event.timestamp_s && event.code == other_event.code &&
            memcmp(&event.signature, &other_event.signature, sizeof(event.signature)) == 0));
    json_decref(value);
}

static void round_trip_report(const uint8_t *data, size_t size)
{
    struct report report, again;
    struct buf out = BUF_INIT;

    if (payload_report_parse(&report, data, size, NULL))
        return;
    payload_report_print(&out, &report);
    int result = payload_report_parse(&again, out.data, out.len, NULL);
    assert(result == 0 && report_equal(&report, &again));
    (void)result;
    buf_free(&out);
}

static void round_trip_receipt(const uint8_t *data, size_t size)
{
    struct receipt receipt, again;
    struct buf out = BUF_INIT;

    if (payload_receipt_parse(&receipt, data, size, NULL))
        return;
    payload_receipt_print(&out, &receipt);
    int result = payload_receipt_parse(&again, out.data, out.len, NULL);
    assert(result == 0);
    (void)result;
    buf_free(&out);
}

static void try_topic(const uint8_t *data, size_t size)
{
    char text[256], again[TOPIC_MAX];
    struct topic topic;

    if (size >= sizeof(text) || memchr(data, 0, size))
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    if (topic_parse(&topic, text) == 0)
        assert(strcmp(topic_format(again, topic.group, *topic.serial ? topic.serial : NULL,
                                   topic.kind),
                      text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    struct command command;
    struct command_result result;
    struct backlog backlog;

    compare_with_jansson(data, size);
    round_trip_report(data, size);
    round_trip_receipt(data, size);
    try_topic(data, size);
    int ignored = payload_command_parse(&command, data, size, &err) +
                  payload_result_parse(&result, data, size, &err) +
                  payload_backlog_parse(&backlog, data, size, &err);
    (void)ignored;
    return 0;
}
