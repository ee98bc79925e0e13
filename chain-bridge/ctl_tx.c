#include "chain-bridge/ctl_tx.h"

#include <inttypes.h>
#include <stdarg.h>

#include "chain-bridge/fees.h"
#include "chain-bridge/ledger.h"
#include "common/eth_tx.h"

/* EIP-7825: no transaction may ask for more, from Osaka on; a limit that older networks lack costs
 * them nothing. */
#define GAS_CAP      (UINT64_C(1) << 24)
#define RESEND_MS    5000
#define VERSIONS_MAX 16
/* Nodes can know a nonce before a receipt, and another node later still. */
#define REPLACED_MS 5000
#define GWEI        UINT64_C(1000000000)

struct run {
    const struct ctl *ctl;
    const struct ctl_shared *shared;
    struct chain_call call;
    struct eth_tx plan;
    struct fee_policy policy;
    struct fees fees;
    struct buf raw;                       /* of the newest version */
    struct eth_hash hashes[VERSIONS_MAX]; /* of all */
    size_t versions;
    bool seen;            /* some node took one of them */
    bool cap_told;        /* that the fees cannot rise any more */
    uint64_t due_ms;      /* of the next raise, monotonic */
    uint64_t replaced_ms; /* when the nonce was first seen used; 0: not yet */
};

static void note(const struct run *run, const char *format, ...) AMR_PRINTF(2, 3);

static void note(const struct run *run, const char *format, ...)
{
    va_list args;
    if (run->ctl->notes == NULL)
        return;
    va_start(args, format);
    vfprintf(run->ctl->notes, format, args);
    va_end(args);
    fputc('\n', run->ctl->notes);
}

static char *gwei_text(char text[32], uint64_t wei)
{
    snprintf(text, 32, "%" PRIu64 ".%03" PRIu64 " gwei", wei / GWEI, wei % GWEI / 1000000);
    return text;
}

/* PREPARING */

static int refuse(const struct chain_revert *revert, struct err *err)
{
    char text[300];
    if (!revert->reverted)
        return err_wrap(err, "estimating gas");
    ledger_revert_text(text, sizeof(text), revert);
    return err_set(err, "the contract refuses: %s", text);
}

/* A fifth more than estimated: the state may change until the block. */
static int estimate(struct run *run, uint64_t *ret_limit, struct err *err)
{
    uint64_t gas = 0;
    struct chain_revert revert = {0};
    if (chain_estimate(run->ctl->chain, &gas, &revert, &run->call, err) != CHAIN_OK)
        return refuse(&revert, err);
    if (gas > GAS_CAP)
        return err_set(err, "this needs %" PRIu64 " gas, a transaction may use %" PRIu64, gas,
                       GAS_CAP);
    uint64_t limit = gas + gas / 5;
    *ret_limit = limit > GAS_CAP ? GAS_CAP : limit;
    return 0;
}

/* After what waits already, or in the place of its oldest. */
static int take_nonce(struct run *run, struct err *err)
{
    uint64_t mined = 0;
    uint64_t pending = 0;
    struct chain *chain = run->ctl->chain;
    if (chain_nonce(chain, &mined, &run->call.from, CHAIN_LATEST, err) != CHAIN_OK ||
        chain_nonce(chain, &pending, &run->call.from, CHAIN_PENDING, err) != CHAIN_OK)
        return err_wrap(err, "asking for the account's nonce");
    run->plan.nonce = run->shared->replace || pending < mined ? mined : pending;
    if (pending > mined && !run->shared->replace)
        note(run,
             "%" PRIu64 " transactions of this account wait already; this one comes after "
             "them (--replace takes the place of the oldest)",
             pending - mined);
    return 0;
}

static int take_fees(struct run *run, struct err *err)
{
    struct chain_fees now;
    if (chain_fees(run->ctl->chain, &now, err) != CHAIN_OK)
        return err_wrap(err, "asking for fees");
    run->policy = (struct fee_policy){now.priority_wei, run->shared->max_fee_gwei * GWEI};
    if (fees_first(&run->policy, &run->fees, now.base_wei, err) != 0)
        return err_wrap(err, "wait, or raise --max-fee-gwei");
    return 0;
}

