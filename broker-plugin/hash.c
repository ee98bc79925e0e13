#include "broker-plugin/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define CAPACITY_MIN 64

void hash_free(struct hash *hash)
{
    free(hash->slots);
    *hash = (struct hash)HASH_INIT;
}

static struct hash_node **slot_of(const struct hash *hash, uint64_t key)
{
    return &hash->slots[key & (hash->capacity - 1)];
}

static void grow(struct hash *hash)
{
    struct hash bigger = {NULL, hash->capacity ? hash->capacity * 2 : CAPACITY_MIN, hash->count};
    bigger.slots = xcalloc(bigger.capacity, sizeof(struct hash_node *));
    for (size_t i = 0; i < hash->capacity; i++) {
        struct hash_node *next;
        for (struct hash_node *node = hash->slots[i]; node; node = next) {
            struct hash_node **slot = slot_of(&bigger, node->key);
            next = node->next;
            node->next = *slot;
            *slot = node;
        }
    }
    free(hash->slots);
    *hash = bigger;
}

void hash_add(struct hash *hash, struct hash_node *node, uint64_t key)
{
    if (hash->count >= hash->capacity)
        grow(hash);
    struct hash_node **slot = slot_of(hash, key);
    node->key = key;
    node->next = *slot;
    *slot = node;
    hash->count++;
}

void hash_remove(struct hash *hash, struct hash_node *node)
{
    struct hash_node **at = slot_of(hash, node->key);
    while (*at != node) {
        assert(*at);
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    hash->count--;
}

static struct hash_node *first_with(struct hash_node *node, uint64_t key)
{
    while (node && node->key != key)
        node = node->next;
    return node;
}

struct hash_node *hash_find(const struct hash *hash, uint64_t key)
{
    return hash->capacity ? first_with(*slot_of(hash, key), key) : NULL;
}

struct hash_node *hash_find_next(const struct hash_node *node)
{
    return first_with(node->next, node->key);
}

struct hash_node *hash_next(const struct hash *hash, const struct hash_node *node)
{
    if (node && node->next)
        return node->next;
    size_t i = node ? (node->key & (hash->capacity - 1)) + 1 : 0;
    while (i < hash->capacity && !hash->slots[i])
        i++;
    return i < hash->capacity ? hash->slots[i] : NULL;
}

/* The slots use the low bits, which FNV-1a and pointers leave poor (finalizer of MurmurHash3). */
static uint64_t mix(uint64_t key)
{
    key ^= key >> 33;
    key *= UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 33;
    key *= UINT64_C(0xc4ceb9fe1a85ec53);
    return key ^ key >> 33;
}

uint64_t hash_bytes(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t key = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        key = (key ^ bytes[i]) * UINT64_C(0x100000001b3);
    return mix(key);
}

uint64_t hash_text(const char *text)
{
    return hash_bytes(text, strlen(text));
}

uint64_t hash_pointer(const void *pointer)
{
    return mix((uint64_t)(uintptr_t)pointer);
}
