#include "chain-bridge/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/json.h"
#include "common/payload.h"

#define FORMAT "amr-proof-1"

/* BUILDING */

static void leaf_of(struct eth_hash *ret_leaf, const struct proof *proof)
{
    struct eip712 domain;
    struct eth_hash digest;
    eip712_init(&domain, proof->chain_id, &proof->contract);
    eip712_report(&domain, &digest, &proof->report);
    merkle_leaf(ret_leaf, &digest, &proof->report.signature);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct eth_hash));
}

/* Sorted, each once; returns how many. */
static size_t unique(struct eth_hash *leaves, size_t count)
{
    size_t kept = 0;
    qsort(leaves, count, sizeof(*leaves), compare);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare(&leaves[kept - 1], &leaves[i]) != 0)
            leaves[kept++] = leaves[i];
    }
    return kept;
}

int proof_build(struct proof *proof, const struct eth_hash *leaves, size_t count, struct err *err)
{
    struct eth_hash leaf;
    if (count == 0)
        return err_set(err, "no leaves");
    struct eth_hash *own = xmalloc(count * sizeof(*own));
    memcpy(own, leaves, count * sizeof(*own));
    struct merkle_tree *tree = merkle_tree_new(own, unique(own, count));
    leaf_of(&leaf, proof);
    int found = merkle_proof(tree, proof->path, &leaf);
    int result = 0;
    if (found < 0)
        result = err_set(err, "the report is no leaf of the batch");
    else if (!eth_hash_equal(merkle_root(tree), &proof->root))
        result = err_set(err, "the reports do not lead to the batch's root: some of them are "
                              "missing or not as they were sealed");
    else
        proof->count = (size_t)found;
    merkle_tree_free(tree);
    free(own);
    return result;
}

/* PRINTING */

static void put_hash(struct buf *out, const char *key, const struct eth_hash *hash)
{
    buf_printf(out, "\"%s\":\"", key);
    hex0x_append(out, hash->b, sizeof(hash->b));
    buf_printf(out, "\",");
}

void proof_print(struct buf *out, const struct proof *proof)
{
    char contract[ETH_ADDRESS_TEXT];
    char signer[ETH_ADDRESS_TEXT];
    buf_printf(out,
               "{\"format\":\"" FORMAT "\",\n \"chain_id\":%" PRIu64 ",\"contract\":\"%s\",\n "
               "\"batch\":%" PRIu64 ",",
               proof->chain_id, eth_address_text(contract, &proof->contract), proof->batch);
    put_hash(out, "root", &proof->root);
    buf_printf(out, "\n ");
    put_hash(out, "tx", &proof->transaction);
    buf_printf(out, "\"block\":%" PRIu64 ",\n \"signer\":\"%s\",\"t\":%" PRIu32 ",\n \"report\":",
               proof->block, eth_address_text(signer, &proof->signer), proof->timestamp_s);
    payload_report_print(out, &proof->report);
    buf_printf(out, ",\n \"proof\":[");
    for (size_t i = 0; i < proof->count; i++) {
        buf_printf(out, "%s\n  \"", i > 0 ? "," : "");
        hex0x_append(out, proof->path[i].b, sizeof(proof->path[i].b));
        buf_printf(out, "\"");
    }
    buf_printf(out, "]}\n");
}

/* PARSING */

static void take_address(struct json_reader *reader, const char *key, struct eth_address *address)
{
    const char *text = json_take_string(reader, key, true);
    struct err err = ERR_INIT;
    if (!reader->failed && eth_address_parse(address, text, &err) != 0)
        json_fail(reader, "'%s': %s", key, err.text);
}

static void take_report(struct json_reader *reader, struct report *report)
{
    json_t *value = json_take(reader, "report", true);
    struct err err = ERR_INIT;
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    if (text == NULL)
        json_fail(reader, "'report' is no object");
    else if (payload_report_parse(report, text, strlen(text), &err) != 0)
        json_fail(reader, "'report': %s", err.text);
    free(text);
}

static void take_path(struct json_reader *reader, struct proof *proof)
{
    json_t *value = json_take(reader, "proof", true);
    size_t count = json_array_size(value);
    struct err err = ERR_INIT;
    if (!json_is_array(value) || count > MERKLE_PROOF_MAX) {
        json_fail(reader, "'proof' is no array of at most %d hashes", MERKLE_PROOF_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (text == NULL || eth_hash_parse(&proof->path[i], text, &err) != 0) {
            json_fail(reader, "'proof': hash %zu: %s", i + 1, text != NULL ? err.text : "no text");
            return;
        }
    }
    proof->count = count;
}

int proof_parse(struct proof *ret_proof, const void *data, size_t len, struct err *err)
{
    struct proof proof = {.count = 0};
    struct json_reader reader;
    if (len > PROOF_FILE_MAX)
        return err_set(err, "longer than %d bytes", PROOF_FILE_MAX);
    json_t *root = json_parse(data, len, err);
    if (root == NULL)
        return -1;
    json_reader_init(&reader, root, err);
    if (strcmp(json_take_string(&reader, "format", true), FORMAT) != 0)
        json_fail(&reader, "'format' is not " FORMAT);
    proof.chain_id = json_take_uint(&reader, "chain_id", 1, INT64_MAX);
    take_address(&reader, "contract", &proof.contract);
    proof.batch = json_take_uint(&reader, "batch", 1, INT64_MAX);
    json_take_hex(&reader, "root", proof.root.b, sizeof(proof.root.b));
    json_take_hex(&reader, "tx", proof.transaction.b, sizeof(proof.transaction.b));
    proof.block = json_take_uint(&reader, "block", 0, INT64_MAX);
    take_address(&reader, "signer", &proof.signer);
    proof.timestamp_s = (uint32_t)json_take_uint(&reader, "t", 1, UINT32_MAX);
    take_report(&reader, &proof.report);
    take_path(&reader, &proof);
    int result = json_done(&reader);
    json_decref(root);
    if (result == 0)
        *ret_proof = proof;
    return result;
}

/* CHECKING */

const struct reading *proof_reading(const struct proof *proof)
{
    for (uint32_t i = 0; i < proof->report.count; i++) {
        if (proof->report.readings[i].timestamp_s == proof->timestamp_s)
            return &proof->report.readings[i];
    }
    return NULL;
}

int proof_check(const struct proof *proof, const struct recoverer *recoverer, struct err *err)
{
    struct eip712 domain;
    struct eth_hash digest;
    struct eth_hash leaf;
    struct eth_hash root;
    struct eth_address signer;
    char text[ETH_ADDRESS_TEXT];
    if (proof_reading(proof) == NULL)
        return err_set(err, "the report has no reading of time %" PRIu32, proof->timestamp_s);
    eip712_init(&domain, proof->chain_id, &proof->contract);
    eip712_report(&domain, &digest, &proof->report);
    if (recoverer_recover(recoverer, &signer, &digest, &proof->report.signature) != 0)
        return err_set(err, "the report's signature is no signature of anybody");
    if (!eth_address_equal(&signer, &proof->signer))
        return err_set(err,
                       "the report, as it stands here, was not signed by %s: it or its signature "
                       "was changed",
                       eth_address_text(text, &proof->signer));
    merkle_leaf(&leaf, &digest, &proof->report.signature);
    merkle_process_proof(&root, &leaf, proof->path, proof->count);
    if (!eth_hash_equal(&root, &proof->root))
        return err_set(err, "the hashes do not lead from the report to the batch's root");
    return 0;
}
