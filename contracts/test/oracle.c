/*
 * oracle.c: says what the C side makes of random reports, batches and commands.
 *
 *     ledger-oracle SEED BATCHES CHAIN-ID CONTRACT NOW
 *
 * Prints a JSON object a line; test/oracle.mjs gives the same input to the contract and to public
 * libraries and compares. Meter METER_FIRST + i signs with the key whose last byte is i + 1, the
 * operator's is 0xff. NOW is the time of the chain: readings are before it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/eip712.h"
#include "common/hex.h"
#include "common/merkle.h"
#include "common/record.h"
#include "common/signer.h"

#define GROUP        7
#define METERS       60
#define METER_FIRST  ((uint32_t)GROUP << 16 | 100)
#define REPORTS_MAX  40
#define OPERATOR_KEY 0xff
#define SPAN_S       2000000 /* batches lie side by side, so that each is later than the last */

struct oracle {
    uint64_t random;
    uint32_t now_s;
    uint32_t batches;
    struct eip712 domain;
    struct signer *signers[256];
    uint64_t import_wh[METERS];
    uint64_t export_wh[METERS];
};

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "ledger-oracle: %s: %s\n", what, err->text);
    exit(1);
}

/* splitmix64 */
static uint64_t below(struct oracle *oracle, uint64_t bound)
{
    uint64_t z = oracle->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % bound;
}

static const struct signer *signer_of(struct oracle *oracle, uint8_t key)
{
    uint8_t secret[32] = {0};
    struct err err = ERR_INIT;

    secret[31] = key;
    if (!oracle->signers[key] && !(oracle->signers[key] = signer_new(secret, &err)))
        die("make a key", &err);
    return oracle->signers[key];
}

static void print_hex(const char *name, const void *data, size_t len)
{
    struct buf text = BUF_INIT;

    hex0x_append(&text, data, len);
    printf(",\"%s\":\"%s\"", name, buf_str(&text));
    buf_free(&text);
}

/* Small steps mostly, now and then one that needs another width. */
static uint64_t random_step(struct oracle *oracle)
{
    uint64_t kind = below(oracle, 60);

    if (kind == 0)
        return below(oracle, UINT64_C(1) << 34);
    if (kind < 4)
        return below(oracle, UINT64_C(1) << 18);
    return kind < 20 ? 0 : below(oracle, 700);
}

static void random_report(struct oracle *oracle, struct report *report, uint32_t index,
                          uint32_t start_s)
{
    uint32_t t = start_s + (uint32_t)below(oracle, 3) * (uint32_t)below(oracle, 100000);
    bool regular = below(oracle, 4) != 0;

    memset(report, 0, sizeof(*report));
    report->meter = METER_FIRST + index;
    report->sequence = (uint32_t)below(oracle, UINT64_C(1) << 32);
    report->count = below(oracle, 2) ? 1 : 1 + (uint32_t)below(oracle, REPORT_READINGS_MAX);
    for (uint32_t i = 0; i < report->count; i++) {
        oracle->import_wh[index] += random_step(oracle);
        oracle->export_wh[index] += index % 2 ? random_step(oracle) : 0;
        report->readings[i] =
            (struct reading){t, oracle->import_wh[index], oracle->export_wh[index],
                             below(oracle, 9) ? 0 : (uint8_t)below(oracle, 8)};
        t += regular ? 900 : 1 + (uint32_t)below(oracle, 15000);
    }
}

static void print_report(struct oracle *oracle, struct report *report, struct eth_hash *ret_leaf)
{
    struct eth_hash digest;
    uint8_t key = (uint8_t)(report->meter - METER_FIRST + 1);

    eip712_report(&oracle->domain, &digest, report);
    signer_sign(signer_of(oracle, key), &report->signature, &digest);
    merkle_leaf(ret_leaf, &digest, &report->signature);
    printf("{\"meter\":%" PRIu32 ",\"sequence\":%" PRIu32 ",\"readings\":[", report->meter,
           report->sequence);
    for (uint32_t i = 0; i < report->count; i++)
        printf("%s[%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%u]", i ? "," : "",
               report->readings[i].timestamp_s, report->readings[i].import_wh,
               report->readings[i].export_wh, report->readings[i].quality);
    printf("]");
    print_hex("digest", &digest, sizeof(digest));
    print_hex("signature", &report->signature, sizeof(report->signature));
    printf("}");
}

