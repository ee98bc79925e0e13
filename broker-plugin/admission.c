#include "broker-plugin/admission.h"

#include <inttypes.h>
#include <string.h>

/* birth, state and telemetry are small objects. */
#define OTHER_MAX 4096

static enum cause refuse(struct admission_verdict *verdict, enum cause cause)
{
    verdict->cause = cause;
    return cause;
}

static enum cause check_size(struct admission_verdict *verdict, size_t len, size_t max)
{
    if (len <= max)
        return CAUSE_NONE;
    err_set(&verdict->reason, "%zu bytes, at most %zu are read", len, max);
    return refuse(verdict, CAUSE_OVERSIZE);
}

static enum cause check_status(struct admission_verdict *verdict, const struct member *member)
{
    if (member->status == METER_ACTIVE)
        return CAUSE_NONE;
    bool closed = member->status == METER_CLOSED;
    err_set(&verdict->reason, "meter %" PRIu32 " is %s the registry", member->meter,
            closed ? "closed in" : "not in");
    return refuse(verdict, closed ? CAUSE_CLOSED : CAUSE_UNKNOWN);
}

static enum cause check_meter(struct admission_verdict *verdict, const struct member *member)
{
    if (verdict->meter != member->meter) {
        err_set(&verdict->reason, "meter %" PRIu32 " is not this certificate's meter %" PRIu32,
                verdict->meter, member->meter);
        return refuse(verdict, CAUSE_IDENTITY);
    }
    return check_status(verdict, member);
}

static enum cause check_signature(const struct admission *admission,
                                  struct admission_verdict *verdict, const struct member *member,
                                  const struct eth_hash *digest,
                                  const struct eth_signature *signature)
{
    struct eth_address signer;
    if (recoverer_recover(admission->recoverer, &signer, digest, signature) == 0 &&
        eth_address_equal(&signer, &member->signer))
        return CAUSE_NONE;
    err_set(&verdict->reason, "not signed by the key registered for meter %" PRIu32, member->meter);
    return refuse(verdict, CAUSE_SIGNATURE);
}

static enum cause check_clock(const struct admission *admission, struct admission_verdict *verdict,
                              uint32_t timestamp_s)
{
    uint64_t latest_s = (uint64_t)admission->now_s + admission->future_tolerance_s;
    if (timestamp_s <= latest_s)
        return CAUSE_NONE;
    err_set(&verdict->reason, "time %" PRIu32 " is %" PRIu64 " s ahead of the server", timestamp_s,
            (uint64_t)timestamp_s - admission->now_s);
    return refuse(verdict, CAUSE_FUTURE);
}

/* Where the signature is not checked, the digest would be the dearest part. */
static uint64_t plain_fingerprint(const struct report *report)
{
    uint64_t words[3 * REPORT_READINGS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < report->count; i++) {
        const struct reading *reading = &report->readings[i];
        words[count++] = (uint64_t)reading->timestamp_s << 8 | reading->quality;
        words[count++] = reading->import_wh;
        words[count++] = reading->export_wh;
    }
    return hash_bytes(words, count * sizeof words[0]);
}

static enum cause check_report_signature(const struct admission *admission,
                                         struct admission_verdict *verdict,
                                         const struct member *member, const struct report *report,
                                         uint64_t *ret_fingerprint)
{
    struct eth_hash digest;
    if (!admission->check_signature) {
        *ret_fingerprint = plain_fingerprint(report);
        return CAUSE_NONE;
    }
    eip712_report(admission->domain, &digest, report);
    memcpy(ret_fingerprint, digest.b, sizeof *ret_fingerprint);
    return check_signature(admission, verdict, member, &digest, &report->signature);
}

static enum cause check_history(struct admission_verdict *verdict, struct member *member,
                                const struct report *report, uint64_t fingerprint)
{
    struct history *history = member_history(member);
    verdict->cause =
        history_check(history, &verdict->resent, report, fingerprint, &verdict->reason);
    if (verdict->cause == CAUSE_NONE && !verdict->resent)
        history_add(history, report, fingerprint);
    return verdict->cause;
}

void admission_report(const struct admission *admission, struct admission_verdict *ret_verdict,
                      struct member *member, const void *data, size_t len)
{
    struct report report;
    uint64_t fingerprint = 0;
    *ret_verdict = (struct admission_verdict){0};
    if (check_size(ret_verdict, len, admission->bytes_max) != CAUSE_NONE)
        return;
    if (payload_report_parse(&report, data, len, &ret_verdict->reason) < 0) {
        refuse(ret_verdict, CAUSE_MALFORMED);
        return;
    }
    ret_verdict->meter = report.meter;
    ret_verdict->sequence = report.sequence;
    if (check_meter(ret_verdict, member) != CAUSE_NONE)
        return;
    if (check_report_signature(admission, ret_verdict, member, &report, &fingerprint) ||
        check_clock(admission, ret_verdict, report.readings[report.count - 1].timestamp_s))
        return;
    check_history(ret_verdict, member, &report, fingerprint);
}

void admission_event(const struct admission *admission, struct admission_verdict *ret_verdict,
                     const struct member *member, const void *data, size_t len)
{
    struct meter_event event;
    struct eth_hash digest;
    *ret_verdict = (struct admission_verdict){0};
    if (check_size(ret_verdict, len, OTHER_MAX) != CAUSE_NONE)
        return;
    if (payload_event_parse(&event, data, len, &ret_verdict->reason) < 0) {
        refuse(ret_verdict, CAUSE_MALFORMED);
        return;
    }
    ret_verdict->meter = event.meter;
    ret_verdict->sequence = event.sequence;
    if (check_meter(ret_verdict, member) != CAUSE_NONE)
        return;
    eip712_event(admission->domain, &digest, &event);
    if (!admission->check_signature ||
        check_signature(admission, ret_verdict, member, &digest, &event.signature) == CAUSE_NONE)
        check_clock(admission, ret_verdict, event.timestamp_s);
}

void admission_result(const struct admission *admission, struct admission_verdict *ret_verdict,
                      const struct member *member, const void *data, size_t len)
{
    struct command_result result;
    struct eth_hash digest;
    *ret_verdict = (struct admission_verdict){0};
    if (check_size(ret_verdict, len, OTHER_MAX) != CAUSE_NONE)
        return;
    if (payload_result_parse(&result, data, len, &ret_verdict->reason) < 0) {
        refuse(ret_verdict, CAUSE_MALFORMED);
        return;
    }
    ret_verdict->meter = result.meter;
    if (check_meter(ret_verdict, member) != CAUSE_NONE)
        return;
    eip712_result(admission->domain, &digest, &result);
    if (!admission->check_signature ||
        check_signature(admission, ret_verdict, member, &digest, &result.signature) == CAUSE_NONE)
        check_clock(admission, ret_verdict, result.timestamp_s);
}

void admission_other(const struct admission *admission, struct admission_verdict *ret_verdict,
                     const struct member *member, size_t len)
{
    (void)admission;
    *ret_verdict = (struct admission_verdict){.meter = member->meter};
    if (check_size(ret_verdict, len, OTHER_MAX) == CAUSE_NONE)
        check_status(ret_verdict, member);
}
