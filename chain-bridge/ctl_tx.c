#include "chain-bridge/ctl_tx.h"

#include <inttypes.h>

#include "chain-bridge/ledger.h"
#include "common/eth_tx.h"

/* EIP-7825: no transaction may ask for more, from Osaka on; a limit that older networks lack costs
 * them nothing. */
#define GAS_CAP   (UINT64_C(1) << 24)
#define RESEND_MS 5000

struct run {
    const struct ctl_tx *tx;
    struct chain_call call;
    struct buf raw;
    struct eth_hash hash;
};

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
    if (chain_estimate(run->tx->chain, &gas, &revert, &run->call, err) != CHAIN_OK)
        return refuse(&revert, err);
    if (gas > GAS_CAP)
        return err_set(err, "this needs %" PRIu64 " gas, a transaction may use %" PRIu64, gas,
                       GAS_CAP);
    uint64_t limit = gas + gas / 5;
    *ret_limit = limit > GAS_CAP ? GAS_CAP : limit;
    return 0;
}

static int prepare(struct run *run, struct err *err)
{
    const struct ctl_tx *tx = run->tx;
    struct eth_tx plan = {
        .chain_id = tx->chain_id,
        .creates_contract = run->call.creates_contract,
        .to = run->call.to,
        .data = run->call.data,
        .data_len = run->call.data_len,
    };
    struct chain_fees fees;
    if (estimate(run, &plan.gas_limit, err) != 0)
        return -1;
    if (chain_nonce(tx->chain, &plan.nonce, &run->call.from, CHAIN_PENDING, err) != CHAIN_OK)
        return err_wrap(err, "asking for the account's nonce");
    if (chain_fees(tx->chain, &fees, err) != CHAIN_OK)
        return err_wrap(err, "asking for fees");
    plan.max_priority_fee_wei = fees.priority_wei;
    plan.max_fee_wei = 2 * fees.base_wei + fees.priority_wei;
    eth_tx_sign(&plan, &run->raw, &run->hash, tx->signer);
    return 0;
}

/* What a refusal means while our own bytes may be waiting or mined: only these end the wait. */
static bool hopeless(const struct chain_send *sent, bool first)
{
    switch (sent->kind) {
    case CHAIN_SENT:
    case CHAIN_SEND_KNOWN:
    case CHAIN_SEND_UNREACHED:
    case CHAIN_SEND_UNKNOWN:
    case CHAIN_SEND_NONCE_HIGH:
    case CHAIN_SEND_POOL_FULL:
        return false;
    default:
        return first;
    }
}

static int wait_receipt(struct run *run, struct chain_receipt *ret_receipt, struct err *err)
{
    const struct ctl_tx *tx = run->tx;
    uint64_t start_ms = clock_mono_ms(tx->clock);
    uint64_t sent_ms = 0;
    bool first = true;
    for (;;) {
        uint64_t now_ms = clock_mono_ms(tx->clock);
        struct chain_send sent;
        if (first || now_ms - sent_ms >= RESEND_MS) {
            chain_send(tx->chain, &sent, run->raw.data, run->raw.len);
            if (hopeless(&sent, first))
                return err_set(err, "the node refuses the transaction (%s): %s",
                               chain_send_kind_text(sent.kind), sent.text);
            sent_ms = now_ms;
            first = false;
        }
        struct chain_receipt receipt = {.found = false};
        enum chain_result result = chain_receipts(tx->chain, &receipt, &run->hash, 1, err);
        if (result == CHAIN_OK && receipt.found) {
            *ret_receipt = receipt;
            return 0;
        }
        if (now_ms - start_ms >= tx->timeout_ms) {
            char text[ETH_HASH_TEXT];
            return err_set(err,
                           "transaction %s is not in a block yet after %" PRIu32
                           " s; it may still be: look for it before you try again",
                           eth_hash_text(text, &run->hash), tx->timeout_ms / 1000);
        }
        (void)chain_wait(tx->chain, 250);
    }
}

/* It passed the estimate and failed in its block: ask again, as of that block, for the reason. */
static int explain_revert(struct run *run, const struct chain_receipt *receipt, struct err *err)
{
    char text[300] = "reverted";
    char hash[ETH_HASH_TEXT];
    struct buf data = BUF_INIT;
    struct chain_revert revert = {0};
    (void)chain_call(run->tx->chain, &data, &revert, &run->call, receipt->block, err);
    buf_free(&data);
    if (revert.reverted)
        ledger_revert_text(text, sizeof(text), &revert);
    return err_set(err, "transaction %s failed in block %" PRIu64 ": %s",
                   eth_hash_text(hash, &run->hash), receipt->block, text);
}

int ctl_tx_run(const struct ctl_tx *tx, struct ctl_tx_result *ret_result,
               const struct eth_address *to, const void *data, size_t len, struct err *err)
{
    struct run run = {.tx = tx, .raw = BUF_INIT};
    struct chain_receipt receipt = {.found = false};
    run.call.from = *signer_address(tx->signer);
    run.call.creates_contract = to == NULL;
    if (to != NULL)
        run.call.to = *to;
    run.call.data = data;
    run.call.data_len = len;
    int result = prepare(&run, err);
    if (result == 0)
        result = wait_receipt(&run, &receipt, err);
    if (result == 0 && !receipt.succeeded)
        result = explain_revert(&run, &receipt, err);
    buf_free(&run.raw);
    if (result == 0)
        *ret_result = (struct ctl_tx_result){.hash = run.hash, .receipt = receipt};
    return result;
}
