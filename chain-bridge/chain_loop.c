#include "chain-bridge/chain_loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "chain-bridge/store_retention.h"
#include "common/buf.h"

enum { SCAN_MS_MIN = 200, FORGET_MS = 10000, FORGET_MAX = 5000 };

struct chain_loop {
    struct chain_loop_config config;
    pthread_t thread;
    bool runs;
    atomic_bool stopping;
    atomic_bool stored;  /* since the last scan */
    atomic_bool command; /* one, or a result, is new since the last look */
    atomic_bool synced;
    pthread_mutex_t lock; /* guards: */
    bool tune;            /* tuning is new */
    struct chain_tuning tuning;
    /* The thread's: */
    bool away; /* the last look failed */
    bool archive_failing;
    uint64_t forget_at_ms;
    struct store_retention retention;
    bool looked; /* some look succeeded */
    uint64_t poll_at_ms;
    uint64_t scan_at_ms;
    uint64_t scanned_ms;
};

struct chain_loop *chain_loop_new(const struct chain_loop_config *config)
{
    struct chain_loop *loop = xcalloc(1, sizeof(*loop));
    loop->config = *config;
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

static void show_oldest(struct chain_loop *loop)
{
    uint64_t oldest_ms, now_ms = clock_unix_ms(loop->config.clock);
    bool found;
    if (store_report_oldest(loop->config.store, &oldest_ms, &found, NULL) == 0)
        status_set(loop->config.status, STATUS_OLDEST_S,
                   found && now_ms > oldest_ms ? (now_ms - oldest_ms) / 1000 : 0);
}

static int look(struct chain_loop *loop, struct err *err)
{
    struct chain_block head;
    enum chain_result result = chain_block(loop->config.chain, &head, CHAIN_LATEST, err);
    if (result == CHAIN_NONE)
        return err_set(err, "the node has no latest block");
    if (result != CHAIN_OK)
        return -1;
    status_set(loop->config.status, STATUS_HEAD, head.number);
    status_set(loop->config.status, STATUS_BASE_FEE_WEI, head.base_fee_wei);
    bool right;
    if (submitter_check(loop->config.submitter, &right, err) < 0 ||
        (right && follower_poll(loop->config.follower, &head, err) < 0))
        return -1;
    if (right)
        atomic_store(&loop->synced, true);
    if (submitter_poll(loop->config.submitter, &head, err) < 0)
        return -1;
    return submitter_commands(loop->config.submitter, err);
}

static void look_and_tell(struct chain_loop *loop)
{
    struct err err = ERR_INIT;
    bool away = look(loop, &err) < 0;
    if (atomic_load(&loop->stopping))
        return;
    if (away && !loop->away) {
        struct alarm alarm = {.cause = "chain-away", .text = err.text};
        log_unusual(loop->config.log, "chain is away: %s", err.text);
        loop->config.notices.alarm(loop->config.notices.cookie, &alarm);
    }
    if (!away && (loop->away || !loop->looked))
        log_info(loop->config.log, "chain is there endpoint=%s head=%llu",
                 chain_endpoint(loop->config.chain),
                 (unsigned long long)status_get(loop->config.status, STATUS_HEAD));
    loop->away = away;
    loop->looked = loop->looked || !away;
}

/* A step a round, so that batches do not wait for it. */
static void keep_archive(struct chain_loop *loop)
{
    struct err err = ERR_INIT;
    bool more;
    bool failing = archive_step(loop->config.archive, &more, &err) < 0;
    if (failing && !loop->archive_failing) {
        struct alarm alarm = {.cause = "archive-failed", .text = err.text};
        log_unusual(loop->config.log, "sealed reports are not archived: %s", err.text);
        loop->config.notices.alarm(loop->config.notices.cookie, &alarm);
    }
    loop->archive_failing = failing;
}

/* What has ended and is old enough leaves the store, bit by bit. */
static void forget_old(struct chain_loop *loop, uint64_t now_mono_ms)
{
    struct err err = ERR_INIT;
    struct store_forgotten gone;
    uint64_t now_ms = clock_unix_ms(loop->config.clock);
    uint64_t keep_ms = loop->config.keep_sealed_ms;
    if (keep_ms == 0 || now_ms < keep_ms || now_mono_ms < loop->forget_at_ms)
        return;
    loop->forget_at_ms = now_mono_ms + FORGET_MS;
    loop->retention.before_ms = now_ms - keep_ms;
    loop->retention.limit = FORGET_MAX;
    if (store_retain(loop->config.store, &loop->retention, &gone, &err) < 0)
        log_unusual(loop->config.log, "what is old stays in the store: %s", err.text);
    else if (gone.reports || gone.refused || gone.batches || gone.transactions)
        log_debug(
            loop->config.log,
            "old rows left the store reports=%llu refused=%llu batches=%llu transactions=%llu",
            (unsigned long long)gone.reports, (unsigned long long)gone.refused,
            (unsigned long long)gone.batches, (unsigned long long)gone.transactions);
}

/* Makes batches while there are due ones and room for them. */
static void make_batches(struct chain_loop *loop, uint64_t now_ms)
{
    struct err err = ERR_INIT;
    struct plan *plan;
    uint32_t wait_ms = 0;
    int due = 0;
    loop->scanned_ms = now_ms;
    atomic_store(&loop->stored, false);
    while (!atomic_load(&loop->stopping) && submitter_ready(loop->config.submitter)) {
        struct plan_limits limits = submitter_limits(loop->config.submitter);
        due = batcher_next(loop->config.batcher, &plan, &wait_ms, &limits,
                           clock_unix_ms(loop->config.clock), &err);
        if (due > 0)
            due = submitter_submit(loop->config.submitter, plan, &err) < 0 ? -1 : 1;
        if (due <= 0)
            break;
    }
    if (due < 0) {
        log_unusual(loop->config.log, "no batch was made: %s", err.text);
        wait_ms = loop->config.poll_ms;
    }
    loop->scan_at_ms = now_ms + (wait_ms > SCAN_MS_MIN ? wait_ms : SCAN_MS_MIN);
}

static uint64_t next_scan(const struct chain_loop *loop)
{
    uint64_t soon = loop->scanned_ms + SCAN_MS_MIN;
    return atomic_load(&loop->stored) && soon < loop->scan_at_ms ? soon : loop->scan_at_ms;
}

void chain_loop_tune(struct chain_loop *loop, const struct chain_tuning *tuning)
{
    pthread_mutex_lock(&loop->lock);
    loop->tuning = *tuning;
    loop->tune = true;
    pthread_mutex_unlock(&loop->lock);
    chain_wake(loop->config.chain);
}

static void take_tuning(struct chain_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct chain_tuning tuning = loop->tuning;
    bool tune = loop->tune;
    loop->tune = false;
    pthread_mutex_unlock(&loop->lock);
    if (!tune)
        return;
    submitter_tune(loop->config.submitter, &tuning.submitter);
    batcher_tune(loop->config.batcher, tuning.age_ms, tuning.gap_wait_ms);
    loop->config.poll_ms = tuning.poll_ms;
    loop->config.keep_sealed_ms = tuning.keep_sealed_ms;
}

static void *run(void *cookie)
{
    struct chain_loop *loop = cookie;
    bool new_head = true;
    pthread_setname_np(pthread_self(), "chain");
    while (!atomic_load(&loop->stopping)) {
        take_tuning(loop);
        uint64_t now = clock_mono_ms(loop->config.clock);
        bool look_now =
            atomic_exchange(&loop->command, false) || new_head || now >= loop->poll_at_ms;
        if (look_now) {
            show_oldest(loop);
            look_and_tell(loop);
            commands_tick(loop->config.commands);
            keep_archive(loop);
            forget_old(loop, now);
            now = clock_mono_ms(loop->config.clock);
            loop->poll_at_ms = now + loop->config.poll_ms;
        }
        if (!loop->away && (look_now || now >= next_scan(loop)))
            make_batches(loop, now);
        now = clock_mono_ms(loop->config.clock);
        uint64_t until = loop->poll_at_ms;
        if (!loop->away && next_scan(loop) < until)
            until = next_scan(loop);
        new_head = chain_wait(loop->config.chain, until > now ? (uint32_t)(until - now) : 1);
    }
    return NULL;
}

int chain_loop_start(struct chain_loop *loop, struct err *err)
{
    if (pthread_create(&loop->thread, NULL, run, loop) != 0)
        return err_set(err, "cannot start the chain thread");
    loop->runs = true;
    return 0;
}

void chain_loop_stored(struct chain_loop *loop)
{
    if (!atomic_exchange(&loop->stored, true))
        chain_wake(loop->config.chain);
}

void chain_loop_command(struct chain_loop *loop)
{
    if (!atomic_exchange(&loop->command, true))
        chain_wake(loop->config.chain);
}

bool chain_loop_synced(const struct chain_loop *loop)
{
    return atomic_load(&loop->synced);
}

void chain_loop_stop(struct chain_loop *loop)
{
    if (!loop || !loop->runs)
        return;
    atomic_store(&loop->stopping, true);
    chain_cancel(loop->config.chain);
    pthread_join(loop->thread, NULL);
    loop->runs = false;
}

void chain_loop_free(struct chain_loop *loop)
{
    if (!loop)
        return;
    chain_loop_stop(loop);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}
