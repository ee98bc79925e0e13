#include "chain-bridge/submitter_halt.h"

#include <inttypes.h>
#include <stdio.h>

#include "chain-bridge/fault.h"
#include "chain-bridge/ledger.h"

enum { REVERTS_MAX = 8 };

static bool count_one(void *cookie, const struct report_row *row)
{
    (void)row;
    return ++*(size_t *)cookie < 2;
}

int submitter_find_halted(struct submitter *submitter, struct err *err)
{
    struct store *store = submitter->config.settler.store;
    size_t reports = 0;
    if (store_batch_halted(store, &submitter->halted, err) < 0)
        return -1;
    if (submitter->halted &&
        store_report_of_batch(store, submitter->halted, count_one, &reports, err) < 0)
        return -1;
    submitter->halted_single = reports == 1;
    status_set(submitter->config.settler.status, STATUS_HALTED, submitter->halted != 0);
    return 0;
}

/* The contract's words for it, as it would say them now. */
static void ask_why(struct submitter *submitter, const struct flight *flight, char text[256])
{
    const struct settler *settler = &submitter->config.settler;
    struct buf data = BUF_INIT;
    struct chain_revert revert = {0};
    struct chain_call call = {.from = submitter->config.checks.account,
                              .to = settler->contract,
                              .data = flight->tx.data.data,
                              .data_len = flight->tx.data.len};
    uint64_t before = flight->receipt.block ? flight->receipt.block - 1 : CHAIN_LATEST;
    if (chain_call(settler->chain, &data, &revert, &call, before, NULL) == CHAIN_REFUSED &&
        revert.reverted)
        ledger_revert_text(text, 256, &revert);
    else if (flight->receipt.gas_used == flight->tx.gas_limit)
        snprintf(text, 256, "out of gas, all %" PRIu64, flight->tx.gas_limit);
    else
        snprintf(text, 256, "reason unknown");
    buf_free(&data);
}

int submitter_end_reverted(struct submitter *submitter, const struct flight *flight,
                           struct err *err)
{
    char text[400], why[256], hash[ETH_HASH_TEXT];
    ask_why(submitter, flight, why);
    if (store_batch_halt(submitter->config.settler.store, flight->tx.batch, flight->tx.nonce, err) <
        0)
        return -1;
    fault_point("halted");
    if (!submitter->episode) {
        submitter->sealed_since = false;
        submitter->reverts = 0;
    }
    submitter->episode = true;
    submitter->reverts++;
    submitter->reverted_mono_ms = submitter_mono_ms(submitter);
    status_add(submitter->config.settler.status, STATUS_REVERTS, 1);
    snprintf(text, sizeof(text), "%s tx=%s", why, eth_hash_text(hash, &flight->mined_hash));
    submitter_tell(submitter, "batch-reverted", text);
    return submitter_find_halted(submitter, err);
}

/* Where everything reverts the fault is not in a report: then only now and then another try. */
bool submitter_may_try(const struct submitter *submitter)
{
    return submitter->sealed_since || submitter->reverts < REVERTS_MAX ||
           submitter_mono_ms(submitter) - submitter->reverted_mono_ms >=
               submitter->config.tuning.raise_ms;
}

struct halves {
    struct plan plans[2];
    size_t index;
    size_t first_half;
    size_t count;
    uint32_t meter; /* of the report before, while looking for the middle */
    bool one_meter;
};

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* Nearest to the middle, between two meters: a meter's reports go on in order, whatever reverts. */
static bool find_middle(void *cookie, const struct report_row *row)
{
    struct halves *halves = cookie;
    size_t middle = halves->count / 2, i = halves->index++;
    if (i && row->report.meter != halves->meter &&
        (halves->one_meter || distance(i, middle) < distance(halves->first_half, middle))) {
        halves->first_half = i;
        halves->one_meter = false;
    }
    halves->meter = row->report.meter;
    return true;
}

static bool deal(void *cookie, const struct report_row *row)
{
    struct halves *halves = cookie;
    plan_add(&halves->plans[halves->index++ >= halves->first_half], row);
    return true;
}

/* Of one meter only the first half goes off; the other waits until that is mined. */
static int claim_halves(struct submitter *submitter, const struct halves *halves, struct err *err)
{
    struct batch_claim a,
        b = {.reports = halves->plans[1].claims, .report_count = halves->plans[1].count};
    if (submitter_prepare(submitter, &a, &halves->plans[0], submitter->next_nonce, err) < 0)
        return -1;
    if (!halves->one_meter &&
        submitter_prepare(submitter, &b, &halves->plans[1], submitter->next_nonce + 1, err) < 0) {
        submitter_drop_claim(&a);
        return -1;
    }
    a.split_of = b.split_of = submitter->halted;
    if (store_batch_split(submitter->config.settler.store, &a, &b, err) < 0) {
        submitter_drop_claim(&a);
        submitter_drop_claim(&b);
        return -1;
    }
    submitter_take_off(submitter, &a.tx, &a.attempt);
    if (halves->one_meter)
        status_add(submitter->config.settler.status, STATUS_CLAIMED, -(int64_t)b.report_count);
    else
        submitter_take_off(submitter, &b.tx, &b.attempt);
    return 0;
}

/* Parts of a batch that was within the limits are within them: nothing is cut. */
static int split(struct submitter *submitter, struct err *err)
{
    struct halves halves = {.one_meter = true};
    struct batch_row row;
    struct store *store = submitter->config.settler.store;
    struct plan_limits limits = {UINT32_MAX, UINT32_MAX, UINT64_MAX};
    if (store_batch_get(store, &row, submitter->halted, err) < 0)
        return -1;
    halves.count = row.reports;
    halves.first_half = row.reports / 2;
    int result = store_report_of_batch(store, submitter->halted, find_middle, &halves, err);
    halves.index = 0;
    if (result == 0)
        result = store_report_of_batch(store, submitter->halted, deal, &halves, err);
    for (size_t i = 0; result == 0 && i < 2; i++)
        result = plan_build(&halves.plans[i], &limits, err);
    if (result == 0)
        result = claim_halves(submitter, &halves, err);
    plan_free(&halves.plans[0]);
    plan_free(&halves.plans[1]);
    return result;
}

/* One step towards the report that makes a batch revert, once nothing else is under way. */
int submitter_mend_halted(struct submitter *submitter, struct err *err)
{
    if (submitter->count)
        return 0;
    if (submitter->halted == 0) {
        submitter->episode = false;
        return 0;
    }
    if (!submitter_may_try(submitter))
        return 0;
    if (!submitter->halted_single) {
        if (split(submitter, err) < 0)
            return -1;
    } else if (submitter->sealed_since) {
        if (settle_poison(&submitter->config.settler, submitter->halted, err) < 0)
            return -1;
    } else {
        return 0; /* another batch must show that the chain takes any at all */
    }
    return submitter_find_halted(submitter, err);
}
