#include "chain-bridge/chain_rpc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"

#define WEI_PER_GWEI       1000000000u
#define PRIORITY_GUESS_WEI WEI_PER_GWEI
#define CODE_MAX           (1u << 16)
#define LOG_DATA_MAX       (1u << 20)
#define CALL_RESULT_MAX    (1u << 20)
#define READ_ATTEMPTS      2

struct chain_rpc {
    struct chain chain; /* first: a struct chain * is one of these */
    struct rpc *rpc;
    uint64_t chain_id;
};

static struct chain_rpc *self(struct chain *chain)
{
    return (struct chain_rpc *)chain;
}

/* VALUES */

static int take_text(const char **ret_text, const json_t *object, const char *key, struct err *err)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL)
        return err_set(err, "%s is missing or no string", key);
    *ret_text = text;
    return 0;
}

/* The low 64 bits' worth, or the largest where the quantity is above. */
static int parse_saturating(uint64_t *ret_value, const char *text, struct err *err)
{
    const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 + strspn(text + 2, "0") : text;
    if (digits != text && strlen(digits) > 16 &&
        strspn(digits, "0123456789abcdefABCDEF") == strlen(digits)) {
        *ret_value = UINT64_MAX;
        return 0;
    }
    return hex_quantity_decode(ret_value, text, err);
}

static int take_saturating(uint64_t *ret_value, const json_t *object, const char *key,
                           struct err *err)
{
    const char *text = NULL;
    if (take_text(&text, object, key, err) != 0)
        return -1;
    return parse_saturating(ret_value, text, err) != 0 ? err_wrap(err, "%s", key) : 0;
}

static int take_uint(uint64_t *ret_value, const json_t *object, const char *key, struct err *err)
{
    const char *text = NULL;
    if (take_text(&text, object, key, err) != 0)
        return -1;
    return hex_quantity_decode(ret_value, text, err) != 0 ? err_wrap(err, "%s", key) : 0;
}

static int take_bytes(void *ret_data, size_t len, const json_t *object, const char *key,
                      struct err *err)
{
    const char *text = NULL;
    if (take_text(&text, object, key, err) != 0)
        return -1;
    return hex0x_decode(ret_data, len, text, err) != 0 ? err_wrap(err, "%s", key) : 0;
}

int chain_rpc_block_parse(struct chain_block *ret_block, const json_t *value, struct err *err)
{
    struct chain_block block = {0};
    if (take_uint(&block.number, value, "number", err) != 0 ||
        take_uint(&block.timestamp_s, value, "timestamp", err) != 0 ||
        take_saturating(&block.gas_limit, value, "gasLimit", err) != 0 ||
        take_bytes(block.hash.b, sizeof(block.hash.b), value, "hash", err) != 0 ||
        take_bytes(block.parent.b, sizeof(block.parent.b), value, "parentHash", err) != 0)
        return err_wrap(err, "block");
    if (json_is_string(json_object_get(value, "baseFeePerGas")) &&
        take_saturating(&block.base_fee_wei, value, "baseFeePerGas", err) != 0)
        return err_wrap(err, "block");
    *ret_block = block;
    return 0;
}

static int parse_topics(struct chain_log *log, const json_t *topics, struct err *err)
{
    log->topic_count = json_array_size(topics);
    if (!json_is_array(topics) || log->topic_count > AMR_COUNT(log->topics))
        return err_set(err, "topics are no array of at most 4");
    for (size_t i = 0; i < log->topic_count; i++) {
        const char *text = json_string_value(json_array_get(topics, i));
        if (text == NULL)
            return err_set(err, "topic %zu is no string", i);
        if (hex0x_decode(log->topics[i].b, sizeof(log->topics[i].b), text, err) != 0)
            return err_wrap(err, "topic %zu", i);
    }
    return 0;
}

