#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/rpc.h"
#include "chain-bridge/rpc_fake.h"
#include "common/clock.h"

#define HEAD                                                                                       \
    "{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"0x1\","   \
    "\"result\":{}}}"

/* A node that answers each call with what `format` makes of its id, in the way of `action`. */
struct node {
    const char *format;
    enum fake_action action;
    atomic_int calls;
    atomic_int subscriptions;
};

static uint64_t id_of(const char *request)
{
    const char *at = strstr(request, "\"id\":");
    return at != NULL ? strtoull(at + 5, NULL, 10) : 0;
}

/* Every %I in the format is the id, %J one that nobody asked with. */
static void print_answer(struct buf *reply, const char *format, uint64_t id)
{
    for (const char *at = format; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 'I')
            buf_printf(reply, "%" PRIu64, id);
        else if (at[0] == '%' && at[1] == 'J')
            buf_printf(reply, "%" PRIu64, id + 1000);
        else
            buf_append_u8(reply, (uint8_t)*at);
        if (*at == '%')
            at++;
    }
}

static enum fake_action node_script(void *cookie, const char *request, struct buf *reply)
{
    struct node *node = cookie;
    if (strstr(request, "eth_subscribe") != NULL) {
        atomic_fetch_add(&node->subscriptions, 1);
        buf_printf(reply, "{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64 ",\"result\":\"0x1\"}",
                   id_of(request));
        return FAKE_REPLY;
    }
    atomic_fetch_add(&node->calls, 1);
    print_answer(reply, node->format, id_of(request));
    return node->action;
}

static struct rpc *connect_to(const char *urls, uint32_t timeout_ms, bool subscribe)
{
    struct err err = ERR_INIT;
    struct rpc_config config = {.urls = urls,
                                .timeout_ms = timeout_ms,
                                .reply_max = 100000,
                                .subscribe = subscribe,
                                .retry_min_ms = 20,
                                .retry_max_ms = 50};
    struct rpc *rpc = rpc_new(&config, &err);
    if (rpc == NULL)
        fail_msg("%s", err.text);
    return rpc;
}

/* One call to a node of that kind; how it ends. */
static enum rpc_outcome outcome_of(bool websocket, const char *format, enum fake_action action,
                                   struct rpc_reply *ret_reply, char *ret_text)
{
    struct node node = {.format = format, .action = action};
    struct fake *fake = fake_start(node_script, &node);
    struct rpc *rpc = connect_to(fake_url(fake, websocket), 400, false);
    struct rpc_reply reply;
    struct err err = ERR_INIT;
    int result = rpc_call(rpc, &reply, "eth_test", "[]", &err);
    assert_int_equal(result == 0, reply.outcome == RPC_RESULT);
    assert_int_equal(result == 0, err.text[0] == '\0');
    enum rpc_outcome outcome = reply.outcome;
    if (ret_text != NULL)
        snprintf(ret_text, 512, "%s", err.text);
    if (ret_reply != NULL)
        *ret_reply = reply;
    else
        rpc_reply_clear(&reply);
    rpc_free(rpc);
    fake_stop(fake);
    return outcome;
}

static void a_result_comes_back_over_http_and_websocket(void **state)
{
    (void)state;
    for (int websocket = 0; websocket < 2; websocket++) {
        struct rpc_reply reply;
        assert_int_equal(outcome_of(websocket, "{\"jsonrpc\":\"2.0\",\"id\":%I,\"result\":\"0x7\"}",
                                    FAKE_REPLY, &reply, NULL),
                         RPC_RESULT);
        assert_string_equal(json_string_value(reply.result), "0x7");
        rpc_reply_clear(&reply);
    }
}

static void an_error_with_negative_code_and_empty_text_is_an_error(void **state)
{
    (void)state;
    struct rpc_reply reply;
    char text[512];
    assert_int_equal(
        outcome_of(true,
                   "{\"id\":%I,\"error\":{\"code\":-32000,\"message\":\"\"},\"result\":\"0x1\"}",
                   FAKE_REPLY, &reply, text),
        RPC_ERROR);
    assert_int_equal(reply.code, -32000);
    assert_string_equal(reply.message, "");
    assert_null(reply.result);
    assert_non_null(strstr(text, "-32000"));
    rpc_reply_clear(&reply);
}

static void an_error_that_quotes_zero_bytes_is_understood(void **state)
{
    (void)state;
    struct rpc_reply reply;
    assert_int_equal(
        outcome_of(false, "{\"id\":%I,\"error\":{\"code\":3,\"message\":\"a\\u0001b\\u0000c\"}}",
                   FAKE_REPLY, &reply, NULL),
        RPC_ERROR);
    assert_string_equal(reply.message, "a b");
    rpc_reply_clear(&reply);
}

