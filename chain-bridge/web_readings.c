#include "chain-bridge/web_readings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/proof.h"
#include "chain-bridge/store_web.h"
#include "common/json_out.h"
#include "common/options.h"

enum { LIMIT_MAX = 3000, LIMIT = 96 };

void web_print_reading(struct buf *out, const struct report_row *row, uint32_t reading,
                       const struct batch_row *batch)
{
    static const char *const STATES[] = {"stored", "claimed", "sealed", "rejected"};
    const struct reading *at = &row->report.readings[reading];
    json_put_object(out, NULL);
    json_put_uint(out, "t", at->timestamp_s);
    json_put_uint(out, "import_wh", at->import_wh);
    json_put_uint(out, "export_wh", at->export_wh);
    json_put_uint(out, "quality", at->quality);
    json_put_uint(out, "sequence", row->report.sequence);
    json_put_text(out, "state", STATES[row->state]);
    json_put_uint(out, "received_t", row->received_ms / 1000);
    if (batch) {
        json_put_hex(out, "root", batch->root.b, sizeof(batch->root.b));
        json_put_hex(out, "tx", batch->hash.b, sizeof(batch->hash.b));
        json_put_uint(out, "block", batch->block);
    } else {
        json_put_null(out, "root");
        json_put_null(out, "tx");
        json_put_null(out, "block");
    }
    json_put_end_object(out);
}

/* --- walking a meter's reports --------------------------------------------------------------- */

static int first_at_or_after(struct store *store, uint32_t meter, uint32_t sequence,
                             struct report_row *row, bool *ret_found, struct err *err)
{
    if (sequence == 0)
        return store_report_after(store, row, ret_found, meter, 0, err);
    return store_report_after(store, row, ret_found, meter, sequence - 1, err);
}

int web_find_time(struct store *store, uint32_t meter, uint32_t t, struct report_row *row,
                  uint32_t *ret_sequence, struct err *err)
{
    bool found;
    if (store_report_before(store, row, &found, meter, UINT32_MAX, err) < 0)
        return -1;
    uint32_t low = 1, high = found ? row->report.sequence : 0;
    *ret_sequence = UINT32_MAX;
    while (found && low <= high) {
        uint32_t middle = low + (high - low) / 2;
        if (first_at_or_after(store, meter, middle, row, &found, err) < 0)
            return -1;
        if (!found || row->report.sequence > high) {
            high = middle - 1;
            found = true;
        } else if (row->report.readings[row->report.count - 1].timestamp_s >= t) {
            *ret_sequence = row->report.sequence;
            high = middle - 1;
        } else {
            low = row->report.sequence + 1;
        }
    }
    return 0;
}

struct walk {
    const struct web_call *call;
    uint32_t meter;
    uint64_t from;
    uint64_t to;
    bool ascending;
    uint64_t limit;
    uint64_t count;
    uint32_t last_t;
    bool more;
    uint64_t batch_id; /* whose row `batch` is */
    struct batch_row batch;
};

static int print_one(struct walk *walk, const struct report_row *row, uint32_t i, struct err *err)
{
    const struct batch_row *batch = NULL;
    if (row->state == REPORT_SEALED && row->batch) {
        if (walk->batch_id != row->batch &&
            store_batch_get(walk->call->context->store, &walk->batch, row->batch, err) < 0)
            return -1;
        walk->batch_id = row->batch;
        batch = &walk->batch;
    }
    web_print_reading(&walk->call->response->body, row, i, batch);
    walk->last_t = row->report.readings[i].timestamp_s;
    walk->count++;
    return 0;
}

/* One report's readings in the walk's order; *ret_done: nothing behind it is wanted. */
static int print_report(struct walk *walk, const struct report_row *row, bool *ret_done,
                        struct err *err)
{
    uint32_t count = row->report.count;
    for (uint32_t n = 0; n < count; n++) {
        uint32_t i = walk->ascending ? n : count - 1 - n;
        uint32_t t = row->report.readings[i].timestamp_s;
        *ret_done = walk->ascending ? t >= walk->to : t < walk->from;
        if (*ret_done)
            return 0;
        if (t < walk->from || t >= walk->to)
            continue;
        walk->more = walk->count == walk->limit;
        *ret_done = walk->more;
        if (walk->more)
            return 0;
        if (print_one(walk, row, i, err) < 0)
            return -1;
    }
    return 0;
}

