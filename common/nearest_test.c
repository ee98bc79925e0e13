#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/nearest.h"

static void slips_of_the_keyboard_cost_one_each(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("status", "status"), 0);
    assert_int_equal(nearest_distance("statsu", "status"), 1);
    assert_int_equal(nearest_distance("satus", "status"), 1);
    assert_int_equal(nearest_distance("staatus", "status"), 1);
    assert_int_equal(nearest_distance("stetus", "status"), 1);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("abc", ""), 3);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
}

static void what_is_too_long_is_near_nothing(void **state)
{
    (void)state;
    char text[NEAREST_MAX + 2];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(nearest_distance(text, text), NEAREST_MAX + 1);
    assert_int_equal(nearest_distance(text + 1, text + 1), 0);
    assert_false(nearest_is_slip(text, text));
}

static void a_slip_is_told_from_another_word(void **state)
{
    (void)state;
    assert_true(nearest_is_slip("enroll", "enrol"));
    assert_true(nearest_is_slip("comand disconnect", "command disconnect"));
    assert_true(nearest_is_slip("kye new", "key new"));
    assert_false(nearest_is_slip("watch", "meters"));
    assert_false(nearest_is_slip("abc", "key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_of_the_keyboard_cost_one_each),
        cmocka_unit_test(what_is_too_long_is_near_nothing),
        cmocka_unit_test(a_slip_is_told_from_another_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
