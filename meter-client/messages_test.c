#include "meter-client/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

static json_t *parsed(struct buf *text)
{
    struct err err = ERR_INIT;
    json_t *value = json_parse(text->data, text->len, &err);

    if (!value)
        fail_msg("%s in %s", err.text, buf_str(text));
    buf_free(text);
    return value;
}

static int64_t number(json_t *value, const char *key)
{
    assert_true(json_is_integer(json_object_get(value, key)));
    return json_integer_value(json_object_get(value, key));
}

static void birth_tells_who_and_what(void **state)
{
    struct birth birth = {.serial = "M1",
                          .source = "sim",
                          .meter = 65537,
                          .interval_s = 900,
                          .session = 3,
                          .sequence = 42};
    struct buf text = BUF_INIT;
    json_t *value;

    (void)state;
    message_birth(&text, &birth);
    value = parsed(&text);
    assert_int_equal(number(value, "meter"), 65537);
    assert_int_equal(number(value, "sequence"), 42);
    assert_int_equal(json_array_size(json_object_get(value, "registers")), 2);
    json_decref(value);
}

static void state_tells_whether_and_since_when(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    message_state(&text, true, 3, 17);
    assert_string_equal(buf_str(&text), "{\"v\":1,\"online\":true,\"session\":3,\"t\":17}");
    buf_free(&text);
}

static void telemetry_has_power_backlog_and_counters(void **state)
{
    struct measurement measurement = {
        .import_w = 100, .export_w = 350, .voltage_dv = 2301, .import_wh = 7};
    struct telemetry telemetry = {.unix_s = 1000,
                                  .measurement = &measurement,
                                  .counts = {.reports = {2, 3, 4, 5}, .oldest_s = 400},
                                  .source = {.crc = 6}};
    struct buf text = BUF_INIT;
    json_t *value;

    (void)state;
    message_telemetry(&text, &telemetry);
    value = parsed(&text);
    assert_int_equal(number(value, "power_w"), -250);
    assert_int_equal(number(value, "backlog"), 5);
    assert_int_equal(number(value, "oldest_s"), 600);
    assert_int_equal(number(value, "sealed"), 4);
    assert_int_equal(number(json_object_get(value, "counters"), "crc"), 6);
    assert_true(json_real_value(json_object_get(value, "voltage_v")) > 230.0);
    json_decref(value);
    telemetry.measurement = NULL;
    message_telemetry(&text, &telemetry);
    value = parsed(&text);
    assert_null(json_object_get(value, "power_w"));
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(birth_tells_who_and_what),
        cmocka_unit_test(state_tells_whether_and_since_when),
        cmocka_unit_test(telemetry_has_power_backlog_and_counters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
