#include "common/eth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void addresses_carry_the_eip55_checksum(void **state)
{
    /* The vectors of EIP-55. */
    static const char *const vectors[] = {
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"};
    struct eth_address address;
    char text[ETH_ADDRESS_TEXT];

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(vectors); i++) {
        assert_int_equal(eth_address_parse(&address, vectors[i], NULL), 0);
        assert_string_equal(eth_address_text(text, &address), vectors[i]);
    }
}

static void a_mistyped_address_is_refused(void **state)
{
    struct eth_address address;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(
        eth_address_parse(&address, "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", &err), -1);
    assert_non_null(strstr(err.text, "EIP-55"));
    assert_int_equal(
        eth_address_parse(&address, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", &err), 0);
    assert_int_equal(eth_address_parse(&address, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1bea", &err),
                     -1);
}

static void a_created_contract_has_the_known_address(void **state)
{
    /* CryptoKitties' deployer and first contracts, a commonly published vector. */
    struct eth_address sender, created;
    char text[ETH_ADDRESS_TEXT];

    (void)state;
    assert_int_equal(eth_address_parse(&sender, "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0", NULL),
                     0);
    eth_create_address(&created, &sender, 0);
    assert_string_equal(eth_address_text(text, &created),
                        "0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d");
    eth_create_address(&created, &sender, 1);
    assert_string_equal(eth_address_text(text, &created),
                        "0x343c43A37D37dfF08AE8C4A11544c718AbB4fCF8");
}

static void equality_looks_at_every_byte(void **state)
{
    struct eth_hash a = {{0}}, b = {{0}};
    struct eth_address zero = {{0}}, other = {{0}};

    (void)state;
    assert_true(eth_hash_equal(&a, &b));
    b.b[31] = 1;
    assert_false(eth_hash_equal(&a, &b));
    assert_true(eth_address_is_zero(&zero));
    other.b[19] = 1;
    assert_false(eth_address_is_zero(&other));
    assert_false(eth_address_equal(&zero, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_carry_the_eip55_checksum),
        cmocka_unit_test(a_mistyped_address_is_refused),
        cmocka_unit_test(a_created_contract_has_the_known_address),
        cmocka_unit_test(equality_looks_at_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
