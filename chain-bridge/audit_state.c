#include "chain-bridge/audit_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"

#define FORMAT   "amr-verify-1"
#define FILE_MAX (512u << 20)

/* A meter's counters in a row of numbers, the meter's id before them. */
enum { COLUMNS = 10 };

struct audit_saved {
    json_t *root;
};

/* SAVING */

static void print_head(struct buf *out, const struct audit_state *state)
{
    char contract[ETH_ADDRESS_TEXT];
    char hash[ETH_HASH_TEXT];
    char archives[ETH_HASH_TEXT];
    buf_printf(out,
               "{\"format\":\"" FORMAT "\",\"chain_id\":%" PRIu64 ",\"contract\":\"%s\","
               "\"start_block\":%" PRIu64 ",\"group\":%u,\"meter\":%" PRIu32 ",\n \"next\":%" PRIu64
               ",\"block\":%" PRIu64 ",\"block_hash\":\"%s\",\"archives\":\"%s\",\n",
               state->chain_id, eth_address_text(contract, &state->contract), state->start_block,
               (unsigned)state->scope.group, state->scope.meter, state->next, state->block,
               eth_hash_text(hash, &state->block_hash), eth_hash_text(archives, &state->archives));
}

static void print_counts(struct buf *out, const struct audit_counts *counts)
{
    buf_printf(out,
               " \"counts\":{\"batches\":%" PRIu64 ",\"whole\":%" PRIu64 ",\"reports\":%" PRIu64
               ",\"readings\":%" PRIu64 ",\"verified\":%" PRIu64 ",\"signed_only\":%" PRIu64
               ",\"lacking\":%" PRIu64 "},\n",
               counts->batches, counts->whole, counts->reports, counts->readings, counts->verified,
               counts->signed_only, counts->lacking);
}

static void print_meters(struct buf *out, const struct audit_ledger *ledger)
{
    uint32_t id = 0;
    bool first = true;
    const struct audit_meter *meter;
    buf_printf(out, " \"meters\":[");
    while ((meter = audit_ledger_next(ledger, &id)) != NULL) {
        if (meter->reports == 0 && meter->lacking == 0 && meter->wrong == 0)
            continue;
        buf_printf(out,
                   "%s\n  [%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu32
                   ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",%" PRIu32 ",%" PRIu64 "]",
                   first ? "" : ",", meter->meter, meter->verified, meter->signed_only,
                   meter->wrong, meter->reports, meter->sequence, meter->tenure, meter->lacking,
                   meter->lacking_from_s, meter->lacking_to_s, meter->unseen);
        first = false;
    }
    buf_printf(out, "],\n");
}

/* Of each kind, since not all findings are kept. */
static void print_found(struct buf *out, const struct audit_findings *findings)
{
    buf_printf(out, " \"found\":[");
    for (size_t i = 0; i < AUDIT_KIND_COUNT; i++)
        buf_printf(out, "%s%" PRIu64, i > 0 ? "," : "", findings->counts[i]);
    buf_printf(out, "],\n");
}

int audit_state_save(const char *path, const struct audit_state *state,
                     const struct audit_result *result, struct err *err)
{
    struct buf text = BUF_INIT;
    print_head(&text, state);
    print_counts(&text, &result->counts);
    print_meters(&text, result->ledger);
    print_found(&text, &result->of_batches);
    buf_printf(&text, " \"findings\":");
    audit_findings_print(&text, &result->of_batches);
    buf_printf(&text, "}\n");
    int saved = file_replace(path, 0644, text.data, text.len, err);
    buf_free(&text);
    return saved;
}

/* LOADING */

static void take_head(struct json_reader *reader, struct audit_state *state)
{
    struct err err = ERR_INIT;
    if (strcmp(json_take_string(reader, "format", true), FORMAT) != 0)
        json_fail(reader, "is no state of amrctl verify");
    state->chain_id = json_take_uint(reader, "chain_id", 0, INT64_MAX);
    const char *contract = json_take_string(reader, "contract", true);
    if (!reader->failed && eth_address_parse(&state->contract, contract, &err) != 0)
        json_fail(reader, "'contract': %s", err.text);
    state->start_block = json_take_uint(reader, "start_block", 0, INT64_MAX);
    state->scope.group = (uint16_t)json_take_uint(reader, "group", 0, UINT16_MAX);
    state->scope.meter = (uint32_t)json_take_uint(reader, "meter", 0, UINT32_MAX);
    state->next = json_take_uint(reader, "next", 0, UINT32_MAX);
    state->block = json_take_uint(reader, "block", 0, INT64_MAX);
    json_take_hex(reader, "block_hash", state->block_hash.b, sizeof(state->block_hash.b));
    json_take_hex(reader, "archives", state->archives.b, sizeof(state->archives.b));
}

