#include "chain-bridge/ctl_history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One refusal, in the order in which the contract told them. */
struct refusal {
    struct eth_hash root;
    uint32_t meter;
    uint32_t timestamp_s;
    uint8_t reason;
};

struct packed {
    struct history_batch batch; /* without its records */
    struct buf records;
};

/* The transaction under way: its batches (one, unless a contract is the server) and refusals. */
struct history {
    history_fn *on_batch;
    void *cookie;
    bool open;
    struct eth_hash transaction;
    struct packed *batches;
    size_t batch_count;
    struct refusal *refusals;
    size_t refusal_count;
    struct record *records; /* of the batch being handed on */
    uint8_t *reasons;
    size_t record_count;
    size_t record_capacity;
};

struct history *history_new(history_fn *on_batch, void *cookie)
{
    struct history *history = xcalloc(1, sizeof(*history));
    history->on_batch = on_batch;
    history->cookie = cookie;
    return history;
}

static void forget(struct history *history)
{
    for (size_t i = 0; i < history->batch_count; i++)
        buf_free(&history->batches[i].records);
    history->batch_count = 0;
    history->refusal_count = 0;
    history->open = false;
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    forget(history);
    free(history->batches);
    free(history->refusals);
    free(history->records);
    free(history->reasons);
    free(history);
}

static void take_batch(struct history *history, const struct ledger_event *event,
                       const struct chain_log *log)
{
    struct packed packed = {
        .batch = {.root = event->root,
                  .transaction = log->transaction,
                  .server = event->account,
                  .group = event->group,
                  .number = event->number,
                  .block = log->block,
                  .accepted = event->accepted,
                  .rejected = event->rejected},
        .records = BUF_INIT,
    };
    buf_append(&packed.records, event->records.data, event->records.len);
    history->batches =
        xrealloc(history->batches, (history->batch_count + 1) * sizeof(*history->batches));
    history->batches[history->batch_count++] = packed;
}

static void take_refusal(struct history *history, const struct ledger_event *event)
{
    struct refusal refusal = {event->root, event->meter, event->timestamp_s, event->reason};
    history->refusals =
        xrealloc(history->refusals, (history->refusal_count + 1) * sizeof(*history->refusals));
    history->refusals[history->refusal_count++] = refusal;
}

/* HANDING ON */

static int take_record(void *cookie, const struct record *record)
{
    struct history *history = cookie;
    if (history->record_count == history->record_capacity) {
        history->record_capacity = history->record_capacity > 0 ? 2 * history->record_capacity : 64;
        history->records =
            xrealloc(history->records, history->record_capacity * sizeof(*history->records));
        history->reasons = xrealloc(history->reasons, history->record_capacity);
    }
    history->reasons[history->record_count] = 0;
    history->records[history->record_count++] = *record;
    return 0;
}

static bool same_key(const struct record *record, uint32_t meter, uint32_t timestamp_s)
{
    return record->meter == meter && record->reading.timestamp_s == timestamp_s;
}

/*
 * Records of one meter and time in a row, and the refusals that name them. Where one fewer is
 * refused than there are, one was taken: those before it fell (the meter had no reading that late
 * yet), those after it are stale; so it stands behind the refusals that are not "stale".
 */
static int match_run(struct history *history, const struct eth_hash *root, size_t first, size_t run,
                     size_t *refusal, struct err *err)
{
    const struct record *records = &history->records[first];
    const struct refusal *refusals = &history->refusals[*refusal];
    size_t refused = 0;
    size_t before = 0;
    while (refused < run && *refusal < history->refusal_count) {
        const struct refusal *next = &history->refusals[*refusal];
        if (!eth_hash_equal(&next->root, root) ||
            !same_key(records, next->meter, next->timestamp_s))
            break;
        if (next->reason != LEDGER_REASON_STALE && before == refused)
            before++;
        refused++;
        (*refusal)++;
    }
    if (refused + 1 < run)
        return err_set(err, "meter %" PRIu32 ": %zu readings of one time were taken",
                       records->meter, run - refused);
    for (size_t i = 0; i < run; i++) {
        bool taken = refused < run && i == before;
        history->reasons[first + i] =
            taken ? 0 : refusals[refused < run && i > before ? i - 1 : i].reason;
    }
    return 0;
}

static int match(struct history *history, const struct history_batch *batch, size_t *refusal,
                 struct err *err)
{
    size_t before = *refusal;
    for (size_t i = 0; i < history->record_count;) {
        const struct record *record = &history->records[i];
        size_t run = 1;
        while (i + run < history->record_count &&
               same_key(&history->records[i + run], record->meter, record->reading.timestamp_s))
            run++;
        if (match_run(history, &batch->root, i, run, refusal, err) != 0)
            return -1;
        i += run;
    }
    if (*refusal - before != batch->rejected ||
        history->record_count != (size_t)batch->accepted + batch->rejected)
        return err_set(err,
                       "its %zu records and %zu refusals are not the %" PRIu32 " and %" PRIu32
                       " that the event counts",
                       history->record_count, *refusal - before, batch->accepted + batch->rejected,
                       batch->rejected);
    return 0;
}

static int hand_on(struct history *history, struct packed *packed, size_t *refusal, struct err *err)
{
    struct history_batch *batch = &packed->batch;
    history->record_count = 0;
    if (records_unpack(packed->records.data, packed->records.len, batch->group, take_record,
                       history, err) != 0 ||
        match(history, batch, refusal, err) != 0)
        return err_wrap(err, "batch %" PRIu64 " of group %u", batch->number,
                        (unsigned)batch->group);
    batch->records = history->records;
    batch->reasons = history->reasons;
    batch->count = history->record_count;
    return history->on_batch(history->cookie, batch, err);
}

int history_end(struct history *history, struct err *err)
{
    size_t refusal = 0;
    int result = 0;
    for (size_t i = 0; i < history->batch_count && result == 0; i++)
        result = hand_on(history, &history->batches[i], &refusal, err);
    forget(history);
    return result;
}

int history_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                  struct err *err)
{
    struct history *history = cookie;
    if (history->open && !eth_hash_equal(&history->transaction, &log->transaction) &&
        history_end(history, err) != 0)
        return -1;
    history->open = true;
    history->transaction = log->transaction;
    if (event->kind == LEDGER_BATCH_SUBMITTED)
        take_batch(history, event, log);
    else if (event->kind == LEDGER_READING_REJECTED)
        take_refusal(history, event);
    return 0;
}
