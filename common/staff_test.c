#include "common/staff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/test_dir.h"

#define LOG_N 10 /* cheap: the tests run under valgrind, too */

struct fixture {
    void *dir;
    char *path;
    struct staff *staff;
    struct buf text;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    if (test_dir_setup(&f->dir) < 0)
        return -1;
    f->path = test_path(f->dir, "staff");
    f->staff = staff_new(f->path);
    if (staff_print(&f->text, "alice", "secret", LOG_N, STAFF_VIEWER, &f->err) < 0 ||
        staff_print(&f->text, "bob", "other", LOG_N, STAFF_OPERATOR, &f->err) < 0)
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    staff_free(f->staff);
    buf_free(&f->text);
    free(f->path);
    test_dir_teardown(&f->dir);
    free(f);
    return 0;
}

static void write_file(struct fixture *f, unsigned mode)
{
    unlink(f->path);
    assert_int_equal(file_create(f->path, mode, f->text.data, f->text.len, &f->err), 0);
}

static void the_right_password_passes_and_no_other(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(staff_parse(f->staff, (char *)f->text.data, f->text.len, &f->err), 0);
    assert_true(staff_check(f->staff, "alice", "secret"));
    assert_true(staff_check(f->staff, "bob", "other"));
    assert_false(staff_check(f->staff, "alice", "other"));
    assert_false(staff_check(f->staff, "alice", ""));
    assert_false(staff_check(f->staff, "carol", "secret"));
    assert_false(staff_check(f->staff, "", ""));
}

static void a_role_is_viewer_unless_the_line_says_operator(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(staff_parse(f->staff, (char *)f->text.data, f->text.len, &f->err), 0);
    assert_int_equal(staff_role(f->staff, "alice"), STAFF_VIEWER);
    assert_int_equal(staff_role(f->staff, "bob"), STAFF_OPERATOR);
    assert_int_equal(staff_role(f->staff, "carol"), STAFF_VIEWER);
    f->text.len -= strlen("operator\n");
    buf_printf(&f->text, "admin\n");
    assert_int_equal(staff_parse(f->staff, (char *)f->text.data, f->text.len, &f->err), -1);
    assert_string_equal(f->err.text, "line 2: a role is viewer or operator");
}

static void two_hashes_of_one_password_differ(void **state)
{
    struct fixture *f = *state;
    struct buf again = BUF_INIT;
    assert_int_equal(staff_print(&again, "alice", "secret", LOG_N, STAFF_VIEWER, &f->err), 0);
    assert_memory_not_equal(again.data, f->text.data, again.len);
    buf_free(&again);
}

static void a_bad_line_is_refused_by_number_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const LINES[] = {
        "x",
        "carol:scrypt:14:0x00:0x00",
        "carol:plain:14:0x:0x",
        "a:b:c:d:e:f",
        "::::",
        "carol:scrypt:40:0x00000000000000000000000000000000:"
        "0x0000000000000000000000000000000000000000000000000000000000000000",
        "c/l:scrypt:14:0x00000000000000000000000000000000:"
        "0x0000000000000000000000000000000000000000000000000000000000000000",
        "alice:scrypt:14:0x00000000000000000000000000000000:"
        "0x0000000000000000000000000000000000000000000000000000000000000000"};
    assert_int_equal(staff_parse(f->staff, (char *)f->text.data, f->text.len, &f->err), 0);
    for (size_t i = 0; i < AMR_COUNT(LINES); i++) {
        char *text = xasprintf("# people\n%s%s\n", buf_str(&f->text), LINES[i]);
        assert_int_equal(staff_parse(f->staff, text, strlen(text), &f->err), -1);
        assert_non_null(strstr(f->err.text, "line 4: "));
        free(text);
        assert_true(staff_knows(f->staff, "bob"));
    }
}

static void a_changed_file_is_followed(void **state)
{
    struct fixture *f = *state;
    bool changed = false;
    write_file(f, 0640);
    assert_int_equal(staff_refresh(f->staff, &changed, &f->err), 0);
    assert_true(changed);
    assert_int_equal(staff_refresh(f->staff, &changed, &f->err), 0);
    assert_false(changed);
    buf_clear(&f->text);
    assert_int_equal(staff_print(&f->text, "carol", "secret", LOG_N, STAFF_VIEWER, &f->err), 0);
    write_file(f, 0640);
    assert_int_equal(staff_refresh(f->staff, &changed, &f->err), 0);
    assert_true(changed);
    assert_true(staff_knows(f->staff, "carol"));
    assert_false(staff_knows(f->staff, "alice"));
}

static void a_missing_or_open_file_leaves_the_last_good_state(void **state)
{
    struct fixture *f = *state;
    bool changed = false;
    write_file(f, 0640);
    assert_int_equal(staff_refresh(f->staff, &changed, &f->err), 0);
    unlink(f->path);
    assert_int_equal(staff_refresh(f->staff, &changed, &f->err), -1);
    buf_clear(&f->text);
    write_file(f, 0640);
    assert_int_equal(chmod(f->path, 0644), 0);
    assert_int_equal(staff_refresh(f->staff, &changed, &f->err), -1);
    assert_non_null(strstr(f->err.text, "chmod 640"));
    assert_true(staff_knows(f->staff, "alice"));
}

static void a_person_can_be_taken_out_and_the_rest_stays(void **state)
{
    struct fixture *f = *state;
    struct buf text = BUF_INIT, rest = BUF_INIT;
    buf_printf(&text, "# people\n%s", buf_str(&f->text));
    assert_true(staff_without(&rest, (char *)text.data, text.len, "alice"));
    assert_int_equal(staff_parse(f->staff, (char *)rest.data, rest.len, &f->err), 0);
    assert_false(staff_knows(f->staff, "alice"));
    assert_int_equal(staff_count(f->staff), 1);
    assert_string_equal(staff_name(f->staff, 0), "bob");
    assert_memory_equal(rest.data, "# people\n", 9);
    buf_clear(&rest);
    assert_false(staff_without(&rest, (char *)text.data, text.len, "ali"));
    assert_int_equal(rest.len, text.len);
    assert_memory_equal(rest.data, text.data, text.len);
    buf_free(&text);
    buf_free(&rest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_right_password_passes_and_no_other),
        TEST(a_role_is_viewer_unless_the_line_says_operator),
        TEST(two_hashes_of_one_password_differ),
        TEST(a_bad_line_is_refused_by_number_and_changes_nothing),
        TEST(a_changed_file_is_followed),
        TEST(a_person_can_be_taken_out_and_the_rest_stays),
        TEST(a_missing_or_open_file_leaves_the_last_good_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
