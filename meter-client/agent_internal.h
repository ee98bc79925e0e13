/*
 * agent_internal.h: the agent's state, shared by its files and nobody else: agent.c (making,
 * commands, time), agent_readings.c, agent_outbox.c and agent_receipts.c.
 */
#ifndef AMR_METER_AGENT_INTERNAL_H
#define AMR_METER_AGENT_INTERNAL_H

#include "meter-client/agent.h"

/* DSMR P3 and IDIS event codes. */
#define EVENT_POWER_DOWN    1
#define EVENT_POWER_UP      2
#define EVENT_CLOCK_OLD     4
#define EVENT_CLOCK_NEW     5
#define EVENT_MEMORY        14
#define EVENT_MEASUREMENT   16
#define EVENT_CONFIG_CHANGE 47
/* Of the range that IDIS leaves to makers. */
#define EVENT_BACKLOG_FULL 230
#define EVENT_BACKLOG_ROOM 231

#define EVENTS_WAITING 32 /* for the store to take them */

struct waiting_event {
    uint16_t code;
    uint32_t timestamp_s;
};

struct agent {
    struct agent_config config;
    struct agent_parts parts;
    struct measurement measurement;
    bool measured;
    struct source_counters source;
    struct control *control;
    struct registers registers;
    bool registers_changed; /* and the store does not know yet */
    bool restored;          /* told already: the store is behind what was sent with its key */
    bool exchanged;         /* the next reading is the first of another meter */
    uint32_t configured_s;  /* the interval without commands */

    struct reading last;  /* the newest reading made */
    uint32_t boundary_s;  /* the next reading's timestamp, or later */
    struct report report; /* readings that wait, and where they are signed */
    uint32_t saved;       /* the first of them, which the store has too */
    struct waiting_event waiting[EVENTS_WAITING];
    unsigned waiting_count;
    bool store_failed;       /* nothing is lost while memory lasts: tried again at store_retry_ms */
    uint64_t store_retry_ms; /* while store_failed */
    uint64_t made;
    uint64_t rollback;
    uint64_t gaps;
    uint64_t resent;
    bool in_rollback;
    bool backlog_full;
    bool power_away;
    int64_t offset_ms; /* wall minus monotonic: a change is a jump of the clock */
    uint64_t unsure_until_ms;

    bool connected;
    uint32_t cursor;   /* the last report sent in this round */
    uint32_t highest;  /* the last report sent ever */
    uint64_t inflight; /* sent in this round and without a receipt */
    uint32_t event_cursor;
    uint32_t result_cursor;
    unsigned backoff;
    uint32_t oldest;      /* the lowest sequence that waits for a receipt; 0: none did */
    uint32_t hastened;    /* the last one sent again because a later one had its receipt */
    uint64_t progress_ms; /* since when it is the lowest: newer reports do not prolong its wait */
    unsigned conflicts;   /* in a row, of which each numbered reports anew */
    uint32_t renumbered;  /* the last sequence that this gave */
    uint64_t hold_ms;     /* nothing is sent before */
    bool refused;         /* said once per connection */
    uint64_t telemetry_ms;
    uint64_t maintenance_ms;
    uint64_t prune_ms;
};

/** An event, at once into the store or, where that fails, as soon as it works again. */
void agent_add_event(struct agent *agent, uint16_t code, uint32_t timestamp_s);
/** Puts what waits in memory into the store. False where the store would not take it. */
bool agent_flush(struct agent *agent);
/** The store failed: said once, and told as an event when it works again. */
void agent_store_trouble(struct agent *agent, const struct err *why);

#endif
