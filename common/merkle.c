#include "common/merkle.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/keccak.h"

/* A complete binary tree in an array: node i has children 2i+1 and 2i+2, the root is node 0. */
struct merkle_tree {
    size_t leaf_count;
    size_t node_count;
    struct eth_hash nodes[];
};

void merkle_leaf(struct eth_hash *ret_leaf, const struct eth_hash *digest,
                 const struct eth_signature *signature)
{
    uint8_t words[4 * 32] = {0};
    struct eth_hash inner;

    memcpy(words, digest->b, 32);
    memcpy(words + 32, signature->b, 64);
    words[sizeof(words) - 1] = signature->b[64];
    keccak256(&inner, words, sizeof(words));
    keccak256(ret_leaf, inner.b, sizeof(inner.b));
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct eth_hash));
}

static void hash_pair(struct eth_hash *ret_hash, const struct eth_hash *a, const struct eth_hash *b)
{
    bool swapped = compare(a, b) > 0;
    uint8_t bytes[64];

    memcpy(bytes, swapped ? b->b : a->b, 32);
    memcpy(bytes + 32, swapped ? a->b : b->b, 32);
    keccak256(ret_hash, bytes, sizeof(bytes));
}

struct merkle_tree *merkle_tree_new(const struct eth_hash *leaves, size_t count)
{
    assert(count >= 1);
    size_t nodes = 2 * count - 1;
    struct merkle_tree *tree = xmalloc(sizeof(*tree) + nodes * sizeof(struct eth_hash));

    tree->leaf_count = count;
    tree->node_count = nodes;
    struct eth_hash *sorted = tree->nodes + nodes - count;
    memcpy(sorted, leaves, count * sizeof(*leaves));
    qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 0; i < count / 2; i++) {
        struct eth_hash swap = sorted[i];
        sorted[i] = sorted[count - 1 - i];
        sorted[count - 1 - i] = swap;
    }
    for (size_t i = nodes - count; i-- > 0;)
        hash_pair(&tree->nodes[i], &tree->nodes[2 * i + 1], &tree->nodes[2 * i + 2]);
    return tree;
}

void merkle_tree_free(struct merkle_tree *tree)
{
    free(tree);
}

const struct eth_hash *merkle_root(const struct merkle_tree *tree)
{
    return &tree->nodes[0];
}

/* Index of the leaf's node; the leaves are stored in falling order. */
static size_t find_leaf(const struct merkle_tree *tree, const struct eth_hash *leaf)
{
    size_t low = tree->node_count - tree->leaf_count, high = tree->node_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&tree->nodes[middle], leaf);
        if (order == 0)
            return middle;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

int merkle_proof(const struct merkle_tree *tree, struct eth_hash ret_proof[MERKLE_PROOF_MAX],
                 const struct eth_hash *leaf)
{
    size_t at = find_leaf(tree, leaf);
    int count = 0;

    if (at == SIZE_MAX)
        return -1;
    for (; at > 0; at = (at - 1) / 2)
        ret_proof[count++] = tree->nodes[at % 2 ? at + 1 : at - 1];
    return count;
}

void merkle_process_proof(struct eth_hash *ret_root, const struct eth_hash *leaf,
                          const struct eth_hash *proof, size_t count)
{
    struct eth_hash hash = *leaf;

    for (size_t i = 0; i < count; i++)
        hash_pair(&hash, &hash, &proof[i]);
    *ret_root = hash;
}