int chain_rpc_log_parse(struct chain_log *ret_log, struct buf *data, const json_t *value,
                        struct err *err)
{
    struct chain_log log = {0};
    uint64_t index = 0;
    const char *hex = NULL;
    buf_clear(data);
    if (take_bytes(log.address.b, sizeof(log.address.b), value, "address", err) != 0 ||
        parse_topics(&log, json_object_get(value, "topics"), err) != 0 ||
        take_text(&hex, value, "data", err) != 0 ||
        hex_decode_append(data, LOG_DATA_MAX, hex, strlen(hex), err) != 0 ||
        take_uint(&log.block, value, "blockNumber", err) != 0 ||
        take_bytes(log.block_hash.b, sizeof(log.block_hash.b), value, "blockHash", err) != 0 ||
        take_bytes(log.transaction.b, sizeof(log.transaction.b), value, "transactionHash", err) !=
            0 ||
        take_uint(&index, value, "logIndex", err) != 0)
        return err_wrap(err, "log");
    if (index > UINT32_MAX)
        return err_set(err, "log: logIndex is too large");
    log.index = (uint32_t)index;
    log.removed = json_is_true(json_object_get(value, "removed"));
    log.data = data->data;
    log.data_len = data->len;
    *ret_log = log;
    return 0;
}

int chain_rpc_receipt_parse(struct chain_receipt *ret_receipt, const json_t *value, struct err *err)
{
    struct chain_receipt receipt = {.found = true};
    uint64_t status = 0;
    const json_t *price = json_object_get(value, "effectiveGasPrice");
    const json_t *contract = json_object_get(value, "contractAddress");
    if (take_uint(&status, value, "status", err) != 0 ||
        take_uint(&receipt.block, value, "blockNumber", err) != 0 ||
        take_bytes(receipt.block_hash.b, sizeof(receipt.block_hash.b), value, "blockHash", err) !=
            0 ||
        take_uint(&receipt.gas_used, value, "gasUsed", err) != 0 ||
        (json_is_string(price) &&
         take_saturating(&receipt.gas_price_wei, value, "effectiveGasPrice", err) != 0) ||
        (json_is_string(contract) && take_bytes(receipt.contract.b, sizeof(receipt.contract.b),
                                                value, "contractAddress", err) != 0))
        return err_wrap(err, "receipt");
    receipt.succeeded = status == 1;
    receipt.log_count = (uint32_t)json_array_size(json_object_get(value, "logs"));
    *ret_receipt = receipt;
    return 0;
}

/* ASKING */

static enum chain_result result_of(const struct rpc_reply *reply)
{
    switch (reply->outcome) {
    case RPC_RESULT:
        return CHAIN_OK;
    case RPC_ERROR:
        return CHAIN_REFUSED;
    case RPC_NOT_SENT:
        return CHAIN_UNREACHED;
    case RPC_TOO_LARGE:
        return CHAIN_TOO_MUCH;
    case RPC_UNKNOWN:
    default:
        return CHAIN_UNKNOWN;
    }
}

/* Asks, once more where no answer came: what only reads can be repeated. */
static enum chain_result read_reply(struct chain *chain, struct rpc_reply *ret_reply,
                                    const char *method, struct buf *params, struct err *err)
{
    enum chain_result result = CHAIN_UNKNOWN;
    for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        (void)!rpc_call(self(chain)->rpc, ret_reply, method, buf_str(params), err);
        result = result_of(ret_reply);
        if (result != CHAIN_UNKNOWN)
            return result;
        if (attempt + 1 < READ_ATTEMPTS)
            rpc_reply_clear(ret_reply);
    }
    return result;
}

static enum chain_result malformed(const char *method, struct err *err)
{
    err_wrap(err, "%s: the node's answer", method);
    return CHAIN_UNKNOWN;
}

/* A read whose result is one string; ret_text is valid until the reply is cleared. */
static enum chain_result read_text(struct chain *chain, struct rpc_reply *ret_reply,
                                   const char **ret_text, const char *method, struct buf *params,
                                   struct err *err)
{
    enum chain_result result = read_reply(chain, ret_reply, method, params, err);
    if (result != CHAIN_OK)
        return result;
    if (!json_is_string(ret_reply->result)) {
        err_set(err, "no string");
        return malformed(method, err);
    }
    *ret_text = json_string_value(ret_reply->result);
    return CHAIN_OK;
}

