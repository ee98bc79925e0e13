/*
 * hash.h: a hash index over structs that carry their own node.
 *
 * The index owns only its slots; entries belong to the caller and may stand in several indexes, one
 * node each. Keys are 64-bit hashes: different entries may share one, so a caller that looks one up
 * walks hash_find, hash_find_next and compares. No order. One thread.
 */
#ifndef AMR_BROKER_PLUGIN_HASH_H
#define AMR_BROKER_PLUGIN_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

struct hash_node {
    struct hash_node *next;
    uint64_t key;
};

struct hash {
    struct hash_node **slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

#define HASH_INIT                                                                                  \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/** The struct that holds `node` in its member `field`. */
#define HASH_ENTRY(node, type, field) ((type *)(void *)((char *)(node)-offsetof(type, field)))

/** Frees the slots and forgets the entries, which stay the caller's. */
void hash_free(struct hash *hash);
void hash_add(struct hash *hash, struct hash_node *node, uint64_t key);
/** node must be in the index. */
void hash_remove(struct hash *hash, struct hash_node *node);

/** A node with that key, then the others; NULL at the end. */
struct hash_node *hash_find(const struct hash *hash, uint64_t key);
struct hash_node *hash_find_next(const struct hash_node *node);
/** Walks everything: hash_next(hash, NULL) is the first. Take the next before removing one. */
struct hash_node *hash_next(const struct hash *hash, const struct hash_node *node);

/** FNV-1a, mixed. The keys here come from certificates and the registry, not from strangers. */
uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_text(const char *text);
uint64_t hash_pointer(const void *pointer);

#endif