static void sign_version(struct run *run)
{
    buf_clear(&run->raw);
    run->plan.max_priority_fee_wei = run->fees.tip_wei;
    run->plan.max_fee_wei = run->fees.max_fee_wei;
    eth_tx_sign(&run->plan, &run->raw, &run->hashes[run->versions++], run->ctl->signer);
}

static int prepare(struct run *run, struct err *err)
{
    run->plan = (struct eth_tx){
        .chain_id = run->ctl->chain_id,
        .creates_contract = run->call.creates_contract,
        .to = run->call.to,
        .data = run->call.data,
        .data_len = run->call.data_len,
    };
    if (estimate(run, &run->plan.gas_limit, err) != 0 || take_nonce(run, err) != 0 ||
        take_fees(run, err) != 0)
        return -1;
    sign_version(run);
    return 0;
}

/* SENDING */

/* Whether there is a new version, to be sent at once. */
static bool raise_fees(struct run *run)
{
    struct chain_fees now;
    char text[32];
    struct err why = ERR_INIT;
    if (run->versions == VERSIONS_MAX || chain_fees(run->ctl->chain, &now, NULL) != CHAIN_OK)
        return false;
    if (fees_raise(&run->policy, &run->fees, &run->fees, now.base_wei, &why) != 0) {
        if (!run->cap_told)
            note(run, "waiting on: %s (--max-fee-gwei)", why.text);
        run->cap_told = true;
        return false;
    }
    sign_version(run);
    note(run, "not in a block yet: offering %s a gas now", gwei_text(text, run->fees.max_fee_wei));
    return true;
}

static int no_funds(const struct run *run, const struct chain_send *sent, struct err *err)
{
    struct chain_balance balance = {.gwei = 0};
    char address[ETH_ADDRESS_TEXT];
    eth_address_text(address, &run->call.from);
    if (chain_balance(run->ctl->chain, &balance, &run->call.from, NULL) != CHAIN_OK)
        return err_set(err, "account %s cannot pay (%s): send it some ether", address, sent->text);
    return err_set(err,
                   "account %s has %" PRIu64 ".%09" PRIu64 " ETH and cannot pay for this, which "
                   "may cost %" PRIu64 " gwei: send it some ether",
                   address, balance.gwei / GWEI, balance.gwei % GWEI,
                   run->plan.gas_limit * (run->plan.max_fee_wei / 1000) / (GWEI / 1000));
}

/* What a refusal means while our own bytes may be waiting or mined: few of them end the wait. */
static int send_version(struct run *run, struct err *err)
{
    struct chain_send sent;
    chain_send(run->ctl->chain, &sent, run->raw.data, run->raw.len);
    switch (sent.kind) {
    case CHAIN_SENT:
    case CHAIN_SEND_KNOWN:
        run->seen = true;
        return 0;
    case CHAIN_SEND_UNDERPRICED:
    case CHAIN_SEND_FEE_LOW:
        run->due_ms = 0;
        return 0;
    case CHAIN_SEND_UNREACHED:
    case CHAIN_SEND_UNKNOWN:
    case CHAIN_SEND_NONCE_HIGH:
    case CHAIN_SEND_POOL_FULL:
        return 0;
    case CHAIN_SEND_FUNDS:
        return run->seen ? 0 : no_funds(run, &sent, err);
    default:
        if (run->seen)
            return 0;
        return err_set(err, "the node refuses the transaction (%s): %s",
                       chain_send_kind_text(sent.kind), sent.text);
    }
}

/* WAITING */

static bool look(struct run *run, struct ctl_tx_result *ret_result)
{
    struct chain_receipt receipts[VERSIONS_MAX];
    if (chain_receipts(run->ctl->chain, receipts, run->hashes, run->versions, NULL) != CHAIN_OK)
        return false;
    for (size_t i = 0; i < run->versions; i++) {
        if (receipts[i].found) {
            *ret_result = (struct ctl_tx_result){run->hashes[i], receipts[i]};
            return true;
        }
    }
    return false;
}

