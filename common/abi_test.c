#include "common/abi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hex.h"

static struct abi_view view_of(const struct buf *buf)
{
    return (struct abi_view){buf->data, buf->len};
}

static void the_selector_of_a_known_function_is_right(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    /* The Solidity documentation's own example. */
    abi_selector(&out, "baz(uint32,bool)");
    assert_memory_equal(out.data, "\xcd\xcd\x77\xc0", 4);
    buf_free(&out);
}

static void what_was_encoded_is_decoded(void **state)
{
    struct buf out = BUF_INIT;
    struct eth_address address = {{1, 2, 3}}, address_back;
    struct eth_hash hash = {{9, 8, 7}}, hash_back;
    struct abi_view bytes;
    uint64_t number;

    (void)state;
    abi_uint(&out, UINT64_MAX);
    abi_address(&out, &address);
    abi_hash(&out, &hash);
    abi_uint(&out, 4 * ABI_WORD);
    abi_bytes_tail(&out, "dave", 4);
    assert_int_equal(out.len, 6 * ABI_WORD);
    assert_int_equal(abi_get_uint(view_of(&out), 0, &number, NULL), 0);
    assert_true(number == UINT64_MAX);
    assert_int_equal(abi_get_address(view_of(&out), 1, &address_back, NULL), 0);
    assert_memory_equal(address.b, address_back.b, 20);
    assert_int_equal(abi_get_hash(view_of(&out), 2, &hash_back, NULL), 0);
    assert_memory_equal(hash.b, hash_back.b, 32);
    assert_int_equal(abi_get_bytes(view_of(&out), 3, &bytes, NULL), 0);
    assert_int_equal(bytes.len, 4);
    assert_memory_equal(bytes.data, "dave", 4);
    buf_free(&out);
}

static void words_beyond_the_end_are_refused(void **state)
{
    uint8_t data[40] = {0};
    struct abi_view view = {data, sizeof(data)};
    struct eth_hash hash;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(abi_get_hash(view, 0, &hash, &err), 0);
    assert_int_equal(abi_get_hash(view, 1, &hash, &err), -1);
    assert_int_equal(abi_get_hash(view, SIZE_MAX / 2, &hash, &err), -1);
}

static void numbers_and_addresses_with_dirty_upper_bytes_are_refused(void **state)
{
    uint8_t data[32] = {0};
    struct abi_view view = {data, sizeof(data)};
    struct eth_address address;
    uint64_t number;

    (void)state;
    data[11] = 1;
    assert_int_equal(abi_get_address(view, 0, &address, NULL), -1);
    assert_int_equal(abi_get_uint(view, 0, &number, NULL), -1);
}

static void lying_offsets_and_lengths_are_refused(void **state)
{
    struct abi_view bytes;
    uint64_t offsets[] = {1, 31, 64, 96, UINT64_MAX, UINT64_MAX - 31, 1 << 20};
    uint64_t lengths[] = {33, 64, UINT64_MAX, UINT64_MAX - 31, UINT64_MAX / 32};

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(offsets); i++) {
        struct buf out = BUF_INIT;
        abi_uint(&out, offsets[i]);
        abi_uint(&out, 0);
        assert_int_equal(abi_get_bytes(view_of(&out), 0, &bytes, NULL), -1);
        buf_free(&out);
    }
    for (size_t i = 0; i < AMR_COUNT(lengths); i++) {
        struct buf out = BUF_INIT;
        abi_uint(&out, ABI_WORD);
        abi_uint(&out, lengths[i]);
        abi_uint(&out, 0);
        assert_int_equal(abi_get_bytes(view_of(&out), 0, &bytes, NULL), -1);
        assert_int_equal(abi_get_words(view_of(&out), 0, &bytes, NULL), -1);
        buf_free(&out);
    }
}

static void padding_that_is_not_zero_is_refused(void **state)
{
    struct buf out = BUF_INIT;
    struct abi_view bytes;

    (void)state;
    abi_uint(&out, ABI_WORD);
    abi_bytes_tail(&out, "x", 1);
    assert_int_equal(abi_get_bytes(view_of(&out), 0, &bytes, NULL), 0);
    out.data[out.len - 1] = 1;
    assert_int_equal(abi_get_bytes(view_of(&out), 0, &bytes, NULL), -1);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_selector_of_a_known_function_is_right),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(words_beyond_the_end_are_refused),
        cmocka_unit_test(numbers_and_addresses_with_dirty_upper_bytes_are_refused),
        cmocka_unit_test(lying_offsets_and_lengths_are_refused),
        cmocka_unit_test(padding_that_is_not_zero_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
