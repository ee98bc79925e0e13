#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/chain.h"

static void refusals_of_every_node_are_told_apart(void **state)
{
    static const struct {
        const char *words;
        enum chain_send_kind kind;
    } CASES[] = {
        /* geth */
        {"already known", CHAIN_SEND_KNOWN},
        {"nonce too low: next nonce 5, tx nonce 4", CHAIN_SEND_NONCE_LOW},
        {"replacement transaction underpriced", CHAIN_SEND_UNDERPRICED},
        {"transaction underpriced: tip needed 1, tip permitted 0", CHAIN_SEND_FEE_LOW},
        {"transaction gas price below minimum: gas tip cap 0, minimum needed 1",
         CHAIN_SEND_FEE_LOW},
        {"insufficient funds for gas * price + value: balance 0", CHAIN_SEND_FUNDS},
        {"exceeds block gas limit", CHAIN_SEND_GAS},
        {"transaction gas limit too high (cap: 16777216, tx: 20000000)", CHAIN_SEND_GAS},
        {"insufficient gas for floor data gas cost: gas 21000", CHAIN_SEND_GAS},
        {"txpool is full", CHAIN_SEND_POOL_FULL},
        {"tx fee (2.10 ether) exceeds the configured cap (1.00 ether)", CHAIN_SEND_FEE_CAP},
        /* Besu */
        {"Known transaction", CHAIN_SEND_KNOWN},
        {"Nonce too low", CHAIN_SEND_NONCE_LOW},
        {"Transaction nonce is too distant from current sender nonce", CHAIN_SEND_NONCE_HIGH},
        {"Replacement transaction underpriced", CHAIN_SEND_UNDERPRICED},
        {"Gas price below configured minimum gas price", CHAIN_SEND_FEE_LOW},
        {"gasPrice is less than the current BaseFee", CHAIN_SEND_REFUSED},
        {"Upfront cost exceeds account balance", CHAIN_SEND_FUNDS},
        {"Transaction gas limit exceeds block gas limit", CHAIN_SEND_GAS},
        {"Transaction gas limit cap exceeded", CHAIN_SEND_GAS},
        {"Transaction fee cap exceeded", CHAIN_SEND_FEE_CAP},
        {"Sender account not authorized to send transactions", CHAIN_SEND_NOT_ALLOWED},
        /* anvil */
        {"transaction already imported", CHAIN_SEND_KNOWN},
        {"max fee per gas less than block base fee", CHAIN_SEND_FEE_LOW},
        {"Insufficient funds for gas * price + value", CHAIN_SEND_FUNDS},
        {"intrinsic gas too high -- CallGasCostMoreThanGasLimit", CHAIN_SEND_GAS},
        /* others */
        {"", CHAIN_SEND_REFUSED},
        {"a transaction with the same nonce already submitted", CHAIN_SEND_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        if (chain_send_classify(CASES[i].words) != CASES[i].kind)
            fail_msg("'%s' is taken for %s", CASES[i].words,
                     chain_send_kind_text(chain_send_classify(CASES[i].words)));
    }
}

/* A chain with a log in each block that refuses ranges of more than `most` blocks. */
struct small_chain {
    struct chain chain;
    uint64_t most;
    unsigned asked;
};

static enum chain_result small_logs(struct chain *chain, const struct chain_log_query *query,
                                    chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct small_chain *small = (struct small_chain *)chain;
    small->asked++;
    if (query->to - query->from >= small->most) {
        err_set(err, "range too large");
        return CHAIN_TOO_MUCH;
    }
    for (uint64_t block = query->from; block <= query->to; block++) {
        struct chain_log log = {.block = block};
        assert_int_equal(on_log(cookie, &log, err), 0);
    }
    return CHAIN_OK;
}

static int expect_next(void *cookie, const struct chain_log *log, struct err *err)
{
    uint64_t *next = cookie;
    (void)err;
    assert_int_equal(log->block, *next);
    (*next)++;
    return 0;
}

static void pages_shrink_until_the_node_takes_them(void **state)
{
    static const struct chain_ops OPS = {.logs = small_logs};
    (void)state;
    for (uint64_t most = 1; most < 40; most++) {
        struct small_chain small = {.chain = {&OPS}, .most = most};
        struct chain_log_query query = {.from = 5, .to = 104};
        uint64_t page = 1000;
        uint64_t next = 5;
        assert_int_equal(chain_logs_paged(&small.chain, &query, &page, expect_next, &next, NULL),
                         CHAIN_OK);
        assert_int_equal(next, 105);
        assert_in_range(page, 1, most);
    }
}

static void a_block_that_is_too_much_alone_is_a_failure(void **state)
{
    static const struct chain_ops OPS = {.logs = small_logs};
    (void)state;
    struct small_chain small = {.chain = {&OPS}, .most = 0};
    struct chain_log_query query = {.from = 5, .to = 9};
    uint64_t page = 1000;
    uint64_t next = 5;
    assert_int_equal(chain_logs_paged(&small.chain, &query, &page, expect_next, &next, NULL),
                     CHAIN_TOO_MUCH);
    query.to = 4;
    assert_int_equal(chain_logs_paged(&small.chain, &query, &page, expect_next, &next, NULL),
                     CHAIN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_of_every_node_are_told_apart),
        cmocka_unit_test(pages_shrink_until_the_node_takes_them),
        cmocka_unit_test(a_block_that_is_too_much_alone_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
