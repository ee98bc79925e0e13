/*
 * vectors.c: prints what our code makes of pseudo-random inputs, one JSON object a line, for
 * vectors.test.mjs to compare with viem and @openzeppelin/merkle-tree.
 *
 * usage: vectors SEED COUNT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/eip712.h"
#include "common/eth_tx.h"
#include "common/hex.h"
#include "common/merkle.h"
#include "common/options.h"
#include "common/payload.h"

/* SplitMix64: a line of arithmetic, the same everywhere. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *state, uint64_t bound)
{
    return next(state) % bound;
}

static void random_bytes(uint64_t *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)next(state);
}

static void print_hex(const char *key, const void *data, size_t len)
{
    struct buf text = BUF_INIT;

    hex0x_append(&text, data, len);
    printf("\"%s\":\"%s\"", key, buf_str(&text));
    buf_free(&text);
}

static struct report random_report(uint64_t *state)
{
    struct report report = {0};
    uint64_t import_wh = below(state, READING_WH_MAX / 2), export_wh = below(state, 2) * import_wh;
    uint32_t t = 1 + (uint32_t)below(state, 1U << 31);

    report.meter = (uint32_t)(0x10000 + below(state, 0xfffe0000U));
    report.sequence = (uint32_t)(1 + below(state, UINT32_MAX));
    report.count = (uint32_t)(1 + below(state, REPORT_READINGS_MAX));
    for (uint32_t i = 0; i < report.count; i++) {
        report.readings[i] =
            (struct reading){t, import_wh, export_wh, (uint8_t)below(state, QUALITY_ALL + 1)};
        t += 1 + (uint32_t)below(state, 1000);
        import_wh += below(state, 5000);
        export_wh += below(state, 5000);
    }
    return report;
}

/* Signs the report, prints payload, digest and Merkle leaf. */
static void report_vector(uint64_t *state, const struct eip712 *domain, const struct signer *signer,
                          struct eth_hash *ret_leaf)
{
    struct report report = random_report(state);
    struct eth_hash digest;
    struct buf payload = BUF_INIT;

    eip712_report(domain, &digest, &report);
    signer_sign(signer, &report.signature, &digest);
    merkle_leaf(ret_leaf, &digest, &report.signature);
    payload_report_print(&payload, &report);
    printf("{\"payload\":%s,", buf_str(&payload));
    print_hex("digest", digest.b, 32);
    printf("}");
    buf_free(&payload);
}

static void tree_vector(uint64_t *state)
{
    struct eth_hash leaves[64];
    struct eth_address contract;
    struct eip712 domain;
    uint8_t secret[32];
    size_t count = 1 + (size_t)below(state, AMR_COUNT(leaves));

    random_bytes(state, contract.b, sizeof(contract.b));
    random_bytes(state, secret, sizeof(secret));
    eip712_init(&domain, 1 + below(state, UINT64_C(1) << 53), &contract);
    struct signer *signer = signer_new(secret, NULL);
    printf("{\"kind\":\"tree\",\"chainId\":%" PRIu64 ",", domain.chain_id);
    print_hex("contract", contract.b, 20);
    printf(",");
    print_hex("signer", signer_address(signer)->b, 20);
    printf(",\"reports\":[");
    for (size_t i = 0; i < count; i++) {
        printf("%s", i ? "," : "");
        report_vector(state, &domain, signer, &leaves[i]);
    }
    struct merkle_tree *tree = merkle_tree_new(leaves, count);
    printf("],");
    print_hex("root", merkle_root(tree)->b, 32);
    printf("}\n");
    merkle_tree_free(tree);
    signer_free(signer);
}

static void transaction_vector(uint64_t *state)
{
    uint8_t secret[32], data[300];
    struct eth_tx tx = {.chain_id = 1 + below(state, UINT64_C(1) << 53),
                        .nonce = below(state, UINT64_C(1) << (1 + below(state, 52))),
                        .max_priority_fee_wei = below(state, UINT64_C(1) << 40),
                        .max_fee_wei = (UINT64_C(1) << 40) + below(state, UINT64_C(1) << 50),
                        .gas_limit = 21000 + below(state, 1 << 24),
                        .creates_contract = below(state, 4) == 0,
                        .data = data,
                        .data_len = (size_t)below(state, sizeof(data))};
    struct eth_hash hash;
    struct buf raw = BUF_INIT;

    random_bytes(state, secret, sizeof(secret));
    random_bytes(state, data, sizeof(data));
    random_bytes(state, tx.to.b, sizeof(tx.to.b));
    struct signer *signer = signer_new(secret, NULL);
    eth_tx_sign(&tx, &raw, &hash, signer);
    printf("{\"kind\":\"transaction\",\"chainId\":%" PRIu64 ",\"nonce\":%" PRIu64
           ",\"tip\":\"%" PRIu64 "\",\"cap\":\"%" PRIu64 "\",\"gas\":%" PRIu64 ",",
           tx.chain_id, tx.nonce, tx.max_priority_fee_wei, tx.max_fee_wei, tx.gas_limit);
    if (!tx.creates_contract) {
        print_hex("to", tx.to.b, 20);
        printf(",");
    }
    print_hex("data", tx.data, tx.data_len);
    printf(",");
    print_hex("secret", secret, sizeof(secret));
    printf(",");
    print_hex("raw", raw.data, raw.len);
    printf(",");
    print_hex("hash", hash.b, 32);
    printf("}\n");
    signer_free(signer);
    buf_free(&raw);
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    uint64_t state, count;

    if (argc != 3 || parse_u64(&state, argv[1], 0, UINT64_MAX, &err) ||
        parse_u64(&count, argv[2], 1, 100000, &err)) {
        fprintf(stderr, "usage: vectors SEED COUNT %s\n", err.text);
        return 2;
    }
    for (uint64_t i = 0; i < count; i++) {
        tree_vector(&state);
        transaction_vector(&state);
    }
    return 0;
}
