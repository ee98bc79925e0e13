#include "chain-bridge/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/elsewhere.h"
#include "chain-bridge/fault.h"
#include "chain-bridge/ledger.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/store_report.h"
#include "common/merkle.h"

/* A reading that the contract skipped. */
struct skipped {
    uint32_t meter;
    uint32_t timestamp_s;
    uint8_t reason;
};

/* What a batch's transaction logged. */
struct events {
    const struct flight *flight;
    const struct settler *settler;
    struct eth_hash transaction; /* whose events count */
    bool submitted;
    bool repeated;
    uint64_t block;
    uint64_t number;
    uint32_t rejected;
    struct skipped *skipped;
    size_t skipped_count;
};

/* A report of the batch and how it ended. */
struct ending {
    struct report_row row;
    enum cause cause; /* CAUSE_NONE: sealed */
    uint8_t reason;
    uint32_t timestamp_s; /* of the first reading skipped */
    uint32_t elsewhere;   /* readings that another batch has */
    struct elsewhere_place place;
};

struct endings {
    struct ending *items;
    size_t count;
};

static enum cause reason_cause(uint8_t reason)
{
    switch (reason) {
    case LEDGER_REASON_UNKNOWN:
        return CAUSE_UNKNOWN;
    case LEDGER_REASON_CLOSED:
        return CAUSE_CLOSED;
    case LEDGER_REASON_ROLLBACK:
        return CAUSE_ROLLBACK;
    case LEDGER_REASON_STALE:
        return CAUSE_STALE;
    case LEDGER_REASON_FUTURE:
        return CAUSE_FUTURE;
    default:
        return CAUSE_CHAIN;
    }
}

static void add_skipped(struct events *events, const struct ledger_event *event)
{
    events->skipped =
        xrealloc(events->skipped, (events->skipped_count + 1) * sizeof(*events->skipped));
    events->skipped[events->skipped_count++] =
        (struct skipped){event->meter, event->timestamp_s, event->reason};
}

static int on_log(void *cookie, const struct chain_log *log, struct err *err)
{
    struct events *events = cookie;
    struct ledger_event event;
    if (log->removed || !eth_hash_equal(&log->transaction, &events->transaction))
        return 0;
    if (ledger_event_decode(&event, log, err) < 0)
        return -1;
    if (event.kind == LEDGER_READING_REJECTED) {
        add_skipped(events, &event);
    } else if (event.kind == LEDGER_BATCH_SUBMITTED || event.kind == LEDGER_BATCH_REPEATED) {
        events->submitted = event.kind == LEDGER_BATCH_SUBMITTED;
        events->repeated = event.kind == LEDGER_BATCH_REPEATED;
        events->block = log->block;
        events->number = event.number;
        events->rejected = event.rejected;
    }
    return 0;
}

static int read_block(struct events *events, uint64_t block, chain_log_fn *on_each, void *cookie,
                      struct err *err)
{
    const struct settler *settler = events->settler;
    uint64_t page = 1;
    struct chain_log_query query = {.address = settler->contract, .from = block, .to = block};
    enum chain_result result =
        chain_logs_paged(settler->chain, &query, &page, on_each, cookie, err);
    if (result == CHAIN_NONE)
        return err_set(err, "logs of block %llu are missing", (unsigned long long)block);
    return result == CHAIN_OK ? 0 : -1;
}

struct original {
    struct eth_hash root;
    uint16_t group;
    struct eth_hash transaction;
    bool found;
};

static int on_original(void *cookie, const struct chain_log *log, struct err *err)
{
    struct original *original = cookie;
    struct ledger_event event;
    if (log->removed)
        return 0;
    if (ledger_event_decode(&event, log, err) < 0)
        return -1;
    if (event.kind != LEDGER_BATCH_SUBMITTED || event.group != original->group ||
        !eth_hash_equal(&event.root, &original->root))
        return 0;
    original->transaction = log->transaction;
    original->found = true;
    return 0;
}