static enum chain_result read_saturating(struct chain *chain, uint64_t *ret_value,
                                         const char *method, struct buf *params, struct err *err)
{
    struct rpc_reply reply;
    const char *text = NULL;
    enum chain_result result = read_text(chain, &reply, &text, method, params, err);
    if (result == CHAIN_OK && parse_saturating(ret_value, text, err) != 0)
        result = malformed(method, err);
    rpc_reply_clear(&reply);
    return result;
}

/* Appends the bytes of a result. */
static enum chain_result read_bytes(struct chain *chain, struct buf *ret_data, size_t max,
                                    const char *method, struct buf *params, struct err *err)
{
    struct rpc_reply reply;
    const char *text = NULL;
    enum chain_result result = read_text(chain, &reply, &text, method, params, err);
    if (result == CHAIN_OK && hex_decode_append(ret_data, max, text, strlen(text), err) != 0)
        result = malformed(method, err);
    rpc_reply_clear(&reply);
    return result;
}

static void print_block(struct buf *out, uint64_t number)
{
    if (number == CHAIN_LATEST)
        buf_printf(out, "\"latest\"");
    else if (number == CHAIN_FINALIZED)
        buf_printf(out, "\"finalized\"");
    else if (number == CHAIN_PENDING)
        buf_printf(out, "\"pending\"");
    else
        buf_printf(out, "\"0x%" PRIx64 "\"", number);
}

static void print_bytes(struct buf *out, const void *data, size_t len)
{
    buf_append_u8(out, '"');
    hex0x_append(out, data, len);
    buf_append_u8(out, '"');
}

static void print_account(struct buf *out, const struct eth_address *account, uint64_t number)
{
    buf_append_u8(out, '[');
    print_bytes(out, account->b, sizeof(account->b));
    buf_append_u8(out, ',');
    print_block(out, number);
    buf_append_u8(out, ']');
}

/* OPERATIONS */

static enum chain_result op_id(struct chain *chain, uint64_t *ret_id, struct err *err)
{
    struct buf params = BUF_INIT;
    buf_printf(&params, "[]");
    enum chain_result result = read_saturating(chain, ret_id, "eth_chainId", &params, err);
    buf_free(&params);
    return result;
}

/* "finalized" is refused or null where a network has no such thing: that is no failure. */
static enum chain_result op_block(struct chain *chain, struct chain_block *ret_block,
                                  uint64_t number, struct err *err)
{
    struct rpc_reply reply;
    struct buf params = BUF_INIT;
    buf_append_u8(&params, '[');
    print_block(&params, number);
    buf_printf(&params, ",false]");
    enum chain_result result = read_reply(chain, &reply, "eth_getBlockByNumber", &params, err);
    if (result == CHAIN_REFUSED && number == CHAIN_FINALIZED)
        result = CHAIN_NONE;
    else if (result == CHAIN_OK && json_is_null(reply.result))
        result = CHAIN_NONE;
    else if (result == CHAIN_OK && chain_rpc_block_parse(ret_block, reply.result, err) != 0)
        result = malformed("eth_getBlockByNumber", err);
    rpc_reply_clear(&reply);
    buf_free(&params);
    return result;
}

static void print_query(struct buf *out, const struct chain_log_query *query)
{
    buf_printf(out, "[{\"address\":");
    print_bytes(out, query->address.b, sizeof(query->address.b));
    buf_printf(out, ",\"fromBlock\":");
    print_block(out, query->from);
    buf_printf(out, ",\"toBlock\":");
    print_block(out, query->to);
    if (query->topic0 != NULL) {
        buf_printf(out, ",\"topics\":[[");
        for (size_t i = 0; i < query->topic0_count; i++) {
            if (i > 0)
                buf_append_u8(out, ',');
            print_bytes(out, query->topic0[i].b, sizeof(query->topic0[i].b));
        }
        buf_printf(out, "]]");
    }
    buf_printf(out, "}]");
}

