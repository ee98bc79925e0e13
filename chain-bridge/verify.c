#include "chain-bridge/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void check_form(struct verdict *verdict, const struct message *message)
{
    struct err err = ERR_INIT;
    if (message->oversize)
        refuse(verdict, CAUSE_OVERSIZE, "longer than %d bytes", PAYLOAD_MAX);
    else if (payload_report_parse(&verdict->report, message->payload, message->payload_len, &err) <
             0)
        refuse(verdict, CAUSE_MALFORMED, "%.150s", err.text);
}

static void check_registry(const struct verifier *verifier, struct verdict *verdict,
                           struct registry_meter *ret_meter)
{
    uint32_t meter = verdict->report.meter;
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
    eip712_report(verifier->domain, &verdict->digest, &verdict->report);
    int got = recoverer_recover(verifier->recoverer, &signer, &verdict->digest,
                                &verdict->report.signature);
    if (got < 0 || !eth_address_equal(&signer, &meter->signer))
        refuse(verdict, CAUSE_SIGNATURE, "not signed by meter %u's registered signer",
               (unsigned)verdict->report.meter);
}

static void check_clock(const struct verifier *verifier, struct verdict *verdict)
{
    uint32_t last_s = verdict->report.readings[verdict->report.count - 1].timestamp_s;
    uint64_t limit_s = (uint64_t)clock_unix_s(verifier->clock) + verifier->future_tolerance_s;
    if (last_s > limit_s)
        refuse(verdict, CAUSE_FUTURE, "timestamp %u is %llu s ahead of what is tolerated",
               (unsigned)last_s, (unsigned long long)(last_s - limit_s));
}

void verify_message(const struct verifier *verifier, struct verdict *ret_verdict,
                    const struct message *message)
{
    struct topic topic;
    struct registry_meter meter;
    memset(ret_verdict, 0, sizeof(*ret_verdict));
    if (topic_parse(&topic, message->topic) < 0 || topic.kind != TOPIC_READING) {
        refuse(ret_verdict, CAUSE_MALFORMED, "not a topic for readings");
        return;
    }
    memcpy(ret_verdict->serial, topic.serial, sizeof(ret_verdict->serial));
    check_form(ret_verdict, message);
    if (ret_verdict->cause == CAUSE_NONE)
        check_registry(verifier, ret_verdict, &meter);
    if (ret_verdict->cause == CAUSE_NONE)
        check_signature(verifier, ret_verdict, &meter);
    if (ret_verdict->cause == CAUSE_NONE)
        check_clock(verifier, ret_verdict);
}
