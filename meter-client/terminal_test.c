#include "meter-client/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

/** A terminal: `person` sees what is written to `tty` and types what is read from it. */
struct pair {
    int person;
    int tty;
};

static struct pair pair_open(void)
{
    struct pair pair = {.person = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};

    assert_true(pair.person >= 0);
    assert_int_equal(grantpt(pair.person), 0);
    assert_int_equal(unlockpt(pair.person), 0);
    pair.tty = open(ptsname(pair.person), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(pair.tty >= 0);
    return pair;
}

static bool sees(struct pair *pair, const char *text)
{
    static char seen[4096];
    struct pollfd pollfd = {.fd = pair->person, .events = POLLIN};
    size_t len = 0;

    while (poll(&pollfd, 1, 200) == 1) {
        ssize_t got = read(pair->person, seen + len, sizeof(seen) - len - 1);

        assert_true(got > 0);
        len += (size_t)got;
        seen[len] = 0;
        if (strstr(seen, text))
            return true;
    }
    return false;
}

static void types(struct pair *pair, const char *keys)
{
    struct pollfd pollfd = {.fd = pair->tty, .events = POLLIN};

    assert_int_equal(write(pair->person, keys, strlen(keys)), strlen(keys));
    assert_int_equal(poll(&pollfd, 1, 2000), 1);
}

static void rows_appear_and_keys_are_told_apart(void **state)
{
    static const struct {
        const char *keys;
        enum screen_key key;
    } CASES[] = {{" ", KEY_NEXT},       {"n", KEY_NEXT},      {"b", KEY_BACK},
                 {"\n", KEY_CONFIRM},   {"\033[C", KEY_NEXT}, {"\033[D", KEY_BACK},
                 {"\033[5~", KEY_NONE}, {"x", KEY_NONE},      {"\033", KEY_NONE}};
    struct pair pair = pair_open();
    struct terminal *terminal = NULL;
    struct screen_rows rows;

    (void)state;
    for (int i = 0; i < SCREEN_ROWS; i++)
        snprintf(rows.row[i], sizeof(rows.row[i]), "%-19s%d", "row", i);
    assert_int_equal(terminal_new(&terminal, pair.tty, pair.tty, NULL), 0);
    terminal_show(terminal, &rows);
    assert_true(sees(&pair, "row                3"));
    terminal_show(terminal, &rows);
    assert_false(sees(&pair, "row")); /* nothing is new */
    assert_int_equal(terminal_key(terminal), KEY_NONE);
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        types(&pair, CASES[i].keys);
        assert_int_equal(terminal_key(terminal), CASES[i].key);
    }
    terminal_free(terminal);
    close(pair.tty);
    close(pair.person);
}

static void the_terminal_is_given_back_as_it_was(void **state)
{
    struct pair pair = pair_open();
    struct terminal *terminal = NULL;
    struct termios before;
    struct termios during;
    struct termios after;

    (void)state;
    assert_int_equal(tcgetattr(pair.tty, &before), 0);
    assert_int_equal(terminal_new(&terminal, pair.tty, pair.tty, NULL), 0);
    assert_int_equal(tcgetattr(pair.tty, &during), 0);
    assert_true(before.c_lflag & ECHO && !(during.c_lflag & ECHO));
    assert_true(during.c_lflag & ISIG); /* Ctrl-C still ends the program */
    terminal_free(terminal);
    assert_int_equal(tcgetattr(pair.tty, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_true(sees(&pair, "\033[?1049l"));
    close(pair.tty);
    close(pair.person);
}

static void what_is_no_terminal_is_refused(void **state)
{
    struct terminal *terminal = NULL;
    struct err err = ERR_INIT;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(terminal_new(&terminal, fds[0], fds[1], &err), -1);
    assert_non_null(strstr(err.text, "wants a terminal"));
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_appear_and_keys_are_told_apart),
        cmocka_unit_test(the_terminal_is_given_back_as_it_was),
        cmocka_unit_test(what_is_no_terminal_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
