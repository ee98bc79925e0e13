#include "meter-client/agent_receipts.h"

#include <inttypes.h>
#include <string.h>

#include "meter-client/agent_outbox.h"
#include "meter-client/agent_readings.h"

#define REFUSED_RETRY_MS 30000
#define RATE_RETRY_MS    5000
#define CONFLICTS_MAX    12 /* attempts to find an unused sequence; they skip twice as far each */

/** How long to wait before trying again; 0: there is no use in it. */
static uint64_t retry_ms(const struct agent *agent, enum cause cause)
{
    switch (cause) {
    case CAUSE_RATE:
        return RATE_RETRY_MS;
    case CAUSE_UNKNOWN: /* the registry may not have heard of us yet */
    case CAUSE_CLOSED:  /* and may open us again */
        return REFUSED_RETRY_MS;
    case CAUSE_FUTURE: /* no use where our own clock has since been set back */
        return agent->last.timestamp_s > clock_unix_s(agent->parts.clock) + 3600 ? 0
                                                                                 : RATE_RETRY_MS;
    default:
        return 0;
    }
}

static int lowest_queued(struct agent *agent, uint32_t *ret_sequence, struct err *err)
{
    struct buf payload = BUF_INIT;
    int found = meter_store_next_queued(agent->parts.store, ret_sequence, &payload, 0, err);

    buf_free(&payload);
    if (found == 0)
        *ret_sequence = 0;
    return found < 0 ? -1 : 0;
}

/** Progress is that the lowest has its receipt. Where only a later one has, the lowest was lost. */
static int follow_progress(struct agent *agent, const struct receipt *receipt, struct err *err)
{
    uint32_t lowest;

    if (lowest_queued(agent, &lowest, err) ||
        meter_store_count_queued(agent->parts.store, &agent->inflight, agent->cursor, err))
        return -1;
    if (lowest != agent->oldest) {
        agent->oldest = lowest;
        agent->backoff = 0;
        agent->progress_ms = clock_mono_ms(agent->parts.clock);
    }
    if (receipt->status != RECEIPT_REJECTED && lowest && lowest <= agent->cursor &&
        lowest < receipt->first && lowest != agent->hastened) {
        log_info(agent->parts.log, "a later report has its receipt, sending again from=%" PRIu32,
                 lowest);
        agent->hastened = lowest;
        agent_restart_round(agent);
    }
    return 0;
}

static int apply_receipt(struct agent *agent, const struct receipt *receipt, struct err *err)
{
    uint64_t changed = 0;

    if (meter_store_apply(agent->parts.store, &changed, receipt, clock_unix_s(agent->parts.clock),
                          err))
        return -1;
    if (receipt->status == RECEIPT_REJECTED && changed && agent->report.count == 0 &&
        meter_store_last(agent->parts.store, &agent->last, err))
        return -1;
    return follow_progress(agent, receipt, err);
}

/** Sequences are known to the server that this store never gave, or with other content. */
static void check_restored(struct agent *agent, const struct receipt *receipt)
{
    bool ahead = receipt->status != RECEIPT_REJECTED &&
                 receipt->last >= meter_store_next_sequence(agent->parts.store);

    if (!ahead && !(receipt->status == RECEIPT_REJECTED && receipt->cause == CAUSE_CONFLICT))
        return;
    if (ahead)
        meter_store_skip(agent->parts.store, receipt->last);
    if (agent->restored)
        return;
    agent->restored = true;
    log_unusual(agent->parts.log,
                "the store was restored or cloned: others sent with its key up to=%" PRIu32,
                receipt->last);
    agent_add_event(agent, EVENT_MEMORY, clock_unix_s(agent->parts.clock));
}

/** False where it changes nothing but when to try again. */
static bool judge_rejection(struct agent *agent, const struct receipt *receipt)
{
    char text[256];
    uint64_t wait_ms = retry_ms(agent, receipt->cause);

    log_unusual(agent->parts.log,
                "rejected first=%" PRIu32 " last=%" PRIu32 " cause=%s retry=%s text=%s",
                receipt->first, receipt->last, cause_text(receipt->cause), wait_ms ? "yes" : "no",
                log_quote(text, sizeof(text), receipt->text, strlen(receipt->text)));
    if (wait_ms == 0)
        return receipt->first != 0; /* 0: it could not read which report it was */
    agent_restart_round(agent);
    agent->hold_ms = agent->progress_ms + wait_ms;
    return false;
}

/**
 * A sequence that the server has with other content was used by another copy of this store. What
 * waits is numbered anew, further and further ahead until nothing is in the way; where the times
 * are taken as well there is no way, and the attempts end. False: nothing was changed.
 */
static bool heal(struct agent *agent, const struct receipt *receipt)
{
    struct meter_store *store = agent->parts.store;
    struct err err = ERR_INIT;
    uint64_t moved = 0;
    uint32_t next;

    if (receipt->first > agent->renumbered)
        agent->conflicts = 0;
    if (receipt->cause != CAUSE_CONFLICT || receipt->first == 0 ||
        receipt->first >= meter_store_next_sequence(store) || agent->conflicts >= CONFLICTS_MAX)
        return false;
    next = meter_store_next_sequence(store) + (1u << agent->conflicts++) - 1;
    if (meter_store_renumber(store, &moved, receipt->first, next, agent_sign_report, agent, &err)) {
        agent_store_trouble(agent, &err);
        return false;
    }
    if (moved == 0)
        return false;
    agent->renumbered = next + (uint32_t)moved - 1;
    log_unusual(agent->parts.log,
                "reports are numbered anew after a conflict first=%" PRIu32 " now=%" PRIu32
                " reports=%" PRIu64,
                receipt->first, next, moved);
    agent_restart_round(agent);
    agent_send_backlog(agent, receipt->first, false);
    return true;
}

/** The server lacks what it, or another one, had stored: says what there still is, and sends it. */
static int send_again(struct agent *agent, const struct receipt *receipt, struct err *err)
{
    uint64_t changed = 0;

    if (meter_store_requeue_range(agent->parts.store, &changed, receipt->first, receipt->last, err))
        return -1;
    if (changed) {
        log_info(agent->parts.log,
                 "the server lacks reports, sending again first=%" PRIu32 " reports=%" PRIu64,
                 receipt->first, changed);
        agent_restart_round(agent);
    }
    agent_send_backlog(agent, receipt->first, true);
    return 0;
}

void agent_take_receipt(struct agent *agent, const struct receipt *receipt)
{
    struct err err = ERR_INIT;

    if (receipt->status == RECEIPT_MISSING) {
        if (send_again(agent, receipt, &err))
            agent_store_trouble(agent, &err);
        return;
    }
    check_restored(agent, receipt);
    if (receipt->status == RECEIPT_REJECTED &&
        (!judge_rejection(agent, receipt) || heal(agent, receipt)))
        return;
    if (apply_receipt(agent, receipt, &err))
        agent_store_trouble(agent, &err); /* the report goes out again, and so does its receipt */
}
