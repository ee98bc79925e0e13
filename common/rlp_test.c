#include "common/rlp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"

static void expect(struct buf *buf, const char *hex)
{
    struct buf text = BUF_INIT;

    hex0x_append(&text, buf->data, buf->len);
    assert_string_equal(buf_str(&text), hex);
    buf_free(&text);
    buf_clear(buf);
}

static void the_vectors_of_ethereum_tests_hold(void **state)
{
    struct buf out = BUF_INIT, items = BUF_INIT;

    (void)state;
    rlp_bytes(&out, "", 0);
    expect(&out, "0x80");
    rlp_bytes(&out, "\x00", 1);
    expect(&out, "0x00");
    rlp_bytes(&out, "\x7f", 1);
    expect(&out, "0x7f");
    rlp_bytes(&out, "dog", 3);
    expect(&out, "0x83646f67");
    rlp_uint(&out, 0);
    expect(&out, "0x80");
    rlp_uint(&out, 127);
    expect(&out, "0x7f");
    rlp_uint(&out, 128);
    expect(&out, "0x8180");
    rlp_uint(&out, 1000);
    expect(&out, "0x8203e8");
    rlp_uint(&out, 100000);
    expect(&out, "0x830186a0");
    rlp_bytes(&items, "dog", 3);
    rlp_bytes(&items, "god", 3);
    rlp_bytes(&items, "cat", 3);
    rlp_list(&out, items.data, items.len);
    expect(&out, "0xcc83646f6783676f6483636174");
    buf_free(&items);
    buf_free(&out);
}

static void long_strings_carry_the_length_of_their_length(void **state)
{
    struct buf out = BUF_INIT;
    char text[70000];

    (void)state;
    memset(text, 'x', sizeof(text));
    rlp_bytes(&out, text, 55);
    assert_int_equal(out.data[0], 0x80 + 55);
    buf_clear(&out);
    rlp_bytes(&out, text, 56);
    assert_memory_equal(out.data, "\xb8\x38", 2);
    buf_clear(&out);
    rlp_list(&out, text, sizeof(text));
    assert_memory_equal(out.data, "\xfa\x01\x11\x70", 4);
    assert_int_equal(out.len, sizeof(text) + 4);
    buf_free(&out);
}

static void big_scalars_lose_their_leading_zeros(void **state)
{
    struct buf out = BUF_INIT;
    uint8_t value[32] = {0};

    (void)state;
    rlp_uint256(&out, value);
    expect(&out, "0x80");
    value[30] = 4;
    rlp_uint256(&out, value);
    expect(&out, "0x820400");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_ethereum_tests_hold),
        cmocka_unit_test(long_strings_carry_the_length_of_their_length),
        cmocka_unit_test(big_scalars_lose_their_leading_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
