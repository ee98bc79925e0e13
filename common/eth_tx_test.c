#include "common/eth_tx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hex.h"

/* Raw bytes and hashes are viem's for the same fields and key. */
static void expect(const struct eth_tx *tx, const char *raw_text, const char *hash_text)
{
    struct buf raw = BUF_INIT, text = BUF_INIT;
    struct eth_hash hash;
    char hash_out[ETH_HASH_TEXT];
    uint8_t secret[32];

    memset(secret, 0x46, sizeof(secret));
    struct signer *signer = signer_new(secret, NULL);
    eth_tx_sign(tx, &raw, &hash, signer);
    hex0x_append(&text, raw.data, raw.len);
    assert_string_equal(buf_str(&text), raw_text);
    assert_string_equal(eth_hash_text(hash_out, &hash), hash_text);
    signer_free(signer);
    buf_free(&raw);
    buf_free(&text);
}

static void a_call_is_encoded_and_signed_as_viem_does(void **state)
{
    struct eth_tx tx = {.chain_id = 31337,
                        .nonce = 9,
                        .max_priority_fee_wei = 1500000000,
                        .max_fee_wei = UINT64_C(20000000000),
                        .gas_limit = 21000,
                        .data = (const uint8_t *)"\x01\x02\xff",
                        .data_len = 3};
    struct eth_hash hash;
    char text[ETH_HASH_TEXT];

    (void)state;
    memset(tx.to.b, 0x35, sizeof(tx.to.b));
    eth_tx_signing_hash(&tx, &hash);
    assert_string_equal(eth_hash_text(text, &hash),
                        "0xce7c04fc9261acddb6aa0e39d16153382f6705511a50bc972a1d71c208710506");
    expect(&tx,
           "0x02f870827a69098459682f008504a817c800825208943535353535353535353535353535353535353535"
           "80830102ffc001a022c0fd2585766d5324c5d166d050f55a6d75962cf1bb10b91c7f67a98432006fa03d26"
           "a71e4bbe48996f542f31d446aeb327501aabddb699284a7b1c83e7912a36",
           "0xe3a19980cb27764ebee1bbb731144e8379377e57e4c6b0bb5b93f66698ce46d3");
}

static void a_creation_with_zero_fees_is_encoded_as_viem_does(void **state)
{
    struct eth_tx tx = {.chain_id = 1,
                        .gas_limit = 1 << 24,
                        .creates_contract = true,
                        .data = (const uint8_t *)"\x60\x01",
                        .data_len = 2};

    (void)state;
    expect(&tx,
           "0x02f8520180808084010000008080826001c080a0b19d4f9245b5525e79437ef0211aa7d422dd5068ed83"
           "4885915d7159a2b7edaba04c815d153b0ad84fb40ea602ca12218aff04d209dec839807f25081c8491d479",
           "0x828d47d648378eddac60e9ff68cb6ee78569d0117fd167b34a2792829536aaea");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_encoded_and_signed_as_viem_does),
        cmocka_unit_test(a_creation_with_zero_fees_is_encoded_as_viem_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
