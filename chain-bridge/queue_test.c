#include "chain-bridge/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void *number(uintptr_t value)
{
    return (void *)value;
}

static void items_come_out_in_order(void **state)
{
    struct queue *queue = queue_new(3);
    void *items[3];
    (void)state;
    for (uintptr_t round = 0; round < 5; round++) {
        assert_true(queue_try_push(queue, number(round * 2 + 1)));
        assert_true(queue_try_push(queue, number(round * 2 + 2)));
        assert_int_equal(queue_pop(queue, items, 3), 2);
        assert_ptr_equal(items[0], number(round * 2 + 1));
        assert_ptr_equal(items[1], number(round * 2 + 2));
    }
    queue_free(queue);
}

static void a_full_queue_refuses_without_blocking(void **state)
{
    struct queue *queue = queue_new(2);
    void *items[2];
    (void)state;
    assert_true(queue_try_push(queue, number(1)));
    assert_true(queue_try_push(queue, number(2)));
    assert_false(queue_try_push(queue, number(3)));
    assert_int_equal(queue_pop(queue, items, 1), 1);
    assert_true(queue_try_push(queue, number(3)));
    assert_int_equal(queue_length(queue), 2);
    assert_int_equal(queue_pop(queue, items, 2), 2);
    queue_free(queue);
}

static void a_closed_queue_drains_and_ends(void **state)
{
    struct queue *queue = queue_new(2);
    void *items[2];
    (void)state;
    assert_true(queue_push(queue, number(1)));
    queue_close(queue);
    assert_false(queue_push(queue, number(2)));
    assert_false(queue_try_push(queue, number(2)));
    assert_int_equal(queue_pop(queue, items, 2), 1);
    assert_int_equal(queue_pop(queue, items, 2), 0);
    queue_free(queue);
}

struct sum {
    struct queue *queue;
    uint64_t total;
};

static void *add_up(void *cookie)
{
    struct sum *sum = cookie;
    void *item;
    while (queue_pop(sum->queue, &item, 1) == 1)
        sum->total += (uintptr_t)item;
    return NULL;
}

static void *push_many(void *cookie)
{
    for (uintptr_t i = 1; i <= 10000; i++)
        if (!queue_push(cookie, number(i)))
            return NULL;
    return NULL;
}

static void nothing_is_lost_or_doubled_between_threads(void **state)
{
    struct queue *queue = queue_new(7);
    struct sum sums[3] = {{queue, 0}, {queue, 0}, {queue, 0}};
    pthread_t producers[2], consumers[3];
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&consumers[i], NULL, add_up, &sums[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, push_many, queue), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(producers[i], NULL);
    queue_close(queue);
    for (size_t i = 0; i < 3; i++)
        pthread_join(consumers[i], NULL);
    assert_int_equal(sums[0].total + sums[1].total + sums[2].total, 2 * 10000 * 10001 / 2);
    queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_order),
        cmocka_unit_test(a_full_queue_refuses_without_blocking),
        cmocka_unit_test(a_closed_queue_drains_and_ends),
        cmocka_unit_test(nothing_is_lost_or_doubled_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
