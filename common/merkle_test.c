#include "common/merkle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hex.h"
#include "common/keccak.h"

#define LEAVES_MAX 70

/* The leaves that the published roots below were made of, with @openzeppelin/merkle-tree 1.0.8. */
static void leaf_of_test(struct eth_hash *ret_leaf, uint8_t i)
{
    struct eth_signature signature;
    struct eth_hash digest;

    keccak256(&digest, &i, 1);
    assert_int_equal(hex0x_decode(signature.b, 65,
                                  "0xc326f7f9726e8f35e0f23a95dc83edf5d819f75f587f113cf11581d717901c"
                                  "87596977df3334507cfa59c796ab1923a01398b93964802ff33e4df221c0344"
                                  "3491b",
                                  NULL),
                     0);
    signature.b[64] = (uint8_t)(27 + (i & 1));
    merkle_leaf(ret_leaf, &digest, &signature);
}

static void expect_root(uint8_t count, const char *expected)
{
    struct eth_hash leaves[8];
    char text[ETH_HASH_TEXT];

    for (uint8_t i = 0; i < count; i++)
        leaf_of_test(&leaves[i], i);
    struct merkle_tree *tree = merkle_tree_new(leaves, count);
    assert_string_equal(eth_hash_text(text, merkle_root(tree)), expected);
    merkle_tree_free(tree);
}

static void roots_are_those_of_openzeppelin(void **state)
{
    (void)state;
    expect_root(1, "0xb0ece6f438a4eaabe3916bbae93930028af95603cf4c8be4510b86125d593480");
    expect_root(2, "0x77ca8ac7a9f3740744c2d6b22a9bf0523061ba9bc4f3c0bcbbfa7d3ec64298d7");
    expect_root(3, "0xbcbe6ce24c99c73c76172c9764836c04b84e07bb4cf772a7bccdc185912b5e73");
    expect_root(5, "0xe6515e46d4ab546e259b04b1aa7ad1aebd17d48bf689efe7e2c048a44eb3c541");
    expect_root(8, "0x4eb8c4949b4ebdb75655e2ff580cf1287f953f90517b25e81ea7bf015ee74178");
}

static void every_leaf_of_every_size_has_a_proof_that_leads_to_the_root(void **state)
{
    struct eth_hash leaves[LEAVES_MAX], proof[MERKLE_PROOF_MAX], root;

    (void)state;
    for (uint8_t i = 0; i < LEAVES_MAX; i++)
        leaf_of_test(&leaves[i], i);
    for (size_t count = 1; count <= LEAVES_MAX; count++) {
        struct merkle_tree *tree = merkle_tree_new(leaves, count);
        for (size_t i = 0; i < count; i++) {
            int hashes = merkle_proof(tree, proof, &leaves[i]);
            assert_true(hashes >= 0);
            merkle_process_proof(&root, &leaves[i], proof, (size_t)hashes);
            assert_true(eth_hash_equal(&root, merkle_root(tree)));
        }
        merkle_tree_free(tree);
    }
}

static void the_order_of_reports_does_not_matter(void **state)
{
    struct eth_hash forward[5], backward[5];

    (void)state;
    for (uint8_t i = 0; i < 5; i++) {
        leaf_of_test(&forward[i], i);
        leaf_of_test(&backward[4 - i], i);
    }
    struct merkle_tree *a = merkle_tree_new(forward, 5), *b = merkle_tree_new(backward, 5);
    assert_true(eth_hash_equal(merkle_root(a), merkle_root(b)));
    merkle_tree_free(a);
    merkle_tree_free(b);
}

static void a_leaf_that_is_not_there_has_no_proof(void **state)
{
    struct eth_hash leaves[3], other, proof[MERKLE_PROOF_MAX];

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        leaf_of_test(&leaves[i], i);
    leaf_of_test(&other, 9);
    struct merkle_tree *tree = merkle_tree_new(leaves, 3);
    assert_int_equal(merkle_proof(tree, proof, &other), -1);
    assert_int_equal(merkle_proof(tree, proof, merkle_root(tree)), -1);
    merkle_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_those_of_openzeppelin),
        cmocka_unit_test(every_leaf_of_every_size_has_a_proof_that_leads_to_the_root),
        cmocka_unit_test(the_order_of_reports_does_not_matter),
        cmocka_unit_test(a_leaf_that_is_not_there_has_no_proof),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