static bool are_numbers(const json_t *row, size_t count)
{
    bool good = json_array_size(row) == count;
    for (size_t i = 0; good && i < count; i++)
        good = json_is_integer(json_array_get(row, i)) &&
               json_integer_value(json_array_get(row, i)) >= 0;
    return good;
}

static int check_rows(const json_t *meters, const json_t *found, struct err *err)
{
    if (!are_numbers(found, AUDIT_KIND_COUNT))
        return err_set(err, "'found' is no row of %d numbers", AUDIT_KIND_COUNT);
    if (!json_is_array(meters))
        return err_set(err, "'meters' is no array");
    for (size_t i = 0; i < json_array_size(meters); i++) {
        if (!are_numbers(json_array_get(meters, i), COLUMNS + 1))
            return err_set(err, "meter %zu is no row of %d numbers", i + 1, COLUMNS + 1);
    }
    return 0;
}

int audit_state_load(struct audit_saved **ret_saved, struct audit_state *ret_state,
                     const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_reader reader;
    *ret_saved = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    json_t *root = NULL;
    int result = file_read(&text, path, FILE_MAX, err);
    if (result == 0 && (root = json_parse(text.data, text.len, err)) == NULL)
        result = err_wrap(err, "'%s'", path);
    if (result == 0) {
        json_reader_init(&reader, root, err);
        take_head(&reader, ret_state);
        (void)json_take(&reader, "counts", true);
        const json_t *meters = json_take(&reader, "meters", true);
        const json_t *found = json_take(&reader, "found", true);
        (void)json_take(&reader, "findings", true);
        result = json_done(&reader) != 0 || check_rows(meters, found, err) != 0 ? -1 : 0;
        if (result != 0)
            err_wrap(err, "'%s' (delete it to begin again)", path);
    }
    buf_free(&text);
    if (result == 0) {
        *ret_saved = xcalloc(1, sizeof(**ret_saved));
        (*ret_saved)->root = json_incref(root);
    }
    json_decref(root);
    return result;
}

static uint64_t column(const json_t *row, size_t i)
{
    return (uint64_t)json_integer_value(json_array_get(row, i));
}

int audit_saved_restore(const struct audit_saved *saved, struct audit_result *result,
                        struct err *err)
{
    struct json_reader reader;
    struct audit_counts counts;
    json_reader_init(&reader, json_object_get(saved->root, "counts"), err);
    counts.batches = json_take_uint(&reader, "batches", 0, INT64_MAX);
    counts.whole = json_take_uint(&reader, "whole", 0, INT64_MAX);
    counts.reports = json_take_uint(&reader, "reports", 0, INT64_MAX);
    counts.readings = json_take_uint(&reader, "readings", 0, INT64_MAX);
    counts.verified = json_take_uint(&reader, "verified", 0, INT64_MAX);
    counts.signed_only = json_take_uint(&reader, "signed_only", 0, INT64_MAX);
    counts.lacking = json_take_uint(&reader, "lacking", 0, INT64_MAX);
    if (json_done(&reader) != 0)
        return -1;
    result->counts = counts;
    if (audit_findings_parse(&result->of_batches, json_object_get(saved->root, "findings"), err) !=
        0)
        return -1;
    for (size_t i = 0; i < AUDIT_KIND_COUNT; i++)
        result->of_batches.counts[i] = column(json_object_get(saved->root, "found"), i);
    return 0;
}

void audit_saved_meters(const struct audit_saved *saved, struct audit_ledger *ledger)
{
    const json_t *array = json_object_get(saved->root, "meters");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *row = json_array_get(array, i);
        struct audit_meter *meter = audit_ledger_meter(ledger, (uint32_t)column(row, 0));
        if (meter == NULL)
            continue;
        meter->verified = column(row, 1);
        meter->signed_only = column(row, 2);
        meter->wrong = column(row, 3);
        meter->reports = column(row, 4);
        meter->sequence = (uint32_t)column(row, 5);
        meter->tenure = column(row, 6);
        meter->lacking = column(row, 7);
        meter->lacking_from_s = (uint32_t)column(row, 8);
        meter->lacking_to_s = (uint32_t)column(row, 9);
        meter->unseen = column(row, 10);
    }
}

void audit_saved_free(struct audit_saved *saved)
{
    if (saved == NULL)
        return;
    json_decref(saved->root);
    free(saved);
}
