#include "chain-bridge/web_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct web_request with_query(const char *query)
{
    struct web_request request = {.method = WEB_GET};
    snprintf(request.query, sizeof(request.query), "%s", query);
    return request;
}

static void a_query_value_is_decoded_once(void **state)
{
    struct web_request request = with_query("a=1&search=x%2Fy+z%2541&b");
    char value[WEB_VALUE_MAX];
    bool found;
    (void)state;
    assert_int_equal(web_query(&request, value, &found, "search", NULL), 0);
    assert_true(found);
    assert_string_equal(value, "x/y z%41");
    assert_int_equal(web_query(&request, value, &found, "b", NULL), 0);
    assert_true(found);
    assert_int_equal(web_query(&request, value, &found, "sea", NULL), 0);
    assert_false(found);
}

static void what_does_not_decode_or_stands_twice_is_refused(void **state)
{
    const char *bad[] = {"a=%", "a=%4", "a=%zz", "a=%00", "a=1&a=1"};
    char value[WEB_VALUE_MAX];
    bool found;
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(bad); i++) {
        struct web_request request = with_query(bad[i]);
        assert_int_equal(web_query(&request, value, &found, "a", NULL), -1);
    }
}

static void a_number_outside_its_range_is_refused(void **state)
{
    struct web_request request = with_query("limit=501&other=x");
    uint64_t value;
    (void)state;
    assert_int_equal(web_query_u64(&request, &value, "limit", 1, 500, 50, NULL), -1);
    assert_int_equal(web_query_u64(&request, &value, "other", 1, 500, 50, NULL), -1);
    assert_int_equal(web_query_u64(&request, &value, "none", 1, 500, 50, NULL), 0);
    assert_int_equal(value, 50);
}

static void a_parameter_that_nobody_knows_is_named(void **state)
{
    struct web_request request = with_query("limit=1&bogus=2");
    const char *names[] = {"limit"};
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(web_query_known(&request, names, 1, &err), -1);
    assert_string_equal(err.text, "unknown parameter 'bogus'");
}

static void a_cookie_is_found_among_others_by_its_whole_name(void **state)
{
    struct web_request request = {.cookie = "x__Host-amr=no; __Host-amr=yes; a=b"};
    char value[8], small[3];
    (void)state;
    assert_true(web_cookie(&request, value, sizeof(value), "__Host-amr"));
    assert_string_equal(value, "yes");
    assert_false(web_cookie(&request, small, sizeof(small), "__Host-amr"));
    assert_false(web_cookie(&request, value, sizeof(value), "Host-amr"));
}

static void an_entity_tag_matches_weakly_and_whole(void **state)
{
    (void)state;
    assert_true(web_etag_matches("\"a\", W/\"b\"", "\"b\""));
    assert_true(web_etag_matches("*", "\"b\""));
    assert_false(web_etag_matches("\"bc\"", "\"b\""));
    assert_false(web_etag_matches("", "\"b\""));
}

static void only_this_server_and_listed_origins_are_trusted(void **state)
{
    struct web_request request = {.host = "ops.example:8080", .origin = "http://ops.example:8080"};
    (void)state;
    assert_true(web_origin_trusted(&request, NULL));
    request.secure = true;
    assert_false(web_origin_trusted(&request, NULL));
    snprintf(request.origin, sizeof(request.origin), "https://desk.example");
    assert_false(web_origin_trusted(&request, "https://desk.example.evil"));
    assert_true(web_origin_trusted(&request, "https://a.example,https://desk.example"));
    request.origin[0] = '\0';
    assert_false(web_origin_trusted(&request, ""));
}

static void a_host_that_only_begins_like_ours_is_not_trusted(void **state)
{
    (void)state;
    assert_true(web_host_trusted("127.0.0.1:8080", "", NULL));
    assert_true(web_host_trusted("[::1]:8080", "", NULL));
    assert_true(web_host_trusted("ops.example:8443", "ops.example", NULL));
    assert_true(web_host_trusted("desk.example", "", "https://desk.example"));
    assert_false(web_host_trusted("127.0.0.1.evil.example", "", NULL));
    assert_false(web_host_trusted("localhost.evil.example:80", "ops.example", NULL));
    assert_false(web_host_trusted("", "", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_value_is_decoded_once),
        cmocka_unit_test(what_does_not_decode_or_stands_twice_is_refused),
        cmocka_unit_test(a_number_outside_its_range_is_refused),
        cmocka_unit_test(a_parameter_that_nobody_knows_is_named),
        cmocka_unit_test(a_cookie_is_found_among_others_by_its_whole_name),
        cmocka_unit_test(an_entity_tag_matches_weakly_and_whole),
        cmocka_unit_test(only_this_server_and_listed_origins_are_trusted),
        cmocka_unit_test(a_host_that_only_begins_like_ours_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
