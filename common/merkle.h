/*
 * merkle.h: Merkle trees of reports, as @openzeppelin/merkle-tree builds and checks them.
 *
 * Leaf = keccak256(keccak256(abi.encode(digest, r, s, v))), StandardMerkleTree over
 * ["bytes32","bytes32","bytes32","uint8"]: the report's EIP-712 digest and its signature. Leaves
 * are sorted by hash and stand at the end of the array, last leaf first; parent =
 * keccak256(sorted pair). The root thus depends on the set of reports only, not on their order.
 */
#ifndef AMR_COMMON_MERKLE_H
#define AMR_COMMON_MERKLE_H

#include <stddef.h>

#include "common/eth.h"

struct merkle_tree;

void merkle_leaf(struct eth_hash *ret_leaf, const struct eth_hash *digest,
                 const struct eth_signature *signature);

/** Builds a tree of count >= 1 leaves (copied). */
struct merkle_tree *merkle_tree_new(const struct eth_hash *leaves, size_t count) AMR_NODISCARD;
void merkle_tree_free(struct merkle_tree *tree);
const struct eth_hash *merkle_root(const struct merkle_tree *tree);

/** Hashes a proof can have at most for any tree that fits memory. */
#define MERKLE_PROOF_MAX 40
/** Sibling hashes from the leaf up; returns their number, -1 where the leaf is not in the tree. */
int merkle_proof(const struct merkle_tree *tree, struct eth_hash ret_proof[MERKLE_PROOF_MAX],
                 const struct eth_hash *leaf) AMR_NODISCARD;
/** The root that leaf and proof lead to. */
void merkle_process_proof(struct eth_hash *ret_root, const struct eth_hash *leaf,
                          const struct eth_hash *proof, size_t count);

#endif
