#include "chain-bridge/key_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A chain of this run alone: other runs on this machine hold locks, too. */
static uint64_t chain_id(void)
{
    return (uint64_t)getpid() << 8;
}

static void an_account_is_used_by_one_process_only(void **state)
{
    struct eth_address account = {{1}};
    struct err err = ERR_INIT;
    (void)state;
    int fd = key_lock_take(chain_id(), &account, &err);
    assert_true(fd >= 0);
    assert_int_equal(key_lock_take(chain_id(), &account, &err), -1);
    assert_non_null(strstr(err.text, "another amr-bridge"));
    close(fd);
    fd = key_lock_take(chain_id(), &account, &err);
    assert_true(fd >= 0);
    close(fd);
}

static void other_accounts_and_chains_are_free(void **state)
{
    struct eth_address one = {{1}}, two = {{2}};
    (void)state;
    int a = key_lock_take(chain_id(), &one, NULL);
    int b = key_lock_take(chain_id(), &two, NULL);
    int c = key_lock_take(chain_id() + 1, &one, NULL);
    assert_true(a >= 0 && b >= 0 && c >= 0);
    close(a);
    close(b);
    close(c);
}

static void the_lock_ends_with_its_process(void **state)
{
    struct eth_address account = {{1}};
    uint64_t chain = chain_id();
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(key_lock_take(chain, &account, NULL) < 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    int fd = key_lock_take(chain, &account, NULL);
    assert_true(fd >= 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_is_used_by_one_process_only),
        cmocka_unit_test(other_accounts_and_chains_are_free),
        cmocka_unit_test(the_lock_ends_with_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