static int print_walk(struct walk *walk, struct err *err)
{
    struct store *store = walk->call->context->store;
    struct report_row *row = xcalloc(1, sizeof(*row));
    uint64_t start = walk->ascending ? walk->from : walk->to;
    uint32_t sequence = UINT32_MAX;
    bool found = true, done = false;
    int result = 0;
    if (walk->ascending || start <= UINT32_MAX)
        result = web_find_time(store, walk->meter, (uint32_t)start, row, &sequence, err);
    /* Down: from the report that ends at or after `to`, or from the newest. */
    if (result == 0 && !walk->ascending && sequence < UINT32_MAX)
        sequence++;
    while (result == 0 && !done && (sequence < UINT32_MAX || !walk->ascending)) {
        result = walk->ascending
                     ? first_at_or_after(store, walk->meter, sequence, row, &found, err)
                     : store_report_before(store, row, &found, walk->meter, sequence, err);
        if (result < 0 || !found)
            break;
        result = print_report(walk, row, &done, err);
        sequence = row->report.sequence + (walk->ascending ? 1 : 0);
    }
    free(row);
    return result;
}

static int read_walk(struct walk *walk, struct err *err)
{
    static const char *const NAMES[] = {"from", "to", "order", "limit", "cursor"};
    static const char *const ORDERS[] = {"desc", "asc"};
    const struct web_request *request = walk->call->request;
    uint64_t cursor;
    size_t order;
    if (web_query_known(request, NAMES, AMR_COUNT(NAMES), err) < 0 ||
        web_query_u64(request, &walk->from, "from", 0, UINT32_MAX, 0, err) < 0 ||
        web_query_u64(request, &walk->to, "to", 0, UINT32_MAX, UINT64_C(1) << 32, err) < 0 ||
        web_query_choice(request, &order, "order", ORDERS, 2, 0, err) < 0 ||
        web_query_u64(request, &walk->limit, "limit", 1, LIMIT_MAX, LIMIT, err) < 0 ||
        web_query_u64(request, &cursor, "cursor", 1, UINT32_MAX, 0, err) < 0)
        return -1;
    walk->ascending = order == 1;
    if (cursor && walk->ascending)
        walk->from = cursor + 1;
    else if (cursor)
        walk->to = cursor;
    return 0;
}

int web_list_readings(const struct web_call *call, struct err *err)
{
    struct walk walk = {.call = call};
    struct live_meter row;
    struct err bad = ERR_INIT;
    struct buf *out = &call->response->body;
    char cursor[16];
    walk.meter = web_meter_argument(call, call->argument);
    if (walk.meter == 0 || !web_live_get(call->context->shared->live, walk.meter, &row))
        return 0;
    if (read_walk(&walk, &bad) < 0)
        return web_bad(call, &bad);
    json_put_object(out, NULL);
    json_put_uint(out, "meter", walk.meter);
    json_put_text_or_null(out, "serial", row.serial);
    json_put_uint(out, "interval_s", row.interval_s);
    json_put_array(out, "items");
    if (print_walk(&walk, err) < 0)
        return -1;
    json_put_end_array(out);
    snprintf(cursor, sizeof(cursor), "%u", (unsigned)walk.last_t);
    json_put_text_or_null(out, "next_cursor", walk.more ? cursor : NULL);
    json_put_end_object(out);
    return 0;
}

/* --- proofs ---------------------------------------------------------------------------------- */

struct leaves {
    struct eth_hash *hashes;
    size_t count;
    size_t capacity;
};

