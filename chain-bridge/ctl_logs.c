#include "chain-bridge/ctl_logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chain-bridge/log_file.h"

#define DEPTH      64      /* of a final block where the node has no such tag */
#define PAGE_FIRST 4096    /* blocks */
#define PAGE_LAST  1048576 /* blocks */
#define PAGE_BYTES (2u << 20)
#define SLOW_MS    3000
#define QUICK_MS   1000
#define ATTEMPTS   6
#define PAUSE_MS   500 /* doubled each time */
#define HEAD_TURNS 3

struct ctl_logs {
    struct ctl *ctl;
    struct ctl_progress *progress;
    struct log_file *kept;    /* NULL: no cache */
    struct log_file *scratch; /* from where `kept` ends */
    uint64_t kept_max;        /* bytes */
    uint64_t page;            /* blocks to ask for */
    struct chain_block head;
};

/* THE CACHE'S FILE */

static char *default_folder(void)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (base != NULL && *base == '/')
        return xasprintf("%s/amrctl", base);
    return home != NULL && *home == '/' ? xasprintf("%s/.cache/amrctl", home) : NULL;
}

static int make_folders(char *path)
{
    for (char *at = path + 1;; at++) {
        char here = *at;
        if (here != '/' && here != '\0')
            continue;
        *at = '\0';
        int made = mkdir(path, 0700);
        *at = here;
        if (made != 0 && errno != EEXIST)
            return -1;
        if (here == '\0')
            return 0;
    }
}

/* The default folder is a convenience: where it cannot be, nothing is kept. One that was named must
 * work. */
static int open_kept(struct ctl_logs *logs, const struct ctl_logs_config *config,
                     const struct log_file_key *key, struct err *err)
{
    char contract[ETH_ADDRESS_TEXT];
    if (config->cache != NULL && strcmp(config->cache, "none") == 0)
        return 0;
    char *folder = config->cache != NULL ? xstrdup(config->cache) : default_folder();
    if (folder == NULL)
        return 0;
    int result = make_folders(folder) == 0 ? 0 : err_errno(err, "folder '%s'", folder);
    char *path = xasprintf("%s/%" PRIu64 "-%s-%" PRIu64 ".logs", folder, key->chain_id,
                           eth_address_text(contract, &key->contract), key->start_block);
    if (result == 0) {
        logs->kept = log_file_open(path, key, err);
        result = logs->kept != NULL ? 0 : -1;
    }
    free(path);
    free(folder);
    return config->cache != NULL ? result : 0;
}

/* Pages whose last block is not the chain's any more go. */
static int drop_foreign_pages(struct ctl_logs *logs, struct err *err)
{
    uint64_t number;
    struct eth_hash hash;
    while (log_file_last(logs->kept, &number, &hash)) {
        struct chain_block block;
        enum chain_result result = chain_block(logs->ctl->chain, &block, number, err);
        if (result == CHAIN_OK && eth_hash_equal(&block.hash, &hash))
            return 0;
        if (result != CHAIN_OK && result != CHAIN_NONE)
            return err_wrap(err, "block %" PRIu64, number);
        if (log_file_drop_last(logs->kept, err) != 0)
            return -1;
    }
    return 0;
}

/* FETCHING */

static int put_log(void *cookie, const struct chain_log *log, struct err *err)
{
    (void)err;
    log_file_put(cookie, log);
    return 0;
}

/* One question: CHAIN_TOO_MUCH also where it took too long. Events that came are in page. */
static enum chain_result ask(struct ctl_logs *logs, struct buf *page, uint64_t from, uint64_t to,
                             uint64_t *ret_ms, struct err *err)
{
    struct chain_log_query query = {.address = logs->ctl->contract, .from = from, .to = to};
    uint64_t begin = clock_mono_ms(logs->ctl->clock);
    buf_clear(page);
    enum chain_result result = chain_logs(logs->ctl->chain, &query, put_log, page, err);
    *ret_ms = clock_mono_ms(logs->ctl->clock) - begin;
    return result == CHAIN_UNKNOWN && to > from ? CHAIN_TOO_MUCH : result;
}

/* A page that came easily is followed by a larger one. */
static void adapt(struct ctl_logs *logs, uint64_t asked, size_t bytes, uint64_t ms)
{
    if ((bytes > PAGE_BYTES || ms > SLOW_MS) && asked > 1)
        logs->page = asked / 2;
    else if (bytes < PAGE_BYTES / 2 && ms < QUICK_MS && asked == logs->page)
        logs->page = 2 * asked < PAGE_LAST ? 2 * asked : PAGE_LAST;
}

/* The next page of file, at most to block last. */
static int fetch_page(struct ctl_logs *logs, struct log_file *file, uint64_t last, struct buf *page,
                      struct err *err)
{
    uint64_t from = log_file_next(file);
    uint64_t ms = 0;
    for (int attempt = 0; attempt < ATTEMPTS;) {
        uint64_t to = last - from < logs->page ? last : from + logs->page - 1;
        struct chain_block block;
        enum chain_result result = ask(logs, page, from, to, &ms, err);
        if (result == CHAIN_OK)
            result = chain_block(logs->ctl->chain, &block, to, err);
        if (result == CHAIN_OK) {
            adapt(logs, to - from + 1, page->len, ms);
            return log_file_append(file, to, &block.hash, page, err);
        }
        if (result == CHAIN_TOO_MUCH && to > from) {
            logs->page = (to - from + 1) / 2;
            continue;
        }
        if (result == CHAIN_REFUSED || result == CHAIN_TOO_MUCH)
            break;
        (void)chain_wait(logs->ctl->chain, PAUSE_MS << attempt++);
    }
    return err_wrap(err, "reading events of block %" PRIu64 " on", from);
}

