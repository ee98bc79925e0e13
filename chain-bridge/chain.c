#include "chain-bridge/chain.h"

#include <string.h>

/* DISPATCH */

enum chain_result chain_id(struct chain *chain, uint64_t *ret_id, struct err *err)
{
    return chain->ops->id(chain, ret_id, err);
}

enum chain_result chain_block(struct chain *chain, struct chain_block *ret_block, uint64_t number,
                              struct err *err)
{
    return chain->ops->block(chain, ret_block, number, err);
}

enum chain_result chain_logs(struct chain *chain, const struct chain_log_query *query,
                             chain_log_fn *on_log, void *cookie, struct err *err)
{
    return chain->ops->logs(chain, query, on_log, cookie, err);
}

enum chain_result chain_nonce(struct chain *chain, uint64_t *ret_nonce,
                              const struct eth_address *account, uint64_t number, struct err *err)
{
    return chain->ops->nonce(chain, ret_nonce, account, number, err);
}

enum chain_result chain_balance(struct chain *chain, struct chain_balance *ret_balance,
                                const struct eth_address *account, struct err *err)
{
    return chain->ops->balance(chain, ret_balance, account, err);
}

enum chain_result chain_code(struct chain *chain, struct buf *ret_code,
                             const struct eth_address *account, struct err *err)
{
    return chain->ops->code(chain, ret_code, account, err);
}

enum chain_result chain_call(struct chain *chain, struct buf *ret_data,
                             struct chain_revert *ret_revert, const struct chain_call *call,
                             uint64_t number, struct err *err)
{
    return chain->ops->call(chain, ret_data, ret_revert, call, number, err);
}

enum chain_result chain_estimate(struct chain *chain, uint64_t *ret_gas,
                                 struct chain_revert *ret_revert, const struct chain_call *call,
                                 struct err *err)
{
    return chain->ops->estimate(chain, ret_gas, ret_revert, call, err);
}

enum chain_result chain_fees(struct chain *chain, struct chain_fees *ret_fees, struct err *err)
{
    return chain->ops->fees(chain, ret_fees, err);
}

void chain_send(struct chain *chain, struct chain_send *ret_send, const uint8_t *raw, size_t len)
{
    chain->ops->send(chain, ret_send, raw, len);
}

enum chain_result chain_receipts(struct chain *chain, struct chain_receipt *ret_receipts,
                                 const struct eth_hash *transactions, size_t count, struct err *err)
{
    return chain->ops->receipts(chain, ret_receipts, transactions, count, err);
}

enum chain_result chain_pooled(struct chain *chain, bool *ret_mined,
                               const struct eth_hash *transaction, struct err *err)
{
    return chain->ops->pooled(chain, ret_mined, transaction, err);
}

bool chain_wait(struct chain *chain, uint32_t timeout_ms)
{
    return chain->ops->wait(chain, timeout_ms);
}

void chain_wake(struct chain *chain)
{
    chain->ops->wake(chain);
}

void chain_cancel(struct chain *chain)
{
    chain->ops->cancel(chain);
}

const char *chain_endpoint(const struct chain *chain)
{
    return chain->ops->endpoint(chain);
}

void chain_free(struct chain *chain)
{
    if (chain != NULL)
        chain->ops->free(chain);
}

enum chain_result chain_logs_paged(struct chain *chain, const struct chain_log_query *query,
                                   uint64_t *page, chain_log_fn *on_log, void *cookie,
                                   struct err *err)
{
    struct chain_log_query part = *query;
    while (part.from <= query->to) {
        uint64_t left = query->to - part.from;
        uint64_t step = *page > 1 ? *page - 1 : 0;
        part.to = left <= step ? query->to : part.from + step;
        enum chain_result result = chain_logs(chain, &part, on_log, cookie, err);
        if (result == CHAIN_TOO_MUCH && part.to > part.from) {
            *page = (part.to - part.from + 1) / 2;
            continue;
        }
        if (result != CHAIN_OK || part.to == query->to)
            return result;
        part.from = part.to + 1;
    }
    return CHAIN_OK;
}

/* WORDINGS of geth, Besu and anvil (Nethermind and Erigon word much as geth) */

static const struct {
    const char *words;
    enum chain_send_kind kind;
} WORDINGS[] = {
    {"already known", CHAIN_SEND_KNOWN},
    {"known transaction", CHAIN_SEND_KNOWN},
    {"already imported", CHAIN_SEND_KNOWN},
    {"nonce too low", CHAIN_SEND_NONCE_LOW},
    {"nonce too high", CHAIN_SEND_NONCE_HIGH},
    {"nonce is too distant", CHAIN_SEND_NONCE_HIGH},
    {"nonce gap", CHAIN_SEND_NONCE_HIGH},
    {"replacement transaction underpriced", CHAIN_SEND_UNDERPRICED},
    {"fee cap exceeded", CHAIN_SEND_FEE_CAP},
    {"exceeds the configured cap", CHAIN_SEND_FEE_CAP},
    {"underpriced", CHAIN_SEND_FEE_LOW},
    {"gas price below", CHAIN_SEND_FEE_LOW},
    {"less than block base fee", CHAIN_SEND_FEE_LOW},
    {"below current base fee", CHAIN_SEND_FEE_LOW},
    {"tip cap below", CHAIN_SEND_FEE_LOW},
    {"below configured minimum", CHAIN_SEND_FEE_LOW},
    {"insufficient funds", CHAIN_SEND_FUNDS},
    {"exceeds account balance", CHAIN_SEND_FUNDS},
    {"exceeds block gas limit", CHAIN_SEND_GAS},
    {"gas limit too high", CHAIN_SEND_GAS},
    {"gas limit cap exceeded", CHAIN_SEND_GAS},
    {"intrinsic gas", CHAIN_SEND_GAS},
    {"floor data gas", CHAIN_SEND_GAS},
    {"pool is full", CHAIN_SEND_POOL_FULL},
    {"not authorized", CHAIN_SEND_NOT_ALLOWED},
};

enum chain_send_kind chain_send_classify(const char *message)
{
    for (size_t i = 0; i < AMR_COUNT(WORDINGS); i++) {
        if (strcasestr(message, WORDINGS[i].words) != NULL)
            return WORDINGS[i].kind;
    }
    return CHAIN_SEND_REFUSED;
}

const char *chain_send_kind_text(enum chain_send_kind kind)
{
    static const char *const TEXTS[CHAIN_SEND_KIND_COUNT] = {
        [CHAIN_SENT] = "sent",
        [CHAIN_SEND_KNOWN] = "known",
        [CHAIN_SEND_NONCE_LOW] = "nonce-low",
        [CHAIN_SEND_NONCE_HIGH] = "nonce-high",
        [CHAIN_SEND_UNDERPRICED] = "underpriced",
        [CHAIN_SEND_FEE_LOW] = "fee-low",
        [CHAIN_SEND_FEE_CAP] = "fee-cap",
        [CHAIN_SEND_FUNDS] = "funds",
        [CHAIN_SEND_GAS] = "gas",
        [CHAIN_SEND_POOL_FULL] = "pool-full",
        [CHAIN_SEND_NOT_ALLOWED] = "not-allowed",
        [CHAIN_SEND_REFUSED] = "refused",
        [CHAIN_SEND_UNREACHED] = "unreached",
        [CHAIN_SEND_UNKNOWN] = "unknown",
    };
    return kind < CHAIN_SEND_KIND_COUNT ? TEXTS[kind] : "refused";
}
