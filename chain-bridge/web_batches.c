#include "chain-bridge/web_batches.h"

#include <stdio.h>

#include "chain-bridge/store_report.h"
#include "common/json_out.h"

enum { REPORTS_SHOWN = 1000 };

static const char *state_text(enum batch_state state)
{
    static const char *const TEXTS[] = {[BATCH_OPEN] = "open",
                                        [BATCH_SEALED] = "sealed",
                                        [BATCH_HALTED] = "halted",
                                        [BATCH_SPLIT] = "split"};
    return TEXTS[state];
}

void web_print_batch(struct buf *out, const struct batch_item *item, bool close)
{
    const struct batch_row *batch = &item->batch;
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"number", batch->number},
                   {"block", batch->block},
                   {"rejected", batch->rejected},
                   {"gas_used", batch->gas_used},
                   {"gas_price_wei", batch->gas_price_wei},
                   {"sealed_t", item->sealed_ms}};
    bool sealed = batch->state == BATCH_SEALED;
    json_put_object(out, NULL);
    json_put_uint(out, "id", item->id);
    json_put_hex(out, "root", batch->root.b, sizeof(batch->root.b));
    json_put_text(out, "state", state_text(batch->state));
    json_put_uint(out, "reports", batch->reports);
    json_put_uint(out, "readings", batch->readings);
    json_put_uint(out, "created_t", batch->created_ms);
    for (size_t i = 0; i < AMR_COUNT(numbers); i++) {
        if (sealed)
            json_put_uint(out, numbers[i].key, numbers[i].value);
        else
            json_put_null(out, numbers[i].key);
    }
    if (sealed)
        json_put_hex(out, "tx", batch->hash.b, sizeof(batch->hash.b));
    else
        json_put_null(out, "tx");
    if (close)
        json_put_end_object(out);
}

struct page {
    struct buf *out;
    uint64_t limit;
    uint64_t count;
    uint64_t last;
    bool more;
};

static bool on_batch(void *cookie, const struct batch_item *item)
{
    struct page *page = cookie;
    page->more = page->count == page->limit;
    if (page->more)
        return false;
    web_print_batch(page->out, item, true);
    page->last = item->id;
    page->count++;
    return true;
}

int web_list_batches(const struct web_call *call, struct err *err)
{
    static const char *const NAMES[] = {"limit", "cursor"};
    struct buf *out = &call->response->body;
    struct err bad = ERR_INIT;
    uint64_t limit, before;
    char cursor[24];
    if (web_query_known(call->request, NAMES, AMR_COUNT(NAMES), &bad) < 0 ||
        web_query_u64(call->request, &limit, "limit", 1, 500, 50, &bad) < 0 ||
        web_query_u64(call->request, &before, "cursor", 1, INT64_MAX, 0, &bad) < 0)
        return web_bad(call, &bad);
    struct page page = {.out = out, .limit = limit};
    json_put_object(out, NULL);
    json_put_array(out, "items");
    if (store_batch_each(call->context->store, before, (uint32_t)limit + 1, on_batch, &page, err) <
        0)
        return -1;
    json_put_end_array(out);
    snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)page.last);
    json_put_text_or_null(out, "next_cursor", page.more ? cursor : NULL);
    json_put_end_object(out);
    return 0;
}

static void on_attempt(void *cookie, const struct tx_attempt *attempt)
{
    struct buf *out = cookie;
    json_put_object(out, NULL);
    json_put_hex(out, "tx", attempt->hash.b, sizeof(attempt->hash.b));
    json_put_uint(out, "tip_wei", attempt->tip_wei);
    json_put_uint(out, "max_fee_wei", attempt->max_fee_wei);
    json_put_uint(out, "created_t", attempt->created_ms);
    json_put_end_object(out);
}

struct reports {
    const struct web_call *call;
    size_t count;
};

static bool on_report(void *cookie, const struct report_row *row)
{
    static const char *const STATES[] = {"stored", "claimed", "sealed", "rejected"};
    struct reports *reports = cookie;
    struct buf *out = &reports->call->response->body;
    struct live_meter meter = {.serial = ""};
    web_live_get(reports->call->context->shared->live, row->report.meter, &meter);
    json_put_object(out, NULL);
    json_put_uint(out, "meter", row->report.meter);
    json_put_text_or_null(out, "serial", meter.serial);
    json_put_uint(out, "sequence", row->report.sequence);
    json_put_text(out, "state", STATES[row->state]);
    json_put_end_object(out);
    return ++reports->count < REPORTS_SHOWN;
}

static int print_details(const struct web_call *call, uint64_t batch, struct err *err)
{
    struct store *store = call->context->store;
    struct buf *out = &call->response->body;
    struct reports reports = {.call = call};
    uint64_t nonce;
    bool found;
    if (store_batch_nonce(store, batch, &nonce, &found, err) < 0)
        return -1;
    if (found)
        json_put_uint(out, "nonce", nonce);
    else
        json_put_null(out, "nonce");
    json_put_array(out, "attempts");
    if (found && store_tx_attempts(store, nonce, on_attempt, out, err) < 0)
        return -1;
    json_put_end_array(out);
    json_put_array(out, "meters");
    if (store_report_of_batch(store, batch, on_report, &reports, err) < 0)
        return -1;
    json_put_end_array(out);
    json_put_end_object(out);
    return 0;
}

int web_get_batch(const struct web_call *call, struct err *err)
{
    struct err bad = ERR_INIT;
    struct eth_hash root;
    struct batch_item item;
    bool found;
    if (eth_hash_parse(&root, call->argument, &bad) < 0)
        return web_bad(call, &bad);
    if (store_batch_by_root(call->context->store, &item, &found, &root, err) < 0)
        return -1;
    if (!found) {
        web_problem(call->response, 404, "no batch of this bridge has that root");
        return 0;
    }
    web_print_batch(&call->response->body, &item, false);
    return print_details(call, item.id, err);
}
