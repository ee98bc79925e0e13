#include "broker-plugin/notices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/topic.h"

#define ALARMS_PER_S 50
#define ALARMS_BURST 500

struct notices {
    struct notices_config config;
    struct bucket alarms;
};

struct notices *notices_new(const struct notices_config *config)
{
    struct notices *notices = xcalloc(1, sizeof *notices);
    notices->config = *config;
    return notices;
}

void notices_free(struct notices *notices)
{
    free(notices);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void log_notice(struct log *log, const struct notice *notice)
{
    char client[80];
    char text[400];
    const char *id = or_empty(notice->client_id);
    log_quote(client, sizeof client, id, strlen(id));
    log_quote(text, sizeof text, or_empty(notice->text), strlen(or_empty(notice->text)));
    log_unusual(log,
                "%s cause=%s client=%s address=%s meter=%" PRIu32 " sequence=%" PRIu32 " text=%s",
                notice->what, notice->cause, client, or_empty(notice->address), notice->meter,
                notice->sequence, text);
}

static void publish_alarm(struct notices *notices, const struct notice *notice)
{
    const struct notices_config *config = &notices->config;
    char topic[TOPIC_MAX];
    struct buf payload = BUF_INIT;
    struct alarm alarm = {
        .unix_ms = clock_unix_ms(config->clock),
        .source = "broker",
        .cause = notice->cause,
        .serial = or_empty(notice->serial),
        .meter = notice->meter,
        .sequence = notice->sequence,
        .client = or_empty(notice->client_id),
        .address = or_empty(notice->address),
        .text = or_empty(notice->text),
    };
    payload_alarm_print(&payload, &alarm);
    topic_format(topic, config->group, NULL, TOPIC_SERVER_ALARM);
    config->broker->publish(config->broker->cookie, NULL, topic, payload.data, payload.len, false);
    buf_free(&payload);
}

bool notices_alarm(struct notices *notices, struct account *account, const struct notice *notice)
{
    struct counters *counters = notices->config.counters;
    uint64_t now_ms = clock_mono_ms(notices->config.clock);
    if ((account && !account_notice(account, now_ms)) ||
        !bucket_take(&notices->alarms, ALARMS_PER_S, ALARMS_BURST, 1, now_ms)) {
        counters->alarms_suppressed++;
        return false;
    }
    counters->alarms++;
    log_notice(notices->config.log, notice);
    publish_alarm(notices, notice);
    return true;
}

void notices_reject(struct notices *notices, const struct notice *notice, enum cause cause)
{
    const struct notices_config *config = &notices->config;
    char topic[TOPIC_MAX];
    struct buf payload = BUF_INIT;
    struct receipt receipt = {
        .status = RECEIPT_REJECTED,
        .meter = notice->meter,
        .first = notice->sequence,
        .last = notice->sequence,
        .cause = cause,
    };
    snprintf(receipt.text, sizeof receipt.text, "%.*s", (int)sizeof receipt.text - 1,
             or_empty(notice->text));
    payload_receipt_print(&payload, &receipt);
    topic_format(topic, config->group, notice->serial, TOPIC_RECEIPT);
    config->broker->publish(config->broker->cookie, notice->client_id, topic, payload.data,
                            payload.len, false);
    buf_free(&payload);
}
