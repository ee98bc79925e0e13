#include "common/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void context_is_put_before_the_cause(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(err_set(&err, "line %d is too long", 7), -1);
    assert_int_equal(err_wrap(&err, "read '%s'", "a.conf"), -1);
    assert_string_equal(err.text, "read 'a.conf': line 7 is too long");
}

static void errno_is_told_in_words(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    errno = ENOENT;
    assert_int_equal(err_errno(&err, "open '%s'", "x"), -1);
    assert_string_equal(err.text, "open 'x': No such file or directory");
}

static void a_long_text_is_cut_and_terminated(void **state)
{
    struct err err = ERR_INIT;
    char big[2000];

    (void)state;
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    err_set(&err, "%s", big);
    err_wrap(&err, "%s", big);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void without_an_err_only_the_return_value_tells(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, "x"), -1);
    assert_int_equal(err_errno(NULL, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_is_put_before_the_cause),
        cmocka_unit_test(errno_is_told_in_words),
        cmocka_unit_test(a_long_text_is_cut_and_terminated),
        cmocka_unit_test(without_an_err_only_the_return_value_tells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
