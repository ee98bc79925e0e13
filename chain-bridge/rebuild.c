#include "chain-bridge/rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain-bridge/archive.h"
#include "chain-bridge/store_rebuild.h"
#include "common/merkle.h"

enum { CHUNK_BLOCKS = 20000, COMMIT_REPORTS = 5000, PROGRESS_MS = 5000, CHAIN_TRIES = 10 };
enum { TRY_MS = 1000, POOL_MS_MAX = 60000 };

struct rebuild {
    const struct rebuild_config *config;
    struct rebuild_result *result;
    struct sealed_index *index;
    struct store *store;
    char *store_path;
    char *index_path;
    char *archive_path;
    uint64_t told_ms; /* monotonic: the last line about progress */
    uint32_t uncommitted;
    struct err *err;
    enum rebuild_end end;
};

static enum rebuild_end refuse(const char *what, struct err *err)
{
    err_wrap(err, "%s", what);
    return REBUILD_REFUSED;
}

/* Whether it is time to say how far we are. */
static bool shall_tell(struct rebuild *rebuild)
{
    uint64_t now_ms = clock_mono_ms(rebuild->config->clock);
    if (now_ms - rebuild->told_ms < PROGRESS_MS)
        return false;
    rebuild->told_ms = now_ms;
    return true;
}

static void pause_ms(const struct rebuild *rebuild, uint32_t ms)
{
    (void)chain_wait(rebuild->config->chain, ms);
}

/* --- the chain --- */

static enum chain_result last_final(const struct rebuild *rebuild, uint64_t *ret_block,
                                    struct err *err)
{
    const struct rebuild_config *config = rebuild->config;
    struct chain_block block;
    enum chain_result result = chain_block(
        config->chain, &block, config->confirmations ? CHAIN_LATEST : CHAIN_FINALIZED, err);
    uint64_t back = config->confirmations ? config->confirmations - 1 : 0;
    if (result == CHAIN_NONE) {
        err_set(err, "the node has no final block yet");
        return CHAIN_REFUSED;
    }
    if (result == CHAIN_OK)
        *ret_block = block.number > back ? block.number - back : 0;
    return result;
}

static int read_chunk(struct rebuild *rebuild, uint64_t from, uint64_t to, struct err *err)
{
    const struct rebuild_config *config = rebuild->config;
    for (int i = 1;; i++) {
        enum chain_result result = sealed_index_read(rebuild->index, config->chain,
                                                     &config->identity.contract, from, to, err);
        if (result == CHAIN_OK)
            return 0;
        if (result == CHAIN_NONE)
            err_set(err, "the node does not have the logs up to block %" PRIu64, to);
        if (result == CHAIN_REFUSED || i == CHAIN_TRIES)
            return err_wrap(err, "read the chain");
        log_unusual(config->log, "rebuild: asking again: %s", err->text);
        pause_ms(rebuild, TRY_MS);
    }
}

static int read_chain(struct rebuild *rebuild, struct err *err)
{
    const struct rebuild_config *config = rebuild->config;
    uint64_t last;
    if (last_final(rebuild, &last, err) != CHAIN_OK)
        return err_wrap(err, "read the chain");
    log_info(config->log, "rebuild: reading the chain from=%" PRIu64 " to=%" PRIu64,
             config->start_block, last);
    for (uint64_t from = config->start_block; from <= last; from += CHUNK_BLOCKS) {
        uint64_t to = last - from < CHUNK_BLOCKS ? last : from + CHUNK_BLOCKS - 1;
        if (read_chunk(rebuild, from, to, err) < 0)
            return -1;
        if (shall_tell(rebuild))
            log_info(config->log, "rebuild: chain read up to block=%" PRIu64 " of=%" PRIu64, to,
                     last);
    }
    if (sealed_index_counts(rebuild->index, &rebuild->result->chain, err) < 0)
        return -1;
    log_info(config->log, "rebuild: the chain has batches=%" PRIu64 " readings=%" PRIu64,
             rebuild->result->chain.batches, rebuild->result->chain.readings);
    return 0;
}

