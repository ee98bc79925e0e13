#include "chain-bridge/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/audit_pool.h"
#include "chain-bridge/audit_state.h"
#include "common/file.h"

#define WAVE_REPORTS 2048
#define WAVE_BATCHES 512
#define WAVE_RECORDS 65536
#define SAVE_MS      1000

/* Batches whose reports are worked on together. */
struct wave {
    struct audit_job jobs[WAVE_BATCHES];
    size_t job_count;
    struct audit_item **items; /* of all jobs */
    size_t item_count;
    size_t item_capacity;
    size_t records;
};

struct run {
    const struct audit_config *config;
    struct audit_result *result;
    struct audit_table table;
    struct audit_spool *spool;
    struct audit_pool *pool;
    struct recoverer *recoverer;
    struct eip712 domain;
    struct history *history;
    struct wave *filling;
    struct wave *working; /* the pool's; empty: it has none */
    struct audit_saved *saved;
    uint64_t resume; /* place of the first batch to check */
    uint64_t place;  /* of the batch that comes next */
    uint64_t judged; /* batches before this place are done */
    uint64_t total;  /* records in scope */
    uint64_t done;
    uint64_t saved_ms;
};

void audit_result_clear(struct audit_result *result)
{
    audit_ledger_free(result->ledger);
    audit_findings_clear(&result->of_ledger);
    audit_findings_clear(&result->of_archives);
    audit_findings_clear(&result->of_batches);
    memset(result, 0, sizeof(*result));
}

/* FIRST PASS: THE BATCHES */

static bool has_meter(const struct history_batch *batch, uint32_t meter)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->records[i].meter == meter)
            return true;
    }
    return false;
}

static int list_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct run *run = cookie;
    const struct audit_scope *scope = &run->config->scope;
    bool in_scope = scope->meter != 0   ? has_meter(batch, scope->meter)
                    : scope->group != 0 ? batch->group == scope->group
                                        : true;
    (void)err;
    audit_table_add(&run->table, batch, in_scope);
    run->total += in_scope ? batch->count : 0;
    return 0;
}

static int list_batches(struct run *run, struct err *err)
{
    struct history *history = history_new(list_batch, run);
    int result = ctl_logs_each(run->config->logs, NULL, 0, history_event, history, err);
    if (result == 0)
        result = history_end(history, err);
    history_free(history);
    audit_table_index(&run->table);
    return result;
}

/* SECOND PASS: THE ARCHIVES */

static void check_claim(struct run *run, const struct archived *archived, size_t place,
                        const char *path)
{
    struct audit_row *row = &run->table.rows[place];
    const struct archived_batch *claim = &archived->batch;
    if (row->told ||
        (eth_hash_equal(&claim->transaction, &row->transaction) && claim->block == row->block &&
         (claim->number == 0 || claim->number == row->number)))
        return;
    row->told = true;
    audit_found(
        &run->result->of_archives,
        &(struct audit_finding){.kind = AUDIT_CLAIM, .group = row->group, .batch = row->number},
        "%s gives the batch another number, block or transaction", path);
}

static int take_archived(struct run *run, const struct archived *archived, const char *path,
                         struct err *err)
{
    bool is_report = archived->kind == ARCHIVED_REPORT;
    uint16_t group = is_report ? meter_group(archived->report.meter) : 0;
    char root[ETH_HASH_TEXT];
    if (archived->kind == ARCHIVED_WAITING) {
        run->result->waiting++;
        return 0;
    }
    size_t place =
        audit_table_find(&run->table, &archived->batch.root, group, &archived->batch.transaction);
    if (place == run->table.count) {
        audit_found(&run->result->of_archives,
                    &(struct audit_finding){.kind = AUDIT_NO_BATCH,
                                            .meter = is_report ? archived->report.meter : 0,
                                            .sequence = is_report ? archived->report.sequence : 0,
                                            .group = group},
                    "%s: the ledger has no batch %s", path,
                    eth_hash_text(root, &archived->batch.root));
        return 0;
    }
    check_claim(run, archived, place, path);
    return run->table.rows[place].in_scope ? audit_spool_add(run->spool, place, archived, err) : 0;
}

