#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/chain_rpc.h"
#include "chain-bridge/rpc_fake.h"

#define H1 "0x1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "0x2222222222222222222222222222222222222222222222222222222222222222"
#define A1 "0x1111111111111111111111111111111111111111"

/* A node that answers one method with one body ("result":... or "error":...). */
/* Set by the test, read by the fake node's thread. */
struct answer {
    const char *_Atomic method;
    const char *_Atomic body;
};

static enum fake_action answer_script(void *cookie, const char *request, struct buf *reply)
{
    struct answer *answer = cookie;
    const char *id = strstr(request, "\"id\":");
    uint64_t number = strtoull(id + 5, NULL, 10);
    if (strstr(request, answer->method) == NULL)
        buf_printf(reply, "{\"id\":%" PRIu64 ",\"error\":{\"code\":-32601,\"message\":\"no\"}}",
                   number);
    else
        buf_printf(reply, "{\"id\":%" PRIu64 ",%s}", number, answer->body);
    return FAKE_REPLY;
}

struct fixture {
    struct answer answer;
    struct fake *fake;
    struct chain *chain;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->answer.method = "eth_";
    f->answer.body = "\"result\":null";
    f->fake = fake_start(answer_script, &f->answer);
    struct chain_rpc_config config = {.urls = fake_url(f->fake, true), .timeout_ms = 2000};
    f->chain = chain_rpc_new(&config, NULL);
    *state = f;
    return f->chain != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    chain_free(f->chain);
    fake_stop(f->fake);
    free(f);
    return 0;
}

static void a_block_is_read_and_a_fee_beyond_64_bits_saturates(void **state)
{
    struct fixture *f = *state;
    struct chain_block block;
    f->answer.body = "\"result\":{\"number\":\"0x10\",\"timestamp\":\"0x65\",\"gasLimit\":\"0x1c\","
                     "\"hash\":\"" H1 "\",\"parentHash\":\"" H2 "\","
                     "\"baseFeePerGas\":\"0x10000000000000000\"}";
    assert_int_equal(chain_block(f->chain, &block, CHAIN_LATEST, NULL), CHAIN_OK);
    assert_int_equal(block.number, 16);
    assert_int_equal(block.timestamp_s, 101);
    assert_int_equal(block.hash.b[0], 0x11);
    assert_int_equal(block.parent.b[31], 0x22);
    assert_true(block.base_fee_wei == UINT64_MAX);
}

static void a_block_that_is_not_there_is_none(void **state)
{
    struct fixture *f = *state;
    struct chain_block block;
    struct err err = ERR_INIT;
    f->answer.body = "\"result\":null";
    assert_int_equal(chain_block(f->chain, &block, 7, NULL), CHAIN_NONE);
    f->answer.body = "\"error\":{\"code\":-39001,\"message\":\"finalized block not found\"}";
    assert_int_equal(chain_block(f->chain, &block, CHAIN_FINALIZED, &err), CHAIN_NONE);
    assert_int_equal(chain_block(f->chain, &block, 7, &err), CHAIN_REFUSED);
    assert_non_null(strstr(err.text, "finalized block not found"));
    f->answer.body = "\"result\":{\"number\":\"0x1\"}";
    assert_int_equal(chain_block(f->chain, &block, 7, &err), CHAIN_UNKNOWN);
    assert_non_null(strstr(err.text, "timestamp"));
}

static void a_balance_is_exact_and_its_gwei_saturate(void **state)
{
    static const struct {
        const char *body;
        const char *wei;
        uint64_t gwei;
    } CASES[] = {
        {"\"result\":\"0x0\"", "0", 0},
        {"\"result\":\"0x8ac7230489e80000\"", "10000000000000000000", 10000000000},
        {"\"result\":\"0x3b9ac9ff\"", "999999999", 0},
        {"\"result\":\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"",
         "115792089237316195423570985008687907853269984665640564039457584007913129639935",
         UINT64_MAX},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct chain_balance balance;
        struct eth_address account = {{1}};
        f->answer.body = CASES[i].body;
        assert_int_equal(chain_balance(f->chain, &balance, &account, NULL), CHAIN_OK);
        assert_string_equal(balance.wei, CASES[i].wei);
        assert_true(balance.gwei == CASES[i].gwei);
    }
}

static int count_log(void *cookie, const struct chain_log *log, struct err *err)
{
    (void)log;
    (void)err;
    ++*(int *)cookie;
    return 0;
}

#define LOG(address, block)                                                                        \
    "{\"address\":\"" address "\",\"topics\":[\"" H1                                               \
    "\"],\"data\":\"0x0102\",\"blockNumber\":\"" block "\",\"blockHash\":\"" H1                    \
    "\",\"transactionHash\":\"" H2 "\",\"logIndex\":\"0x0\"}"