/* What the lost store had in flight shall be mined before the new one counts nonces. */
static void wait_for_pool(struct rebuild *rebuild)
{
    const struct rebuild_config *config = rebuild->config;
    const struct eth_address *account = &config->identity.account;
    uint64_t from_ms = clock_mono_ms(config->clock), latest = 0, pending = 0;
    bool told = false;
    while (chain_nonce(config->chain, &latest, account, CHAIN_LATEST, NULL) == CHAIN_OK &&
           chain_nonce(config->chain, &pending, account, CHAIN_PENDING, NULL) == CHAIN_OK &&
           pending > latest && clock_mono_ms(config->clock) - from_ms < POOL_MS_MAX) {
        if (!told)
            log_info(config->log,
                     "rebuild: waiting for transactions of the old server in the pool: %" PRIu64,
                     pending - latest);
        told = true;
        pause_ms(rebuild, TRY_MS);
    }
    if (pending > latest)
        log_unusual(config->log,
                    "rebuild: %" PRIu64 " transactions of the old server wait in the pool still: "
                    "start the bridge once they are mined or gone",
                    pending - latest);
}

/* --- the files --- */

static int commit(struct rebuild *rebuild, struct err *err)
{
    rebuild->uncommitted = 0;
    if (sealed_index_end(rebuild->index, err) < 0 || store_commit(rebuild->store, err) < 0)
        return -1;
    return 0;
}

static int begin(struct rebuild *rebuild, struct err *err)
{
    return sealed_index_begin(rebuild->index, err) < 0 || store_begin(rebuild->store, err) < 0 ? -1
                                                                                               : 0;
}

static int check_signer(const struct rebuild *rebuild, struct report_row *row, struct err *err)
{
    const struct rebuild_config *config = rebuild->config;
    struct eth_address signer, registered;
    char a[ETH_ADDRESS_TEXT], b[ETH_ADDRESS_TEXT];
    eip712_report(config->domain, &row->digest, &row->report);
    if (sealed_index_signer(rebuild->index, &registered, row->report.meter, row->batch, err) < 0)
        return -1;
    if (recoverer_recover(config->recoverer, &signer, &row->digest, &row->report.signature) < 0)
        return err_set(err, "its signature is not one");
    if (!eth_address_equal(&signer, &registered))
        return err_set(err, "was signed by %s, registered is %s", eth_address_text(a, &signer),
                       eth_address_text(b, &registered));
    return 0;
}

/* 1: the same report is in already. */
static int known(struct rebuild *rebuild, const struct report *report, struct err *err)
{
    struct report_row row;
    bool found;
    if (store_report_find(rebuild->store, &row, &found, report->meter, report->sequence, err) < 0)
        return -1;
    if (!found)
        return 0;
    if (!report_equal(&row.report, report))
        return err_set(err, "there are two with this number, with different content");
    rebuild->result->repeated++;
    return 1;
}

static int add_report(struct rebuild *rebuild, const struct archived *archived, struct err *err)
{
    const struct report *report = &archived->report;
    struct report_row row = {.batch = archived->batch.number, .report = *report};
    struct eth_hash leaf;
    bool added;
    int is_known = known(rebuild, report, err);
    if (is_known != 0)
        return is_known < 0 ? -1 : 0;
    if (check_signer(rebuild, &row, err) < 0 ||
        sealed_index_take(rebuild->index, report, row.batch, err) < 0)
        return -1;
    merkle_leaf(&leaf, &row.digest, &report->signature);
    row.received_ms = (uint64_t)report->readings[report->count - 1].timestamp_s * 1000;
    if (sealed_index_leaf(rebuild->index, row.batch, &leaf, false, err) < 0 ||
        store_rebuild_batch(rebuild->store, &added, &archived->batch, row.received_ms, err) < 0 ||
        store_rebuild_report(rebuild->store, &row, err) < 0)
        return -1;
    rebuild->result->reports++;
    rebuild->result->batches += added;
    return 0;
}

/* Where the file says the batch is must be where the chain has it. */
static int find_batch(struct rebuild *rebuild, struct archived *archived, struct err *err)
{
    char root[ETH_HASH_TEXT];
    struct archived_batch found = {.number = 0};
    bool is_there;
    if (sealed_index_batch(rebuild->index, &found, &is_there, &archived->batch.root, err) < 0)
        return -1;
    eth_hash_text(root, &archived->batch.root);
    if (!is_there)
        return err_set(err, "the chain has no batch %s of group %u: another chain or ledger?", root,
                       (unsigned)rebuild->config->group);
    archived->batch = found;
    return 0;
}