static int read_archive(struct run *run, const char *path, struct err *err)
{
    struct archive_reader *reader = NULL;
    struct archived archived;
    struct err damage = ERR_INIT;
    int step = 1;
    int result = archive_reader_open(&reader, path, err);
    while (result == 0 && step != 0) {
        step = archive_reader_next(reader, &archived, &damage);
        if (step > 0)
            result = take_archived(run, &archived, path, err);
        else if (step < 0)
            audit_found(&run->result->of_archives, &(struct audit_finding){.kind = AUDIT_DAMAGED},
                        "%s", damage.text);
        ctl_progress_set(run->config->progress, archive_reader_tell(reader));
    }
    if (result == 0)
        run->result->torn += archive_reader_torn(reader);
    archive_reader_close(reader);
    return result;
}

static int read_archives(struct run *run, struct err *err)
{
    run->spool = audit_spool_new(run->table.count, err);
    if (run->spool == NULL)
        return -1;
    for (size_t i = 0; i < run->config->archive_count; i++) {
        const char *path = run->config->archives[i];
        uint64_t bytes = 0;
        ctl_progress_begin(run->config->progress, "reading archives", "bytes",
                           file_size(&bytes, path, NULL) == 0 ? bytes : 0);
        if (read_archive(run, path, err) != 0)
            return -1;
    }
    ctl_progress_end(run->config->progress);
    return audit_spool_sort(run->spool, err);
}

/* STATE */

static void describe(const struct run *run, struct audit_state *ret_state, uint64_t next)
{
    const struct ctl *ctl = run->config->ctl;
    *ret_state = (struct audit_state){.chain_id = ctl->chain_id,
                                      .contract = ctl->contract,
                                      .start_block = ctl->start_block,
                                      .scope = run->config->scope,
                                      .next = next};
    audit_spool_digest(run->spool, &ret_state->archives, next);
}

static int save(struct run *run, struct err *err)
{
    struct audit_state state;
    struct chain_block block;
    run->saved_ms = clock_mono_ms(run->config->ctl->clock);
    if (run->judged == 0)
        return 0;
    describe(run, &state, run->judged);
    state.block = run->table.rows[run->judged - 1].block;
    if (chain_block(run->config->ctl->chain, &block, state.block, err) != CHAIN_OK)
        return err_wrap(err, "block %" PRIu64, state.block);
    state.block_hash = block.hash;
    return audit_state_save(run->config->state, &state, run->result, err);
}

static bool is_due(const struct run *run)
{
    return run->config->state != NULL &&
           clock_mono_ms(run->config->ctl->clock) - run->saved_ms >= SAVE_MS;
}

/* Whether what an earlier run found still stands. */
static bool still_fits(struct run *run, const struct audit_state *state)
{
    struct audit_state now;
    struct chain_block block;
    if (state->next > run->table.count)
        return false;
    describe(run, &now, state->next);
    return eth_hash_equal(&now.archives, &state->archives) &&
           chain_block(run->config->ctl->chain, &block, state->block, NULL) == CHAIN_OK &&
           eth_hash_equal(&block.hash, &state->block_hash);
}