/* geth, Besu, Erigon, Nethermind and the hosted nodes, which word it as they like. */
static bool says_too_much(const char *message)
{
    static const char *const WORDS[] = {"range",     "too many", "more than",
                                        "too large", "too wide", "size exceed",
                                        "limit",     "timeout",  "timed out"};
    for (size_t i = 0; i < AMR_COUNT(WORDS); i++) {
        if (strcasestr(message, WORDS[i]) != NULL)
            return true;
    }
    return false;
}

/* A log of another contract or block is the node's mistake; taking it would be ours. */
static int check_log(const struct chain_log_query *query, const struct chain_log *log,
                     uint64_t *last, struct err *err)
{
    if (!eth_address_equal(&log->address, &query->address))
        return err_set(err, "a log of another contract");
    if (log->block < query->from || log->block > query->to)
        return err_set(err, "a log of block %" PRIu64 " outside the range", log->block);
    if (log->block < *last)
        return err_set(err, "logs out of order");
    *last = log->block;
    return 0;
}

static enum chain_result each_log(const struct chain_log_query *query, const json_t *logs,
                                  chain_log_fn *on_log, void *cookie, struct err *err)
{
    enum chain_result result = CHAIN_OK;
    struct buf data = BUF_INIT;
    uint64_t last = 0;
    if (!json_is_array(logs)) {
        err_set(err, "no array");
        return malformed("eth_getLogs", err);
    }
    for (size_t i = 0; i < json_array_size(logs) && result == CHAIN_OK; i++) {
        struct chain_log log;
        if (chain_rpc_log_parse(&log, &data, json_array_get(logs, i), err) != 0 ||
            check_log(query, &log, &last, err) != 0)
            result = malformed("eth_getLogs", err);
        else if (on_log(cookie, &log, err) != 0)
            result = CHAIN_UNKNOWN;
    }
    buf_free(&data);
    return result;
}

static enum chain_result op_logs(struct chain *chain, const struct chain_log_query *query,
                                 chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct rpc_reply reply;
    struct buf params = BUF_INIT;
    print_query(&params, query);
    enum chain_result result = read_reply(chain, &reply, "eth_getLogs", &params, err);
    if (result == CHAIN_REFUSED && says_too_much(reply.message))
        result = CHAIN_TOO_MUCH;
    else if (result == CHAIN_OK)
        result = each_log(query, reply.result, on_log, cookie, err);
    rpc_reply_clear(&reply);
    buf_free(&params);
    return result;
}

static enum chain_result op_nonce(struct chain *chain, uint64_t *ret_nonce,
                                  const struct eth_address *account, uint64_t number,
                                  struct err *err)
{
    struct buf params = BUF_INIT;
    print_account(&params, account, number);
    enum chain_result result =
        read_saturating(chain, ret_nonce, "eth_getTransactionCount", &params, err);
    buf_free(&params);
    return result;
}