static int take(struct rebuild *rebuild, struct archived *archived, struct err *err)
{
    const struct report *report = &archived->report;
    if (archived->kind == ARCHIVED_WAITING)
        return 0;
    if (find_batch(rebuild, archived, err) < 0)
        return -1;
    if (archived->kind == ARCHIVED_LEAF)
        return sealed_index_leaf(rebuild->index, archived->batch.number, &archived->leaf, true,
                                 err);
    if (add_report(rebuild, archived, err) < 0)
        return err_wrap(err, "report %u of meter %u", (unsigned)report->sequence,
                        (unsigned)report->meter);
    if (++rebuild->uncommitted < COMMIT_REPORTS)
        return 0;
    return commit(rebuild, err) < 0 || begin(rebuild, err) < 0 ? -1 : 0;
}

static int read_open_file(struct rebuild *rebuild, struct archive_reader *reader, const char *path,
                          struct err *err)
{
    struct log *log = rebuild->config->log;
    struct archived archived;
    int got;
    while ((got = archive_reader_next(reader, &archived, err)) == 1) {
        if (take(rebuild, &archived, err) < 0)
            return err_wrap(err, "'%s'", path);
        if (shall_tell(rebuild))
            log_info(log, "rebuild: reading file=%s reports=%" PRIu64, path,
                     rebuild->result->reports);
    }
    if (got == 0 && archive_reader_torn(reader))
        log_unusual(log,
                    "rebuild: '%s' ends within an entry, its last %" PRIu64 " bytes are left out",
                    path, archive_reader_torn(reader));
    return got;
}

static int read_file(struct rebuild *rebuild, const char *path, struct err *err)
{
    struct archive_reader *reader = NULL;
    if (archive_reader_open(&reader, path, err) < 0)
        return -1;
    log_info(rebuild->config->log, "rebuild: reading file=%s", path);
    int result = begin(rebuild, err);
    if (result == 0)
        result = read_open_file(rebuild, reader, path, err);
    if (result == 0)
        result = commit(rebuild, err);
    archive_reader_close(reader);
    return result;
}

static int read_files(struct rebuild *rebuild, struct err *err)
{
    char *files = xstrdup(rebuild->config->files ? rebuild->config->files : "");
    char *rest = files;
    int result = 0;
    for (char *path; result == 0 && (path = strsep(&rest, ",")) != NULL;)
        if (path[0])
            result = read_file(rebuild, path, err);
    free(files);
    return result;
}

/* --- what the files are worth, and what they lack --- */

static bool prove(void *cookie, uint64_t batch)
{
    struct rebuild *rebuild = cookie;
    enum sealed_proof proof;
    struct buf others = BUF_INIT;
    int result = sealed_index_prove(rebuild->index, &proof, &others, batch, rebuild->err);
    if (result == 0 && proof == SEALED_ALTERED)
        result =
            err_set(rebuild->err, "the reports of batch %" PRIu64 " do not make its root", batch);
    if (result == 0 && others.len)
        result = store_batch_put_others(rebuild->store, batch, &others, rebuild->err);
    buf_free(&others);
    if (result < 0)
        rebuild->end = REBUILD_REFUSED;
    else
        rebuild->result->unproved += proof == SEALED_INCOMPLETE;
    return result == 0;
}

static enum rebuild_end prove_all(struct rebuild *rebuild, struct err *err)
{
    rebuild->err = err;
    if (store_begin(rebuild->store, err) < 0)
        return REBUILD_FAILED;
    if (store_rebuild_each(rebuild->store, prove, rebuild, err) < 0 ||
        store_rebuild_count(rebuild->store, err) < 0)
        return REBUILD_FAILED;
    if (rebuild->end != REBUILD_DONE)
        return rebuild->end;
    return store_commit(rebuild->store, err) < 0 ? REBUILD_FAILED : REBUILD_DONE;
}

static int tell_lacking(struct rebuild *rebuild, struct err *err)
{
    const struct rebuild_config *config = rebuild->config;
    if (sealed_index_counts(rebuild->index, &rebuild->result->chain, err) < 0)
        return -1;
    if (rebuild->result->chain.lacking == 0)
        return 0;
    log_unusual(config->log,
                "rebuild: sealed readings that no file has: %" PRIu64 " (they are safe on the "
                "chain; only their signatures are missing)",
                rebuild->result->chain.lacking);
    return sealed_index_lacking(rebuild->index, config->on_lack, config->cookie, err);
}

