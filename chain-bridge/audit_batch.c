#include "chain-bridge/audit_batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/report_blob.h"
#include "common/merkle.h"

/* What became of a record. */
enum cover { COVER_NONE, COVER_GOOD, COVER_WRONG };

/* The batch being finished. */
struct finish {
    const struct audit_batch_config *config;
    struct audit_job *job;
    uint32_t *order; /* the records by meter and time */
    uint8_t *covers; /* of the records, in their own order */
    bool *good;      /* of the items */
    size_t bad;
    bool root_fits;
};

bool audit_scope_has(const struct audit_scope *scope, uint32_t meter)
{
    return (scope->meter == 0 || scope->meter == meter) &&
           (scope->group == 0 || scope->group == meter_group(meter));
}

/* JOBS */

static void copy_records(struct audit_job *job)
{
    size_t count = job->batch.count;
    struct record *records = xmalloc((count + 1) * sizeof(*records));
    uint8_t *reasons = xmalloc(count + 1);
    memcpy(records, job->batch.records, count * sizeof(*records));
    memcpy(reasons, job->batch.reasons, count);
    job->batch.records = records;
    job->batch.reasons = reasons;
}

void audit_job_init(struct audit_job *job, const struct history_batch *batch, size_t place,
                    struct buf *data, const struct audit_scope *scope)
{
    size_t capacity = 0;
    size_t len = 0;
    *job = (struct audit_job){.batch = *batch, .place = place, .data = *data};
    *data = (struct buf)BUF_INIT;
    copy_records(job);
    for (size_t at = 0; at < job->data.len; at += len) {
        struct audit_item item = {.readable = false};
        len = audit_entry_take(&item.entry, job->data.data + at, job->data.len - at);
        if (len == 0)
            return;
        if (job->item_count == capacity) {
            capacity = capacity > 0 ? 2 * capacity : 16;
            job->items = xrealloc(job->items, capacity * sizeof(*job->items));
        }
        item.recover = !item.entry.is_leaf && audit_scope_has(scope, item.entry.meter);
        job->items[job->item_count++] = item;
    }
}

void audit_job_clear(struct audit_job *job)
{
    free((void *)job->batch.records);
    free((void *)job->batch.reasons);
    free(job->items);
    buf_free(&job->data);
    memset(job, 0, sizeof(*job));
}

static int decode(struct report *ret_report, const struct audit_item *item)
{
    return report_blob_decode(ret_report, item->entry.meter, item->entry.sequence, item->entry.data,
                              item->entry.len, NULL);
}

static void recover(struct audit_item *item, const struct recoverer *recoverer,
                    const struct eth_signature *signature)
{
    item->recovered = recoverer_recover(recoverer, &item->signer, &item->digest, signature) == 0;
}

void audit_item_work(struct audit_item *item, const struct eip712 *domain,
                     const struct recoverer *recoverer)
{
    struct report report;
    if (item->entry.is_leaf) {
        item->readable = item->entry.len == sizeof(item->leaf.b);
        if (item->readable)
            memcpy(item->leaf.b, item->entry.data, sizeof(item->leaf.b));
        return;
    }
    item->readable = decode(&report, item) == 0;
    if (!item->readable)
        return;
    eip712_report(domain, &item->digest, &report);
    merkle_leaf(&item->leaf, &item->digest, &report.signature);
    if (item->recover)
        recover(item, recoverer, &report.signature);
}

/* THE TREE */

static int compare_hash(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct eth_hash));
}

static bool leads_to_root(const struct finish *finish, bool good_only)
{
    const struct audit_job *job = finish->job;
    struct eth_hash *leaves = xmalloc((job->item_count + 1) * sizeof(*leaves));
    size_t count = 0;
    size_t kept = 0;
    bool fits = false;
    for (size_t i = 0; i < job->item_count; i++) {
        if (job->items[i].readable && (!good_only || finish->good[i]))
            leaves[count++] = job->items[i].leaf;
    }
    qsort(leaves, count, sizeof(*leaves), compare_hash);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_hash(&leaves[kept - 1], &leaves[i]) != 0)
            leaves[kept++] = leaves[i];
    }
    if (kept > 0) {
        struct merkle_tree *tree = merkle_tree_new(leaves, kept);
        fits = eth_hash_equal(merkle_root(tree), &job->batch.root);
        merkle_tree_free(tree);
    }
    free(leaves);
    return fits;
}

