#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void big_endian_numbers_keep_their_lowest_bytes(void **state)
{
    struct buf buf = BUF_INIT;
    const uint8_t expected[] = {0x03, 0x04, 0x05, 0x00, 0x07};

    (void)state;
    buf_append_be(&buf, UINT64_C(0x0102030405), 3);
    buf_append_be(&buf, 7, 2);
    assert_int_equal(buf.len, sizeof(expected));
    assert_memory_equal(buf.data, expected, sizeof(expected));
    buf_free(&buf);
}

static void it_grows_and_stays_a_string(void **state)
{
    struct buf buf = BUF_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%03d,", i);
    assert_int_equal(strlen(buf_str(&buf)), 4000);
    assert_memory_equal(buf_str(&buf) + 3996, "999,", 5);
    buf_clear(&buf);
    assert_string_equal(buf_str(&buf), "");
    buf_free(&buf);
    buf_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_endian_numbers_keep_their_lowest_bytes),
        cmocka_unit_test(it_grows_and_stays_a_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