/* Divides a big-endian number in place and returns the remainder. */
static uint32_t divide(uint32_t *limbs, size_t count, uint32_t divisor)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < count; i++) {
        rest = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

static int parse_balance(struct chain_balance *ret_balance, const char *text, struct err *err)
{
    char padded[65];
    uint8_t bytes[32];
    uint32_t limbs[8];
    size_t len = strlen(text);
    if (strncmp(text, "0x", 2) != 0 || len > 66)
        return err_set(err, "no quantity of at most 256 bits");
    memset(padded, '0', sizeof(padded));
    memcpy(padded + 64 - (len - 2), text + 2, len - 2);
    padded[64] = '\0';
    struct buf out = BUF_INIT;
    int decoded = hex_decode_append(&out, sizeof(bytes), padded, 64, err);
    if (decoded == 0)
        memcpy(bytes, out.data, sizeof(bytes));
    buf_free(&out);
    if (decoded != 0)
        return -1;
    for (size_t i = 0; i < AMR_COUNT(limbs); i++)
        limbs[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
                   (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
    char digits[91] = "";
    for (int group = 9; group >= 0; group--) {
        char nine[11];
        snprintf(nine, sizeof(nine), "%09" PRIu32, divide(limbs, 8, WEI_PER_GWEI));
        memcpy(digits + 9 * group, nine, 9);
        if (group == 9)
            ret_balance->gwei = (uint64_t)limbs[6] << 32 | limbs[7];
        for (size_t i = 0; group == 9 && i < 6; i++) {
            if (limbs[i] != 0)
                ret_balance->gwei = UINT64_MAX;
        }
    }
    digits[90] = '\0';
    size_t zeros = strspn(digits, "0");
    snprintf(ret_balance->wei, sizeof(ret_balance->wei), "%s", digits + (zeros < 90 ? zeros : 89));
    return 0;
}

static enum chain_result op_balance(struct chain *chain, struct chain_balance *ret_balance,
                                    const struct eth_address *account, struct err *err)
{
    struct rpc_reply reply;
    const char *text = NULL;
    struct buf params = BUF_INIT;
    print_account(&params, account, CHAIN_LATEST);
    enum chain_result result = read_text(chain, &reply, &text, "eth_getBalance", &params, err);
    if (result == CHAIN_OK && parse_balance(ret_balance, text, err) != 0)
        result = malformed("eth_getBalance", err);
    rpc_reply_clear(&reply);
    buf_free(&params);
    return result;
}

static enum chain_result op_code(struct chain *chain, struct buf *ret_code,
                                 const struct eth_address *account, struct err *err)
{
    struct buf params = BUF_INIT;
    print_account(&params, account, CHAIN_LATEST);
    enum chain_result result = read_bytes(chain, ret_code, CODE_MAX, "eth_getCode", &params, err);
    buf_free(&params);
    return result;
}

static void print_call(struct buf *out, const struct chain_call *call)
{
    buf_printf(out, "[{");
    if (!eth_address_is_zero(&call->from)) {
        buf_printf(out, "\"from\":");
        print_bytes(out, call->from.b, sizeof(call->from.b));
        buf_append_u8(out, ',');
    }
    if (!call->creates_contract) {
        buf_printf(out, "\"to\":");
        print_bytes(out, call->to.b, sizeof(call->to.b));
        buf_append_u8(out, ',');
    }
    buf_printf(out, "\"data\":");
    print_bytes(out, call->data, call->data_len);
    buf_append_u8(out, '}');
}

static void take_revert(struct chain_revert *ret_revert, const struct rpc_reply *reply)
{
    if (ret_revert == NULL)
        return;
    memset(ret_revert, 0, sizeof(*ret_revert));
    if (reply->outcome != RPC_ERROR)
        return;
    const char *hex = json_string_value(reply->data);
    struct buf data = BUF_INIT;
    ret_revert->reverted = reply->code == 3 || strcasestr(reply->message, "revert") != NULL;
    if (ret_revert->reverted && hex != NULL &&
        hex_decode_append(&data, CHAIN_REVERT_MAX, hex, strlen(hex), NULL) == 0) {
        memcpy(ret_revert->data, data.data, data.len);
        ret_revert->len = data.len;
    }
    buf_free(&data);
}

static enum chain_result op_call(struct chain *chain, struct buf *ret_data,
                                 struct chain_revert *ret_revert, const struct chain_call *call,
                                 uint64_t number, struct err *err)
{
    struct rpc_reply reply;
    const char *text = NULL;
    struct buf params = BUF_INIT;
    print_call(&params, call);
    buf_append_u8(&params, ',');
    print_block(&params, number);
    buf_append_u8(&params, ']');
    enum chain_result result = read_text(chain, &reply, &text, "eth_call", &params, err);
    take_revert(ret_revert, &reply);
    if (result == CHAIN_OK &&
        hex_decode_append(ret_data, CALL_RESULT_MAX, text, strlen(text), err) != 0)
        result = malformed("eth_call", err);
    rpc_reply_clear(&reply);
    buf_free(&params);
    return result;
}

static enum chain_result op_estimate(struct chain *chain, uint64_t *ret_gas,
                                     struct chain_revert *ret_revert, const struct chain_call *call,
                                     struct err *err)
{
    struct rpc_reply reply;
    const char *text = NULL;
    struct buf params = BUF_INIT;
    print_call(&params, call);
    buf_append_u8(&params, ']');
    enum chain_result result = read_text(chain, &reply, &text, "eth_estimateGas", &params, err);
    take_revert(ret_revert, &reply);
    if (result == CHAIN_OK && parse_saturating(ret_gas, text, err) != 0)
        result = malformed("eth_estimateGas", err);
    rpc_reply_clear(&reply);
    buf_free(&params);
    return result;
}

static enum chain_result op_fees(struct chain *chain, struct chain_fees *ret_fees, struct err *err)
{
    struct chain_block block;
    struct chain_fees fees = {0};
    struct buf params = BUF_INIT;
    enum chain_result result = op_block(chain, &block, CHAIN_LATEST, err);
    if (result != CHAIN_OK)
        return result;
    buf_printf(&params, "[]");
    result = read_saturating(chain, &fees.priority_wei, "eth_maxPriorityFeePerGas", &params, err);
    buf_free(&params);
    if (result == CHAIN_REFUSED)
        fees.priority_wei = PRIORITY_GUESS_WEI;
    else if (result != CHAIN_OK)
        return result;
    fees.base_wei = block.base_fee_wei;
    *ret_fees = fees;
    return CHAIN_OK;
}

static void op_send(struct chain *chain, struct chain_send *ret_send, const uint8_t *raw,
                    size_t len)
{
    struct err err = ERR_INIT;
    struct rpc_reply reply;
    struct buf params = BUF_INIT;
    buf_append_u8(&params, '[');
    print_bytes(&params, raw, len);
    buf_append_u8(&params, ']');
    (void)!rpc_call(self(chain)->rpc, &reply, "eth_sendRawTransaction", buf_str(&params), &err);
    memset(ret_send, 0, sizeof(*ret_send));
    const char *text = reply.outcome == RPC_ERROR ? reply.message : err.text;
    snprintf(ret_send->text, sizeof(ret_send->text), "%.255s", text);
    if (reply.outcome == RPC_RESULT)
        ret_send->kind = json_is_string(reply.result) ? CHAIN_SENT : CHAIN_SEND_UNKNOWN;
    else if (reply.outcome == RPC_ERROR)
        ret_send->kind = chain_send_classify(reply.message);
    else
        ret_send->kind = reply.outcome == RPC_NOT_SENT ? CHAIN_SEND_UNREACHED : CHAIN_SEND_UNKNOWN;
    rpc_reply_clear(&reply);
    buf_free(&params);
}

static enum chain_result take_receipt(struct chain_receipt *ret_receipt,
                                      const struct rpc_reply *reply, struct err *err)
{
    memset(ret_receipt, 0, sizeof(*ret_receipt));
    if (reply->outcome == RPC_ERROR) {
        err_set(err, "the node gives no receipts: %s", reply->message);
        return CHAIN_REFUSED;
    }
    if (json_is_null(reply->result))
        return CHAIN_OK;
    if (chain_rpc_receipt_parse(ret_receipt, reply->result, err) != 0)
        return malformed("eth_getTransactionReceipt", err);
    return CHAIN_OK;
}

static enum chain_result op_receipts(struct chain *chain, struct chain_receipt *ret_receipts,
                                     const struct eth_hash *transactions, size_t count,
                                     struct err *err)
{
    assert(count > 0 && count <= RPC_CALLS_MAX);
    struct rpc_reply *replies = xcalloc(count, sizeof(*replies));
    struct rpc_request *calls = xcalloc(count, sizeof(*calls));
    char(*params)[ETH_HASH_TEXT + 4] = xcalloc(count, sizeof(*params));
    enum chain_result result = CHAIN_OK;
    for (size_t i = 0; i < count; i++) {
        char text[ETH_HASH_TEXT];
        snprintf(params[i], sizeof(params[i]), "[\"%s\"]", eth_hash_text(text, &transactions[i]));
        calls[i] = (struct rpc_request){"eth_getTransactionReceipt", params[i]};
    }
    if (rpc_call_many(self(chain)->rpc, replies, calls, count, err) != 0) {
        result = CHAIN_UNKNOWN;
        for (size_t i = 0; i < count; i++) {
            if (replies[i].outcome == RPC_NOT_SENT || replies[i].outcome == RPC_TOO_LARGE)
                result = result_of(&replies[i]);
        }
    }
    for (size_t i = 0; i < count && result == CHAIN_OK; i++)
        result = take_receipt(&ret_receipts[i], &replies[i], err);
    for (size_t i = 0; i < count; i++)
        rpc_reply_clear(&replies[i]);
    free(params);
    free(calls);
    free(replies);
    return result;
}

static enum chain_result op_pooled(struct chain *chain, bool *ret_mined,
                                   const struct eth_hash *transaction, struct err *err)
{
    struct rpc_reply reply;
    char text[ETH_HASH_TEXT];
    struct buf params = BUF_INIT;
    buf_printf(&params, "[\"%s\"]", eth_hash_text(text, transaction));
    enum chain_result result = read_reply(chain, &reply, "eth_getTransactionByHash", &params, err);
    if (result == CHAIN_OK && json_is_null(reply.result))
        result = CHAIN_NONE;
    else if (result == CHAIN_OK)
        *ret_mined = json_is_string(json_object_get(reply.result, "blockNumber"));
    rpc_reply_clear(&reply);
    buf_free(&params);
    return result;
}

static bool op_wait(struct chain *chain, uint32_t timeout_ms)
{
    return rpc_wait(self(chain)->rpc, timeout_ms) == RPC_NEW_HEAD;
}

static void op_wake(struct chain *chain)
{
    rpc_wake(self(chain)->rpc);
}

static void op_cancel(struct chain *chain)
{
    rpc_cancel(self(chain)->rpc);
}

static const char *op_endpoint(const struct chain *chain)
{
    return rpc_endpoint(((const struct chain_rpc *)chain)->rpc);
}

static void op_free(struct chain *chain)
{
    rpc_free(self(chain)->rpc);
    free(chain);
}

static const struct chain_ops OPS = {
    .id = op_id,
    .block = op_block,
    .logs = op_logs,
    .nonce = op_nonce,
    .balance = op_balance,
    .code = op_code,
    .call = op_call,
    .estimate = op_estimate,
    .fees = op_fees,
    .send = op_send,
    .receipts = op_receipts,
    .pooled = op_pooled,
    .wait = op_wait,
    .wake = op_wake,
    .cancel = op_cancel,
    .endpoint = op_endpoint,
    .free = op_free,
};

static int check_chain_id(void *cookie, const json_t *result, struct err *err)
{
    struct chain_rpc *chain = cookie;
    const char *text = json_string_value(result);
    uint64_t id = 0;
    if (text == NULL)
        return err_set(err, "eth_chainId answers no string");
    if (hex_quantity_decode(&id, text, err) != 0)
        return err_wrap(err, "eth_chainId");
    if (id != chain->chain_id)
        return err_set(err, "serves chain %" PRIu64 ", not %" PRIu64 ": wrong node or chain-id", id,
                       chain->chain_id);
    return 0;
}

struct chain *chain_rpc_new(const struct chain_rpc_config *config, struct err *err)
{
    struct chain_rpc *chain = xcalloc(1, sizeof(*chain));
    struct rpc_config rpc = {
        .urls = config->urls,
        .ca_file = config->ca_file,
        .timeout_ms = config->timeout_ms,
        .subscribe = config->subscribe,
        .probe_method = config->chain_id != 0 ? "eth_chainId" : NULL,
        .probe_check = check_chain_id,
        .cookie = chain,
    };
    chain->chain.ops = &OPS;
    chain->chain_id = config->chain_id;
    chain->rpc = rpc_new(&rpc, err);
    if (chain->rpc == NULL) {
        free(chain);
        return NULL;
    }
    return &chain->chain;
}
