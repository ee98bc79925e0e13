/*
 * batcher.h: which waiting reports make the next batch, and when.
 *
 * Oldest first. A meter's reports go in sequence order: one is eligible when it follows the last
 * claimed (or rejected) one, when later ones are claimed already, or when those in between will not
 * come: the meter said so (it is asked, again and again), or did not answer for gap_wait_ms. A
 * meter whose last batch is not mined yet waits: were that one to revert, the contract would have
 * seen the later readings first. So that batches in flight have different meters, a meter that is
 * taken is taken with all that may follow. A batch is due when it is full (readings, bytes, gas) or
 * its oldest report has waited age_ms. Belongs to the chain thread, the only one that claims.
 */
#ifndef AMR_BRIDGE_BATCHER_H
#define AMR_BRIDGE_BATCHER_H

#include "chain-bridge/notices.h"
#include "chain-bridge/plan.h"

struct batcher;

struct batcher_config {
    struct store *store;
    uint16_t group;
    uint32_t age_ms;
    uint64_t gap_wait_ms;
    /** Asks the meter for reports first..last. */
    struct notices notices;
    /** Whether an unsealed batch is mined, and well. */
    bool (*mined)(const void *cookie, uint64_t batch);
    const void *cookie;
};

struct batcher *batcher_new(const struct batcher_config *config) AMR_NODISCARD;
void batcher_free(struct batcher *batcher);

/** From now on. */
void batcher_tune(struct batcher *batcher, uint32_t age_ms, uint64_t gap_wait_ms);
/** For submitter_on_hold, cookie is the batcher: none of the meter's reports is taken for a minute.
 */
void batcher_hold(void *cookie, uint32_t meter);

/**
 * 1: plan holds a due batch, built; 0: none is due, *ret_wait_ms says when to ask again (at the
 * latest); -1: failed. The plan is the batcher's and valid until the next call.
 */
int batcher_next(struct batcher *batcher, struct plan **ret_plan, uint32_t *ret_wait_ms,
                 const struct plan_limits *limits, uint64_t now_ms, struct err *err) AMR_NODISCARD;
#endif
