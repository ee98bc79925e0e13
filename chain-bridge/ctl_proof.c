#include "chain-bridge/ctl_proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/archive_reader.h"
#include "chain-bridge/ctl_history.h"
#include "chain-bridge/ctl_logs.h"
#include "chain-bridge/ctl_serials.h"
#include "chain-bridge/proof.h"
#include "common/file.h"

struct config {
    struct ctl_shared shared;
    struct ctl_logs_config logs;
    const char *serials;
    const char *output;
};

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, output, "output", NULL,
                  "new file for the proof; otherwise stdout"),
    CTL_SERIALS_ROW(struct config),
    CTL_LOGS_ROWS(struct config),
    CTL_CHAIN_ROWS(struct config),
};

/* What is looked for, and what was found. */
struct search {
    struct ctl *ctl;
    struct eip712 domain;
    uint32_t meter;
    uint32_t time_s; /* the reading of this time, or the last before it */
    struct reading reading;
    struct proof proof; /* batch 0: none yet */
    struct eth_hash *leaves;
    size_t leaf_count;
    size_t leaf_capacity;
    bool has_report;
};

/* THE LEDGER */

static int on_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct search *search = cookie;
    (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        if (record->meter != search->meter || batch->reasons[i] != 0 ||
            record->reading.timestamp_s > search->time_s)
            continue;
        search->reading = record->reading;
        search->proof.batch = batch->number;
        search->proof.root = batch->root;
        search->proof.transaction = batch->transaction;
        search->proof.block = batch->block;
        search->proof.timestamp_s = record->reading.timestamp_s;
    }
    return 0;
}

static int find_reading(struct search *search, struct ctl_logs *logs, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_BATCH_SUBMITTED, LEDGER_READING_REJECTED};
    struct ctl *ctl = search->ctl;
    struct history *history = history_new(on_batch, search);
    int result = ctl_logs_each(logs, KINDS, AMR_COUNT(KINDS), history_event, history, err);
    if (result == 0)
        result = history_end(history, err);
    history_free(history);
    if (result != 0)
        return CTL_FAILED;
    if (search->proof.batch == 0) {
        err_set(err, "the ledger has no reading of meter %" PRIu32 " by then", search->meter);
        return CTL_NO;
    }
    search->proof.chain_id = ctl->chain_id;
    search->proof.contract = ctl->contract;
    return ledger_signer_at(ctl->chain, &ctl->contract, &search->proof.signer, search->meter,
                            search->proof.batch, CHAIN_LATEST, err) == CHAIN_OK
               ? CTL_DONE
               : CTL_FAILED;
}

/* THE ARCHIVES */

static void add_leaf(struct search *search, const struct eth_hash *leaf)
{
    if (search->leaf_count == search->leaf_capacity) {
        search->leaf_capacity = search->leaf_capacity > 0 ? 2 * search->leaf_capacity : 256;
        search->leaves = xrealloc(search->leaves, search->leaf_capacity * sizeof(*search->leaves));
    }
    search->leaves[search->leaf_count++] = *leaf;
}

static bool says_it(const struct report *report, const struct search *search)
{
    for (uint32_t i = 0; i < report->count && report->meter == search->meter; i++) {
        if (reading_equal(&report->readings[i], &search->reading))
            return true;
    }
    return false;
}

static void take(struct search *search, const struct archived *archived)
{
    const struct report *report = &archived->report;
    struct eth_hash digest;
    struct eth_hash leaf = archived->leaf;
    if (archived->kind == ARCHIVED_WAITING ||
        !eth_hash_equal(&archived->batch.root, &search->proof.root))
        return;
    if (archived->kind == ARCHIVED_REPORT) {
        eip712_report(&search->domain, &digest, report);
        merkle_leaf(&leaf, &digest, &report->signature);
        if (says_it(report, search)) {
            search->proof.report = *report;
            search->has_report = true;
        }
    }
    add_leaf(search, &leaf);
}

/* Damage elsewhere in the file is verify's business: here what is needed must be there. */
static int read_archive(struct search *search, const char *path, struct err *err)
{
    struct archive_reader *reader = NULL;
    struct archived archived;
    struct err damage = ERR_INIT;
    int step = 1;
    if (archive_reader_open(&reader, path, err) != 0)
        return -1;
    while (step != 0) {
        step = archive_reader_next(reader, &archived, &damage);
        if (step > 0)
            take(search, &archived);
    }
    if (damage.text[0] != '\0')
        fprintf(stderr, "%s\n", damage.text);
    archive_reader_close(reader);
    return 0;
}

