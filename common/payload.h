/*
 * payload.h: the JSON payloads on MQTT, strict both ways. INTERFACES.md shows each.
 *
 * Parsers take exactly the documented keys: an unknown, missing or duplicate key, a wrong type or
 * a number out of range fails with a text that names it. They never read past len, allocate in
 * proportion to len only, and expect the caller to have bounded len by PAYLOAD_MAX. Signatures are
 * checked for form (65 bytes, v 27/28), not against a key. Printers append compact JSON.
 * Pure functions; any thread.
 */
#ifndef AMR_COMMON_PAYLOAD_H
#define AMR_COMMON_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/eip712.h"
#include "common/reading.h"

#define PAYLOAD_MAX 16384

void payload_report_print(struct buf *out, const struct report *report);
int payload_report_parse(struct report *ret_report, const void *data, size_t len,
                         struct err *err) AMR_NODISCARD;

void payload_event_print(struct buf *out, const struct meter_event *event);
int payload_event_parse(struct meter_event *ret_event, const void *data, size_t len,
                        struct err *err) AMR_NODISCARD;

void payload_command_print(struct buf *out, const struct command *command);
int payload_command_parse(struct command *ret_command, const void *data, size_t len,
                          struct err *err) AMR_NODISCARD;

void payload_result_print(struct buf *out, const struct command_result *result);
int payload_result_parse(struct command_result *ret_result, const void *data, size_t len,
                         struct err *err) AMR_NODISCARD;

/** Why a report or event was refused; the names on the wire stand in payload.c. */
enum cause {
    CAUSE_NONE,
    CAUSE_MALFORMED, /* not the documented JSON, or numbers out of range */
    CAUSE_OVERSIZE,  /* longer than the limit */
    CAUSE_UNKNOWN,   /* no such meter in the registry */
    CAUSE_CLOSED,    /* the meter is closed in the registry */
    CAUSE_IDENTITY,  /* the meter id is not the one of this certificate or topic */
    CAUSE_SIGNATURE, /* not signed by the registered signer */
    CAUSE_ROLLBACK,  /* a register lower than one reported before */
    CAUSE_CONFLICT,  /* the same sequence or time with other content */
    CAUSE_STALE,     /* older than what is sealed already */
    CAUSE_FUTURE,    /* timestamp ahead of the server's clock by more than the tolerance */
    CAUSE_RATE,      /* too many messages or bytes */
    CAUSE_CHAIN,     /* the contract refused it for another reason */
    CAUSE_COUNT
};

const char *cause_text(enum cause cause);

/** RECEIPT_MISSING asks for reports that the meter holds and the server lacks. */
enum receipt_status { RECEIPT_STORED, RECEIPT_SEALED, RECEIPT_REJECTED, RECEIPT_MISSING };

/**
 * What the server says about the reports first..last of a meter. A rejection of something
 * unreadable has meter, first and last 0.
 */
struct receipt {
    enum receipt_status status;
    uint32_t meter;
    uint32_t first;
    uint32_t last;
    struct eth_hash batch;       /* sealed: Merkle root that names the batch */
    struct eth_hash transaction; /* sealed */
    uint64_t block;              /* sealed */
    enum cause cause;            /* rejected */
    char text[160];              /* rejected: for people */
};

void payload_receipt_print(struct buf *out, const struct receipt *receipt);
int payload_receipt_parse(struct receipt *ret_receipt, const void *data, size_t len,
                          struct err *err) AMR_NODISCARD;

/**
 * What a meter still holds: of its reports from `first` on, `open` is the lowest that is neither
 * sealed nor finally rejected, or `next` where there is none. Numbers between first and open never
 * come (again). `next` is the number of the report to come.
 */
struct backlog {
    uint32_t meter;
    uint32_t first;
    uint32_t open;
    uint32_t next;
    bool asked; /* the answer to RECEIPT_MISSING; else told on connecting, with first 1 */
};

void payload_backlog_print(struct buf *out, const struct backlog *backlog);
int payload_backlog_parse(struct backlog *ret_backlog, const void *data, size_t len,
                          struct err *err) AMR_NODISCARD;

/** An alarm on amr/v1/<group>/server/alarm. Empty strings and 0 are left out of the JSON. */
struct alarm {
    uint64_t unix_ms;
    const char *source; /* "broker" or "bridge" */
    const char *cause;  /* cause_text() or a name listed in INTERFACES.md */
    const char *serial;
    uint32_t meter;
    uint32_t sequence;
    const char *client;
    const char *address;
    const char *text;
};

void payload_alarm_print(struct buf *out, const struct alarm *alarm);

#endif