/* --- making and placing the new files --- */

static void remove_store(const char *path)
{
    static const char *const ENDINGS[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < sizeof(ENDINGS) / sizeof(ENDINGS[0]); i++) {
        char *name = xasprintf("%s%s", path, ENDINGS[i]);
        unlink(name);
        free(name);
    }
}

static enum rebuild_end open_all(struct rebuild *rebuild, struct err *err)
{
    const struct rebuild_config *config = rebuild->config;
    struct stat there;
    if (stat(config->store, &there) == 0) {
        err_set(err, "a rebuild makes a new store: move this one away first");
        return refuse(config->store, err);
    }
    remove_store(rebuild->store_path);
    unlink(rebuild->archive_path);
    if (store_open(&rebuild->store, rebuild->store_path, &config->identity, err) < 0 ||
        sealed_index_open(&rebuild->index, rebuild->index_path, config->group, err) < 0)
        return REBUILD_FAILED;
    return REBUILD_DONE;
}

static int write_archive(struct rebuild *rebuild, struct err *err)
{
    struct archive *archive = NULL;
    bool more = true;
    if (archive_open(&archive, rebuild->archive_path, rebuild->store, err) < 0)
        return -1;
    int result = 0;
    while (result == 0 && more)
        result = archive_step(archive, &more, err);
    archive_close(archive);
    return result;
}

static int sync_folder_of(const char *path, struct err *err)
{
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    int result = fd < 0 || fsync(fd) < 0 ? err_errno(err, "sync the folder of '%s'", path) : 0;
    if (fd >= 0)
        close(fd);
    return result;
}

/* The archive first: a store is there only once everything is. */
static int place(struct rebuild *rebuild, struct err *err)
{
    const struct rebuild_config *config = rebuild->config;
    struct stat made;
    bool has_archive = stat(rebuild->archive_path, &made) == 0 && made.st_size > 0;
    if (archive_keep(config->archive, err) < 0)
        return -1;
    if (has_archive && rename(rebuild->archive_path, config->archive) < 0)
        return err_errno(err, "rename '%s'", rebuild->archive_path);
    if (sync_folder_of(config->archive, err) < 0)
        return -1;
    if (rename(rebuild->store_path, config->store) < 0)
        return err_errno(err, "rename '%s'", rebuild->store_path);
    return sync_folder_of(config->store, err);
}

static enum rebuild_end make(struct rebuild *rebuild, struct err *err)
{
    enum rebuild_end end = open_all(rebuild, err);
    if (end != REBUILD_DONE)
        return end;
    if (read_chain(rebuild, err) < 0)
        return REBUILD_FAILED;
    if (read_files(rebuild, err) < 0)
        return REBUILD_REFUSED;
    end = prove_all(rebuild, err);
    if (end != REBUILD_DONE)
        return end;
    if (tell_lacking(rebuild, err) < 0 || write_archive(rebuild, err) < 0)
        return REBUILD_FAILED;
    wait_for_pool(rebuild);
    return REBUILD_DONE;
}

enum rebuild_end rebuild_run(const struct rebuild_config *config, struct rebuild_result *ret_result,
                             struct err *err)
{
    *ret_result = (struct rebuild_result){0};
    struct rebuild rebuild = {.config = config,
                              .result = ret_result,
                              .told_ms = clock_mono_ms(config->clock),
                              .store_path = xasprintf("%s.rebuild", config->store),
                              .index_path = xasprintf("%s.rebuild-chain", config->store),
                              .archive_path = xasprintf("%s.rebuild", config->archive)};
    enum rebuild_end end = make(&rebuild, err);
    sealed_index_free(rebuild.index);
    store_close(rebuild.store);
    if (end == REBUILD_DONE && place(&rebuild, err) < 0)
        end = REBUILD_FAILED;
    remove_store(rebuild.store_path);
    unlink(rebuild.archive_path);
    free(rebuild.store_path);
    free(rebuild.index_path);
    free(rebuild.archive_path);
    return end;
}