static int find_report(struct search *search, struct err *err)
{
    char time[CTL_TIME_TEXT];
    for (int i = 2; i < search->ctl->argc; i++) {
        if (read_archive(search, search->ctl->argv[i], err) != 0)
            return CTL_FAILED;
    }
    if (!search->has_report) {
        err_set(err,
                "no archive has the report with meter %" PRIu32 "'s reading of %s, sealed in "
                "batch %u/%" PRIu64 " (root 0x%02x%02x...)",
                search->meter, ctl_time_text(time, search->reading.timestamp_s),
                (unsigned)meter_group(search->meter), search->proof.batch, search->proof.root.b[0],
                search->proof.root.b[1]);
        return CTL_INCOMPLETE;
    }
    if (proof_build(&search->proof, search->leaves, search->leaf_count, err) != 0) {
        err_wrap(err,
                 "batch %u/%" PRIu64 " (amrctl verify --meter %" PRIu32
                 " tells what the archives lack)",
                 (unsigned)meter_group(search->meter), search->proof.batch, search->meter);
        return CTL_INCOMPLETE;
    }
    return CTL_DONE;
}

/* PROOF */

static int write_proof(const struct search *search, const char *output, struct err *err)
{
    struct recoverer *recoverer = recoverer_new();
    struct buf text = BUF_INIT;
    int code = CTL_DONE;
    proof_print(&text, &search->proof);
    if (proof_check(&search->proof, recoverer, err) != 0)
        code = CTL_NO;
    else if (output == NULL)
        fwrite(text.data, 1, text.len, search->ctl->out);
    else if (file_create(output, 0644, text.data, text.len, err) != 0)
        code = CTL_FAILED;
    buf_free(&text);
    recoverer_free(recoverer);
    return code;
}

static int prove(struct search *search, const struct config *config, struct err *err)
{
    struct ctl_progress *progress = ctl_progress_new(search->ctl->clock);
    struct ctl_logs *logs = ctl_logs_open(search->ctl, &config->logs, progress, err);
    char time[CTL_TIME_TEXT];
    int code = logs != NULL ? find_reading(search, logs, err) : CTL_FAILED;
    ctl_logs_close(logs);
    ctl_progress_free(progress);
    if (code == CTL_DONE)
        code = find_report(search, err);
    if (code == CTL_DONE && search->reading.timestamp_s != search->time_s)
        fprintf(stderr,
                "there is no reading of that very time; this is of the last before it, %s\n",
                ctl_time_text(time, search->reading.timestamp_s));
    return code == CTL_DONE ? write_proof(search, config->output, err) : code;
}

static int run_proof(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct search search = {.ctl = ctl};
    struct ctl_serials *serials = ctl_serials_load(config->serials, err);
    int code = CTL_USAGE;
    if (serials != NULL && ctl->argc < 3)
        err_set(err,
                "which reading, and where are the reports? give a meter, a time, and archives");
    else if (serials != NULL && ctl_serials_meter(serials, &search.meter, ctl->argv[0], err) == 0 &&
             ctl_time_parse(&search.time_s, ctl->argv[1], err) == 0) {
        eip712_init(&search.domain, ctl->chain_id, &ctl->contract);
        code = prove(&search, config, err);
    }
    free(search.leaves);
    ctl_serials_free(serials);
    return code;
}

const struct ctl_verb ctl_proof = {
    .name = "proof",
    .usage = "SERIAL|METER TIME ARCHIVE...",
    .summary = "write the proof of one reading, which anybody can check, into one file",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run_proof,
};

/* CHECK-PROOF */

struct check_config {
    struct ctl_shared shared;
};

static const struct option_row CHECK_ROWS[] = {
    OPTION_LIST(struct check_config, shared.rpc, "rpc", NULL,
                "nodes to ask whether the ledger sealed it; without, only the mathematics is "
                "checked"),
    OPTION_STRING(struct check_config, shared.rpc_ca, "rpc-ca", NULL,
                  "CA certificates (PEM) for wss and https nodes; else the system's"),
    OPTION_FLAG(struct check_config, shared.json, "json", "print JSON"),
};

/* The batch of the proof among the events of its block. */
struct sealed {
    const struct proof *proof;
    struct history *history;
    bool found;   /* in that transaction */
    bool taken;   /* the reading, as it stands in the report */
    bool refused; /* a reading of that time */
};

