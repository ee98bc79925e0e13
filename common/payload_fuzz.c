/* Every payload that MQTT can bring, and the topic it came on. What parses must print and parse
 * again to the same. */
#include <assert.h>
#include <string.h>

#include "common/payload.h"
#include "common/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    struct meter_event event;
    struct command command;
    struct command_result result;

    round_trip_report(data, size);
    round_trip_receipt(data, size);
    try_topic(data, size);
    int ignored = payload_event_parse(&event, data, size, &err) +
                  payload_command_parse(&command, data, size, &err) +
                  payload_result_parse(&result, data, size, &err);
    (void)ignored;
    return 0;
}
