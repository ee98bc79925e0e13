#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/ctl_progress.h"

static void the_line_tells_share_rate_and_time_left(void **state)
{
    struct buf line = BUF_INIT;
    (void)state;
    ctl_progress_line(&line, "checking", "readings", 500000, 1000000, 20000, 79, false);
    assert_string_equal(buf_str(&line),
                        "checking  [############------------]  50 %  25,000 readings/s  0:20 left");
    buf_clear(&line);
    ctl_progress_line(&line, "checking", "readings", 1, 7203, 1000, 79, false);
    assert_non_null(strstr(buf_str(&line), "  0 %  1 readings/s  2:00:02 left"));
    buf_free(&line);
}

static void a_narrow_terminal_gets_no_bar(void **state)
{
    struct buf line = BUF_INIT;
    (void)state;
    ctl_progress_line(&line, "checking", "readings", 1, 2, 2000, 40, true);
    assert_string_equal(buf_str(&line), "checking  50 %  0 readings/s  0:02 left");
    buf_free(&line);
}

static void work_without_an_end_divides_by_nothing(void **state)
{
    struct buf line = BUF_INIT;
    (void)state;
    ctl_progress_line(&line, "x", "blocks", 5, 0, 0, 79, false);
    assert_non_null(strstr(buf_str(&line), "100 %  0 blocks/s"));
    buf_free(&line);
}

static void counts_are_grouped_by_thousands(void **state)
{
    char text[CTL_COUNT_TEXT];
    (void)state;
    assert_string_equal(ctl_count_text(text, 0), "0");
    assert_string_equal(ctl_count_text(text, 999), "999");
    assert_string_equal(ctl_count_text(text, 1000), "1,000");
    assert_string_equal(ctl_count_text(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_tells_share_rate_and_time_left),
        cmocka_unit_test(a_narrow_terminal_gets_no_bar),
        cmocka_unit_test(work_without_an_end_divides_by_nothing),
        cmocka_unit_test(counts_are_grouped_by_thousands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
