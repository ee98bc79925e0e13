/*
 * verify.h: what can be said about one message without the store.
 *
 * Reports and command results: form, meter and group, registry status, signature; reports: clock.
 * Births and backlogs, which are not signed: form, meter and group, registry status. Thread-safe:
 * many workers share one struct verifier.
 */
#ifndef AMR_BRIDGE_VERIFY_H
#define AMR_BRIDGE_VERIFY_H

#include <stddef.h>

#include "chain-bridge/roster.h"
#include "common/clock.h"
#include "common/payload.h"
#include "common/signer.h"
#include "common/topic.h"

/** A message as it came from a broker; payload_len bytes follow the struct. */
struct message {
    uint64_t received_ms;
    char topic[TOPIC_MAX];
    bool oversize; /* then only the first PAYLOAD_MAX bytes were kept */
    size_t payload_len;
    uint8_t payload[];
};

/** NULL where the topic is longer than any of ours. */
struct message *message_new(const char *topic, const void *payload, size_t len,
                            uint64_t received_ms) AMR_NODISCARD;

struct verifier {
    struct roster *roster;
    const struct eip712 *domain;
    const struct recoverer *recoverer;
    const struct clock *clock;
    uint32_t future_tolerance_s;
};

struct verdict {
    enum cause cause; /* CAUSE_NONE: authentic, and what belongs to the kind is set */
    char text[160];
    char serial[SERIAL_MAX + 1]; /* of the topic */
    enum topic_kind kind;        /* TOPIC_READING where the topic says nothing else of use */
    uint32_t meter;              /* 0 where it could not be read */
    struct report report;        /* readings; all zero where it could not be read */
    struct eth_hash digest;      /* readings, results */
    struct command_result result;
    struct backlog backlog; /* births: of the meter alone */
};

void verify_message(const struct verifier *verifier, struct verdict *ret_verdict,
                    const struct message *message);

#endif
