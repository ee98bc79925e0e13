#include "common/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

static void members_are_parted_by_commas_wherever_they_stand(void **state)
{
    struct buf out = BUF_INIT;
    const uint8_t bytes[] = {0xab, 1};
    (void)state;
    json_put_object(&out, NULL);
    json_put_uint(&out, "a", UINT64_MAX);
    json_put_array(&out, "b");
    json_put_object(&out, NULL);
    json_put_end_object(&out);
    json_put_int(&out, NULL, -5);
    json_put_tenths(&out, NULL, -2304);
    json_put_array(&out, NULL);
    json_put_end_array(&out);
    json_put_end_array(&out);
    json_put_bool(&out, "c", true);
    json_put_null(&out, "d");
    json_put_hex(&out, "e", bytes, sizeof(bytes));
    json_put_raw(&out, "f", "[1]");
    json_put_text_or_null(&out, "g", "");
    json_put_end_object(&out);
    assert_string_equal(buf_str(&out),
                        "{\"a\":18446744073709551615,\"b\":[{},-5,-230.4,[]],\"c\":true,"
                        "\"d\":null,\"e\":\"0xab01\",\"f\":[1],\"g\":null}");
    buf_free(&out);
}

/* A comma is put after what stands before: a text that ends like an opening must not fool it. */
static void a_text_that_ends_in_a_bracket_is_followed_by_a_comma(void **state)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    (void)state;
    json_put_object(&out, NULL);
    json_put_text(&out, "a{", "x\"[\n:");
    json_put_text(&out, "b", "");
    json_put_end_object(&out);
    json_t *parsed = json_parse(out.data, out.len, &err);
    assert_non_null(parsed);
    json_decref(parsed);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_parted_by_commas_wherever_they_stand),
        cmocka_unit_test(a_text_that_ends_in_a_bracket_is_followed_by_a_comma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