static void logs_of_another_contract_or_range_are_refused(void **state)
{
    static const struct {
        const char *body;
        enum chain_result result;
    } CASES[] = {
        {"\"result\":[]", CHAIN_OK},
        {"\"result\":[" LOG(A1, "0x5") "," LOG(A1, "0x6") "]", CHAIN_OK},
        {"\"result\":[" LOG("0x2111111111111111111111111111111111111111", "0x5") "]",
         CHAIN_UNKNOWN},
        {"\"result\":[" LOG(A1, "0x4") "]", CHAIN_UNKNOWN},
        {"\"result\":[" LOG(A1, "0x6") "," LOG(A1, "0x5") "]", CHAIN_UNKNOWN},
        {"\"result\":[7]", CHAIN_UNKNOWN},
        {"\"result\":{}", CHAIN_UNKNOWN},
        {"\"error\":{\"code\":-32005,\"message\":\"Requested range exceeds maximum RPC range "
         "limit\"}",
         CHAIN_TOO_MUCH},
        {"\"error\":{\"code\":-32000,\"message\":\"header not found\"}", CHAIN_REFUSED},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct chain_log_query query = {.from = 5, .to = 9};
        int count = 0;
        memset(&query.address, 0x11, sizeof(query.address));
        f->answer.body = CASES[i].body;
        assert_int_equal(chain_logs(f->chain, &query, count_log, &count, NULL), CASES[i].result);
    }
}

static void a_receipt_that_is_not_there_is_not_an_error(void **state)
{
    struct fixture *f = *state;
    struct chain_receipt receipt;
    struct eth_hash hash = {{1}};
    f->answer.body = "\"result\":null";
    assert_int_equal(chain_receipts(f->chain, &receipt, &hash, 1, NULL), CHAIN_OK);
    assert_false(receipt.found);
    f->answer.body =
        "\"error\":{\"code\":-32000,\"message\":\"transaction indexing is in progress\"}";
    assert_int_equal(chain_receipts(f->chain, &receipt, &hash, 1, NULL), CHAIN_REFUSED);
    f->answer.body = "\"result\":{\"status\":\"0x0\",\"blockNumber\":\"0x7\",\"blockHash\":\"" H1
                     "\",\"gasUsed\":\"0x5208\",\"effectiveGasPrice\":\"0x1\",\"logs\":[{},{}]}";
    assert_int_equal(chain_receipts(f->chain, &receipt, &hash, 1, NULL), CHAIN_OK);
    assert_true(receipt.found);
    assert_false(receipt.succeeded);
    assert_int_equal(receipt.gas_used, 21000);
    assert_int_equal(receipt.log_count, 2);
}

static void a_revert_brings_its_data_along(void **state)
{
    struct fixture *f = *state;
    struct chain_revert revert;
    struct chain_call call = {.data = (const uint8_t *)"x", .data_len = 1};
    uint64_t gas;
    f->answer.body =
        "\"error\":{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x01020304\"}";
    assert_int_equal(chain_estimate(f->chain, &gas, &revert, &call, NULL), CHAIN_REFUSED);
    assert_true(revert.reverted);
    assert_int_equal(revert.len, 4);
    f->answer.body = "\"error\":{\"code\":-32000,\"message\":\"insufficient funds\"}";
    assert_int_equal(chain_estimate(f->chain, &gas, &revert, &call, NULL), CHAIN_REFUSED);
    assert_false(revert.reverted);
}

static void a_sent_transaction_ends_in_one_of_the_kinds(void **state)
{
    struct fixture *f = *state;
    struct chain_send sent;
    f->answer.body = "\"result\":\"" H1 "\"";
    chain_send(f->chain, &sent, (const uint8_t *)"x", 1);
    assert_int_equal(sent.kind, CHAIN_SENT);
    f->answer.body = "\"error\":{\"code\":-32000,\"message\":\"ALREADY KNOWN\"}";
    chain_send(f->chain, &sent, (const uint8_t *)"x", 1);
    assert_int_equal(sent.kind, CHAIN_SEND_KNOWN);
    assert_string_equal(sent.text, "ALREADY KNOWN");
    f->answer.body = "\"error\":{\"code\":-1,\"message\":\"\"}";
    chain_send(f->chain, &sent, (const uint8_t *)"x", 1);
    assert_int_equal(sent.kind, CHAIN_SEND_REFUSED);
    f->answer.body = "\"nothing\":1";
    chain_send(f->chain, &sent, (const uint8_t *)"x", 1);
    assert_int_equal(sent.kind, CHAIN_SEND_UNKNOWN);
}

static void a_node_of_another_chain_is_never_used(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct chain_rpc_config config = {
        .urls = fake_url(f->fake, true), .timeout_ms = 2000, .chain_id = 31337};
    struct chain *chain = chain_rpc_new(&config, &err);
    struct chain_send sent;
    f->answer.body = "\"result\":\"0x1\"";
    chain_send(chain, &sent, (const uint8_t *)"x", 1);
    assert_int_equal(sent.kind, CHAIN_SEND_UNREACHED);
    assert_non_null(strstr(sent.text, "serves chain 1, not 31337"));
    chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_block_is_read_and_a_fee_beyond_64_bits_saturates, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_block_that_is_not_there_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_balance_is_exact_and_its_gwei_saturate, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(logs_of_another_contract_or_range_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_receipt_that_is_not_there_is_not_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_revert_brings_its_data_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sent_transaction_ends_in_one_of_the_kinds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_node_of_another_chain_is_never_used, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