/* The batch was there already, by a twin or by a store since lost: that one's events count. */
static int read_original(struct events *events, const struct eth_hash *root, struct err *err)
{
    const struct settler *settler = events->settler;
    struct original original = {.root = *root, .group = settler->group};
    struct ledger_batch batch;
    enum chain_result result = ledger_batch_info(settler->chain, &settler->contract, &batch,
                                                 settler->group, root, CHAIN_LATEST, err);
    if (result == CHAIN_NONE)
        return err_set(err, "the node does not know the contract's batches");
    if (result != CHAIN_OK || read_block(events, batch.block, on_original, &original, err) < 0)
        return -1;
    if (!original.found)
        return err_set(err, "no batch event in block %llu yet", (unsigned long long)batch.block);
    events->transaction = original.transaction;
    events->repeated = events->submitted = false;
    return read_block(events, batch.block, on_log, events, err);
}

static int read_events(struct events *events, const struct eth_hash *root, struct err *err)
{
    uint64_t block = events->flight->receipt.block;
    events->transaction = events->flight->mined_hash;
    if (read_block(events, block, on_log, events, err) < 0)
        return -1;
    if (events->repeated && read_original(events, root, err) < 0)
        return -1;
    if (!events->submitted)
        return err_set(err, "no batch event in block %llu yet", (unsigned long long)block);
    return 0;
}

static bool keep_row(void *cookie, const struct report_row *row)
{
    struct endings *endings = cookie;
    endings->items = xrealloc(endings->items, (endings->count + 1) * sizeof(*endings->items));
    endings->items[endings->count++] = (struct ending){.row = *row};
    return true;
}

static const struct reading *at_time(const struct report *report, uint32_t timestamp_s)
{
    for (uint32_t i = 0; i < report->count; i++)
        if (report->readings[i].timestamp_s == timestamp_s)
            return &report->readings[i];
    return NULL;
}

/* The report with that reading, or NULL. */
static struct ending *find_ending(const struct endings *endings, const struct skipped *skipped)
{
    for (size_t i = 0; i < endings->count; i++) {
        const struct report *report = &endings->items[i].row.report;
        if (report->meter == skipped->meter && at_time(report, skipped->timestamp_s))
            return &endings->items[i];
    }
    return NULL;
}

static void mark_skipped(struct ending *ending, const struct skipped *skipped)
{
    if (ending->cause != CAUSE_NONE)
        return;
    ending->cause = reason_cause(skipped->reason);
    ending->reason = skipped->reason;
    ending->timestamp_s = skipped->timestamp_s;
}

static void mark_sought(struct ending *ending, const struct sought_reading *sought)
{
    if (!sought->found) {
        mark_skipped(ending, &(struct skipped){sought->meter, sought->reading.timestamp_s,
                                               LEDGER_REASON_STALE});
        return;
    }
    ending->elsewhere++;
    ending->place = sought->place;
}

static int by_time(const void *a, const void *b)
{
    const struct sought_reading *x = a, *y = b;
    if (x->meter != y->meter)
        return x->meter < y->meter ? -1 : 1;
    return (x->reading.timestamp_s > y->reading.timestamp_s) -
           (x->reading.timestamp_s < y->reading.timestamp_s);
}

/* Stale may mean that the chain has it already, which is as good as sealed. */
static int judge_skipped(const struct events *events, struct endings *endings, struct err *err)
{
    const struct settler *settler = events->settler;
    struct elsewhere elsewhere = {settler->chain, settler->contract, settler->group,
                                  settler->start_block};
    struct sought_reading *sought = xcalloc(events->skipped_count + 1, sizeof(*sought));
    size_t count = 0;
    for (size_t i = 0; i < events->skipped_count; i++) {
        const struct skipped *skipped = &events->skipped[i];
        struct ending *ending = find_ending(endings, skipped);
        if (ending && skipped->reason == LEDGER_REASON_STALE)
            sought[count++] = (struct sought_reading){
                .meter = skipped->meter,
                .reading = *at_time(&ending->row.report, skipped->timestamp_s)};
        else if (ending)
            mark_skipped(ending, skipped);
    }
    qsort(sought, count, sizeof(*sought), by_time);
    int result = elsewhere_find(&elsewhere, sought, count, events->block, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct skipped key = {sought[i].meter, sought[i].reading.timestamp_s, 0};
        mark_sought(find_ending(endings, &key), &sought[i]);
    }
    free(sought);
    return result;
}