static int fetch(struct ctl_logs *logs, struct log_file *file, uint64_t last, uint64_t max_bytes,
                 struct err *err)
{
    struct buf page = BUF_INIT;
    int result = 0;
    while (result == 0 && log_file_next(file) <= last && log_file_bytes(file) < max_bytes) {
        if (logs->progress != NULL)
            ctl_progress_set(logs->progress, log_file_next(file) - logs->ctl->start_block);
        result = fetch_page(logs, file, last, &page, err);
    }
    buf_free(&page);
    return result;
}

static int find_final(struct ctl_logs *logs, uint64_t *ret_number, struct err *err)
{
    struct chain_block final;
    enum chain_result result = chain_block(logs->ctl->chain, &final, CHAIN_FINALIZED, err);
    if (result == CHAIN_OK)
        *ret_number = final.number;
    else if (result == CHAIN_NONE || result == CHAIN_REFUSED)
        *ret_number = logs->head.number > DEPTH ? logs->head.number - DEPTH : 0;
    else
        return err_wrap(err, "the latest final block");
    return 0;
}

/* Once more where the chain was reorganised meanwhile: what is above the cache must be of one
 * chain. */
static int fetch_rest(struct ctl_logs *logs, struct err *err)
{
    struct log_file_key key = {logs->ctl->chain_id, logs->ctl->contract,
                               logs->kept != NULL ? log_file_next(logs->kept)
                                                  : logs->ctl->start_block};
    for (int turn = 0; turn < HEAD_TURNS; turn++) {
        struct chain_block head;
        log_file_close(logs->scratch);
        logs->scratch = log_file_open(NULL, &key, err);
        if (logs->scratch == NULL ||
            fetch(logs, logs->scratch, logs->head.number, UINT64_MAX, err) != 0)
            return -1;
        enum chain_result result = chain_block(logs->ctl->chain, &head, logs->head.number, err);
        if (result == CHAIN_OK && eth_hash_equal(&head.hash, &logs->head.hash))
            return 0;
        if (chain_block(logs->ctl->chain, &logs->head, CHAIN_LATEST, err) != CHAIN_OK)
            return err_wrap(err, "latest block");
    }
    return err_set(err, "the chain changes its latest blocks faster than they can be read");
}

static int fetch_all(struct ctl_logs *logs, struct err *err)
{
    uint64_t final = 0;
    if (chain_block(logs->ctl->chain, &logs->head, CHAIN_LATEST, err) != CHAIN_OK)
        return err_wrap(err, "latest block");
    if (logs->head.number < logs->ctl->start_block)
        return err_set(err, "start-block %" PRIu64 " is above the latest block, %" PRIu64,
                       logs->ctl->start_block, logs->head.number);
    if (logs->progress != NULL)
        ctl_progress_begin(logs->progress, "reading events", "blocks",
                           logs->head.number - logs->ctl->start_block + 1);
    if (logs->kept != NULL &&
        (find_final(logs, &final, err) != 0 || drop_foreign_pages(logs, err) != 0 ||
         fetch(logs, logs->kept, final, logs->kept_max, err) != 0))
        return -1;
    return fetch_rest(logs, err);
}

struct ctl_logs *ctl_logs_open(struct ctl *ctl, const struct ctl_logs_config *config,
                               struct ctl_progress *progress, struct err *err)
{
    struct log_file_key key = {ctl->chain_id, ctl->contract, ctl->start_block};
    struct ctl_logs *logs = xcalloc(1, sizeof(*logs));
    logs->ctl = ctl;
    logs->progress = progress;
    logs->page = PAGE_FIRST;
    logs->kept_max = (uint64_t)config->cache_mib << 20;
    int result = open_kept(logs, config, &key, err);
    if (result == 0)
        result = fetch_all(logs, err);
    if (progress != NULL)
        ctl_progress_end(progress);
    if (result == 0)
        return logs;
    ctl_logs_close(logs);
    return NULL;
}

void ctl_logs_close(struct ctl_logs *logs)
{
    if (logs == NULL)
        return;
    log_file_close(logs->kept);
    log_file_close(logs->scratch);
    free(logs);
}

const struct chain_block *ctl_logs_head(const struct ctl_logs *logs)
{
    return &logs->head;
}

/* READING */

struct reader {
    const enum ledger_event_kind *kinds;
    size_t count;
    ctl_event_fn *on_event;
    void *cookie;
};

static bool wanted(const struct reader *reader, enum ledger_event_kind kind)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->kinds[i] == kind)
            return true;
    }
    return reader->kinds == NULL && kind != LEDGER_OTHER;
}

static int on_log(void *cookie, const struct chain_log *log, struct err *err)
{
    const struct reader *reader = cookie;
    struct ledger_event event;
    if (ledger_event_decode(&event, log, err) != 0)
        return err_wrap(err, "block %" PRIu64, log->block);
    return wanted(reader, event.kind) ? reader->on_event(reader->cookie, &event, log, err) : 0;
}

int ctl_logs_each(struct ctl_logs *logs, const enum ledger_event_kind *kinds, size_t count,
                  ctl_event_fn *on_event, void *cookie, struct err *err)
{
    struct reader reader = {kinds, count, on_event, cookie};
    if (logs->kept != NULL && log_file_each(logs->kept, on_log, &reader, err) != 0)
        return -1;
    return log_file_each(logs->scratch, on_log, &reader, err);
}