static void a_reply_with_another_id_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(true,
                                "[{\"id\":%J,\"result\":\"0x1\"},{\"id\":%I,\"result\":\"0x2\"}]",
                                FAKE_REPLY, NULL, NULL),
                     RPC_RESULT);
    assert_int_equal(outcome_of(true, "{\"id\":%J,\"result\":\"0x1\"}", FAKE_REPLY, NULL, NULL),
                     RPC_UNKNOWN);
    assert_int_equal(outcome_of(false, "{\"id\":%J,\"result\":\"0x1\"}", FAKE_REPLY, NULL, NULL),
                     RPC_UNKNOWN);
    assert_int_equal(outcome_of(true, "{\"id\":\"%I\",\"result\":\"0x1\"}", FAKE_REPLY, NULL, NULL),
                     RPC_UNKNOWN);
}

static void nonsense_is_an_unknown_outcome(void **state)
{
    static const char *const TEXTS[] = {"hello", "{", "7", "{\"id\":%I}", "{}", "[]", "[7]", ""};
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++) {
        assert_int_equal(outcome_of(false, TEXTS[i], FAKE_REPLY, NULL, NULL), RPC_UNKNOWN);
        assert_int_equal(outcome_of(true, TEXTS[i], FAKE_REPLY, NULL, NULL), RPC_UNKNOWN);
    }
}

static void a_reply_cut_short_is_an_unknown_outcome(void **state)
{
    (void)state;
    const char *format = "{\"jsonrpc\":\"2.0\",\"id\":%I,\"result\":\"0x1234567812345678\"}";
    for (int websocket = 0; websocket < 2; websocket++) {
        assert_int_equal(outcome_of(websocket, format, FAKE_CUT, NULL, NULL), RPC_UNKNOWN);
        assert_int_equal(outcome_of(websocket, format, FAKE_CLOSE, NULL, NULL), RPC_UNKNOWN);
    }
}

static void silence_ends_at_the_deadline(void **state)
{
    (void)state;
    struct clock *clock = clock_system_new();
    for (int websocket = 0; websocket < 2; websocket++) {
        char text[512];
        uint64_t start_ms = clock_mono_ms(clock);
        assert_int_equal(outcome_of(websocket, "", FAKE_SILENCE, NULL, text), RPC_UNKNOWN);
        assert_in_range(clock_mono_ms(clock) - start_ms, 390, 5000);
        assert_non_null(strstr(text, "no answer in time"));
    }
    clock_free(clock);
}

static enum fake_action giant_script(void *cookie, const char *request, struct buf *reply)
{
    (void)cookie;
    buf_printf(reply, "{\"id\":%" PRIu64 ",\"result\":\"", id_of(request));
    memset(buf_extend(reply, 300000), 'a', 300000);
    buf_printf(reply, "\"}");
    return FAKE_REPLY;
}

static void a_giant_reply_is_refused(void **state)
{
    (void)state;
    struct fake *fake = fake_start(giant_script, NULL);
    for (int websocket = 0; websocket < 2; websocket++) {
        struct rpc *rpc = connect_to(fake_url(fake, websocket), 2000, false);
        struct rpc_reply reply;
        struct err err = ERR_INIT;
        assert_int_equal(rpc_call(rpc, &reply, "eth_test", "[]", &err), -1);
        assert_int_equal(reply.outcome, RPC_TOO_LARGE);
        assert_non_null(strstr(err.text, "larger than 100000"));
        rpc_reply_clear(&reply);
        rpc_free(rpc);
    }
    fake_stop(fake);
}

static void a_dead_endpoint_is_passed_over(void **state)
{
    (void)state;
    struct node node = {.format = "{\"id\":%I,\"result\":\"0x7\"}"};
    struct fake *fake = fake_start(node_script, &node);
    for (int websocket = 0; websocket < 2; websocket++) {
        char urls[120];
        snprintf(urls, sizeof(urls), "ws://127.0.0.1:1,http://127.0.0.1:1,%s",
                 fake_url(fake, websocket));
        struct rpc *rpc = connect_to(urls, 3000, false);
        struct rpc_reply reply;
        struct err err = ERR_INIT;
        assert_int_equal(rpc_call(rpc, &reply, "eth_test", "[]", &err), 0);
        assert_string_equal(rpc_endpoint(rpc), fake_url(fake, websocket));
        rpc_reply_clear(&reply);
        rpc_free(rpc);
    }
    fake_stop(fake);
}