/* It may get in another time: the report goes back to where it waits. */
static bool waits(const struct ending *ending)
{
    return ending->cause == CAUSE_FUTURE;
}

/* Its meter must send it again, if it may speak again at all. */
static bool is_forgotten(const struct ending *ending)
{
    return ending->cause == CAUSE_UNKNOWN || ending->cause == CAUSE_CLOSED;
}

/* Another batch has the whole report. */
static bool sealed_elsewhere(const struct ending *ending)
{
    return ending->cause == CAUSE_NONE && ending->elsewhere == ending->row.report.count;
}

static int quarantine(const struct settler *settler, const struct ending *ending, const char *text,
                      struct err *err)
{
    struct buf payload = BUF_INIT;
    payload_report_print(&payload, &ending->row.report);
    struct quarantine_row row = {.received_ms = ending->row.received_ms,
                                 .cause = ending->cause,
                                 .text = text,
                                 .topic = "",
                                 .meter = ending->row.report.meter,
                                 .sequence = ending->row.report.sequence,
                                 .payload = payload.data,
                                 .payload_len = payload.len};
    int result = store_quarantine_add(settler->store, &row, err);
    buf_free(&payload);
    return result;
}

static void ending_text(const struct ending *ending, char text[160])
{
    if (ending->reason)
        snprintf(text, 160, "the contract skipped reading t=%u: %s", (unsigned)ending->timestamp_s,
                 ledger_reason_text(ending->reason));
    else
        snprintf(text, 160, "the contract refuses any batch with this report");
}

static int write_elsewhere(const struct settler *settler, const struct ending *ending,
                           struct err *err)
{
    struct batch_row batch = {.root = ending->place.root,
                              .hash = ending->place.transaction,
                              .block = ending->place.block,
                              .number = ending->place.number};
    return store_batch_seal_elsewhere(settler->store, ending->row.id, &batch,
                                      clock_unix_ms(settler->clock), err);
}

/* The tree's leaves that no archived report of the batch will show. */
static int write_others(const struct settler *settler, uint64_t batch,
                        const struct endings *endings, struct err *err)
{
    struct buf leaves = BUF_INIT;
    for (size_t i = 0; i < endings->count; i++) {
        const struct ending *ending = &endings->items[i];
        struct eth_hash leaf;
        if (ending->cause == CAUSE_NONE && !sealed_elsewhere(ending))
            continue;
        merkle_leaf(&leaf, &ending->row.digest, &ending->row.report.signature);
        buf_append(&leaves, leaf.b, sizeof(leaf.b));
    }
    int result = leaves.len ? store_batch_put_others(settler->store, batch, &leaves, err) : 0;
    buf_free(&leaves);
    return result;
}

static int write_endings(const struct settler *settler, const struct flight *flight,
                         const struct batch_row *outcome, const struct endings *endings,
                         struct err *err)
{
    size_t count = 0;
    int result = 0;
    char text[160];
    struct batch_rejection *rejected = xcalloc(endings->count + 1, sizeof(*rejected));
    for (size_t i = 0; result == 0 && i < endings->count; i++) {
        const struct ending *ending = &endings->items[i];
        if (sealed_elsewhere(ending))
            result = write_elsewhere(settler, ending, err);
        if (waits(ending))
            result = store_batch_release(settler->store, &ending->row, err);
        if (ending->cause == CAUSE_NONE || waits(ending))
            continue;
        ending_text(ending, text);
        result = quarantine(settler, ending, text, err);
        if (result == 0 && is_forgotten(ending))
            result = store_batch_forget(settler->store, &ending->row, err);
        else
            rejected[count++] = (struct batch_rejection){ending->row.id, ending->cause};
    }
    if (result == 0)
        result = write_others(settler, flight->tx.batch, endings, err);
    if (result == 0)
        result = store_batch_seal(settler->store, flight->tx.batch, flight->tx.nonce, outcome,
                                  rejected, count, clock_unix_ms(settler->clock), err);
    free(rejected);
    return result;
}

static int commit_endings(const struct settler *settler, const struct flight *flight,
                          const struct batch_row *outcome, const struct endings *endings,
                          struct err *err)
{
    if (store_begin(settler->store, err) < 0)
        return -1;
    int result = write_endings(settler, flight, outcome, endings, err);
    fault_point("seal-commit");
    if (result < 0 || store_commit(settler->store, err) < 0) {
        store_rollback(settler->store);
        return -1;
    }
    fault_point("sealed");
    return 0;
}

