#include "broker-plugin/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct entry {
    int value;
    struct hash_node node;
};

#define ENTRIES 1000

static void fill(struct hash *hash, struct entry *entries)
{
    for (int i = 0; i < ENTRIES; i++) {
        entries[i].value = i;
        hash_add(hash, &entries[i].node, hash_bytes(&i, sizeof i));
    }
}

static void every_entry_is_found_by_its_key(void **state)
{
    (void)state;
    struct hash hash = HASH_INIT;
    struct entry entries[ENTRIES];
    fill(&hash, entries);
    for (int i = 0; i < ENTRIES; i++) {
        struct hash_node *node = hash_find(&hash, hash_bytes(&i, sizeof i));
        assert_non_null(node);
        assert_int_equal(HASH_ENTRY(node, struct entry, node)->value, i);
    }
    hash_free(&hash);
}

static void an_empty_index_finds_and_walks_nothing(void **state)
{
    (void)state;
    struct hash hash = HASH_INIT;
    assert_null(hash_find(&hash, 7));
    assert_null(hash_next(&hash, NULL));
    hash_free(&hash);
}

static void entries_with_the_same_key_are_all_found(void **state)
{
    (void)state;
    struct hash hash = HASH_INIT;
    struct entry entries[3];
    for (int i = 0; i < 3; i++)
        hash_add(&hash, &entries[i].node, 42);
    size_t found = 0;
    for (struct hash_node *n = hash_find(&hash, 42); n; n = hash_find_next(n))
        found++;
    assert_int_equal(found, 3);
    hash_free(&hash);
}

static void a_removed_entry_is_gone_and_the_others_stay(void **state)
{
    (void)state;
    struct hash hash = HASH_INIT;
    struct entry entries[ENTRIES];
    fill(&hash, entries);
    for (int i = 0; i < ENTRIES; i += 2)
        hash_remove(&hash, &entries[i].node);
    assert_int_equal(hash.count, ENTRIES / 2);
    for (int i = 0; i < ENTRIES; i++) {
        struct hash_node *node = hash_find(&hash, hash_bytes(&i, sizeof i));
        assert_true((node != NULL) == (i % 2 == 1));
    }
    hash_free(&hash);
}

static void a_walk_meets_every_entry_once(void **state)
{
    (void)state;
    struct hash hash = HASH_INIT;
    struct entry entries[ENTRIES];
    int met[ENTRIES] = {0};
    fill(&hash, entries);
    for (struct hash_node *n = hash_next(&hash, NULL); n; n = hash_next(&hash, n))
        met[HASH_ENTRY(n, struct entry, node)->value]++;
    for (int i = 0; i < ENTRIES; i++)
        assert_int_equal(met[i], 1);
    hash_free(&hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_found_by_its_key),
        cmocka_unit_test(an_empty_index_finds_and_walks_nothing),
        cmocka_unit_test(entries_with_the_same_key_are_all_found),
        cmocka_unit_test(a_removed_entry_is_gone_and_the_others_stay),
        cmocka_unit_test(a_walk_meets_every_entry_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