static void print_proofs(const struct merkle_tree *tree, const struct eth_hash *leaves,
                         size_t count)
{
    printf(",\"proofs\":[");
    for (size_t i = 0; i < count; i++) {
        struct eth_hash proof[MERKLE_PROOF_MAX];
        char text[ETH_HASH_TEXT];
        int steps = merkle_proof(tree, proof, &leaves[i]);
        printf("%s[", i ? "," : "");
        for (int k = 0; k < steps; k++)
            printf("%s\"%s\"", k ? "," : "", eth_hash_text(text, &proof[k]));
        printf("]");
    }
    printf("]");
}

static void print_records(const struct record *records, size_t count)
{
    struct buf packed = BUF_INIT;
    struct err err = ERR_INIT;

    if (records_pack(&packed, records, count, &err))
        die("pack records", &err);
    print_hex("records", packed.data, packed.len);
    buf_free(&packed);
}

/* A batch of reports of some of the meters, one each. */
static void print_batch(struct oracle *oracle, uint32_t number)
{
    struct record *records = xcalloc((size_t)REPORTS_MAX * REPORT_READINGS_MAX, sizeof(*records));
    struct eth_hash leaves[REPORTS_MAX];
    uint32_t start_s = oracle->now_s - (oracle->batches - number) * SPAN_S;
    size_t count = 0, reports = 0;

    printf("{\"kind\":\"batch\",\"reports\":[");
    for (uint32_t i = 0; i < METERS && reports < REPORTS_MAX; i++) {
        struct report report;
        if (below(oracle, 3) == 0 && (reports || i + 1 < METERS))
            continue;
        random_report(oracle, &report, i, start_s);
        printf("%s", reports ? "," : "");
        print_report(oracle, &report, &leaves[reports++]);
        for (uint32_t k = 0; k < report.count; k++)
            records[count++] = (struct record){report.meter, report.readings[k]};
    }
    printf("]");
    struct merkle_tree *tree = merkle_tree_new(leaves, reports);
    print_hex("root", merkle_root(tree), sizeof(struct eth_hash));
    print_proofs(tree, leaves, reports);
    print_records(records, count);
    printf("}\n");
    merkle_tree_free(tree);
    free(records);
}

static void print_command(struct oracle *oracle, uint64_t id, uint32_t meter)
{
    struct command command = {.id = id, .meter = meter, .kind = (uint8_t)(1 + below(oracle, 4))};
    struct command_result result = {
        .id = id, .meter = meter, .outcome = (uint8_t)below(oracle, 256)};
    struct eth_hash digest;

    command.argument =
        command.kind == COMMAND_SET_INTERVAL ? 1 + (uint32_t)below(oracle, 1u << 31) : 0;
    command.not_after_s = oracle->now_s + SPAN_S + below(oracle, UINT64_C(1) << 38);
    result.timestamp_s = oracle->now_s - (uint32_t)below(oracle, 1000000);
    eip712_command(&oracle->domain, &digest, &command);
    signer_sign(signer_of(oracle, OPERATOR_KEY), &command.signature, &digest);
    printf("{\"kind\":\"command\",\"id\":%" PRIu64 ",\"meter\":%" PRIu32
           ",\"commandKind\":%u,\"argument\":%" PRIu32 ",\"notAfter\":%" PRIu64,
           id, meter, command.kind, command.argument, command.not_after_s);
    print_hex("digest", &digest, sizeof(digest));
    print_hex("signature", &command.signature, sizeof(command.signature));

    eip712_result(&oracle->domain, &digest, &result);
    signer_sign(signer_of(oracle, (uint8_t)(meter - METER_FIRST + 1)), &result.signature, &digest);
    printf(",\"outcome\":%u,\"timestamp\":%" PRIu32, result.outcome, result.timestamp_s);
    print_hex("resultDigest", &digest, sizeof(digest));
    print_hex("resultSignature", &result.signature, sizeof(result.signature));
    printf("}\n");
}

int main(int argc, char **argv)
{
    struct oracle oracle = {0};
    struct eth_address contract;
    struct err err = ERR_INIT;

    if (argc != 6) {
        fprintf(stderr, "usage: ledger-oracle SEED BATCHES CHAIN-ID CONTRACT NOW\n");
        return 2;
    }
    oracle.random = strtoull(argv[1], NULL, 10);
    oracle.batches = (uint32_t)strtoul(argv[2], NULL, 10);
    oracle.now_s = (uint32_t)strtoul(argv[5], NULL, 10);
    if (eth_address_parse(&contract, argv[4], &err))
        die("read the contract's address", &err);
    eip712_init(&oracle.domain, strtoull(argv[3], NULL, 10), &contract);
    for (uint32_t i = 0; i < oracle.batches; i++) {
        print_batch(&oracle, i);
        print_command(&oracle, 1 + i / METERS, METER_FIRST + i % METERS);
    }
    for (size_t i = 0; i < 256; i++)
        signer_free(oracle.signers[i]);
    return 0;
}
