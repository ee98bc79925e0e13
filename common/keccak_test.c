#include "common/keccak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, size_t len, const char *expected)
{
    struct eth_hash hash;
    char out[ETH_HASH_TEXT];

    keccak256(&hash, text, len);
    assert_string_equal(eth_hash_text(out, &hash), expected);
}

static void published_vectors_hold(void **state)
{
    (void)state;
    /* Keccak team's vectors; the empty one is Ethereum's best known hash. */
    check("", 0, "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    check("abc", 3, "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    check("Transfer(address,address,uint256)", 33,
          "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}

static void pieces_hash_as_the_whole_does(void **state)
{
    uint8_t data[700];
    struct eth_hash whole, parts;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    /* Lengths around the 136-byte rate are where padding goes wrong. */
    for (size_t len = 0; len < sizeof(data); len++) {
        struct keccak keccak;
        keccak256(&whole, data, len);
        keccak_init(&keccak);
        for (size_t at = 0; at < len; at += 61)
            keccak_update(&keccak, data + at, len - at < 61 ? len - at : 61);
        keccak_final(&keccak, &parts);
        assert_memory_equal(whole.b, parts.b, 32);
    }
}

static void a_full_block_is_padded_with_another(void **state)
{
    char data[136];

    (void)state;
    memset(data, 'a', sizeof(data));
    /* 135 and 136 times 'a', from an independent implementation (viem). */
    check(data, 135, "0x34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
    check(data, 136, "0xa6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_hold),
        cmocka_unit_test(pieces_hash_as_the_whole_does),
        cmocka_unit_test(a_full_block_is_padded_with_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