/* RECORDS */

static int compare_key(uint32_t meter_a, uint32_t time_a, uint32_t meter_b, uint32_t time_b)
{
    if (meter_a != meter_b)
        return meter_a < meter_b ? -1 : 1;
    return (time_a > time_b) - (time_a < time_b);
}

static int compare_record(const void *a, const void *b, void *cookie)
{
    const struct record *records = cookie;
    uint32_t i = *(const uint32_t *)a;
    uint32_t j = *(const uint32_t *)b;
    int order = compare_key(records[i].meter, records[i].reading.timestamp_s, records[j].meter,
                            records[j].reading.timestamp_s);
    return order != 0 ? order : (i > j) - (i < j);
}

static void order_records(struct finish *finish)
{
    const struct history_batch *batch = &finish->job->batch;
    bool sorted = true;
    for (uint32_t i = 0; i < batch->count; i++) {
        finish->order[i] = i;
        sorted = sorted && (i == 0 || compare_key(batch->records[i - 1].meter,
                                                  batch->records[i - 1].reading.timestamp_s,
                                                  batch->records[i].meter,
                                                  batch->records[i].reading.timestamp_s) <= 0);
    }
    if (!sorted)
        qsort_r(finish->order, batch->count, sizeof(*finish->order), compare_record,
                (void *)batch->records);
}

/* The first of the meter's records of that time, as a place in order; count where there is none. */
static size_t find_record(const struct finish *finish, uint32_t meter, uint32_t time)
{
    const struct history_batch *batch = &finish->job->batch;
    size_t low = 0;
    size_t high = batch->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct record *record = &batch->records[finish->order[middle]];
        if (compare_key(record->meter, record->reading.timestamp_s, meter, time) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == batch->count)
        return low;
    const struct record *record = &batch->records[finish->order[low]];
    return record->meter == meter && record->reading.timestamp_s == time ? low : batch->count;
}

/* The record that is this very reading and belongs to no report yet; else *ret_near is one of the
 * same time, or count where there is none, and count is returned. */
static size_t match_reading(const struct finish *finish, uint32_t meter,
                            const struct reading *reading, size_t *ret_near)
{
    const struct history_batch *batch = &finish->job->batch;
    size_t place = find_record(finish, meter, reading->timestamp_s);
    *ret_near = batch->count;
    for (; place < batch->count; place++) {
        size_t i = finish->order[place];
        const struct record *record = &batch->records[i];
        if (record->meter != meter || record->reading.timestamp_s != reading->timestamp_s)
            break;
        if (finish->covers[i] == COVER_NONE) {
            *ret_near = i;
            if (reading_equal(&record->reading, reading))
                return i;
        }
    }
    return batch->count;
}

/* REPORTS */

static struct audit_finding about(const struct finish *finish, enum audit_kind kind,
                                  const struct report *report)
{
    return (struct audit_finding){.kind = kind,
                                  .meter = report->meter,
                                  .sequence = report->sequence,
                                  .group = finish->job->batch.group,
                                  .batch = finish->job->batch.number};
}

static void tell_reading(struct finish *finish, const struct report *report,
                         const struct reading *archived, size_t near)
{
    const struct history_batch *batch = &finish->job->batch;
    struct audit_finding finding = about(finish, AUDIT_READING, report);
    if (near == batch->count) {
        finding.kind = AUDIT_FOREIGN;
        audit_found(finish->config->findings, &finding,
                    "archived with a reading of time %" PRIu32 " that is not in the batch",
                    archived->timestamp_s);
        return;
    }
    const struct reading *sealed = &batch->records[near].reading;
    audit_found(finish->config->findings, &finding,
                "time %" PRIu32 ": archived as %" PRIu64 " / %" PRIu64
                " Wh quality %u, sealed as %" PRIu64 " / %" PRIu64 " Wh quality %u",
                archived->timestamp_s, archived->import_wh, archived->export_wh,
                (unsigned)archived->quality, sealed->import_wh, sealed->export_wh,
                (unsigned)sealed->quality);
}

