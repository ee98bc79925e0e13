#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    return json_parse(text, strlen(text), NULL);
}

static void duplicate_keys_and_trailing_bytes_are_refused(void **state)
{
    (void)state;
    assert_null(parse("{\"a\":1,\"a\":2}"));
    assert_null(parse("{} x"));
    assert_null(parse("{\"a\":1"));
    assert_null(parse(""));
}

static void a_reader_takes_exactly_what_is_there(void **state)
{
    struct json_reader reader;
    struct err err = ERR_INIT;
    uint8_t bytes[2];
    json_t *value = parse("{\"n\":7,\"s\":\"text\",\"h\":\"0x0102\"}");

    (void)state;
    json_reader_init(&reader, value, &err);
    assert_int_equal(json_take_uint(&reader, "n", 0, 10), 7);
    assert_string_equal(json_take_string(&reader, "s", true), "text");
    json_take_hex(&reader, "h", bytes, 2);
    assert_memory_equal(bytes, "\x01\x02", 2);
    assert_int_equal(json_done(&reader), 0);
    json_decref(value);
}

static void a_left_over_key_is_named(void **state)
{
    struct json_reader reader;
    struct err err = ERR_INIT;
    json_t *value = parse("{\"n\":7,\"evil\":1}");

    (void)state;
    json_reader_init(&reader, value, &err);
    json_take_uint(&reader, "n", 0, 10);
    assert_int_equal(json_done(&reader), -1);
    assert_non_null(strstr(err.text, "evil"));
    json_decref(value);
}

static void expect_failure(const char *text, const char *words)
{
    struct json_reader reader;
    struct err err = ERR_INIT;
    uint8_t bytes[2];
    json_t *value = parse(text);

    json_reader_init(&reader, value, &err);
    json_take_uint(&reader, "n", 1, 10);
    json_take_string(&reader, "s", false);
    json_take_hex(&reader, "h", bytes, 2);
    assert_int_equal(json_done(&reader), -1);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
    json_decref(value);
}

static void the_first_failure_is_the_one_told(void **state)
{
    (void)state;
    expect_failure("[1]", "not a JSON object");
    expect_failure("{\"h\":\"0x0102\"}", "'n' is missing");
    expect_failure("{\"n\":0,\"h\":\"0x0102\"}", "'n' is not within 1..10");
    expect_failure("{\"n\":-1,\"h\":\"0x0102\"}", "'n' is not within");
    expect_failure("{\"n\":1.5,\"h\":\"0x0102\"}", "'n' is not a whole number");
    expect_failure("{\"n\":true,\"h\":\"0x0102\"}", "'n' is not a whole number");
    expect_failure("{\"n\":1,\"s\":3,\"h\":\"0x0102\"}", "'s' is not a string");
    expect_failure("{\"n\":1,\"h\":\"0x01\"}", "'h'");
    expect_failure("{\"n\":1}", "'h' is missing");
}

static void strings_are_escaped(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    json_append_string(&out, "a\"b\\c\n\x01");
    assert_string_equal(buf_str(&out), "\"a\\\"b\\\\c\\u000a\\u0001\"");
    buf_free(&out);
}

static void what_is_not_utf8_does_not_spoil_the_document(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    /* A cut sequence, a lone continuation, an overlong slash, a surrogate; then real ones. */
    json_append_string(&out,
                       "a\xc3 \x80 \xc0\xaf \xed\xa0\x80 \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x8c");
    assert_string_equal(buf_str(&out), "\"a? ? ?? ??? \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x8c\"");
    buf_append_u8(&out, ']');
    char *array = xasprintf("[%s", buf_str(&out));
    json_t *value = json_parse(array, strlen(array), NULL);
    assert_non_null(value);
    json_decref(value);
    free(array);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duplicate_keys_and_trailing_bytes_are_refused),
        cmocka_unit_test(a_reader_takes_exactly_what_is_there),
        cmocka_unit_test(a_left_over_key_is_named),
        cmocka_unit_test(the_first_failure_is_the_one_told),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(what_is_not_utf8_does_not_spoil_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
