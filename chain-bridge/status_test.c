#include "chain-bridge/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

static int set_up(void **state)
{
    *state = status_new();
    return 0;
}

static int tear_down(void **state)
{
    status_free(*state);
    return 0;
}

static bool says(struct status *status, uint32_t unix_s, const char *part)
{
    struct buf out = BUF_INIT;
    status_print(status, &out, unix_s);
    bool found = strstr(buf_str(&out), part) != NULL;
    buf_free(&out);
    return found;
}

static void numbers_are_added_set_and_printed_by_name(void **state)
{
    struct status *status = *state;
    status_add(status, STATUS_STORED, 5);
    status_add(status, STATUS_STORED, -2);
    status_set(status, STATUS_BASE_FEE_WEI, UINT64_MAX);
    assert_int_equal(status_get(status, STATUS_STORED), 3);
    assert_true(says(status, 0, "\"stored\":3,"));
    assert_true(says(status, 0, "\"base_fee_wei\":18446744073709551615,"));
}

static void the_time_is_left_out_to_compare(void **state)
{
    assert_true(says(*state, 7, "\"t\":7,"));
    assert_false(says(*state, 0, "\"t\":"));
}

static void a_pause_is_told_when_it_changes(void **state)
{
    struct status *status = *state;
    assert_false(status_pause(status, NULL));
    assert_true(status_pause(status, "no \"money\""));
    assert_false(status_pause(status, "no \"money\""));
    assert_true(says(status, 0, "\"paused\":\"no \\\"money\\\"\"}"));
    assert_true(status_pause(status, ""));
    assert_true(says(status, 0, "\"paused\":\"\"}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_added_set_and_printed_by_name),
        TEST(the_time_is_left_out_to_compare),
        TEST(a_pause_is_told_when_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
