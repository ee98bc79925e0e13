#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct captured {
    enum log_level level;
    char line[256];
    int count;
};

static void capture(void *cookie, enum log_level level, const char *line)
{
    struct captured *captured = cookie;

    captured->level = level;
    captured->count++;
    snprintf(captured->line, sizeof(captured->line), "%s", line);
}

static void lines_carry_time_level_program_and_text(void **state)
{
    struct clock *clock = clock_manual_new(1767323045678);
    int ends[2];
    char line[200] = {0};

    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct log *log = log_new("bridge", ends[1], LOG_LEVEL_INFO, clock);
    log_debug(log, "not seen");
    log_unusual(log, "report rejected cause=%s", "rollback");
    assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
    assert_string_equal(line, "2026-01-02T03:04:05.678Z unusual bridge: report rejected "
                              "cause=rollback\n");
    close(ends[0]);
    close(ends[1]);
    log_free(log);
    clock_free(clock);
}

static void an_overlong_line_is_cut_and_still_ends(void **state)
{
    struct clock *clock = clock_manual_new(0);
    int ends[2];
    static char big[5000], line[6000];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(pipe(ends), 0);
    struct log *log = log_new("p", ends[1], LOG_LEVEL_DEBUG, clock);
    log_broken(log, "%s", big);
    ssize_t got = read(ends[0], line, sizeof(line));
    assert_true(got > 1000 && got < 3000);
    assert_int_equal(line[got - 1], '\n');
    close(ends[0]);
    close(ends[1]);
    log_free(log);
    clock_free(clock);
}

static void a_sink_gets_the_text_without_time(void **state)
{
    struct captured captured = {0};
    struct log *log = log_new_sink(LOG_LEVEL_INFO, capture, &captured);

    (void)state;
    log_info(log, "n=%d", 7);
    log_debug(log, "not seen");
    assert_int_equal(captured.count, 1);
    assert_int_equal(captured.level, LOG_LEVEL_INFO);
    assert_string_equal(captured.line, "n=7");
    log_free(log);
    log_info(NULL, "nowhere");
}

static void levels_are_parsed_by_name(void **state)
{
    enum log_level level;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(log_level_parse(&level, "broken", &err), 0);
    assert_int_equal(level, LOG_LEVEL_BROKEN);
    assert_int_equal(log_level_parse(&level, "loud", &err), -1);
}

static void quoted_text_cannot_forge_a_line(void **state)
{
    char out[64], small[8];

    (void)state;
    assert_string_equal(log_quote(out, sizeof(out), "a\n\"b\\\x01", 6),
                        "\"a\\x0a\\x22b\\x5c\\x01\"");
    assert_string_equal(log_quote(small, sizeof(small), "abcdefghij", 10), "\"abcde\"");
    assert_string_equal(log_quote(small, 2, "abc", 3), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_carry_time_level_program_and_text),
        cmocka_unit_test(an_overlong_line_is_cut_and_still_ends),
        cmocka_unit_test(a_sink_gets_the_text_without_time),
        cmocka_unit_test(levels_are_parsed_by_name),
        cmocka_unit_test(quoted_text_cannot_forge_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
