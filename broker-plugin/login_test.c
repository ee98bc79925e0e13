#include "broker-plugin/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker-plugin/testing.h"

static const struct rate_limits LIMITS = {.messages_per_s = 1,
                                          .messages_burst = 10,
                                          .bytes_per_s = 1,
                                          .bytes_burst = 10,
                                          .strikes = 10,
                                          .shut_out_s = 60};

struct fixture {
    struct test_dir dir;
    struct members *members;
    struct staff *staff;
    struct accounts *accounts;
    struct clock *clock;
    struct login_desk *desk;
    struct login_verdict verdict;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct buf people = BUF_INIT;
    struct err err = ERR_INIT;
    bool changed = false;
    test_dir_make(&f->dir);
    test_registry_put(f->dir.registry, TEST_METER, 1, METER_ACTIVE);
    test_registry_put(f->dir.registry, TEST_METER + 1, 2, METER_CLOSED);
    f->members = members_new(f->dir.registry, 1);
    f->staff = staff_new("");
    f->accounts = accounts_new(&LIMITS);
    f->clock = clock_manual_new(TEST_NOW_S * UINT64_C(1000));
    test_need(members_refresh(f->members, &changed, &err) == 0 &&
                  staff_print(&people, "alice", "secret", 10, STAFF_VIEWER, &err) == 0 &&
                  staff_parse(f->staff, (char *)people.data, people.len, &err) == 0,
              err.text);
    buf_free(&people);
    f->desk = login_desk_new(f->members, f->staff, f->accounts, f->clock);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    login_desk_free(f->desk);
    clock_free(f->clock);
    accounts_free(f->accounts);
    staff_free(f->staff);
    members_free(f->members);
    test_dir_remove(&f->dir);
    free(f);
    return 0;
}

/* The cause, "" where welcome. */
static const char *check(struct fixture *f, const struct login *login)
{
    login_check(f->desk, &f->verdict, login);
    assert_non_null(f->verdict.account);
    account_release(f->accounts, f->verdict.account, clock_mono_ms(f->clock));
    assert_int_equal(f->verdict.cause != NULL, f->verdict.text.text[0] != '\0');
    return f->verdict.cause ? f->verdict.cause : "";
}

static const char *check_meter(struct fixture *f, const char *client_id, uint8_t key)
{
    X509 *certificate = test_meter_certificate("M1", key);
    const struct login login = {.client_id = client_id, .certificate = certificate};
    const char *cause = check(f, &login);
    X509_free(certificate);
    return cause;
}

static void a_meter_needs_an_active_row_and_its_own_client_id(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(check_meter(f, "M1", 1), "");
    assert_int_equal(f->verdict.member->meter, TEST_METER);
    assert_string_equal(check_meter(f, "M1", 2), "closed");
    assert_string_equal(check_meter(f, "M1", 3), "unknown");
    assert_string_equal(check_meter(f, "M2", 1), "client-id");
    assert_string_equal(check_meter(f, NULL, 1), "client-id");
}

static void a_certificate_decides_even_where_a_password_is_right(void **state)
{
    struct fixture *f = *state;
    X509 *certificate = test_meter_certificate("M1", 3);
    const struct login login = {.client_id = "alice~1",
                                .username = "alice",
                                .password = "secret",
                                .certificate = certificate};
    assert_string_equal(check(f, &login), "client-id");
    X509_free(certificate);
}

static void a_name_without_a_password_is_nobody(void **state)
{
    struct fixture *f = *state;
    const struct login login = {.client_id = "alice~1", .username = "alice"};
    assert_string_equal(check(f, &login), "certificate");
}

static void a_password_makes_staff_and_nothing_more(void **state)
{
    struct fixture *f = *state;
    const struct login login = {.client_id = "alice~1", .username = "alice", .password = "secret"};
    assert_string_equal(check(f, &login), "");
    assert_int_equal(f->verdict.who.role, ROLE_OPS);
    assert_null(f->verdict.member);
}

static void an_identity_that_is_shut_out_stays_out_whatever_its_connection(void **state)
{
    struct fixture *f = *state;
    struct account *account = account_hold(f->accounts, "meter:M1", 0);
    while (!account_strike(f->accounts, account, 0))
        continue;
    account_release(f->accounts, account, 0);
    assert_string_equal(check_meter(f, "M1", 1), "shut-out");
    clock_advance_ms(f->clock, 60000);
    assert_string_equal(check_meter(f, "M1", 1), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_meter_needs_an_active_row_and_its_own_client_id),
        TEST(a_certificate_decides_even_where_a_password_is_right),
        TEST(a_name_without_a_password_is_nobody),
        TEST(a_password_makes_staff_and_nothing_more),
        TEST(an_identity_that_is_shut_out_stays_out_whatever_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