static void add_leaf(struct leaves *leaves, const struct eth_hash *leaf)
{
    if (leaves->count == leaves->capacity) {
        leaves->capacity = leaves->capacity ? 2 * leaves->capacity : 256;
        leaves->hashes = xrealloc(leaves->hashes, leaves->capacity * sizeof(*leaves->hashes));
    }
    leaves->hashes[leaves->count++] = *leaf;
}

static bool on_leaf(void *cookie, const struct report_row *row)
{
    struct eth_hash leaf;
    merkle_leaf(&leaf, &row->digest, &row->report.signature);
    add_leaf(cookie, &leaf);
    return true;
}

static int read_leaves(struct store *store, uint64_t batch, struct leaves *leaves, struct err *err)
{
    struct buf others = BUF_INIT;
    struct eth_hash leaf;
    int result = store_report_of_batch(store, batch, on_leaf, leaves, err);
    if (result == 0)
        result = store_batch_others(store, &others, batch, err);
    for (size_t at = 0; result == 0 && at + sizeof(leaf.b) <= others.len; at += sizeof(leaf.b)) {
        memcpy(leaf.b, others.data + at, sizeof(leaf.b));
        add_leaf(leaves, &leaf);
    }
    buf_free(&others);
    return result;
}

static int prove(const struct web_call *call, const struct report_row *row, uint32_t t,
                 struct err *err)
{
    const struct web_shared *shared = call->context->shared;
    struct store *store = call->context->store;
    struct proof *proof = xcalloc(1, sizeof(*proof));
    struct leaves leaves = {0};
    struct err missing = ERR_INIT;
    struct batch_row batch;
    int result = store_batch_get(store, &batch, row->batch, err);
    if (result == 0)
        result = read_leaves(store, row->batch, &leaves, err);
    if (result == 0) {
        struct live_meter meter;
        proof->chain_id = shared->domain->chain_id;
        proof->contract = shared->domain->contract;
        proof->batch = batch.number;
        proof->root = batch.root;
        proof->transaction = batch.hash;
        proof->block = batch.block;
        proof->timestamp_s = t;
        proof->report = row->report;
        if (recoverer_recover(shared->recoverer, &proof->signer, &row->digest,
                              &row->report.signature) < 0 &&
            web_live_get(shared->live, row->report.meter, &meter))
            proof->signer = meter.signer;
        if (proof_build(proof, leaves.hashes, leaves.count, &missing) < 0)
            web_problem(call->response, 409,
                        "the store does not have the whole batch any more, take it from the "
                        "archive (amrctl proof): %s",
                        missing.text);
        else
            proof_print(&call->response->body, proof);
    }
    free(leaves.hashes);
    free(proof);
    return result;
}

static int find_and_prove(const struct web_call *call, uint32_t meter, uint32_t t,
                          struct report_row *row, struct err *err)
{
    uint32_t sequence;
    bool found = false;
    if (web_find_time(call->context->store, meter, t, row, &sequence, err) < 0)
        return -1;
    if (sequence < UINT32_MAX &&
        store_report_find(call->context->store, row, &found, meter, sequence, err) < 0)
        return -1;
    bool has = false;
    for (uint32_t i = 0; found && i < row->report.count; i++)
        has = has || row->report.readings[i].timestamp_s == t;
    if (!has)
        web_problem(call->response, 404, "this bridge's store has no reading of that time");
    else if (row->state != REPORT_SEALED)
        web_problem(call->response, 409, "the reading is not sealed yet");
    else
        return prove(call, row, t, err);
    return 0;
}

int web_get_proof(const struct web_call *call, struct err *err)
{
    struct err bad = ERR_INIT;
    uint64_t t;
    uint32_t meter = web_meter_argument(call, call->argument);
    if (meter == 0)
        return 0;
    if (parse_u64(&t, call->argument2, 1, UINT32_MAX, &bad) < 0)
        return web_bad(call, &bad);
    struct report_row *row = xcalloc(1, sizeof(*row));
    int result = find_and_prove(call, meter, (uint32_t)t, row, err);
    free(row);
    return result;
}
