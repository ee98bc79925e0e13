#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>

#include "chain-bridge/audit_pool.h"

#define ITEMS 5000

struct tally {
    atomic_uchar seen[ITEMS];
};

static void count(void *cookie, size_t item)
{
    struct tally *tally = cookie;
    atomic_fetch_add(&tally->seen[item], 1);
}

static void every_item_is_worked_on_once(void **state)
{
    static const unsigned THREADS[] = {0, 1, 7};
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(THREADS); i++) {
        struct tally tally;
        struct audit_pool *pool = audit_pool_new(THREADS[i]);
        memset(&tally, 0, sizeof(tally));
        for (size_t turn = 1; turn <= 20; turn++) {
            audit_pool_start(pool, count, &tally, ITEMS);
            audit_pool_wait(pool);
            for (size_t item = 0; item < ITEMS; item++)
                assert_int_equal(tally.seen[item], turn);
        }
        audit_pool_start(pool, count, &tally, ITEMS);
        audit_pool_free(pool);
        assert_int_equal(tally.seen[ITEMS - 1], 21);
    }
}

static void no_work_is_done_at_once(void **state)
{
    struct audit_pool *pool = audit_pool_new(2);
    (void)state;
    audit_pool_wait(pool);
    audit_pool_start(pool, count, NULL, 0);
    audit_pool_wait(pool);
    audit_pool_free(pool);
    audit_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_worked_on_once),
        cmocka_unit_test(no_work_is_done_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