static void cover(struct finish *finish, const size_t *found, uint32_t count, enum cover how)
{
    for (uint32_t i = 0; i < count; i++) {
        if (found[i] < finish->job->batch.count)
            finish->covers[found[i]] = (uint8_t)how;
    }
}

/* Whether every reading is in the batch as it stands in the report; found: where. */
static bool match_report(struct finish *finish, const struct report *report, size_t *found)
{
    size_t none = finish->job->batch.count;
    bool all = true;
    for (uint32_t i = 0; i < report->count; i++) {
        size_t near = none;
        found[i] = match_reading(finish, report->meter, &report->readings[i], &near);
        if (found[i] < none)
            continue;
        if (all)
            tell_reading(finish, report, &report->readings[i], near);
        all = false;
        found[i] = near;
    }
    return all;
}

static bool check_signer(struct finish *finish, struct audit_item *item,
                         const struct report *report, const struct audit_meter *meter)
{
    const struct history_batch *batch = &finish->job->batch;
    const struct audit_tenure *tenure =
        meter != NULL ? audit_signer_at(meter, batch->number) : NULL;
    struct audit_finding finding = about(finish, AUDIT_SIGNATURE, report);
    char who[ETH_ADDRESS_TEXT] = "nobody";
    char wanted[ETH_ADDRESS_TEXT] = "nobody";
    if (!item->recover)
        recover(item, finish->config->recoverer, &report->signature);
    if (item->recovered && tenure != NULL && eth_address_equal(&item->signer, &tenure->signer))
        return true;
    if (item->recovered)
        eth_address_text(who, &item->signer);
    if (tenure != NULL)
        eth_address_text(wanted, &tenure->signer);
    audit_found(finish->config->findings, &finding,
                "%s signed by %s, not by the meter's signer of that batch, %s",
                finish->root_fits ? "sealed" : "archived", who, wanted);
    return false;
}

/* The numbers of a meter's reports rise by one; a new signer may begin again. */
static void follow_sequence(struct finish *finish, struct audit_meter *meter,
                            const struct report *report)
{
    const struct audit_tenure *tenure = audit_signer_at(meter, finish->job->batch.number);
    bool same = tenure != NULL && meter->tenure == tenure->from_batch;
    uint32_t before = same ? meter->sequence : 0;
    if (report->sequence <= before) {
        struct audit_finding finding = about(finish, AUDIT_SEQUENCE, report);
        audit_found(finish->config->findings, &finding, "sealed after number %" PRIu32, before);
    } else if (report->sequence > before + 1 && meter->unseen == 0 &&
               (same || meter->tenure == 0)) {
        struct audit_finding finding = about(finish, AUDIT_GAP, report);
        audit_found(finish->config->findings, &finding,
                    "numbers %" PRIu32 " to %" PRIu32 " were never sealed", before + 1,
                    report->sequence - 1);
    }
    meter->sequence = report->sequence;
    meter->tenure = tenure != NULL ? tenure->from_batch : 0;
    meter->unseen = 0;
}

static bool any_taken(const struct finish *finish, const size_t *found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (finish->job->batch.reasons[found[i]] == 0)
            return true;
    }
    return false;
}

static void check_report(struct finish *finish, size_t at)
{
    struct audit_item *item = &finish->job->items[at];
    struct report report;
    size_t found[REPORT_READINGS_MAX];
    struct audit_meter *meter = audit_ledger_meter(finish->config->ledger, item->entry.meter);
    finish->good[at] = true;
    if (item->entry.is_leaf || decode(&report, item) != 0)
        return;
    bool in_scope = audit_scope_has(&finish->config->scope, report.meter);
    if (!in_scope && finish->root_fits)
        return;
    bool good = match_report(finish, &report, found);
    good = good && check_signer(finish, item, &report, meter);
    cover(finish, found, report.count, good ? COVER_GOOD : COVER_WRONG);
    finish->good[at] = good;
    finish->bad += !good;
    finish->config->counts->reports += in_scope;
    if (!good || meter == NULL)
        return;
    meter->reports += in_scope;
    if (any_taken(finish, found, report.count))
        follow_sequence(finish, meter, &report);
}

