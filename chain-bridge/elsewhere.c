#include "chain-bridge/elsewhere.h"

#include <stdlib.h>

#include "chain-bridge/ledger.h"
#include "common/record.h"

enum { PAGE_FIRST = 16, PAGE_MAX = 4096, FUTURE_TOLERANCE_S = 900 };

/* A reading that the transaction under way did not get in. */
struct refused {
    uint32_t meter;
    uint32_t timestamp_s;
};

struct search {
    const struct elsewhere *elsewhere;
    struct sought_reading *readings;
    size_t count;
    size_t missing;
    struct eth_hash transaction; /* which `refused` is of: the contract logs refusals first */
    struct refused *refused;
    size_t refused_count;
    struct elsewhere_place place;
};

static int by_time(const void *a, const void *b)
{
    const struct sought_reading *x = a, *y = b;
    if (x->meter != y->meter)
        return x->meter < y->meter ? -1 : 1;
    return (x->reading.timestamp_s > y->reading.timestamp_s) -
           (x->reading.timestamp_s < y->reading.timestamp_s);
}

static bool was_refused(const struct search *search, const struct record *record)
{
    for (size_t i = 0; i < search->refused_count; i++)
        if (search->refused[i].meter == record->meter &&
            search->refused[i].timestamp_s == record->reading.timestamp_s)
            return true;
    return false;
}

static int on_record(void *cookie, const struct record *record)
{
    struct search *search = cookie;
    struct sought_reading key = {.meter = record->meter, .reading = record->reading};
    struct sought_reading *sought =
        bsearch(&key, search->readings, search->count, sizeof(key), by_time);
    if (!sought || sought->found || !reading_equal(&sought->reading, &record->reading) ||
        was_refused(search, record))
        return 0;
    sought->found = true;
    sought->place = search->place;
    search->missing--;
    return 0;
}

static void add_refused(struct search *search, const struct ledger_event *event)
{
    search->refused =
        xrealloc(search->refused, (search->refused_count + 1) * sizeof(*search->refused));
    search->refused[search->refused_count++] = (struct refused){event->meter, event->timestamp_s};
}

static int on_log(void *cookie, const struct chain_log *log, struct err *err)
{
    struct search *search = cookie;
    struct ledger_event event;
    if (log->removed)
        return 0;
    if (ledger_event_decode(&event, log, err) < 0)
        return -1;
    if (!eth_hash_equal(&search->transaction, &log->transaction))
        search->refused_count = 0;
    search->transaction = log->transaction;
    if (event.kind == LEDGER_READING_REJECTED)
        add_refused(search, &event);
    if (event.kind != LEDGER_BATCH_SUBMITTED || event.group != search->elsewhere->group)
        return 0;
    search->place =
        (struct elsewhere_place){event.root, log->transaction, log->block, event.number};
    /* Records that cannot be read hold nothing for us: the contract took them all the same. */
    (void)!records_unpack(event.records.data, event.records.len, event.group, on_record, search,
                          NULL);
    return 0;
}

static enum chain_result read_page(struct search *search, uint64_t from, uint64_t to,
                                   struct err *err)
{
    struct eth_hash topics[2];
    ledger_topic(&topics[0], LEDGER_READING_REJECTED);
    ledger_topic(&topics[1], LEDGER_BATCH_SUBMITTED);
    struct chain_log_query query = {.address = search->elsewhere->contract,
                                    .topic0 = topics,
                                    .topic0_count = 2,
                                    .from = from,
                                    .to = to};
    return chain_logs(search->elsewhere->chain, &query, on_log, search, err);
}

static uint32_t oldest_missing(const struct search *search)
{
    uint32_t oldest_s = UINT32_MAX;
    for (size_t i = 0; i < search->count; i++)
        if (!search->readings[i].found && search->readings[i].reading.timestamp_s < oldest_s)
            oldest_s = search->readings[i].reading.timestamp_s;
    return oldest_s;
}

/* 1: blocks before `block` are too old for what is missing. */
static int far_enough(const struct search *search, uint64_t block, struct err *err)
{
    struct chain_block head;
    if (search->missing == 0 || block <= search->elsewhere->start_block)
        return 1;
    enum chain_result result = chain_block(search->elsewhere->chain, &head, block, err);
    if (result == CHAIN_NONE)
        return err_set(err, "the node has no block %llu", (unsigned long long)block);
    if (result != CHAIN_OK)
        return -1;
    return head.timestamp_s + FUTURE_TOLERANCE_S < oldest_missing(search);
}

static int search_back(struct search *search, uint64_t to, struct err *err)
{
    uint64_t page = PAGE_FIRST;
    for (;;) {
        uint64_t start = search->elsewhere->start_block;
        uint64_t from = to - start >= page ? to - page + 1 : start;
        enum chain_result result = read_page(search, from, to, err);
        if (result == CHAIN_TOO_MUCH && page > 1) {
            page /= 2;
            continue;
        }
        if (result == CHAIN_NONE)
            return err_set(err, "logs of block %llu are missing", (unsigned long long)to);
        if (result != CHAIN_OK)
            return -1;
        int enough = far_enough(search, from, err);
        if (enough != 0)
            return enough < 0 ? -1 : 0;
        to = from - 1;
        page = page * 2 > PAGE_MAX ? PAGE_MAX : page * 2;
    }
}

int elsewhere_find(const struct elsewhere *elsewhere, struct sought_reading *readings, size_t count,
                   uint64_t to, struct err *err)
{
    struct search search = {
        .elsewhere = elsewhere, .readings = readings, .count = count, .missing = count};
    if (count == 0 || to < elsewhere->start_block)
        return 0;
    int result = search_back(&search, to, err);
    free(search.refused);
    return result;
}