static int resume(struct run *run, struct err *err)
{
    struct audit_state state;
    struct audit_state now;
    if (run->config->state == NULL)
        return 0;
    if (audit_state_load(&run->saved, &state, run->config->state, err) != 0)
        return -1;
    if (run->saved == NULL)
        return 0;
    describe(run, &now, 0);
    if (state.chain_id != now.chain_id || !eth_address_equal(&state.contract, &now.contract) ||
        state.start_block != now.start_block || state.scope.group != now.scope.group ||
        state.scope.meter != now.scope.meter)
        return err_set(err, "'%s' is the state of another check (another ledger, group or meter)",
                       run->config->state);
    if (!still_fits(run, &state)) {
        ctl_progress_end(run->config->progress);
        fprintf(stderr, "archives or chain are not what they were: checking from the beginning\n");
        audit_saved_free(run->saved);
        run->saved = NULL;
        return 0;
    }
    run->resume = state.next;
    run->result->resumed = state.next;
    return audit_saved_restore(run->saved, run->result, err);
}

/* THIRD PASS: BATCH BY BATCH */

static void work(void *cookie, size_t item)
{
    struct run *run = cookie;
    audit_item_work(run->working->items[item], &run->domain, run->recoverer);
}

static void judge(struct run *run, struct wave *wave)
{
    struct audit_batch_config config = {
        .domain = &run->domain,
        .recoverer = run->recoverer,
        .scope = run->config->scope,
        .ledger = run->result->ledger,
        .findings = &run->result->of_batches,
        .counts = &run->result->counts,
    };
    for (size_t i = 0; i < wave->job_count; i++) {
        struct audit_job *job = &wave->jobs[i];
        audit_batch_finish(&config, job);
        run->judged = job->place + 1;
        run->done += job->batch.count;
        audit_job_clear(job);
    }
    wave->job_count = 0;
    wave->item_count = 0;
    wave->records = 0;
    ctl_progress_set(run->config->progress, run->done);
}

static void collect_items(struct wave *wave)
{
    for (size_t i = 0; i < wave->job_count; i++) {
        struct audit_job *job = &wave->jobs[i];
        if (wave->item_count + job->item_count > wave->item_capacity) {
            wave->item_capacity = 2 * (wave->item_count + job->item_count);
            wave->items = xrealloc(wave->items, wave->item_capacity * sizeof(struct audit_item *));
        }
        for (size_t j = 0; j < job->item_count; j++)
            wave->items[wave->item_count++] = &job->items[j];
    }
}

/* The wave that was filled goes to the threads; the one they had is judged meanwhile. */
static int turn(struct run *run, struct err *err)
{
    struct wave *finished = run->working;
    audit_pool_wait(run->pool);
    run->working = run->filling;
    run->filling = finished;
    collect_items(run->working);
    audit_pool_start(run->pool, work, run, run->working->item_count);
    judge(run, finished);
    return is_due(run) ? save(run, err) : 0;
}

static bool is_full(const struct wave *wave)
{
    size_t reports = 0;
    for (size_t i = 0; i < wave->job_count; i++)
        reports += wave->jobs[i].item_count;
    return wave->job_count == WAVE_BATCHES || reports >= WAVE_REPORTS ||
           wave->records >= WAVE_RECORDS;
}

static int on_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct run *run = cookie;
    struct wave *wave = run->filling;
    struct buf data = BUF_INIT;
    uint64_t place = run->place++;
    bool in_scope = run->table.rows[place].in_scope;
    if (place == run->resume && run->saved != NULL)
        audit_saved_meters(run->saved, run->result->ledger);
    audit_ledger_batch(run->result->ledger, batch, in_scope ? &run->result->of_ledger : NULL);
    if (place < run->resume)
        run->done += in_scope ? batch->count : 0;
    if (!in_scope || place < run->resume)
        return 0;
    if (audit_spool_load(run->spool, &data, place, err) != 0)
        return -1;
    audit_job_init(&wave->jobs[wave->job_count++], batch, place, &data, &run->config->scope);
    wave->records += batch->count;
    return is_full(wave) ? turn(run, err) : 0;
}

static int on_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                    struct err *err)
{
    struct run *run = cookie;
    if (history_event(run->history, event, log, err) != 0)
        return -1;
    return audit_ledger_event(run->result->ledger, event, err);
}

