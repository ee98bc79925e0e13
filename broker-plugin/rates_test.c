#include "broker-plugin/rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct rate_limits LIMITS = {.messages_per_s = 10,
                                          .messages_burst = 20,
                                          .bytes_per_s = 1000,
                                          .bytes_burst = 5000,
                                          .strikes = 10,
                                          .shut_out_s = 30};

struct fixture {
    struct accounts *accounts;
    struct account *account;
};

static int setup(void **state)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    fixture->accounts = accounts_new(&LIMITS);
    fixture->account = account_hold(fixture->accounts, "meter:A", 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    accounts_free(fixture->accounts);
    free(fixture);
    return 0;
}

static unsigned charge_many(const struct fixture *fixture, unsigned count, uint64_t now_ms)
{
    unsigned passed = 0;
    for (unsigned i = 0; i < count; i++)
        passed += account_charge(fixture->accounts, fixture->account, 1, now_ms);
    return passed;
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&bucket, 2, 5, 1, 1000));
    assert_false(bucket_take(&bucket, 2, 5, 1, 1000));
    assert_false(bucket_take(&bucket, 2, 5, 1, 1499));
    assert_true(bucket_take(&bucket, 2, 5, 1, 1500));
    assert_int_equal(bucket_left(&bucket, 2, 5, 1000000), 5);
    assert_false(bucket_take(&bucket, 2, 5, 6, 1000000));
    assert_true(bucket_take(&bucket, 2, 5, 5, 1000000));
}

static void messages_beyond_burst_and_rate_are_too_many(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(charge_many(fixture, 100, 0), 20);
    assert_int_equal(charge_many(fixture, 100, 500), 5);
    assert_int_equal(charge_many(fixture, 100, 60000), 20);
}

static void bytes_are_limited_too(void **state)
{
    struct fixture *fixture = *state;
    assert_true(account_charge(fixture->accounts, fixture->account, 4000, 0));
    assert_false(account_charge(fixture->accounts, fixture->account, 4000, 0));
    assert_true(account_charge(fixture->accounts, fixture->account, 4000, 3000));
}

static void another_client_has_an_account_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    charge_many(fixture, 100, 0);
    struct account *other = account_hold(fixture->accounts, "meter:B", 0);
    assert_ptr_not_equal(other, fixture->account);
    assert_true(account_charge(fixture->accounts, other, 1, 0));
}

static void coming_back_finds_the_same_account(void **state)
{
    struct fixture *fixture = *state;
    charge_many(fixture, 100, 0);
    account_release(fixture->accounts, fixture->account, 0);
    accounts_sweep(fixture->accounts, 1000);
    assert_ptr_equal(account_hold(fixture->accounts, "meter:A", 1000), fixture->account);
}

static void misbehaviour_slows_and_then_shuts_out(void **state)
{
    struct fixture *fixture = *state;
    const struct accounts *accounts = fixture->accounts;
    struct account *account = fixture->account;
    for (int i = 0; i < 5; i++)
        assert_false(account_strike(accounts, account, 0));
    assert_false(account_is_slowed(accounts, account, 0));
    assert_false(account_strike(accounts, account, 0));
    assert_true(account_is_slowed(accounts, account, 0));
    assert_int_equal(charge_many(fixture, 100, 0), 2);
    for (int i = 0; i < 4; i++)
        assert_false(account_strike(accounts, account, 0));
    assert_true(account_strike(accounts, account, 0));
    assert_true(account_is_shut(account, 29999));
    assert_false(account_is_shut(account, 30000));
}

static void ten_failed_logins_are_enough(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++)
        assert_false(account_failed_login(fixture->accounts, fixture->account, 0));
    assert_true(account_failed_login(fixture->accounts, fixture->account, 0));
    assert_true(account_is_shut(fixture->account, 0));
}

static void strikes_are_forgiven_one_a_second(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t second = 0; second < 1000; second++)
        assert_false(account_strike(fixture->accounts, fixture->account, second * 1000));
    assert_false(account_is_slowed(fixture->accounts, fixture->account, 1000000));
}

static void accounts_that_nobody_holds_are_forgotten_after_a_while(void **state)
{
    struct fixture *fixture = *state;
    accounts_sweep(fixture->accounts, 100000000);
    assert_int_equal(accounts_count(fixture->accounts), 1);
    account_release(fixture->accounts, fixture->account, 100000000);
    accounts_sweep(fixture->accounts, 100000001);
    assert_int_equal(accounts_count(fixture->accounts), 1);
    accounts_sweep(fixture->accounts, 100000000 + 601000);
    assert_int_equal(accounts_count(fixture->accounts), 0);
}

static void notices_about_one_client_are_limited(void **state)
{
    struct fixture *fixture = *state;
    unsigned told = 0;
    for (int i = 0; i < 1000; i++)
        told += account_notice(fixture->account, 0);
    assert_int_equal(told, 20);
    assert_true(account_notice(fixture->account, 500));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        TEST(messages_beyond_burst_and_rate_are_too_many),
        TEST(bytes_are_limited_too),
        TEST(another_client_has_an_account_of_its_own),
        TEST(coming_back_finds_the_same_account),
        TEST(misbehaviour_slows_and_then_shuts_out),
        TEST(ten_failed_logins_are_enough),
        TEST(strikes_are_forgiven_one_a_second),
        TEST(accounts_that_nobody_holds_are_forgotten_after_a_while),
        TEST(notices_about_one_client_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