static void where_nobody_is_reached_nothing_was_sent(void **state)
{
    (void)state;
    struct rpc *rpc = connect_to("ws://127.0.0.1:1,http://127.0.0.1:1", 1000, false);
    struct rpc_reply reply;
    struct err err = ERR_INIT;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rpc_call(rpc, &reply, "eth_test", "[]", &err), -1);
        assert_int_equal(reply.outcome, RPC_NOT_SENT);
        assert_non_null(strstr(err.text, "127.0.0.1:1"));
        rpc_reply_clear(&reply);
    }
    rpc_free(rpc);
}

static enum fake_action array_script(void *cookie, const char *request, struct buf *reply)
{
    (void)cookie;
    json_t *calls = json_loads(request, 0, NULL);
    size_t count = json_array_size(calls);
    buf_printf(reply, "[");
    for (size_t i = count; i > 0; i--) {
        json_int_t id = json_integer_value(json_object_get(json_array_get(calls, i - 1), "id"));
        if (i == 2)
            buf_printf(reply, "{\"id\":%d,\"error\":{\"code\":1,\"message\":\"no\"}}", (int)id);
        else
            buf_printf(reply, "{\"id\":%d,\"result\":%zu}", (int)id, i);
        buf_printf(reply, i > 1 ? "," : "]");
    }
    json_decref(calls);
    return FAKE_REPLY;
}

static void many_calls_find_their_answers_in_any_order(void **state)
{
    (void)state;
    struct fake *fake = fake_start(array_script, NULL);
    for (int websocket = 0; websocket < 2; websocket++) {
        struct rpc *rpc = connect_to(fake_url(fake, websocket), 2000, false);
        struct rpc_request calls[5];
        struct rpc_reply replies[5];
        struct err err = ERR_INIT;
        for (size_t i = 0; i < 5; i++)
            calls[i] = (struct rpc_request){"eth_test", "[]"};
        assert_int_equal(rpc_call_many(rpc, replies, calls, 5, &err), 0);
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(replies[i].outcome, i == 1 ? RPC_ERROR : RPC_RESULT);
            assert_int_equal(json_integer_value(replies[i].result), i == 1 ? 0 : i + 1);
            rpc_reply_clear(&replies[i]);
        }
        rpc_free(rpc);
    }
    fake_stop(fake);
}

static void one_error_can_answer_all_calls(void **state)
{
    (void)state;
    struct node node = {.format = "{\"id\":null,\"error\":{\"code\":-1,\"message\":\"too many\"}}"};
    struct fake *fake = fake_start(node_script, &node);
    struct rpc *rpc = connect_to(fake_url(fake, true), 2000, false);
    struct rpc_request calls[2] = {{"a", "[]"}, {"b", "[]"}};
    struct rpc_reply replies[2];
    assert_int_equal(rpc_call_many(rpc, replies, calls, 2, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(replies[i].outcome, RPC_ERROR);
        assert_string_equal(replies[i].message, "too many");
        rpc_reply_clear(&replies[i]);
    }
    rpc_free(rpc);
    fake_stop(fake);
}

static int is_seven(void *cookie, const json_t *result, struct err *err)
{
    (void)cookie;
    return strcmp(json_string_value(result), "0x7") == 0 ? 0 : err_set(err, "not seven");
}

static void an_endpoint_that_fails_the_probe_is_left(void **state)
{
    (void)state;
    struct node wrong = {.format = "{\"id\":%I,\"result\":\"0x6\"}"};
    struct node right = {.format = "{\"id\":%I,\"result\":\"0x7\"}"};
    struct fake *first = fake_start(node_script, &wrong);
    struct fake *second = fake_start(node_script, &right);
    char urls[120];
    struct err err = ERR_INIT;
    struct rpc_reply reply;
    snprintf(urls, sizeof(urls), "%s,%s", fake_url(first, true), fake_url(second, true));
    struct rpc_config config = {
        .urls = urls, .timeout_ms = 3000, .probe_method = "eth_chainId", .probe_check = is_seven};
    struct rpc *rpc = rpc_new(&config, &err);
    assert_non_null(rpc);
    assert_int_equal(rpc_call(rpc, &reply, "eth_test", "[]", &err), 0);
    assert_string_equal(rpc_endpoint(rpc), fake_url(second, true));
    assert_int_equal(atomic_load(&wrong.calls), 1);
    assert_int_equal(atomic_load(&right.calls), 2);
    rpc_reply_clear(&reply);
    rpc_free(rpc);
    fake_stop(second);
    fake_stop(first);
}

static void a_new_head_ends_a_wait_and_the_subscription_survives_a_cut(void **state)
{
    (void)state;
    struct node node = {.format = "{\"id\":%I,\"result\":\"0x7\"}"};
    struct fake *fake = fake_start(node_script, &node);
    struct rpc *rpc = connect_to(fake_url(fake, true), 2000, true);
    assert_int_equal(rpc_wait(rpc, 5000), RPC_NEW_HEAD); /* connected: look at once */
    assert_int_equal(rpc_wait(rpc, 50), RPC_TIMEOUT);
    fake_push(fake, HEAD);
    assert_int_equal(rpc_wait(rpc, 5000), RPC_NEW_HEAD);
    fake_drop(fake);
    assert_int_equal(rpc_wait(rpc, 5000), RPC_NEW_HEAD);
    assert_int_equal(atomic_load(&node.subscriptions), 2);
    fake_push(fake, HEAD);
    assert_int_equal(rpc_wait(rpc, 5000), RPC_NEW_HEAD);
    rpc_free(rpc);
    fake_stop(fake);
}

static void *wake_soon(void *rpc)
{
    rpc_wake(rpc);
    return NULL;
}

static void *cancel_soon(void *rpc)
{
    rpc_cancel(rpc);
    return NULL;
}

static void another_thread_ends_a_wait(void **state)
{
    (void)state;
    struct rpc *rpc = connect_to("http://127.0.0.1:1", 1000, false);
    pthread_t thread;
    pthread_create(&thread, NULL, wake_soon, rpc);
    assert_int_equal(rpc_wait(rpc, 60000), RPC_WOKEN);
    pthread_join(thread, NULL);
    assert_int_equal(rpc_wait(rpc, 10), RPC_TIMEOUT);
    rpc_free(rpc);
}

static void another_thread_ends_a_call(void **state)
{
    (void)state;
    struct node node = {.format = "", .action = FAKE_SILENCE};
    struct fake *fake = fake_start(node_script, &node);
    struct rpc *rpc = connect_to(fake_url(fake, true), 60000, false);
    struct rpc_reply reply;
    struct err err = ERR_INIT;
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_soon, rpc);
    assert_int_equal(rpc_call(rpc, &reply, "eth_test", "[]", &err), -1);
    assert_non_null(strstr(err.text, "cancelled"));
    pthread_join(thread, NULL);
    rpc_reply_clear(&reply);
    rpc_free(rpc);
    fake_stop(fake);
}

