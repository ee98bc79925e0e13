#include "broker-plugin/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void group_and_registry_are_enough(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct config *config = config_new();
    assert_int_equal(config_set(config, "group", "7", &err), 0);
    assert_int_equal(config_set(config, "registry", "/a/registry.db", &err), 0);
    assert_int_equal(config_check(config, &err), 0);
    const struct door_config *door = config_door(config);
    assert_int_equal(door->group, 7);
    assert_string_equal(door->registry, "/a/registry.db");
    assert_true(door->check_signature);
    assert_int_equal(door->future_tolerance_s, 900);
    assert_int_equal(door->report_bytes_max, 16384);
    assert_int_equal(config_log_level(config), LOG_LEVEL_INFO);
    config_free(config);
}

static void what_is_required_is_asked_for_by_name(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct config *config = config_new();
    assert_int_equal(config_check(config, &err), -1);
    assert_non_null(strstr(err.text, "group"));
    assert_int_equal(config_set(config, "group", "1", &err), 0);
    assert_int_equal(config_check(config, &err), -1);
    assert_non_null(strstr(err.text, "registry"));
    config_free(config);
}

static void a_wrong_option_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const WRONG[][2] = {{"gruop", "1"},
                                           {"group", "0"},
                                           {"group", "65536"},
                                           {"group", "1x"},
                                           {"check-signature", "perhaps"},
                                           {"max-report-bytes", "20000"},
                                           {"strikes", ""}};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        struct err err = ERR_INIT;
        struct config *config = config_new();
        assert_int_equal(config_set(config, WRONG[i][0], WRONG[i][1], &err), -1);
        if (!strstr(err.text, WRONG[i][0]))
            fail_msg("%s %s says '%s'", WRONG[i][0], WRONG[i][1], err.text);
        config_free(config);
    }
}

static void the_signature_check_can_be_switched_off(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct config *config = config_new();
    assert_int_equal(config_set(config, "check-signature", "false", &err), 0);
    assert_false(config_door(config)->check_signature);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_and_registry_are_enough),
        cmocka_unit_test(what_is_required_is_asked_for_by_name),
        cmocka_unit_test(a_wrong_option_is_refused_by_name),
        cmocka_unit_test(the_signature_check_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