static int check_batches(struct run *run, struct err *err)
{
    ctl_progress_begin(run->config->progress, "checking", "readings", run->total);
    run->judged = run->resume;
    if (ctl_logs_each(run->config->logs, NULL, 0, on_event, run, err) != 0 ||
        history_end(run->history, err) != 0)
        return -1;
    if (run->place == run->resume && run->saved != NULL)
        audit_saved_meters(run->saved, run->result->ledger);
    for (int window = 0; window < 2; window++) /* hand over what is filled, then judge it */
        if (turn(run, err) != 0)
            return -1;
    run->judged = run->table.count;
    ctl_progress_end(run->config->progress);
    return run->config->state != NULL ? save(run, err) : 0;
}

/* THE END */

/* A node that keeps the latest batches back is caught by the contract's own count. */
static int check_counts(struct run *run, struct err *err)
{
    const struct ctl *ctl = run->config->ctl;
    for (uint32_t group = 1; group <= UINT16_MAX; group++) {
        uint64_t last = audit_ledger_batches(run->result->ledger, (uint16_t)group);
        uint64_t count = 0;
        if (last == 0 || (run->config->scope.group != 0 && run->config->scope.group != group))
            continue;
        if (ledger_batch_count(ctl->chain, &ctl->contract, &count, (uint16_t)group,
                               ctl_logs_head(run->config->logs)->number, err) != CHAIN_OK)
            return err_wrap(err, "asking for group %" PRIu32 "'s batches", group);
        if (count != last)
            audit_found(&run->result->of_ledger,
                        &(struct audit_finding){
                            .kind = AUDIT_NUMBER, .group = (uint16_t)group, .batch = last},
                        "is the last that the node tells of, the contract counts %" PRIu64, count);
    }
    return 0;
}

static void tell_lacks(struct audit_result *result)
{
    const struct audit_meter *meter;
    uint32_t id = 0;
    while ((meter = audit_ledger_next(result->ledger, &id)) != NULL) {
        char from[CTL_TIME_TEXT];
        char to[CTL_TIME_TEXT];
        if (meter->lacking == 0)
            continue;
        audit_found(
            &result->of_batches,
            &(struct audit_finding){.kind = AUDIT_LACKS, .meter = id, .group = meter_group(id)},
            "no archived report for %" PRIu64 " sealed readings, %s to %s", meter->lacking,
            ctl_time_text(from, meter->lacking_from_s), ctl_time_text(to, meter->lacking_to_s));
    }
}

static void free_wave(struct wave *wave)
{
    for (size_t i = 0; i < wave->job_count; i++)
        audit_job_clear(&wave->jobs[i]);
    free(wave->items);
    free(wave);
}

int audit_run(const struct audit_config *config, struct audit_result *ret_result, struct err *err)
{
    struct run run = {
        .config = config,
        .result = ret_result,
        .pool = audit_pool_new(config->threads),
        .recoverer = recoverer_new(),
        .filling = xcalloc(1, sizeof(struct wave)),
        .working = xcalloc(1, sizeof(struct wave)),
    };
    memset(ret_result, 0, sizeof(*ret_result));
    ret_result->ledger = audit_ledger_new();
    run.history = history_new(on_batch, &run);
    run.saved_ms = clock_mono_ms(config->ctl->clock);
    eip712_init(&run.domain, config->ctl->chain_id, &config->ctl->contract);
    int result = list_batches(&run, err) != 0 || read_archives(&run, err) != 0 ||
                         resume(&run, err) != 0 || check_batches(&run, err) != 0 ||
                         check_counts(&run, err) != 0
                     ? -1
                     : 0;
    tell_lacks(ret_result);
    audit_pool_free(run.pool);
    free_wave(run.filling);
    free_wave(run.working);
    history_free(run.history);
    recoverer_free(run.recoverer);
    audit_spool_free(run.spool);
    audit_saved_free(run.saved);
    audit_table_clear(&run.table);
    return result;
}