static void tell_waits(const struct settler *settler, const struct ending *ending)
{
    const struct report *report = &ending->row.report;
    struct alarm alarm = {.cause = cause_text(ending->cause),
                          .meter = report->meter,
                          .sequence = report->sequence,
                          .text = "the chain's clock is behind this report: it is tried again"};
    log_unusual(settler->log, "%s meter=%u sequence=%u", alarm.text, (unsigned)report->meter,
                (unsigned)report->sequence);
    settler->notices.alarm(settler->notices.cookie, &alarm);
    if (settler->hold)
        settler->hold(settler->hold_cookie, report->meter);
}

static void tell_rejected(const struct settler *settler, const struct ending *ending,
                          const char *serial)
{
    const struct report *report = &ending->row.report;
    struct receipt receipt = {.status = RECEIPT_REJECTED,
                              .meter = report->meter,
                              .first = report->sequence,
                              .last = report->sequence,
                              .cause = ending->cause};
    ending_text(ending, receipt.text);
    struct alarm alarm = {.cause = cause_text(ending->cause),
                          .serial = serial,
                          .meter = report->meter,
                          .sequence = report->sequence,
                          .text = receipt.text};
    log_unusual(settler->log, "report rejected by the contract cause=%s meter=%u sequence=%u",
                alarm.cause, (unsigned)report->meter, (unsigned)report->sequence);
    settler->notices.alarm(settler->notices.cookie, &alarm);
    if (serial[0])
        settler->notices.receipt(settler->notices.cookie, serial, &receipt);
}

static struct receipt sealed_receipt(const struct ending *ending, const struct batch_row *outcome)
{
    const struct report *report = &ending->row.report;
    bool elsewhere = sealed_elsewhere(ending);
    return (struct receipt){.status = RECEIPT_SEALED,
                            .meter = report->meter,
                            .first = report->sequence,
                            .last = report->sequence,
                            .batch = elsewhere ? ending->place.root : outcome->root,
                            .transaction = elsewhere ? ending->place.transaction : outcome->hash,
                            .block = elsewhere ? ending->place.block : outcome->block};
}

/* Whether one receipt can tell of the ending, too. */
static bool goes_with(const struct receipt *receipt, const struct ending *ending,
                      const struct batch_row *outcome)
{
    struct receipt own = sealed_receipt(ending, outcome);
    return ending->cause == CAUSE_NONE && own.meter == receipt->meter &&
           own.first == receipt->last + 1 && eth_hash_equal(&own.batch, &receipt->batch);
}

/* Items are sorted by meter and sequence: one receipt for each run. */
static void tell_endings(const struct settler *settler, const struct endings *endings,
                         const struct batch_row *outcome)
{
    struct meter_row meter = {0};
    for (size_t i = 0; i < endings->count;) {
        const struct ending *first = &endings->items[i++];
        struct receipt receipt = sealed_receipt(first, outcome);
        if (store_meter_get(settler->store, &meter, receipt.meter, NULL) < 0)
            meter.serial[0] = '\0'; /* the meter asks again, and is answered then */
        if (waits(first)) {
            tell_waits(settler, first);
            continue;
        }
        if (first->cause != CAUSE_NONE) {
            tell_rejected(settler, first, meter.serial);
            continue;
        }
        for (; i < endings->count && goes_with(&receipt, &endings->items[i], outcome); i++)
            receipt.last++;
        if (meter.serial[0])
            settler->notices.receipt(settler->notices.cookie, meter.serial, &receipt);
    }
}

static void count_endings(const struct settler *settler, const struct endings *endings)
{
    struct status *status = settler->status;
    for (size_t i = 0; i < endings->count; i++) {
        const struct ending *ending = &endings->items[i];
        bool sealed = ending->cause == CAUSE_NONE;
        status_add(status, STATUS_CLAIMED, -1);
        if (waits(ending))
            continue;
        status_add(status, STATUS_BACKLOG, -1);
        status_add(status, STATUS_SEALED, sealed);
        status_add(status, STATUS_STORED, -(int64_t)is_forgotten(ending));
        status_add(status, STATUS_REJECTED, !sealed && !is_forgotten(ending));
        status_add(status, STATUS_QUARANTINED, !sealed);
        status_add(status, STATUS_READINGS_SEALED, sealed ? ending->row.report.count : 0);
    }
}

