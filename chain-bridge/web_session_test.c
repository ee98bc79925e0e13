#include "chain-bridge/web_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct clock *clock;
    struct web_sessions *sessions;
    char id[SESSION_ID_TEXT];
    struct web_session session;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->clock = clock_manual_new(UINT64_C(1767225600000));
    clock_advance_ms(f->clock, 1000);
    f->sessions = web_sessions_new(f->clock);
    if (web_session_open(f->sessions, f->id, &f->session, "eva", STAFF_OPERATOR, NULL) < 0)
        return -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    web_sessions_free(f->sessions);
    clock_free(f->clock);
    free(f);
    return 0;
}

static void a_session_is_found_by_its_cookie_only(void **state)
{
    struct fixture *f = *state;
    struct web_session found;
    char other[SESSION_ID_TEXT];
    assert_true(web_session_find(f->sessions, &found, f->id));
    assert_string_equal(found.name, "eva");
    assert_string_equal(found.csrf, f->session.csrf);
    assert_string_not_equal(found.csrf, f->id);
    memcpy(other, f->id, sizeof(other));
    other[5] = other[5] == 'a' ? 'b' : 'a';
    assert_false(web_session_find(f->sessions, &found, other));
    assert_false(web_session_find(f->sessions, &found, ""));
}

static void a_session_ends_when_idle_and_after_its_life(void **state)
{
    struct fixture *f = *state;
    struct web_session found;
    clock_advance_ms(f->clock, SESSION_IDLE_S * UINT64_C(1000) - 1);
    assert_true(web_session_find(f->sessions, &found, f->id));
    clock_advance_ms(f->clock, SESSION_IDLE_S * UINT64_C(1000));
    assert_false(web_session_find(f->sessions, &found, f->id));
    assert_int_equal(web_session_open(f->sessions, f->id, &found, "eva", STAFF_VIEWER, NULL), 0);
    for (unsigned i = 0; i < SESSION_LIFE_S / 1000; i++) {
        assert_true(web_session_find(f->sessions, &found, f->id));
        clock_advance_ms(f->clock, 1000 * 1000);
    }
    clock_advance_ms(f->clock, 1000 * 1000);
    assert_false(web_session_find(f->sessions, &found, f->id));
}

static bool nobody(void *cookie, const char *name, enum staff_role role)
{
    (void)cookie;
    return role == STAFF_VIEWER && strcmp(name, "bob") == 0;
}

static void logging_out_and_leaving_the_staff_end_it(void **state)
{
    struct fixture *f = *state;
    struct web_session found;
    char bob[SESSION_ID_TEXT];
    assert_int_equal(web_session_open(f->sessions, bob, &found, "bob", STAFF_VIEWER, NULL), 0);
    web_sessions_keep(f->sessions, nobody, NULL);
    assert_false(web_session_find(f->sessions, &found, f->id));
    assert_true(web_session_find(f->sessions, &found, bob));
    web_session_close(f->sessions, bob);
    assert_false(web_session_find(f->sessions, &found, bob));
}

static void the_oldest_session_gives_way_when_the_table_is_full(void **state)
{
    struct fixture *f = *state;
    struct web_session found;
    char id[SESSION_ID_TEXT];
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        clock_advance_ms(f->clock, 1);
        assert_int_equal(web_session_open(f->sessions, id, &found, "bob", STAFF_VIEWER, NULL), 0);
    }
    assert_false(web_session_find(f->sessions, &found, f->id));
    assert_true(web_session_find(f->sessions, &found, id));
}

static void failed_logins_shut_out_account_and_address_for_a_while(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < LOGIN_FAILURES_MAX; i++) {
        assert_int_equal(web_login_wait(f->sessions, "eva", "192.0.2.1"), 0);
        web_login_failed(f->sessions, "eva", "192.0.2.1");
    }
    assert_int_not_equal(web_login_wait(f->sessions, "eva", "192.0.2.2"), 0);
    assert_int_not_equal(web_login_wait(f->sessions, "bob", "192.0.2.1"), 0);
    assert_int_equal(web_login_wait(f->sessions, "bob", "192.0.2.2"), 0);
    clock_advance_ms(f->clock, LOGIN_WINDOW_S * UINT64_C(1000));
    assert_int_equal(web_login_wait(f->sessions, "eva", "192.0.2.1"), 0);
}

static void a_login_that_passes_clears_the_account(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < LOGIN_FAILURES_MAX - 1; i++)
        web_login_failed(f->sessions, "eva", "192.0.2.1");
    web_login_passed(f->sessions, "eva");
    web_login_failed(f->sessions, "eva", "192.0.2.3");
    assert_int_equal(web_login_wait(f->sessions, "eva", "192.0.2.4"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_is_found_by_its_cookie_only),
        TEST(a_session_ends_when_idle_and_after_its_life),
        TEST(logging_out_and_leaving_the_staff_end_it),
        TEST(the_oldest_session_gives_way_when_the_table_is_full),
        TEST(failed_logins_shut_out_account_and_address_for_a_while),
        TEST(a_login_that_passes_clears_the_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
