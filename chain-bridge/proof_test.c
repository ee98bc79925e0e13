#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/proof.h"
#include "common/test_dir.h"

#define REPORTS 7

/* A batch of seven reports of two readings each, signed by one meter's key. */
struct bench {
    struct signer *signer;
    struct recoverer *recoverer;
    struct eip712 domain;
    struct report reports[REPORTS];
    struct eth_hash leaves[REPORTS];
    struct proof proof; /* of report 3 */
    struct buf text;
};

static int setup(void **state)
{
    struct bench *bench = xcalloc(1, sizeof(*bench));
    uint8_t secret[32] = {1};
    struct eth_hash digest;
    struct eth_address contract = {{0x5f, 0xbd, 7}};
    bench->signer = signer_new(secret, NULL);
    bench->recoverer = recoverer_new();
    eip712_init(&bench->domain, 31337, &contract);
    for (uint32_t i = 0; i < REPORTS; i++) {
        bench->reports[i] = (struct report){
            .meter = 65537 + i,
            .sequence = 42,
            .count = 2,
            .readings = {{1767225600, 123456, 0, 0}, {1767226500, 123999, 12, 2}},
        };
        eip712_report(&bench->domain, &digest, &bench->reports[i]);
        signer_sign(bench->signer, &bench->reports[i].signature, &digest);
        merkle_leaf(&bench->leaves[i], &digest, &bench->reports[i].signature);
    }
    struct merkle_tree *tree = merkle_tree_new(bench->leaves, REPORTS);
    bench->proof = (struct proof){.chain_id = 31337,
                                  .contract = contract,
                                  .batch = 7,
                                  .root = *merkle_root(tree),
                                  .transaction = {{9}},
                                  .block = 1234,
                                  .signer = *signer_address(bench->signer),
                                  .timestamp_s = 1767226500,
                                  .report = bench->reports[3]};
    merkle_tree_free(tree);
    if (proof_build(&bench->proof, bench->leaves, REPORTS, NULL) != 0)
        return -1;
    proof_print(&bench->text, &bench->proof);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    signer_free(bench->signer);
    recoverer_free(bench->recoverer);
    buf_free(&bench->text);
    free(bench);
    return 0;
}

