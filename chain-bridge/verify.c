#include "chain-bridge/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

struct message *message_new(const char *topic, const void *payload, size_t len,
                            uint64_t received_ms)
{
    size_t topic_len = strlen(topic);
    if (topic_len >= TOPIC_MAX)
        return NULL;
    size_t kept = len > PAYLOAD_MAX ? PAYLOAD_MAX : len;
    struct message *message = xmalloc(sizeof(*message) + kept);
    message->received_ms = received_ms;
    memcpy(message->topic, topic, topic_len + 1);
    message->oversize = len > kept;
    message->payload_len = kept;
    if (kept)
        memcpy(message->payload, payload, kept);
    return message;
}

static void refuse(struct verdict *verdict, enum cause cause, const char *format, ...)
    AMR_PRINTF(3, 4);
static void refuse(struct verdict *verdict, enum cause cause, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    verdict->cause = cause;
    vsnprintf(verdict->text, sizeof(verdict->text), format, args);
    va_end(args);
}

/* Of a birth only who it is matters here. */
static int parse_birth(struct backlog *ret_backlog, const struct message *message, struct err *err)
{
    json_t *birth = json_parse(message->payload, message->payload_len, err);
    const json_t *meter = json_object_get(birth, "meter");
    json_int_t value = json_integer_value(meter);
    bool good = json_is_integer(meter) && value > 0 && value <= (json_int_t)UINT32_MAX;
    json_decref(birth);
    if (!good)
        return err_set(err, "a birth names its meter");
    *ret_backlog = (struct backlog){.meter = (uint32_t)value};
    return 0;
}

static int parse(struct verdict *verdict, const struct message *message, struct err *err)
{
    const void *data = message->payload;
    int result;
    switch (verdict->kind) {
    case TOPIC_COMMAND_ACK:
        result = payload_result_parse(&verdict->result, data, message->payload_len, err);
        verdict->meter = verdict->result.meter;
        return result;
    case TOPIC_BACKLOG:
        result = payload_backlog_parse(&verdict->backlog, data, message->payload_len, err);
        verdict->meter = verdict->backlog.meter;
        return result;
    case TOPIC_BIRTH:
        result = parse_birth(&verdict->backlog, message, err);
        verdict->meter = verdict->backlog.meter;
        return result;
    default:
        result = payload_report_parse(&verdict->report, data, message->payload_len, err);
        verdict->meter = verdict->report.meter;
        return result;
    }
}

static void check_form(struct verdict *verdict, const struct message *message)
{
    struct err err = ERR_INIT;
    if (message->oversize)
        refuse(verdict, CAUSE_OVERSIZE, "longer than %d bytes", PAYLOAD_MAX);
    else if (parse(verdict, message, &err) < 0)
        refuse(verdict, CAUSE_MALFORMED, "%.150s", err.text);
}

static void check_registry(const struct verifier *verifier, struct verdict *verdict,
                           struct registry_meter *ret_meter)
{
    uint32_t meter = verdict->meter;
    *ret_meter = roster_find(verifier->roster, meter);
    if (meter_group(meter) != roster_group(verifier->roster))
        refuse(verdict, CAUSE_IDENTITY, "meter %u is of group %u, not of this server's %u",
               (unsigned)meter, (unsigned)meter_group(meter),
               (unsigned)roster_group(verifier->roster));
    else if (ret_meter->status == METER_UNKNOWN)
        refuse(verdict, CAUSE_UNKNOWN, "meter %u is not registered", (unsigned)meter);
    else if (ret_meter->status == METER_CLOSED)
        refuse(verdict, CAUSE_CLOSED, "meter %u is closed", (unsigned)meter);
}

static void check_signature(const struct verifier *verifier, struct verdict *verdict,
                            const struct registry_meter *meter)
{
    struct eth_address signer;
    bool result = verdict->kind == TOPIC_COMMAND_ACK;
    const struct eth_signature *signature =
        result ? &verdict->result.signature : &verdict->report.signature;
    if (result)
        eip712_result(verifier->domain, &verdict->digest, &verdict->result);
    else
        eip712_report(verifier->domain, &verdict->digest, &verdict->report);
    int got = recoverer_recover(verifier->recoverer, &signer, &verdict->digest, signature);
    if (got < 0 || !eth_address_equal(&signer, &meter->signer))
        refuse(verdict, CAUSE_SIGNATURE, "not signed by meter %u's registered signer",
               (unsigned)verdict->meter);
}

static void check_clock(const struct verifier *verifier, struct verdict *verdict)
{
    uint32_t last_s = verdict->report.readings[verdict->report.count - 1].timestamp_s;
    uint64_t limit_s = (uint64_t)clock_unix_s(verifier->clock) + verifier->future_tolerance_s;
    if (last_s > limit_s)
        refuse(verdict, CAUSE_FUTURE, "timestamp %u is %llu s ahead of what is tolerated",
               (unsigned)last_s, (unsigned long long)(last_s - limit_s));
}

static bool is_wanted(enum topic_kind kind)
{
    return kind == TOPIC_READING || kind == TOPIC_COMMAND_ACK || kind == TOPIC_BIRTH ||
           kind == TOPIC_BACKLOG;
}

void verify_message(const struct verifier *verifier, struct verdict *ret_verdict,
                    const struct message *message)
{
    struct verdict *verdict = ret_verdict;
    struct topic topic;
    struct registry_meter meter;
    memset(verdict, 0, sizeof(*verdict));
    verdict->kind = TOPIC_READING;
    if (topic_parse(&topic, message->topic) < 0 || !is_wanted(topic.kind)) {
        refuse(verdict, CAUSE_MALFORMED, "not a topic that is taken in");
        return;
    }
    verdict->kind = topic.kind;
    memcpy(verdict->serial, topic.serial, sizeof(verdict->serial));
    check_form(verdict, message);
    if (verdict->cause == CAUSE_NONE)
        check_registry(verifier, verdict, &meter);
    bool is_signed = topic.kind == TOPIC_READING || topic.kind == TOPIC_COMMAND_ACK;
    if (verdict->cause == CAUSE_NONE && is_signed)
        check_signature(verifier, verdict, &meter);
    if (verdict->cause == CAUSE_NONE && topic.kind == TOPIC_READING)
        check_clock(verifier, verdict);
}