static int look_for(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct sealed *sealed = cookie;
    const struct proof *proof = sealed->proof;
    (void)err;
    if (!eth_hash_equal(&batch->root, &proof->root) ||
        !eth_hash_equal(&batch->transaction, &proof->transaction))
        return 0;
    sealed->found = true;
    for (size_t i = 0; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        if (record->meter != proof->report.meter ||
            !reading_equal(&record->reading, proof_reading(proof)))
            continue;
        sealed->taken = sealed->taken || batch->reasons[i] == 0;
        sealed->refused = sealed->refused || batch->reasons[i] != 0;
    }
    return 0;
}

static int on_log(void *cookie, const struct chain_log *log, struct err *err)
{
    struct sealed *sealed = cookie;
    struct ledger_event event;
    if (ledger_event_decode(&event, log, err) != 0)
        return -1;
    return history_event(sealed->history, &event, log, err);
}

static int check_block(const struct ctl *ctl, const struct proof *proof, struct err *err)
{
    struct sealed sealed = {.proof = proof};
    struct chain_log_query query = {
        .address = ctl->contract, .from = proof->block, .to = proof->block};
    sealed.history = history_new(look_for, &sealed);
    int result = chain_logs(ctl->chain, &query, on_log, &sealed, err) == CHAIN_OK
                     ? history_end(sealed.history, err)
                     : -1;
    history_free(sealed.history);
    if (result != 0)
        return CTL_FAILED;
    if (!sealed.found)
        err_set(err, "the transaction of that hash did not seal this root");
    else if (!sealed.taken && sealed.refused)
        err_set(err, "the contract refused this reading when it sealed the batch");
    else if (!sealed.taken)
        err_set(err, "the batch was sealed with another reading of that time, or none");
    return sealed.taken ? CTL_DONE : CTL_NO;
}

/* What only the chain knows. ret_time: of the block. */
static int check_chain(const struct ctl *ctl, const struct proof *proof, uint64_t *ret_time,
                       struct err *err)
{
    struct ledger_batch batch;
    struct eth_address signer;
    uint16_t group = meter_group(proof->report.meter);
    if (ledger_batch_info(ctl->chain, &ctl->contract, &batch, group, &proof->root, CHAIN_LATEST,
                          err) != CHAIN_OK)
        return CTL_FAILED;
    if (batch.number == 0) {
        err_set(err, "the ledger has sealed no such root for group %u", (unsigned)group);
        return CTL_NO;
    }
    if (batch.number != proof->batch || batch.block != proof->block) {
        err_set(err, "the ledger sealed the root as batch %" PRIu64 " in block %" PRIu64,
                batch.number, batch.block);
        return CTL_NO;
    }
    if (ledger_signer_at(ctl->chain, &ctl->contract, &signer, proof->report.meter, batch.number,
                         CHAIN_LATEST, err) != CHAIN_OK)
        return CTL_FAILED;
    if (!eth_address_equal(&signer, &proof->signer)) {
        err_set(err, "the signer was not that of meter %" PRIu32 " then", proof->report.meter);
        return CTL_NO;
    }
    *ret_time = batch.timestamp_s;
    return check_block(ctl, proof, err);
}

static int ask_chain(struct ctl *ctl, const struct check_config *config, const struct proof *proof,
                     uint64_t *ret_time, struct err *err)
{
    static const struct ctl_verb NEEDS = {.needs = CTL_CHAIN | CTL_CONTRACT};
    struct ctl_shared shared = config->shared;
    char contract[ETH_ADDRESS_TEXT];
    shared.chain_id = proof->chain_id;
    shared.contract = eth_address_text(contract, &proof->contract);
    int code = ctl_open(ctl, &NEEDS, &shared, err);
    return code == CTL_DONE ? check_chain(ctl, proof, ret_time, err) : code;
}

struct verdict {
    const struct proof *proof;
    bool mathematics;
    bool asked;
    int chain; /* an exit code */
    uint64_t sealed_s;
};

static void print_json(FILE *out, const struct verdict *verdict)
{
    const struct proof *proof = verdict->proof;
    const struct reading *reading = proof_reading(proof);
    char sealed[24] = "null";
    if (verdict->asked && verdict->chain == CTL_DONE)
        snprintf(sealed, sizeof(sealed), "%" PRIu64, verdict->sealed_s);
    fprintf(out, "{\"mathematics\":%s,\"chain\":%s,\"sealed_t\":%s,\"meter\":%" PRIu32,
            verdict->mathematics ? "true" : "false",
            !verdict->asked ? "null" : (verdict->chain == CTL_DONE ? "true" : "false"), sealed,
            proof->report.meter);
    if (reading != NULL)
        fprintf(out,
                ",\"t\":%" PRIu32 ",\"import_wh\":%" PRIu64 ",\"export_wh\":%" PRIu64
                ",\"quality\":%u",
                reading->timestamp_s, reading->import_wh, reading->export_wh,
                (unsigned)reading->quality);
    fputs("}\n", out);
}

