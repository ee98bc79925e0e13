#include "broker-plugin/notices.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/topic.h"

#define ALARMS_PER_S 50
#define ALARMS_BURST 500
#define TEXT_MAX     256

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

/* Names and texts can hold what strangers wrote, cut anywhere: others get printable ASCII. */
static const char *plain(char *out, size_t size, const char *text)
{
    size_t len = 0;
    for (; text && text[len] && len + 1 < size; len++)
        out[len] = (char)(text[len] >= ' ' && text[len] <= '~' ? text[len] : '?');
    out[len] = '\0';
    return out;
}

static void append_quoted(struct buf *line, const char *key, const char *text)
{
    char quoted[400];
    if (!text || !text[0])
        return;
    log_quote(quoted, sizeof quoted, text, strlen(text));
    buf_printf(line, " %s=%s", key, quoted);
}

static void append_number(struct buf *line, const char *key, uint32_t number)
{
    if (number)
        buf_printf(line, " %s=%" PRIu32, key, number);
}

static void log_notice(struct log *log, const struct notice *notice)
{
    struct buf line = BUF_INIT;
    buf_printf(&line, "%s cause=%s", notice->what, notice->cause);
    append_quoted(&line, "client", notice->client_id);
    append_quoted(&line, "address", notice->address);
    append_number(&line, "meter", notice->meter);
    append_number(&line, "sequence", notice->sequence);
    append_quoted(&line, "text", notice->text);
    log_unusual(log, "%s", buf_str(&line));
    buf_free(&line);
}

static void publish_alarm(struct notices *notices, const struct notice *notice)
{
    const struct notices_config *config = &notices->config;
    char topic[TOPIC_MAX];
    char client[TOPIC_MAX];
    char text[TEXT_MAX];
    struct buf payload = BUF_INIT;
    struct alarm alarm = {
        .unix_ms = clock_unix_ms(config->clock),
        .source = "broker",
        .cause = notice->cause,
        .serial = or_empty(notice->serial),
        .meter = notice->meter,
        .sequence = notice->sequence,
        .client = plain(client, sizeof client, notice->client_id),
        .address = or_empty(notice->address),
        .text = plain(text, sizeof text, notice->text),
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
    plain(receipt.text, sizeof receipt.text, notice->text);
    payload_receipt_print(&payload, &receipt);
    topic_format(topic, config->group, notice->serial, TOPIC_RECEIPT);
    config->broker->publish(config->broker->cookie, notice->client_id, topic, payload.data,
                            payload.len, false);
    buf_free(&payload);
}
