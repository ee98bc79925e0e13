#include "broker-plugin/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

static json_t *summary(const struct counters *counters, const struct counters_gauges *gauges)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    counters_print(&out, counters, gauges);
    json_t *json = json_parse(out.data, out.len, &err);
    if (!json)
        fail_msg("%s", err.text);
    buf_free(&out);
    return json;
}

static json_int_t number(json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

static void the_summary_is_json_with_every_counter(void **state)
{
    (void)state;
    const struct registry_head head = {.block = 12, .revision = 34};
    struct counters counters = {.admitted = 1, .denied = 2, .alarms_suppressed = 3};
    struct counters_gauges gauges = {.unix_s = 1767225600,
                                     .clients = 5,
                                     .registry_ready = true,
                                     .registry_good = false,
                                     .registry = &head};
    counters.rejected[CAUSE_RATE] = 7;
    json_t *json = summary(&counters, &gauges);
    assert_int_equal(number(json, "v"), 1);
    assert_int_equal(number(json, "t"), 1767225600);
    assert_int_equal(number(json, "clients"), 5);
    assert_int_equal(number(json, "admitted"), 1);
    assert_int_equal(number(json, "denied"), 2);
    assert_int_equal(number(json, "alarms_suppressed"), 3);
    json_t *rejected = json_object_get(json, "rejected");
    assert_int_equal(json_object_size(rejected), CAUSE_COUNT - 1);
    assert_int_equal(number(rejected, "rate"), 7);
    json_t *registry = json_object_get(json, "registry");
    assert_int_equal(number(registry, "block"), 12);
    assert_int_equal(number(registry, "revision"), 34);
    assert_true(json_is_false(json_object_get(registry, "good")));
    json_decref(json);
}

static void without_a_registry_there_is_no_block(void **state)
{
    (void)state;
    const struct counters counters = {0};
    const struct counters_gauges gauges = {0};
    json_t *json = summary(&counters, &gauges);
    assert_null(json_object_get(json_object_get(json, "registry"), "block"));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_summary_is_json_with_every_counter),
        cmocka_unit_test(without_a_registry_there_is_no_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