/* The nonce is used up and for a while none of ours has a receipt. */
static bool is_replaced(struct run *run, uint64_t now_ms)
{
    uint64_t mined = 0;
    if (chain_nonce(run->ctl->chain, &mined, &run->call.from, CHAIN_LATEST, NULL) != CHAIN_OK)
        return false;
    if (mined <= run->plan.nonce)
        run->replaced_ms = 0;
    else if (run->replaced_ms == 0)
        run->replaced_ms = now_ms;
    return run->replaced_ms != 0 && now_ms - run->replaced_ms >= REPLACED_MS;
}

static int too_late(struct run *run, struct err *err)
{
    char hash[ETH_HASH_TEXT];
    char offer[32];
    struct chain_fees now = {0};
    eth_hash_text(hash, &run->hashes[run->versions - 1]);
    if (chain_fees(run->ctl->chain, &now, NULL) != CHAIN_OK)
        err_set(err,
                "no node answers any more; whether transaction %s (nonce %" PRIu64
                ") is in a block is not known: look for it before you try again",
                hash, run->plan.nonce);
    else
        err_set(err,
                "transaction %s (nonce %" PRIu64 ") is not in a block after %" PRIu32
                " s: it offers %s a gas and may still get in; the same command with --replace "
                "and a higher --max-fee-gwei takes its place",
                hash, run->plan.nonce, run->shared->timeout_s,
                gwei_text(offer, run->fees.max_fee_wei));
    return CTL_LATE;
}

static int follow(struct run *run, struct ctl_tx_result *ret_result, struct err *err)
{
    const struct clock *clock = run->ctl->clock;
    uint64_t start_ms = clock_mono_ms(clock);
    uint64_t raise_ms = (uint64_t)run->shared->raise_s * 1000;
    uint64_t sent_ms = 0;
    bool fresh = true;
    run->due_ms = start_ms + raise_ms;
    for (;;) {
        uint64_t now_ms = clock_mono_ms(clock);
        if (fresh || now_ms - sent_ms >= RESEND_MS) {
            if (send_version(run, err) != 0)
                return CTL_FAILED;
            sent_ms = now_ms;
        }
        if (look(run, ret_result))
            return CTL_DONE;
        if (is_replaced(run, now_ms)) {
            err_set(err,
                    "another transaction of this account took its nonce %" PRIu64
                    ": does somebody else use this key? try again",
                    run->plan.nonce);
            return CTL_FAILED;
        }
        if (now_ms - start_ms >= (uint64_t)run->shared->timeout_s * 1000)
            return too_late(run, err);
        fresh = now_ms >= run->due_ms && raise_fees(run);
        if (now_ms >= run->due_ms)
            run->due_ms = now_ms + raise_ms;
        if (!fresh)
            (void)chain_wait(run->ctl->chain, 250);
    }
}

/* It passed the estimate and failed in its block: ask again, as of that block, for the reason. */
static int explain_revert(struct run *run, const struct ctl_tx_result *result, struct err *err)
{
    char text[300] = "reverted";
    char hash[ETH_HASH_TEXT];
    struct buf data = BUF_INIT;
    struct chain_revert revert = {0};
    (void)chain_call(run->ctl->chain, &data, &revert, &run->call, result->receipt.block, err);
    buf_free(&data);
    if (revert.reverted)
        ledger_revert_text(text, sizeof(text), &revert);
    err_set(err, "transaction %s failed in block %" PRIu64 ": %s",
            eth_hash_text(hash, &result->hash), result->receipt.block, text);
    return CTL_FAILED;
}

int ctl_tx_run(const struct ctl *ctl, const struct ctl_shared *shared,
               struct ctl_tx_result *ret_result, const struct eth_address *to, const void *data,
               size_t len, struct err *err)
{
    struct run run = {.ctl = ctl, .shared = shared, .raw = BUF_INIT};
    struct ctl_tx_result result;
    run.call.from = *signer_address(ctl->signer);
    run.call.creates_contract = to == NULL;
    if (to != NULL)
        run.call.to = *to;
    run.call.data = data;
    run.call.data_len = len;
    int code = prepare(&run, err) == 0 ? follow(&run, &result, err) : CTL_FAILED;
    if (code == CTL_DONE && !result.receipt.succeeded)
        code = explain_revert(&run, &result, err);
    buf_free(&run.raw);
    if (code == CTL_DONE)
        *ret_result = result;
    return code;
}
