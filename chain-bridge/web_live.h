/*
 * web_live.h: what the dashboard shows now, in memory: one row per registered meter, the grid of
 * intervals, and a sequence number that every change moves.
 *
 * Bounded by the registry: a meter that it does not know has no row. Rows follow what was stored
 * (never what only arrived), telemetry and state messages. A change gives its row a new `changed`
 * number; whoever remembers the highest number it saw asks for what changed since. States depend on
 * time, too: web_live_tick, once a second, moves them. Thread-safe; callbacks run under the lock
 * and must be quick.
 */
#ifndef AMR_BRIDGE_WEB_LIVE_H
#define AMR_BRIDGE_WEB_LIVE_H

#include "chain-bridge/roster.h"
#include "chain-bridge/web_grid.h"
#include "common/clock.h"
#include "common/reading.h"

struct web_live;

struct web_live_config {
    const struct clock *clock;
    struct roster *roster;
    uint32_t interval_s; /* of meters whose birth is not known, and of the grid */
    uint32_t late_s;     /* a reading that comes longer after its time is late */
    uint32_t silent_s;   /* a meter without a reading for so long is silent */
};

enum live_status { LIVE_SILENT, LIVE_NEVER, LIVE_LATE, LIVE_REPORTING, LIVE_CLOSED };
enum live_relay { RELAY_UNKNOWN, RELAY_CONNECTED, RELAY_DISCONNECTED, RELAY_READY };

const char *live_status_text(enum live_status status);
const char *live_relay_text(enum live_relay relay);

struct live_meter {
    uint32_t meter;
    char serial[SERIAL_MAX + 1]; /* "": not known */
    struct eth_address signer;
    enum live_status status;
    enum live_relay relay;
    bool has_reading;
    bool has_power;     /* from telemetry */
    bool has_telemetry; /* voltage_dv and backlog, too; 0 voltage: not told */
    bool told_state;
    bool online;
    struct reading last;
    struct reading before; /* timestamp 0: none */
    uint32_t sequence;
    uint32_t sealed_sequence;
    uint64_t contact_ms;
    uint64_t telemetry_ms;
    int64_t power_w;
    uint32_t voltage_dv; /* tenths */
    uint32_t backlog;
    uint32_t interval_s;
    uint32_t sessions;
    uint32_t first_column;
    char firmware[32];
    char source[16];
    uint64_t changed;
    uint32_t day_read;
    uint32_t day_expected;
    uint16_t *cells; /* of the grid; only under the lock */
};

struct web_live *web_live_new(const struct web_live_config *config) AMR_NODISCARD;
void web_live_free(struct web_live *live);

/** Changes; each takes the lock. Meters that the registry does not know are ignored. */
void web_live_report(struct web_live *live, const char *serial, const struct report *report,
                     uint64_t received_ms);
/** The same for history, newest report first: fills only the grid and what is not known yet.
 * before: the last reading of the report before it; timestamp 0: none. */
void web_live_history(struct web_live *live, const char *serial, const struct report *report,
                      const struct reading *before, uint64_t received_ms);
/** Runs a change on the row under the lock, and counts it as one. false: no such meter. */
bool web_live_change(struct web_live *live, uint32_t meter,
                     void (*change)(void *cookie, struct live_meter *row), void *cookie);
/** The id of the meter of a serial, which the registry must know; 0: none. */
uint32_t web_live_find(struct web_live *live, const char *serial);
/** Follows registry and time. Returns whether anything changed. */
bool web_live_tick(struct web_live *live);

/** Reading. */
uint64_t web_live_sequence(struct web_live *live);
/** Counts a change of something else that is shown; returns its number. */
uint64_t web_live_count(struct web_live *live);
/** A copy, without cells. */
bool web_live_get(struct web_live *live, uint32_t meter, struct live_meter *ret_row);
/** All rows, by number, until on_row returns false. */
void web_live_each(struct web_live *live,
                   bool (*on_row)(void *cookie, const struct live_meter *row), void *cookie);

struct live_totals {
    uint32_t status[LIVE_CLOSED + 1];
    uint32_t online;
    int64_t load_w;
    uint32_t load_meters;
    uint32_t due_column; /* the last that is due */
    uint32_t interval_read, interval_expected;
    uint64_t day_read, day_expected;
    uint32_t day_columns;
    double readings_per_s;
};
void web_live_totals(struct web_live *live, struct live_totals *ret_totals);
/** Seconds since the chain's head, as web_live_head was told, last moved. */
uint64_t web_live_head_age_s(struct web_live *live);
void web_live_head(struct web_live *live, uint64_t head);
/** Messages that the feed had no room for (web_feed.h counts them here). */
uint64_t web_live_dropped(struct web_live *live);
void web_live_drop(struct web_live *live, uint64_t count);
/** Pure readers of configuration; the grid's cells only inside web_live_each. */
const struct grid *web_live_grid(const struct web_live *live);
/** What a cell says to people: 'o' ok, 'L' late, 's' substituted, '.' missing, '?' not due. */
char web_live_cell(const struct web_live *live, const struct live_meter *row, uint32_t column,
                   uint32_t due_column);
/** Takes the lock. */
struct grid_load web_live_load(struct web_live *live, uint32_t column);

#endif