static int compare_item(const void *a, const void *b, void *cookie)
{
    const struct audit_item *items = cookie;
    const struct audit_item *x = &items[*(const size_t *)a];
    const struct audit_item *y = &items[*(const size_t *)b];
    int order = compare_key(x->entry.meter, x->entry.sequence, y->entry.meter, y->entry.sequence);
    return order != 0 ? order : compare_hash(&x->leaf, &y->leaf);
}

/* In the order of meters and numbers; copies of one report count once. */
static void check_reports(struct finish *finish)
{
    struct audit_job *job = finish->job;
    size_t *order = xmalloc((job->item_count + 1) * sizeof(*order));
    for (size_t i = 0; i < job->item_count; i++)
        order[i] = i;
    qsort_r(order, job->item_count, sizeof(*order), compare_item, job->items);
    for (size_t i = 0; i < job->item_count; i++) {
        const struct audit_item *item = &job->items[order[i]];
        bool copy = i > 0 && eth_hash_equal(&job->items[order[i - 1]].leaf, &item->leaf);
        if (item->readable && !copy)
            check_report(finish, order[i]);
    }
    free(order);
}

/* THE OUTCOME */

static void count_lack(struct audit_meter *meter, uint32_t time)
{
    if (meter == NULL)
        return;
    if (meter->lacking == 0 || time < meter->lacking_from_s)
        meter->lacking_from_s = time;
    if (time > meter->lacking_to_s)
        meter->lacking_to_s = time;
    meter->lacking++;
    meter->unseen++;
}

static void count_record(struct finish *finish, size_t i)
{
    const struct record *record = &finish->job->batch.records[i];
    struct audit_counts *counts = finish->config->counts;
    struct audit_meter *meter = audit_ledger_meter(finish->config->ledger, record->meter);
    counts->readings++;
    if (finish->covers[i] == COVER_NONE) {
        counts->lacking++;
        count_lack(meter, record->reading.timestamp_s);
        return;
    }
    if (finish->covers[i] == COVER_GOOD)
        *(finish->root_fits ? &counts->verified : &counts->signed_only) += 1;
    if (meter == NULL)
        return;
    if (finish->covers[i] == COVER_WRONG) {
        meter->wrong++;
        meter->unseen++;
    } else {
        *(finish->root_fits ? &meter->verified : &meter->signed_only) += 1;
    }
}

/* Whether some record, taken or refused, has no report: then the root cannot be rebuilt. */
static bool lacks_any(const struct finish *finish)
{
    for (size_t i = 0; i < finish->job->batch.count; i++) {
        if (finish->covers[i] == COVER_NONE)
            return true;
    }
    return false;
}

static void judge_root(struct finish *finish)
{
    const struct history_batch *batch = &finish->job->batch;
    if (finish->root_fits)
        return;
    if (finish->bad > 0)
        finish->root_fits = leads_to_root(finish, true);
    if (finish->root_fits || finish->bad > 0 || lacks_any(finish))
        return;
    audit_found(
        finish->config->findings,
        &(struct audit_finding){.kind = AUDIT_ROOT, .group = batch->group, .batch = batch->number},
        "every reading has its report, but the reports do not lead to the sealed root");
}

void audit_batch_finish(const struct audit_batch_config *config, struct audit_job *job)
{
    struct finish finish = {.config = config, .job = job};
    finish.order = xcalloc(job->batch.count + 1, sizeof(*finish.order));
    finish.covers = xcalloc(job->batch.count + 1, 1);
    finish.good = xcalloc(job->item_count + 1, sizeof(*finish.good));
    order_records(&finish);
    finish.root_fits = leads_to_root(&finish, false);
    check_reports(&finish);
    judge_root(&finish);
    config->counts->batches++;
    config->counts->whole += finish.root_fits;
    for (size_t i = 0; i < job->batch.count; i++) {
        if (job->batch.reasons[i] == 0 &&
            audit_scope_has(&config->scope, job->batch.records[i].meter))
            count_record(&finish, i);
    }
    free(finish.order);
    free(finish.covers);
    free(finish.good);
}
