#include "chain-bridge/batcher.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

enum {
    NUMBERS = 1 << 16,
    IDLE_WAIT_MS = 60000,
    ASK_AFTER_MS = 2000, /* what is on its way arrives by itself */
    ASK_EVERY_MS = 10000,
    HOLD_MS = 60000,
    PATIENCE_MS = 30000 /* for an answer, however long the report has waited */
};

/* The last sequence of a meter that is claimed, rejected, or taken into the plan under way. */
struct lane {
    uint32_t used;
    uint32_t claimed; /* what is not above comes late */
    uint32_t scan;    /* in which this was read from the store */
    uint32_t open;    /* missing ones below it will not come */
    bool held;        /* an earlier batch of the meter is not mined */
    uint32_t blocked; /* lowest sequence found to wait in that scan; 0: none */
    uint64_t blocked_since_ms;
    uint64_t asked_ms; /* the meter, last; 0: never */
    uint64_t held_ms;  /* by batcher_hold, last; 0: never */
};

struct batcher {
    struct batcher_config config;
    struct plan plan;
    struct lane *lanes; /* by the meter's number */
    /* Of the scan under way: */
    uint32_t scan;
    const struct plan_limits *limits;
    uint64_t now_ms;
    uint64_t oldest_ms; /* of what was taken */
    bool full;
    bool blocked; /* something waits for a gap to close */
    int result;
    struct err *err;
};

struct batcher *batcher_new(const struct batcher_config *config)
{
    struct batcher *batcher = xcalloc(1, sizeof(*batcher));
    batcher->config = *config;
    batcher->lanes = xcalloc(NUMBERS, sizeof(*batcher->lanes));
    return batcher;
}

void batcher_tune(struct batcher *batcher, uint32_t age_ms, uint64_t gap_wait_ms)
{
    batcher->config.age_ms = age_ms;
    batcher->config.gap_wait_ms = gap_wait_ms;
}

void batcher_free(struct batcher *batcher)
{
    if (!batcher)
        return;
    plan_free(&batcher->plan);
    free(batcher->lanes);
    free(batcher);
}

void batcher_hold(void *cookie, uint32_t meter)
{
    struct batcher *batcher = cookie;
    batcher->lanes[meter_number(meter)].held_ms = batcher->now_ms ? batcher->now_ms : 1;
}

static bool is_held(struct batcher *batcher, const struct lane *lane)
{
    bool held = lane->held_ms && batcher->now_ms >= lane->held_ms &&
                batcher->now_ms - lane->held_ms < HOLD_MS;
    batcher->blocked = batcher->blocked || held;
    return held;
}

static int load_lane(struct batcher *batcher, struct lane *lane, uint32_t meter)
{
    struct meter_row row;
    uint64_t unfinished;
    const struct batcher_config *config = &batcher->config;
    if (lane->scan == batcher->scan)
        return 0;
    if (store_meter_get(config->store, &row, meter, batcher->err) < 0 ||
        store_report_unfinished(config->store, &unfinished, meter, batcher->err) < 0)
        return -1;
    bool goes_on = lane->blocked && lane->scan + 1 == batcher->scan;
    *lane = (struct lane){.used = row.claimed,
                          .claimed = row.claimed,
                          .open = row.open,
                          .scan = batcher->scan,
                          .held = is_held(batcher, lane) ||
                                  (unfinished && !config->mined(config->cookie, unfinished)),
                          .held_ms = lane->held_ms,
                          .blocked_since_ms = goes_on ? lane->blocked_since_ms : batcher->now_ms,
                          .asked_ms = lane->asked_ms};
    return 0;
}

static bool waited(const struct batcher *batcher, const struct lane *lane,
                   const struct waiting_row *row)
{
    uint64_t wait_ms = batcher->config.gap_wait_ms;
    uint64_t patience_ms = wait_ms < PATIENCE_MS ? wait_ms : PATIENCE_MS;
    return batcher->now_ms >= row->received_ms + wait_ms &&
           batcher->now_ms >= lane->blocked_since_ms + patience_ms;
}

/* Whether missing numbers before `next` keep the row waiting; then the meter is asked for them. */
static bool gap_before(struct batcher *batcher, struct lane *lane, const struct waiting_row *row,
                       uint32_t next)
{
    const struct notices *notices = &batcher->config.notices;
    uint32_t first = lane->used + 1 > lane->open ? lane->used + 1 : lane->open;
    struct meter_row meter;
    if (next <= first || waited(batcher, lane, row))
        return false;
    bool asked_lately = lane->asked_ms && batcher->now_ms >= lane->asked_ms &&
                        batcher->now_ms - lane->asked_ms < ASK_EVERY_MS;
    if (asked_lately || batcher->now_ms < row->received_ms + ASK_AFTER_MS ||
        store_meter_get(batcher->config.store, &meter, row->meter, NULL) < 0 || !meter.serial[0])
        return true;
    lane->asked_ms = batcher->now_ms;
    struct receipt receipt = {
        .status = RECEIPT_MISSING, .meter = row->meter, .first = first, .last = next - 1};
    notices->receipt(notices->cookie, meter.serial, &receipt);
    return true;
}

