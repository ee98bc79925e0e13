#include "chain-bridge/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ledger.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/store_report.h"

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
    bool submitted;
    bool repeated;
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
    if (log->removed || !eth_hash_equal(&log->transaction, &events->flight->mined_hash))
        return 0;
    if (ledger_event_decode(&event, log, err) < 0)
        return -1;
    if (event.kind == LEDGER_READING_REJECTED) {
        add_skipped(events, &event);
    } else if (event.kind == LEDGER_BATCH_SUBMITTED || event.kind == LEDGER_BATCH_REPEATED) {
        events->submitted = event.kind == LEDGER_BATCH_SUBMITTED;
        events->repeated = event.kind == LEDGER_BATCH_REPEATED;
        events->number = event.number;
        events->rejected = event.rejected;
    }
    return 0;
}

static int read_events(struct events *events, struct err *err)
{
    const struct settler *settler = events->settler;
    uint64_t block = events->flight->receipt.block, page = 1;
    struct chain_log_query query = {.address = settler->contract, .from = block, .to = block};
    enum chain_result result = chain_logs_paged(settler->chain, &query, &page, on_log, events, err);
    if (result != CHAIN_OK)
        return result == CHAIN_NONE
                   ? err_set(err, "logs of block %llu are missing", (unsigned long long)block)
                   : -1;
    if (!events->submitted && !events->repeated)
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

static bool has_time(const struct report *report, uint32_t timestamp_s)
{
    for (uint32_t i = 0; i < report->count; i++)
        if (report->readings[i].timestamp_s == timestamp_s)
            return true;
    return false;
}

static void mark_skipped(struct endings *endings, const struct skipped *skipped)
{
    for (size_t i = 0; i < endings->count; i++) {
        struct ending *ending = &endings->items[i];
        if (ending->row.report.meter != skipped->meter || ending->cause != CAUSE_NONE ||
            !has_time(&ending->row.report, skipped->timestamp_s))
            continue;
        ending->cause = reason_cause(skipped->reason);
        ending->reason = skipped->reason;
        ending->timestamp_s = skipped->timestamp_s;
    }
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
        if (ending->cause == CAUSE_NONE)
            continue;
        rejected[count++] = (struct batch_rejection){ending->row.id, ending->cause};
        ending_text(ending, text);
        result = quarantine(settler, ending, text, err);
    }
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
    if (write_endings(settler, flight, outcome, endings, err) < 0 ||
        store_commit(settler->store, err) < 0) {
        store_rollback(settler->store);
        return -1;
    }
    return 0;
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

/* Items are sorted by meter and sequence: one receipt for each run. */
static void tell_endings(const struct settler *settler, const struct endings *endings,
                         const struct batch_row *outcome)
{
    struct meter_row meter = {0};
    for (size_t i = 0; i < endings->count;) {
        const struct ending *first = &endings->items[i];
        uint32_t id = first->row.report.meter;
        struct receipt receipt = {.status = RECEIPT_SEALED,
                                  .meter = id,
                                  .first = first->row.report.sequence,
                                  .last = first->row.report.sequence,
                                  .batch = outcome->root,
                                  .transaction = outcome->hash,
                                  .block = outcome->block};
        if (store_meter_get(settler->store, &meter, id, NULL) < 0)
            meter.serial[0] = '\0'; /* the meter asks again, and is answered then */
        i++;
        if (first->cause != CAUSE_NONE) {
            tell_rejected(settler, first, meter.serial);
            continue;
        }
        while (i < endings->count && endings->items[i].cause == CAUSE_NONE &&
               endings->items[i].row.report.meter == id &&
               endings->items[i].row.report.sequence == receipt.last + 1) {
            receipt.last++;
            i++;
        }
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
        status_add(status, STATUS_BACKLOG, -1);
        status_add(status, sealed ? STATUS_SEALED : STATUS_REJECTED, 1);
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
    if (read_events(events, err) < 0 ||
        store_batch_get(settler->store, outcome, flight->tx.batch, err) < 0 ||
        store_report_of_batch(settler->store, flight->tx.batch, keep_row, endings, err) < 0)
        return -1;
    for (size_t i = 0; i < events->skipped_count; i++)
        mark_skipped(endings, &events->skipped[i]);
    outcome->hash = flight->mined_hash;
    outcome->block = flight->receipt.block;
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