static void broken_urls_are_refused(void **state)
{
    static const char *const URLS[] = {"",         "ftp://x",         "ws://",      "ws://:80",
                                       "ws://h:0", "ws://h:65536",    "ws://h:x",   "ws://[::1",
                                       "ws://a b", "http://[::1]x:1", "ws://h:80,", "127.0.0.1"};
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(URLS); i++) {
        struct rpc_config config = {.urls = URLS[i]};
        struct err err = ERR_INIT;
        struct rpc *rpc = rpc_new(&config, &err);
        if (strcmp(URLS[i], "ws://h:80,") == 0) {
            assert_non_null(rpc);
        } else if (rpc != NULL) {
            fail_msg("'%s' was taken", URLS[i]);
        }
        rpc_free(rpc);
    }
}

static void messages_never_show_a_password_or_key(void **state)
{
    (void)state;
    struct rpc *rpc = connect_to("http://user:pass@127.0.0.1:1/v3/secret?key=x", 300, false);
    struct rpc_reply reply;
    struct err err = ERR_INIT;
    assert_string_equal(rpc_endpoint(rpc), "http://127.0.0.1:1");
    assert_int_equal(rpc_call(rpc, &reply, "eth_test", "[]", &err), -1);
    assert_null(strstr(err.text, "pass"));
    assert_null(strstr(err.text, "secret"));
    rpc_free(rpc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_comes_back_over_http_and_websocket),
        cmocka_unit_test(an_error_with_negative_code_and_empty_text_is_an_error),
        cmocka_unit_test(an_error_that_quotes_zero_bytes_is_understood),
        cmocka_unit_test(a_reply_with_another_id_is_passed_over),
        cmocka_unit_test(nonsense_is_an_unknown_outcome),
        cmocka_unit_test(a_reply_cut_short_is_an_unknown_outcome),
        cmocka_unit_test(silence_ends_at_the_deadline),
        cmocka_unit_test(a_giant_reply_is_refused),
        cmocka_unit_test(a_dead_endpoint_is_passed_over),
        cmocka_unit_test(where_nobody_is_reached_nothing_was_sent),
        cmocka_unit_test(many_calls_find_their_answers_in_any_order),
        cmocka_unit_test(one_error_can_answer_all_calls),
        cmocka_unit_test(an_endpoint_that_fails_the_probe_is_left),
        cmocka_unit_test(a_new_head_ends_a_wait_and_the_subscription_survives_a_cut),
        cmocka_unit_test(another_thread_ends_a_wait),
        cmocka_unit_test(another_thread_ends_a_call),
        cmocka_unit_test(broken_urls_are_refused),
        cmocka_unit_test(messages_never_show_a_password_or_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