/*
 * Walks over rejected reports between the lane and the row. 1: nothing else waits in between and
 * no number is missing, or the row has waited long enough for the missing ones; 0: not yet.
 */
static int may_take(struct batcher *batcher, struct lane *lane, const struct waiting_row *row)
{
    if (row->sequence <= lane->claimed)
        return 1;
    if (lane->blocked && row->sequence > lane->blocked)
        return 0; /* and it came later, too */
    while (row->sequence != lane->used + 1) {
        uint32_t next;
        enum report_state state;
        bool found;
        if (store_report_next(batcher->config.store, &next, &state, &found, row->meter, lane->used,
                              batcher->err) < 0)
            return -1;
        if (!found || next > row->sequence)
            return 0; /* cannot be: the row itself is there */
        if (gap_before(batcher, lane, row, next))
            return 0;
        if (next == row->sequence)
            return 1;
        if (state != REPORT_REJECTED)
            return 0; /* its turn comes first */
        lane->used = next;
    }
    return 1;
}

/* Adds the report unless the plan is full. */
static int take(struct batcher *batcher, struct lane *lane, const struct waiting_row *waiting)
{
    struct plan *plan = &batcher->plan;
    struct report_row row;
    if (store_report_get(batcher->config.store, &row, waiting->id, batcher->err) < 0)
        return -1;
    if (plan->count && plan->reading_count + row.report.count > batcher->limits->readings) {
        batcher->full = true;
        return 0;
    }
    if (plan->count == 0)
        batcher->oldest_ms = row.received_ms;
    plan_add(plan, &row);
    if (waiting->sequence > lane->used)
        lane->used = waiting->sequence;
    return 0;
}

static bool take_next(void *cookie, const struct waiting_row *row)
{
    struct batcher *batcher = cookie;
    struct lane *lane = &batcher->lanes[meter_number(row->meter)];
    int may = may_take(batcher, lane, row);
    if (may > 0)
        may = take(batcher, lane, row) < 0 ? -1 : 1;
    batcher->result = may < 0 ? -1 : 0;
    return may > 0 && !batcher->full;
}

/* And the reports of the same meter that may follow it. */
static int take_run(struct batcher *batcher, struct lane *lane, const struct waiting_row *row)
{
    if (take(batcher, lane, row) < 0)
        return -1;
    if (batcher->full || row->sequence <= lane->claimed)
        return 0;
    if (store_report_waiting_of(batcher->config.store, row->meter, lane->used, take_next, batcher,
                                batcher->err) < 0)
        return -1;
    return batcher->result;
}

static bool consider(void *cookie, const struct waiting_row *row)
{
    struct batcher *batcher = cookie;
    struct lane *lane = &batcher->lanes[meter_number(row->meter)];
    int may = load_lane(batcher, lane, row->meter);
    bool taken = row->sequence > lane->claimed && row->sequence <= lane->used;
    if (may == 0 && (lane->held || taken))
        return true;
    if (may == 0)
        may = may_take(batcher, lane, row);
    if (may == 0) {
        batcher->blocked = true;
        if (lane->blocked == 0 || row->sequence < lane->blocked)
            lane->blocked = row->sequence;
        return true;
    }
    if (may > 0)
        may = take_run(batcher, lane, row);
    batcher->result = may < 0 ? -1 : 0;
    return may >= 0 && !batcher->full;
}

static int scan(struct batcher *batcher)
{
    batcher->full = batcher->blocked = false;
    batcher->result = 0;
    batcher->scan++; /* lanes are read anew */
    if (store_report_waiting(batcher->config.store, consider, batcher, batcher->err) < 0)
        return -1;
    return batcher->result;
}

static int build(struct batcher *batcher, uint32_t *ret_wait_ms)
{
    uint64_t due_ms = batcher->oldest_ms + batcher->config.age_ms;
    bool jumped = batcher->oldest_ms > batcher->now_ms; /* the clock, back: age says nothing */
    if (!batcher->full && !jumped && batcher->now_ms < due_ms) {
        *ret_wait_ms = (uint32_t)(due_ms - batcher->now_ms);
        return 0;
    }
    bool refused;
    if (plan_build(&batcher->plan, batcher->limits, batcher->err) < 0 ||
        store_batch_was_refused(batcher->config.store, &refused, &batcher->plan.root,
                                batcher->err) < 0)
        return -1;
    *ret_wait_ms = 1000; /* the very same batch again would do nothing: another report must join */
    return !refused;
}

int batcher_next(struct batcher *batcher, struct plan **ret_plan, uint32_t *ret_wait_ms,
                 const struct plan_limits *limits, uint64_t now_ms, struct err *err)
{
    plan_clear(&batcher->plan);
    batcher->limits = limits;
    batcher->now_ms = now_ms;
    batcher->err = err;
    if (scan(batcher) < 0)
        return -1;
    if (batcher->plan.count == 0) {
        *ret_wait_ms = batcher->blocked ? 1000 : IDLE_WAIT_MS;
        return 0;
    }
    *ret_plan = &batcher->plan;
    return build(batcher, ret_wait_ms);
}
