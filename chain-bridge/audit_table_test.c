#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/audit_table.h"

static struct history_batch batch_of(uint8_t root, uint8_t transaction, uint16_t group)
{
    struct history_batch batch = {.group = group, .number = 1};
    memset(batch.root.b, root, sizeof(batch.root.b));
    memset(batch.transaction.b, transaction, sizeof(batch.transaction.b));
    return batch;
}

static size_t find(const struct audit_table *table, uint8_t root, uint16_t group,
                   uint8_t transaction)
{
    struct history_batch wanted = batch_of(root, transaction, group);
    return audit_table_find(table, &wanted.root, group, &wanted.transaction);
}

static void a_batch_is_found_by_root_and_group(void **state)
{
    struct audit_table table = {0};
    (void)state;
    assert_int_equal(find(&table, 1, 1, 1), 0);
    for (unsigned i = 0; i < 200; i++) {
        struct history_batch batch = batch_of((uint8_t)i, (uint8_t)(i + 1), 1 + i % 3);
        audit_table_add(&table, &batch, true);
    }
    /* One root in two groups, as a server of another group may copy it. */
    struct history_batch twin = batch_of(7, 99, 5);
    audit_table_add(&table, &twin, true);
    audit_table_index(&table);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(find(&table, (uint8_t)i, 1 + i % 3, 0), i);
    assert_int_equal(find(&table, 7, 5, 0), 200);
    assert_int_equal(find(&table, 7, 0, 99), 200);
    assert_int_equal(find(&table, 7, 0, 8), 7);
    assert_int_equal(find(&table, 7, 4, 8), table.count);
    assert_int_equal(find(&table, 250, 0, 8), table.count);
    audit_table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_batch_is_found_by_root_and_group)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