static void tell_batch(const struct settler *settler, const struct batch_row *outcome)
{
    char hash[ETH_HASH_TEXT];
    uint64_t now_ms = clock_unix_ms(settler->clock);
    struct batch_notice notice = {
        .number = outcome->number,
        .root = outcome->root,
        .transaction = outcome->hash,
        .block = outcome->block,
        .reports = outcome->reports,
        .readings = outcome->readings,
        .rejected = outcome->rejected,
        .gas_used = outcome->gas_used,
        .gas_price_wei = outcome->gas_price_wei,
        .age_ms = now_ms > outcome->created_ms ? now_ms - outcome->created_ms : 0};
    status_add(settler->status, STATUS_BATCHES, 1);
    log_info(
        settler->log,
        "batch sealed number=%llu block=%llu reports=%u readings=%u rejected=%u gas=%llu tx=%s",
        (unsigned long long)notice.number, (unsigned long long)notice.block,
        (unsigned)notice.reports, (unsigned)notice.readings, (unsigned)notice.rejected,
        (unsigned long long)notice.gas_used, eth_hash_text(hash, &notice.transaction));
    settler->notices.batch(settler->notices.cookie, &notice);
}

static int collect(const struct settler *settler, const struct flight *flight,
                   struct events *events, struct endings *endings, struct batch_row *outcome,
                   struct err *err)
{
    if (store_batch_get(settler->store, outcome, flight->tx.batch, err) < 0 ||
        read_events(events, &outcome->root, err) < 0 ||
        store_report_of_batch(settler->store, flight->tx.batch, keep_row, endings, err) < 0 ||
        judge_skipped(events, endings, err) < 0)
        return -1;
    outcome->hash = events->transaction;
    outcome->block = events->block;
    outcome->number = events->number;
    outcome->gas_used = flight->receipt.gas_used;
    outcome->gas_price_wei = flight->receipt.gas_price_wei;
    outcome->rejected = events->rejected;
    return 0;
}

int settle_sealed(const struct settler *settler, const struct flight *flight, struct err *err)
{
    struct events events = {.settler = settler, .flight = flight};
    struct endings endings = {NULL, 0};
    struct batch_row outcome;
    int result = collect(settler, flight, &events, &endings, &outcome, err);
    if (result == 0)
        result = commit_endings(settler, flight, &outcome, &endings, err);
    if (result == 0) {
        count_endings(settler, &endings);
        tell_endings(settler, &endings, &outcome);
        tell_batch(settler, &outcome);
    }
    free(endings.items);
    free(events.skipped);
    return result;
}

static int write_poison(const struct settler *settler, uint64_t batch, struct ending *ending,
                        struct err *err)
{
    char text[160];
    ending_text(ending, text);
    if (store_begin(settler->store, err) < 0)
        return -1;
    if (quarantine(settler, ending, text, err) < 0 ||
        store_batch_poison(settler->store, batch, ending->row.id, err) < 0 ||
        store_commit(settler->store, err) < 0) {
        store_rollback(settler->store);
        return -1;
    }
    return 0;
}

int settle_poison(const struct settler *settler, uint64_t batch, struct err *err)
{
    struct endings endings = {NULL, 0};
    struct meter_row meter = {0};
    int result = store_report_of_batch(settler->store, batch, keep_row, &endings, err);
    if (result == 0 && endings.count != 1)
        result = err_set(err, "batch %llu has more than one report", (unsigned long long)batch);
    if (result == 0) {
        endings.items[0].cause = CAUSE_CHAIN;
        result = write_poison(settler, batch, &endings.items[0], err);
    }
    if (result == 0) {
        count_endings(settler, &endings);
        if (store_meter_get(settler->store, &meter, endings.items[0].row.report.meter, NULL) < 0)
            meter.serial[0] = '\0';
        tell_rejected(settler, &endings.items[0], meter.serial);
    }
    free(endings.items);
    return result;
}