static void what_is_printed_is_read_again_and_holds(void **state)
{
    struct bench *bench = *state;
    struct proof again;
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    if (proof_parse(&again, bench->text.data, bench->text.len, &err) != 0 ||
        proof_check(&again, bench->recoverer, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(proof_reading(&again)->import_wh, 123999);
    proof_print(&text, &again);
    assert_string_equal(buf_str(&text), buf_str(&bench->text));
    buf_free(&text);
}

/* Where `block`, `tx` and `batch` stand only the chain can contradict. */
static bool is_told_by_the_chain(const char *text, size_t at)
{
    static const char *const KEYS[] = {"\"batch\":", "\"tx\":", "\"block\":"};
    for (size_t i = 0; i < 3; i++) {
        const char *key = strstr(text, KEYS[i]);
        const char *comma = strchr(key, ',');
        if (text + at >= key && text + at < comma)
            return true;
    }
    return false;
}

static bool is_digit_of_hex(const char *text, size_t at)
{
    while (at > 0 && isxdigit((unsigned char)text[at]))
        at--;
    return at > 0 && text[at] == 'x' && text[at - 1] == '0';
}

/* Every digit of the file, hexadecimal ones, too, made another. */
static void one_changed_digit_is_refused(void **state)
{
    struct bench *bench = *state;
    size_t changed = 0;
    char *text = xstrdup(buf_str(&bench->text));
    for (size_t i = 0; i < bench->text.len; i++) {
        char before = text[i];
        struct proof proof;
        if ((!isdigit((unsigned char)before) && !is_digit_of_hex(text, i)) ||
            is_told_by_the_chain(text, i))
            continue;
        text[i] = before == '1' ? '2' : '1';
        if (proof_parse(&proof, text, bench->text.len, NULL) == 0 &&
            proof_check(&proof, bench->recoverer, NULL) == 0)
            fail_msg("accepted: %s", text);
        text[i] = before;
        changed++;
    }
    assert_true(changed > 300);
    free(text);
}

static void expect_refusal(const struct bench *bench, const char *from, const char *to,
                           const char *words)
{
    struct proof proof;
    struct err err = ERR_INIT;
    const char *text = (const char *)bench->text.data;
    const char *at = strstr(text, from);
    assert_non_null(at);
    char *changed = xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    int result = proof_parse(&proof, changed, strlen(changed), &err);
    if (result == 0)
        result = proof_check(&proof, bench->recoverer, &err);
    assert_int_equal(result, -1);
    if (strstr(err.text, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, words);
    free(changed);
}

static void a_refusal_says_why(void **state)
{
    struct bench *bench = *state;
    buf_str(&bench->text);
    expect_refusal(bench, "123999", "123998", "was not signed by 0x");
    expect_refusal(bench, "31337", "31338", "was not signed by 0x");
    expect_refusal(bench, "\"t\":1767226500", "\"t\":1767226501", "no reading of time");
    expect_refusal(bench, "amr-proof-1", "amr-proof-2", "format");
    expect_refusal(bench, "\"batch\":7,", "", "'batch' is missing");
    expect_refusal(bench, "\"batch\":7,", "\"batch\":7,\"serial\":\"E1\",", "unknown key");
    expect_refusal(bench, "\"batch\":7,", "\"batch\":7,\"batch\":8,", "duplicate");
    expect_refusal(bench, "\"sequence\":42", "\"sequence\":\"42\"", "sequence");
    expect_refusal(bench, "\"proof\":[", "\"proof\":[7,", "hash 1");
    expect_refusal(bench, "\"proof\":[", "\"proof\":[],\"x\":[", "unknown key");
    expect_refusal(bench, "}\n", "", "not JSON");
}

static void a_batch_that_lacks_a_report_proves_nothing(void **state)
{
    struct bench *bench = *state;
    struct proof proof = bench->proof;
    struct err err = ERR_INIT;
    assert_int_equal(proof_build(&proof, bench->leaves, REPORTS - 1, &err), -1);
    assert_non_null(strstr(err.text, "do not lead to the batch's root"));
    assert_int_equal(proof_build(&proof, bench->leaves, 3, &err), -1);
    assert_non_null(strstr(err.text, "no leaf"));
    assert_int_equal(proof_build(&proof, bench->leaves, 0, &err), -1);
}

static void repeated_leaves_count_once(void **state)
{
    struct bench *bench = *state;
    struct eth_hash twice[2 * REPORTS];
    struct proof proof = bench->proof;
    memcpy(twice, bench->leaves, sizeof(bench->leaves));
    memcpy(twice + REPORTS, bench->leaves, sizeof(bench->leaves));
    assert_int_equal(proof_build(&proof, twice, AMR_COUNT(twice), NULL), 0);
    assert_int_equal(proof_check(&proof, bench->recoverer, NULL), 0);
}

static void a_batch_of_one_report_needs_no_hashes(void **state)
{
    struct bench *bench = *state;
    struct proof proof = bench->proof;
    proof.root = bench->leaves[3];
    assert_int_equal(proof_build(&proof, &bench->leaves[3], 1, NULL), 0);
    assert_int_equal(proof.count, 0);
    assert_int_equal(proof_check(&proof, bench->recoverer, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read_again_and_holds),
        cmocka_unit_test(one_changed_digit_is_refused),
        cmocka_unit_test(a_refusal_says_why),
        cmocka_unit_test(a_batch_that_lacks_a_report_proves_nothing),
        cmocka_unit_test(repeated_leaves_count_once),
        cmocka_unit_test(a_batch_of_one_report_needs_no_hashes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
