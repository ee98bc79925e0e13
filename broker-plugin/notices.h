/*
 * notices.h: what the door tells others: log lines and alarms for staff, rejected receipts for the
 * sender.
 *
 * Alarms and their log lines are limited per client (account_notice) and in all (50 a second, 500
 * at once), so that a flood fills neither the log nor the dashboards; what was kept back is
 * counted. A rejected receipt goes to the sender's own receipt topic, whether it subscribed or not:
 * MQTT 3.1.1 has no other way to say no, and 2.0.x has no reason but 0x87 for MQTT 5 either.
 */
#ifndef AMR_BROKER_PLUGIN_NOTICES_H
#define AMR_BROKER_PLUGIN_NOTICES_H

#include <stdbool.h>
#include <stdint.h>

#include "broker-plugin/broker.h"
#include "broker-plugin/counters.h"
#include "broker-plugin/rates.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/payload.h"

struct notices_config {
    const struct broker *broker;
    uint16_t group;
    struct log *log;
    const struct clock *clock;
    struct counters *counters;
};

struct notices;

/** Copies config; what it points to must outlive the notices. */
struct notices *notices_new(const struct notices_config *config) AMR_NODISCARD;
void notices_free(struct notices *notices);

struct notice {
    const char *what;  /* for the log: "report rejected" */
    const char *cause; /* cause_text() or one of INTERFACES.md */
    const char *client_id;
    const char *address;
    const char *serial; /* meters; else NULL */
    uint32_t meter;     /* 0: none */
    uint32_t sequence;  /* 0: none */
    const char *text;
};

/** account may be NULL: then only the common limit holds. False where it was kept back. */
bool notices_alarm(struct notices *notices, struct account *account, const struct notice *notice);
void notices_reject(struct notices *notices, const struct notice *notice, enum cause cause);

#endif
