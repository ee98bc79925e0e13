#include "chain-bridge/submitter_halt.h"

#include <inttypes.h>
#include <stdio.h>

#include "chain-bridge/fault.h"
#include "chain-bridge/ledger.h"

enum { REVERTS_MAX = 8, CHANCES_MAX = 2 };

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

/* What the contract says to the same call as of a block. false: it takes it, or nobody answers. */
static bool refused_at(const struct submitter *submitter, const struct buf *calldata,
                       uint64_t block, struct chain_revert *ret_revert)
{
    const struct settler *settler = &submitter->config.settler;
    struct buf data = BUF_INIT;
    struct chain_call call = {.from = submitter->config.checks.account,
                              .to = settler->contract,
                              .data = calldata->data,
                              .data_len = calldata->len};
    *ret_revert = (struct chain_revert){0};
    enum chain_result result = chain_call(settler->chain, &data, ret_revert, &call, block, NULL);
    buf_free(&data);
    return result == CHAIN_REFUSED && ret_revert->reverted;
}

/* It says something of this server or the ledger, and nothing of any report. */
static bool is_excused(const struct chain_revert *revert)
{
    return ledger_revert_is(revert, "NotServer(address)") ||
           ledger_revert_is(revert, "NotServerOfGroup(address,uint16)") ||
           ledger_revert_is(revert, "LedgerIsSealed(address)");
}

/* As of the block before, and, where that would have taken it, as of its own: something changed. */
static bool ask_why(const struct submitter *submitter, const struct flight *flight, char text[256])
{
    struct chain_revert revert;
    uint64_t block = flight->receipt.block;
    if ((block && refused_at(submitter, &flight->tx.data, block - 1, &revert)) ||
        refused_at(submitter, &flight->tx.data, block, &revert)) {
        ledger_revert_text(text, 256, &revert);
        return is_excused(&revert);
    }
    if (flight->receipt.gas_used == flight->tx.gas_limit)
        snprintf(text, 256, "out of gas, all %" PRIu64, flight->tx.gas_limit);
    else
        snprintf(text, 256, "reason unknown");
    return false;
}

static int halt(struct submitter *submitter, const struct flight *flight, struct err *err)
{
    if (store_batch_halt(submitter->config.settler.store, flight->tx.batch, flight->tx.nonce, err) <
        0)
        return -1;
    fault_point("halted");
    if (!submitter->episode) {
        submitter->sealed_since = false;
        submitter->reverts = 0;
        submitter->chances = 0;
    }
    submitter->episode = true;
    submitter->reverts++;
    submitter->reverted_mono_ms = submitter_mono_ms(submitter);
    return submitter_find_halted(submitter, err);
}

int submitter_put_back(struct submitter *submitter, uint64_t batch, const uint64_t *nonce,
                       struct err *err)
{
    struct status *status = submitter->config.settler.status;
    uint64_t reports;
    if (store_batch_put_back(submitter->config.settler.store, batch, nonce, &reports, err) < 0)
        return -1;
    status_add(status, STATUS_CLAIMED, -(int64_t)reports);
    submitter->checked = false;
    return 0;
}

int submitter_end_reverted(struct submitter *submitter, const struct flight *flight,
                           struct err *err)
{
    char text[400], why[256], hash[ETH_HASH_TEXT];
    bool excused = ask_why(submitter, flight, why);
    int result = excused ? submitter_put_back(submitter, flight->tx.batch, &flight->tx.nonce, err)
                         : halt(submitter, flight, err);
    if (result < 0)
        return -1;
    status_add(submitter->config.settler.status, STATUS_REVERTS, 1);
    snprintf(text, sizeof(text), "%s tx=%s", why, eth_hash_text(hash, &flight->mined_hash));
    submitter_tell(submitter, "batch-reverted", text);
    return 0;
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

static bool plan_row(void *cookie, const struct report_row *row)
{
    plan_add(cookie, row);
    return true;
}

/* 1: the contract would take the halted batch now: the report is not to blame. */
static int would_be_taken(struct submitter *submitter, struct err *err)
{
    struct plan plan = PLAN_INIT;
    struct plan_limits limits = {UINT32_MAX, UINT32_MAX, UINT64_MAX};
    struct buf calldata = BUF_INIT;
    struct chain_revert revert;
    struct store *store = submitter->config.settler.store;
    int result = store_report_of_batch(store, submitter->halted, plan_row, &plan, err);
    if (result == 0)
        result = plan_build(&plan, &limits, err);
    if (result == 0) {
        ledger_submit_batch(&calldata, &plan.root, plan.records.data, plan.records.len);
        result = !refused_at(submitter, &calldata, CHAIN_LATEST, &revert);
    }
    buf_free(&calldata);
    plan_free(&plan);
    return result;
}

/* The only report left: it had its chances where the contract would take it. */
static int judge_single(struct submitter *submitter, struct err *err)
{
    int taken = submitter->chances < CHANCES_MAX ? would_be_taken(submitter, err) : 0;
    if (taken < 0)
        return -1;
    if (taken == 0)
        return settle_poison(&submitter->config.settler, submitter->halted, err);
    submitter->chances++;
    return submitter_put_back(submitter, submitter->halted, NULL, err);
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
        if (judge_single(submitter, err) < 0)
            return -1;
    } else {
        return 0; /* another batch must show that the chain takes any at all */
    }
    return submitter_find_halted(submitter, err);
}
