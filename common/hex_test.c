#include "common/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void bytes_come_back_as_they_were(void **state)
{
    uint8_t bytes[32], back[32];
    char text[HEX0X_SIZE(32)];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 5);
    hex0x_encode(text, bytes, sizeof(bytes));
    assert_int_equal(strlen(text), 66);
    assert_int_equal(hex0x_decode(back, sizeof(back), text, NULL), 0);
    assert_memory_equal(bytes, back, sizeof(bytes));
}

static void anything_but_the_exact_text_is_refused(void **state)
{
    static const char *const wrong[] = {"",       "0x",     "0x12",   "12345678", "0x123456",
                                        "0x123g", "0xg123", "0x12 4", "0X1234",   " 0x1234"};
    uint8_t back[2] = {9, 9};
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(wrong); i++)
        assert_int_equal(hex0x_decode(back, 2, wrong[i], &err), -1);
    assert_int_equal(back[0], 9);
    assert_int_equal(hex0x_decode(back, 2, "0xAbCd", &err), 0);
    assert_int_equal(back[0], 0xab);
}

static void appended_bytes_are_bounded(void **state)
{
    struct buf buf = BUF_INIT;

    (void)state;
    assert_int_equal(hex_decode_append(&buf, 2, "0x0102", 6, NULL), 0);
    assert_int_equal(hex_decode_append(&buf, 2, "0304", 4, NULL), 0);
    assert_int_equal(hex_decode_append(&buf, 2, "010203", 6, NULL), -1);
    assert_int_equal(hex_decode_append(&buf, 2, "010", 3, NULL), -1);
    assert_int_equal(hex_decode_append(&buf, 2, "01zz", 4, NULL), -1);
    assert_int_equal(buf.len, 4);
    assert_memory_equal(buf.data, "\x01\x02\x03\x04", 4);
    buf_free(&buf);
}

static void quantities_fit_64_bits_or_are_refused(void **state)
{
    uint64_t value = 0;
    char text[19];

    (void)state;
    assert_int_equal(hex_quantity_decode(&value, "0xffffffffffffffff", NULL), 0);
    assert_true(value == UINT64_MAX);
    assert_string_equal(hex_quantity_encode(text, value), "0xffffffffffffffff");
    assert_string_equal(hex_quantity_encode(text, 0), "0x0");
    assert_int_equal(hex_quantity_decode(&value, "0x10000000000000000", NULL), -1);
    assert_int_equal(hex_quantity_decode(&value, "0x", NULL), -1);
    assert_int_equal(hex_quantity_decode(&value, "7", NULL), -1);
    assert_int_equal(hex_quantity_decode(&value, "0x7q", NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_as_they_were),
        cmocka_unit_test(anything_but_the_exact_text_is_refused),
        cmocka_unit_test(appended_bytes_are_bounded),
        cmocka_unit_test(quantities_fit_64_bits_or_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
