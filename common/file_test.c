#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/test_dir.h"

static void a_file_is_read_whole_or_refused_for_its_length(void **state)
{
    char *path = test_path(*state, "a");
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(file_create(path, 0600, "12345", 5, NULL), 0);
    assert_int_equal(file_read(&out, path, 5, NULL), 0);
    assert_string_equal(buf_str(&out), "12345");
    assert_int_equal(file_read(&out, path, 4, &err), -1);
    assert_non_null(strstr(err.text, "longer than 4 bytes"));
    assert_int_equal(file_read(&out, "/does/not/exist", 4, &err), -1);
    buf_free(&out);
    free(path);
}

static void a_secret_must_be_private(void **state)
{
    char *path = test_path(*state, "b");
    struct buf out = BUF_INIT;
    static const mode_t open_modes[] = {0640, 0604, 0620, 0602};

    assert_int_equal(file_create(path, 0600, "s", 1, NULL), 0);
    assert_int_equal(file_read_secret(&out, path, 9, NULL), 0);
    for (size_t i = 0; i < AMR_COUNT(open_modes); i++) {
        assert_int_equal(chmod(path, open_modes[i]), 0);
        assert_int_equal(file_read_secret(&out, path, 9, NULL), -1);
    }
    buf_free(&out);
    free(path);
}

static void nothing_is_ever_overwritten(void **state)
{
    char *path = test_path(*state, "c");
    struct err err = ERR_INIT;

    assert_int_equal(file_create(path, 0600, "1", 1, NULL), 0);
    assert_int_equal(file_create(path, 0600, "2", 1, &err), -1);
    assert_non_null(strstr(err.text, "File exists"));
    free(path);
}

static void a_replaced_file_is_new_as_a_whole(void **state)
{
    char *path = test_path(*state, "d");
    struct buf out = BUF_INIT;
    struct stat st;

    assert_int_equal(file_replace(path, 0640, "first", 5, NULL), 0);
    assert_int_equal(file_replace(path, 0640, "2", 1, NULL), 0);
    assert_int_equal(file_read(&out, path, 9, NULL), 0);
    assert_string_equal(buf_str(&out), "2");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(file_replace("/does/not/exist", 0640, "2", 1, NULL), -1);
    buf_free(&out);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_or_refused_for_its_length),
        cmocka_unit_test(a_secret_must_be_private),
        cmocka_unit_test(nothing_is_ever_overwritten),
        cmocka_unit_test(a_replaced_file_is_new_as_a_whole),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