static void print_reading(FILE *out, const struct proof *proof)
{
    const struct reading *reading = proof_reading(proof);
    char time[CTL_TIME_TEXT];
    if (reading == NULL)
        return;
    fprintf(out,
            "reading      meter %" PRIu32 " at %s: %" PRIu64 ".%03u kWh imported, %" PRIu64
            ".%03u exported%s\n",
            proof->report.meter, ctl_time_text(time, reading->timestamp_s),
            reading->import_wh / 1000, (unsigned)(reading->import_wh % 1000),
            reading->export_wh / 1000, (unsigned)(reading->export_wh % 1000),
            (reading->quality & QUALITY_SUBSTITUTED) != 0 ? " (substituted)" : "");
}

static void print_text(FILE *out, const struct verdict *verdict)
{
    const struct proof *proof = verdict->proof;
    char signer[ETH_ADDRESS_TEXT];
    char contract[ETH_ADDRESS_TEXT];
    char hash[ETH_HASH_TEXT];
    char time[CTL_TIME_TEXT];
    print_reading(out, proof);
    if (!verdict->mathematics) {
        fprintf(out, "mathematics  WRONG\n");
        return;
    }
    fprintf(out, "mathematics  good: %s signed it,\n             under root %s\n",
            eth_address_text(signer, &proof->signer), eth_hash_text(hash, &proof->root));
    if (!verdict->asked)
        fprintf(out, "chain        NOT ASKED: that the ledger sealed this root, and that this was "
                     "the meter's signer,\n             is the file's word until a node is asked "
                     "(--rpc URL)\n");
    else if (verdict->chain != CTL_DONE)
        fprintf(out, "chain        %s\n", verdict->chain == CTL_NO ? "WRONG" : "not reached");
    else
        fprintf(out,
                "chain        good: ledger %s of chain %" PRIu64 "\n             sealed it %s as "
                "batch %u/%" PRIu64 ", block %" PRIu64 ",\n             transaction %s\n",
                eth_address_text(contract, &proof->contract), proof->chain_id,
                ctl_time_text(time, (uint32_t)verdict->sealed_s),
                (unsigned)meter_group(proof->report.meter), proof->batch, proof->block,
                eth_hash_text(hash, &proof->transaction));
}

static int check(struct ctl *ctl, const struct check_config *config, const struct proof *proof,
                 struct err *err)
{
    struct recoverer *recoverer = recoverer_new();
    struct verdict verdict = {.proof = proof, .chain = CTL_NO};
    verdict.mathematics = proof_check(proof, recoverer, err) == 0;
    verdict.asked = verdict.mathematics && config->shared.rpc != NULL;
    if (verdict.asked)
        verdict.chain = ask_chain(ctl, config, proof, &verdict.sealed_s, err);
    (config->shared.json ? print_json : print_text)(ctl->out, &verdict);
    recoverer_free(recoverer);
    return verdict.asked || !verdict.mathematics ? verdict.chain : CTL_DONE;
}

static int run_check(struct ctl *ctl, void *config, struct err *err)
{
    struct buf text = BUF_INIT;
    struct proof proof;
    int code = CTL_USAGE;
    if (ctl->argc != 1)
        err_set(err, "which proof? give its file");
    else if (file_read(&text, ctl->argv[0], PROOF_FILE_MAX, err) != 0)
        code = CTL_FAILED;
    else if (proof_parse(&proof, text.data, text.len, err) != 0) {
        err_wrap(err, "%s", ctl->argv[0]);
        code = CTL_NO;
    } else {
        code = check(ctl, config, &proof, err);
    }
    buf_free(&text);
    return code;
}

const struct ctl_verb ctl_check_proof = {
    .name = "check-proof",
    .usage = "FILE [--rpc URL]",
    .summary = "check a reading's proof: its mathematics, and with --rpc what the chain says",
    .rows = CHECK_ROWS,
    .row_count = AMR_COUNT(CHECK_ROWS),
    .config_size = sizeof(struct check_config),
    .needs = CTL_NOTHING,
    .run = run_check,
};
