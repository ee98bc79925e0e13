#include "chain-bridge/batcher.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

enum { NUMBERS = 1 << 16, IDLE_WAIT_MS = 60000 };

/* The last sequence of a meter that is claimed, rejected, or taken into the plan under way. */
struct lane {
    uint32_t used;
    bool known; /* used was read from the store */
};

struct batcher {
    struct batcher_config config;
    struct plan plan;
    struct lane *lanes; /* by the meter's number */
    /* Of the scan under way: */
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

void batcher_free(struct batcher *batcher)
{
    if (!batcher)
        return;
    plan_free(&batcher->plan);
    free(batcher->lanes);
    free(batcher);
}

static int load_lane(struct batcher *batcher, struct lane *lane, uint32_t meter)
{
    struct meter_row row;
    if (lane->known)
        return 0;
    if (store_meter_get(batcher->config.store, &row, meter, batcher->err) < 0)
        return -1;
    lane->used = row.claimed;
    lane->known = true;
    return 0;
}

static bool waited(const struct batcher *batcher, const struct report_row *row)
{
    return batcher->now_ms >= row->received_ms + batcher->config.gap_wait_ms;
}

/*
 * Walks over rejected reports between the lane and the row. 1: nothing else waits in between and
 * no number is missing, or the row has waited long enough for the missing ones; 0: not yet.
 */
static int may_take(struct batcher *batcher, struct lane *lane, const struct report_row *row)
{
    uint32_t meter = row->report.meter, sequence = row->report.sequence;
    while (sequence != lane->used + 1) {
        uint32_t next;
        enum report_state state;
        bool found;
        if (store_report_next(batcher->config.store, &next, &state, &found, meter, lane->used,
                              batcher->err) < 0)
            return -1;
        if (!found || next > sequence)
            return 0; /* cannot be: the row itself is there */
        if (next != lane->used + 1 && !waited(batcher, row))
            return 0;
        if (next == sequence)
            return 1;
        if (state != REPORT_REJECTED)
            return 0; /* its turn comes first */
        lane->used = next;
    }
    return 1;
}

static bool consider(void *cookie, const struct report_row *row)
{
    struct batcher *batcher = cookie;
    struct lane *lane = &batcher->lanes[meter_number(row->report.meter)];
    int may = load_lane(batcher, lane, row->report.meter);
    if (may == 0)
        may = may_take(batcher, lane, row);
    if (may < 0) {
        batcher->result = -1;
        return false;
    }
    if (may == 0) {
        batcher->blocked = true;
        return true;
    }
    struct plan *plan = &batcher->plan;
    if (plan->count && plan->reading_count + row->report.count > batcher->limits->readings) {
        batcher->full = true;
        return false;
    }
    if (plan->count == 0)
        batcher->oldest_ms = row->received_ms;
    plan_add(plan, row);
    lane->used = row->report.sequence;
    return true;
}

/* Lanes are as of the scan: the next one reads them from the store again. */
static void forget_lanes(struct batcher *batcher)
{
    for (size_t i = 0; i < batcher->plan.count; i++)
        batcher->lanes[meter_number(batcher->plan.entries[i].claim.meter)].known = false;
}

static int scan(struct batcher *batcher)
{
    batcher->full = batcher->blocked = false;
    batcher->result = 0;
    if (store_report_waiting(batcher->config.store, consider, batcher, batcher->err) < 0)
        return -1;
    return batcher->result;
}

static int build(struct batcher *batcher, uint32_t *ret_wait_ms)
{
    uint64_t due_ms = batcher->oldest_ms + batcher->config.age_ms;
    if (!batcher->full && batcher->now_ms < due_ms) {
        *ret_wait_ms = (uint32_t)(due_ms - batcher->now_ms);
        return 0;
    }
    forget_lanes(batcher); /* now: plan_build may cut the list */
    return plan_build(&batcher->plan, batcher->limits, batcher->err) < 0 ? -1 : 1;
}

int batcher_next(struct batcher *batcher, struct plan **ret_plan, uint32_t *ret_wait_ms,
                 const struct plan_limits *limits, uint64_t now_ms, struct err *err)
{
    forget_lanes(batcher);
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
