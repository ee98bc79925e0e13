/*
 * chain_loop.h: the chain thread: look at the chain, then make batches, then wait.
 *
 * Woken by new heads, by the intake, and by its own clock; a node that does not answer is asked
 * again with the poll's rhythm, and told once. No batch is claimed before the last look succeeded.
 */
#ifndef AMR_BRIDGE_CHAIN_LOOP_H
#define AMR_BRIDGE_CHAIN_LOOP_H

#include "chain-bridge/archive.h"
#include "chain-bridge/batcher.h"
#include "chain-bridge/follower.h"
#include "chain-bridge/submitter.h"

struct chain_loop;

/** What may change while it runs. */
struct chain_tuning {
    struct submitter_tuning submitter;
    uint32_t age_ms; /* as in struct batcher_config */
    uint64_t gap_wait_ms;
    uint32_t poll_ms;
    uint64_t keep_sealed_ms; /* 0: for ever */
};

/** Everything pointed to belongs to the thread while it runs and outlives the loop. */
struct chain_loop_config {
    struct chain *chain;
    struct follower *follower;
    struct submitter *submitter;
    struct commands *commands;
    struct batcher *batcher;
    struct archive *archive;
    struct store *store;
    const struct clock *clock;
    struct notices notices;
    struct status *status;
    struct log *log;
    uint32_t poll_ms;
    uint64_t keep_sealed_ms; /* 0: for ever */
};

struct chain_loop *chain_loop_new(const struct chain_loop_config *config) AMR_NODISCARD;
int chain_loop_start(struct chain_loop *loop, struct err *err) AMR_NODISCARD;
/** Any thread: taken over by the chain thread before its next look. */
void chain_loop_tune(struct chain_loop *loop, const struct chain_tuning *tuning);
/** Any thread: something new waits for a batch. */
void chain_loop_stored(struct chain_loop *loop);
/** Any thread: a command or a result waits for a transaction. */
void chain_loop_command(struct chain_loop *loop);
/** Any thread: the registry was read up to the head at least once. */
bool chain_loop_synced(const struct chain_loop *loop);
/** Ends the thread: calls under way fail, what was claimed is taken up at the next start. */
void chain_loop_stop(struct chain_loop *loop);
void chain_loop_free(struct chain_loop *loop);

#endif
