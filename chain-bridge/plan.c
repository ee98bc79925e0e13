#include "chain-bridge/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/merkle.h"
#include "common/record.h"

/* What surrounds the records in a signed transaction, rounded up: envelope, root, ABI words. */
enum { AROUND_BYTES = 400 };

void plan_free(struct plan *plan)
{
    free(plan->entries);
    free(plan->readings);
    free(plan->claims);
    buf_free(&plan->records);
    memset(plan, 0, sizeof(*plan));
}

void plan_clear(struct plan *plan)
{
    plan->count = 0;
    plan->reading_count = 0;
}

/* Room for `more` items beyond `count`. */
static void *grow(void *items, size_t *capacity, size_t count, size_t more, size_t size)
{
    if (count + more <= *capacity)
        return items;
    *capacity = 2 * (count + more);
    return xrealloc(items, *capacity * size);
}

void plan_add(struct plan *plan, const struct report_row *row)
{
    const struct report *report = &row->report;
    plan->entries = grow(plan->entries, &plan->capacity, plan->count, 1, sizeof(*plan->entries));
    plan->readings = grow(plan->readings, &plan->reading_capacity, plan->reading_count,
                          report->count, sizeof(*plan->readings));
    plan->entries[plan->count++] =
        (struct plan_entry){.claim = {row->id, report->meter, report->sequence},
                            .digest = row->digest,
                            .signature = report->signature,
                            .first = plan->reading_count,
                            .count = report->count};
    memcpy(&plan->readings[plan->reading_count], report->readings,
           report->count * sizeof(*plan->readings));
    plan->reading_count += report->count;
}

static int by_claim(const void *a, const void *b)
{
    const struct claim_report *x = &((const struct plan_entry *)a)->claim;
    const struct claim_report *y = &((const struct plan_entry *)b)->claim;
    if (x->meter != y->meter)
        return x->meter < y->meter ? -1 : 1;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static void compute_root(struct plan *plan)
{
    struct eth_hash *leaves = xcalloc(plan->count, sizeof(*leaves));
    for (size_t i = 0; i < plan->count; i++)
        merkle_leaf(&leaves[i], &plan->entries[i].digest, &plan->entries[i].signature);
    struct merkle_tree *tree = merkle_tree_new(leaves, plan->count);
    plan->root = *merkle_root(tree);
    merkle_tree_free(tree);
    free(leaves);
}

static size_t put_records(struct record *records, const struct plan *plan,
                          const struct plan_entry *entry)
{
    for (uint32_t i = 0; i < entry->count; i++)
        records[i] = (struct record){entry->claim.meter, plan->readings[entry->first + i]};
    return entry->count;
}

static int pack(struct plan *plan, struct err *err)
{
    struct record *records = xcalloc(plan->reading_count, sizeof(*records));
    size_t count = 0, meters = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_entry *entry = &plan->entries[i];
        meters += i == 0 || plan->entries[i - 1].claim.meter != entry->claim.meter;
        count += put_records(records + count, plan, entry);
    }
    buf_clear(&plan->records);
    int result = records_pack(&plan->records, records, count, err);
    free(records);
    struct records_gas gas = records_gas(count, meters, plan->records.len);
    plan->gas = gas.expected;
    plan->gas_limit = gas.limit;
    return result;
}

/* How many reports are likely to fit, given that all need `needed` of `limit`. */
static size_t fitting(size_t count, uint64_t needed, uint64_t limit)
{
    size_t fit = (size_t)((double)count * (double)limit / (double)needed * 0.97);
    return fit < 1 ? 1 : fit;
}

static size_t cut(const struct plan *plan, const struct plan_limits *limits)
{
    size_t bytes = plan->records.len + AROUND_BYTES;
    if (bytes > limits->bytes)
        return fitting(plan->count, bytes, limits->bytes);
    if (plan->gas > limits->gas)
        return fitting(plan->count, plan->gas, limits->gas);
    return plan->count;
}

static void count_readings(struct plan *plan)
{
    plan->reading_count = 0;
    for (size_t i = 0; i < plan->count; i++)
        plan->reading_count += plan->entries[i].count;
}

int plan_build(struct plan *plan, const struct plan_limits *limits, struct err *err)
{
    struct plan_entry *taken = xcalloc(plan->count, sizeof(*taken));
    memcpy(taken, plan->entries, plan->count * sizeof(*taken));
    int result = -1;
    for (;;) {
        qsort(plan->entries, plan->count, sizeof(*plan->entries), by_claim);
        count_readings(plan);
        if (pack(plan, err) < 0)
            goto done;
        size_t fit = cut(plan, limits);
        if (fit == plan->count || plan->count == 1)
            break;
        plan->count = fit < plan->count ? fit : plan->count - 1;
        memcpy(plan->entries, taken, plan->count * sizeof(*taken));
    }
    plan->claims = xrealloc(plan->claims, plan->count * sizeof(*plan->claims));
    for (size_t i = 0; i < plan->count; i++)
        plan->claims[i] = plan->entries[i].claim;
    compute_root(plan);
    result = 0;
done:
    free(taken);
    return result;
}
