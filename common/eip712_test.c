#include "common/eip712.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hex.h"
#include "common/signer.h"

/* Digests and signatures below were made with viem 2.57 for the same domain, message and key;
 * tests/vectors compares many random ones at every test run. */
static void domain_of_test(struct eip712 *domain)
{
    struct eth_address contract;

    assert_int_equal(
        eth_address_parse(&contract, "0x5FbDB2315678afecb367f032d93F642f64180aa3", NULL), 0);
    eip712_init(domain, 31337, &contract);
}

static void expect(const struct eth_hash *digest, const char *digest_text, const char *signed_text)
{
    char text[ETH_HASH_TEXT], signature_text[HEX0X_SIZE(65)];
    struct eth_signature signature;
    uint8_t secret[32];

    assert_string_equal(eth_hash_text(text, digest), digest_text);
    memset(secret, 0x46, sizeof(secret));
    struct signer *signer = signer_new(secret, NULL);
    signer_sign(signer, &signature, digest);
    assert_string_equal(hex0x_encode(signature_text, signature.b, 65), signed_text);
    signer_free(signer);
}

static void a_report_is_signed_as_viem_signs_it(void **state)
{
    struct report report = {
        65537, 42, 2, {{1767225600, 123456, 0, 0}, {1767226500, 123700, 5, 2}}, {{0}}};
    struct eip712 domain;
    struct eth_hash digest;

    (void)state;
    domain_of_test(&domain);
    eip712_report(&domain, &digest, &report);
    expect(&digest, "0x0026370e122fbef8117f31c9c5b7855ab1ebb2053fc27bf3ddd4138c974ff7ca",
           "0xc326f7f9726e8f35e0f23a95dc83edf5d819f75f587f113cf11581d717901c87596977df3334507cfa59"
           "c796ab1923a01398b93964802ff33e4df221c03443491b");
}

static void an_event_is_signed_as_viem_signs_it(void **state)
{
    struct meter_event event = {65537, 7, 1767225600, 2, {{0}}};
    struct eip712 domain;
    struct eth_hash digest;

    (void)state;
    domain_of_test(&domain);
    eip712_event(&domain, &digest, &event);
    expect(&digest, "0xcedc0e03d8ca0bcbbb98b32520287614709fd4bfacd2c0049ae8b1d496093903",
           "0x84568597180dcb54bfcff211875d39b81fc350afe725a2a1e090d8a05a40560759040e367f7ec4f9449c"
           "41e729cd367e1ff1976204680a2b20e4d3fcde6697761c");
}

static void a_command_is_signed_as_viem_signs_it(void **state)
{
    struct command command = {9, 65537, COMMAND_READ_NOW, 900, 1767229200, {{0}}};
    struct eip712 domain;
    struct eth_hash digest;

    (void)state;
    domain_of_test(&domain);
    eip712_command(&domain, &digest, &command);
    expect(&digest, "0x7e0b9fd2ff6e0f7ba6feb127d7c7a44379587aec7a5c060aefe3293aa2e1111a",
           "0x590605ffb3914bf61577fd2f16320a80dc91a7e022fe7b3cc9e82d0c9849f2257b2790958353da6f0c96"
           "af5f8efc8fe640aba47a8917717f65e073bc993949ce1b");
}

static void a_result_is_signed_as_viem_signs_it(void **state)
{
    struct command_result result = {9, 65537, 1, 1767225660, {{0}}};
    struct eip712 domain;
    struct eth_hash digest;

    (void)state;
    domain_of_test(&domain);
    eip712_result(&domain, &digest, &result);
    expect(&digest, "0xfcdd17cf260fc785b0fc8d922c8315a3d7dfa76f75d0ef628dc1a6d4e5407776",
           "0x89e9211a07e6a127592816683ae1187e22d64b60ed48032bcbd25f9fdb2321d948d2e7fa9f40675ab0a9"
           "5b09f6df701b6dd0218e20c6d0a0baa9333616b188101b");
}

static void another_chain_or_contract_makes_another_digest(void **state)
{
    struct report report = {65537, 1, 1, {{1767225600, 1, 1, 0}}, {{0}}};
    struct eip712 here, other_chain, other_contract;
    struct eth_hash a, b, c;

    (void)state;
    domain_of_test(&here);
    eip712_init(&other_chain, 31338, &here.contract);
    struct eth_address contract = here.contract;
    contract.b[19] ^= 1;
    eip712_init(&other_contract, 31337, &contract);
    eip712_report(&here, &a, &report);
    eip712_report(&other_chain, &b, &report);
    eip712_report(&other_contract, &c, &report);
    assert_false(eth_hash_equal(&a, &b));
    assert_false(eth_hash_equal(&a, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_signed_as_viem_signs_it),
        cmocka_unit_test(an_event_is_signed_as_viem_signs_it),
        cmocka_unit_test(a_command_is_signed_as_viem_signs_it),
        cmocka_unit_test(a_result_is_signed_as_viem_signs_it),
        cmocka_unit_test(another_chain_or_contract_makes_another_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
