/*
 * submitter.h: batches onto the chain, exactly once, in order.
 *
 * The store's own table is the truth about nonces; the node's count (`latest`) only tells what to
 * look at. Every claim is durable before its first broadcast; the same bytes are sent again every
 * rebroadcast_ms, and a second clock (raise_ms) raises the fees; every hash ever sent for a nonce
 * is followed until one is final: in a canonical block that the finality policy covers. A
 * reorganisation puts a batch back without signing anything but fees anew. A reverted batch halts
 * new ones and is split, between meters, until the report that does it stands alone.
 *
 * Things that people must mend (server not listed, empty account, foreign use of the key, a chain
 * that was reset) pause submission, with an alarm, until they are mended. Belongs to the chain
 * thread; nothing here waits but for the node's answers.
 */
#ifndef AMR_BRIDGE_SUBMITTER_H
#define AMR_BRIDGE_SUBMITTER_H

#include "chain-bridge/checks.h"
#include "chain-bridge/fees.h"
#include "chain-bridge/plan.h"
#include "chain-bridge/settle.h"

struct submitter;

/** What may change while it runs. */
struct submitter_tuning {
    struct fee_policy fees;
    struct plan_limits limits;
    uint32_t window;        /* transactions in flight */
    uint32_t confirmations; /* 0: the node's `finalized` tag */
    uint32_t rebroadcast_ms;
    uint32_t raise_ms;
    uint32_t check_ms; /* how often checks_account is asked */
};

struct submitter_config {
    struct settler settler;
    struct checks checks;
    const struct signer *signer;
    bool adopt_nonces; /* what others sent with this key is taken as it is: people said so */
    struct submitter_tuning tuning;
};

/** Loads what was in flight. */
struct submitter *submitter_new(const struct submitter_config *config,
                                struct err *err) AMR_NODISCARD;
void submitter_free(struct submitter *submitter);

/** From now on; transactions in flight keep what they offer until they are raised. */
void submitter_tune(struct submitter *submitter, const struct submitter_tuning *tuning);

/** Whether this is the chain that the store knows: if not, nothing on it is to be believed. */
int submitter_check(struct submitter *submitter, bool *ret_right_chain,
                    struct err *err) AMR_NODISCARD;
/** Looks at the chain and does what is due. -1: the node did not answer or the store failed. */
int submitter_poll(struct submitter *submitter, const struct chain_block *head,
                   struct err *err) AMR_NODISCARD;
/** Submits what commands and results are due (store_command.h), as far as the window allows. */
int submitter_commands(struct submitter *submitter, struct err *err) AMR_NODISCARD;
/** Whether a new batch may be submitted now. */
bool submitter_ready(const struct submitter *submitter);
/** Who is told of meters whose reports are ahead of the chain's clock; before the first poll. */
void submitter_on_hold(struct submitter *submitter, void (*hold)(void *cookie, uint32_t meter),
                       void *cookie);
/** For struct batcher_config; cookie is the submitter. */
bool submitter_mined(const void *cookie, uint64_t batch);
/** Limits for the next batch under this head. */
struct plan_limits submitter_limits(const struct submitter *submitter);
/** Claims the built plan under the next nonce and broadcasts it. */
int submitter_submit(struct submitter *submitter, const struct plan *plan,
                     struct err *err) AMR_NODISCARD;

#endif
