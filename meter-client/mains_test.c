#include "meter-client/mains.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/test_dir.h"

static void tell(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_file_tells_whether_power_is_there(void **state)
{
    char *path = test_path(*state, "mains");
    struct clock *clock = clock_manual_new(0);
    struct mains *mains = NULL;

    tell(path, "1\n");
    assert_int_equal(mains_new(&mains, path, clock, NULL), 0);
    assert_false(mains_away(mains, false));
    tell(path, "0\n");
    assert_false(mains_away(mains, false)); /* not looked yet */
    assert_int_equal(mains_due_ms(mains), 1000);
    clock_advance_ms(clock, 1000);
    assert_true(mains_away(mains, false));
    tell(path, "");
    assert_true(mains_away(mains, true)); /* being written: what was told last holds */
    tell(path, "1\n");
    assert_false(mains_away(mains, true));
    remove(path);
    assert_false(mains_away(mains, true));
    mains_free(mains);
    assert_int_equal(mains_new(&mains, path, clock, NULL), -1);
    assert_int_equal(mains_new(&mains, NULL, clock, NULL), 0);
    assert_int_equal(mains_fd(mains), -1);
    assert_false(mains_away(mains, true));
    mains_free(mains);
    clock_free(clock);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_tells_whether_power_is_there),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
