/*
 * chain_fake.h: a scripted node for tests: a struct chain without a network.
 *
 * Takes EIP-1559 transactions of one account, mines them when told, and answers for a MeterLedger
 * that seals every batch. Scripts: reorganisations (transactions come back or vanish), dropped
 * pools, any answer to a send, hidden rejects, reverts, skipped readings, wrong nonce counts, a
 * node that is away. One thread.
 */
#ifndef AMR_BRIDGE_CHAIN_FAKE_H
#define AMR_BRIDGE_CHAIN_FAKE_H

#include "chain-bridge/chain.h"
#include "common/record.h"

enum {
    FAKE_TXS = 256,
    FAKE_BLOCKS = 512,
    FAKE_SKIPS = 16,
    FAKE_CHANGES = 64,
    FAKE_TWINS = 16,
    FAKE_RECORDS = 8
};

enum fake_tx_state { FAKE_POOLED, FAKE_MINED, FAKE_GONE };

struct fake_tx {
    struct eth_hash hash;
    struct eth_hash root;
    uint64_t nonce;
    enum fake_tx_state state;
    uint64_t block;
    uint32_t sends; /* how often these bytes came */
};

struct fake_skip {
    uint64_t nonce;
    uint32_t meter;
    uint32_t timestamp_s;
    uint8_t reason;
};

/** A change of the registry in the block mined last. */
enum fake_change_kind { FAKE_REGISTERED, FAKE_ROTATED, FAKE_CLOSED, FAKE_REOPENED };

struct fake_change {
    enum fake_change_kind kind;
    uint32_t meter;
    uint32_t count; /* registered */
    struct eth_address signer;
    uint64_t block;
};

/** A batch that another server of the group got in. */
struct fake_twin {
    struct eth_hash root;
    struct eth_hash transaction;
    uint64_t block;
    uint64_t number;
    struct record records[FAKE_RECORDS];
    size_t count;
    size_t refused; /* of the first so many the contract took none */
};

/** Fields are the script: tests read and set them. */
struct chain_fake {
    struct chain chain;
    uint64_t chain_id;
    struct eth_address contract;
    struct eth_address account;
    uint16_t listed_group; /* 0: not listed */
    bool has_code;
    bool away;
    bool has_finalized;
    uint64_t finalized;
    uint64_t balance_gwei;
    uint64_t nonce_base;            /* transactions before the test */
    int64_t nonce_wrong_by;         /* added to every answer about `latest` */
    bool stale_receipts;            /* receipts name blocks that are not the chain's */
    bool swallow;                   /* answers CHAIN_SENT and keeps nothing */
    enum chain_send_kind next_send; /* once; CHAIN_SENT: as it is */
    uint64_t revert_nonces;         /* bit per nonce - nonce_base */
    struct fake_skip skips[FAKE_SKIPS];
    size_t skip_count;
    struct fake_tx txs[FAKE_TXS];
    size_t tx_count;
    struct chain_block blocks[FAKE_BLOCKS];
    size_t block_count;
    struct fake_change changes[FAKE_CHANGES];
    size_t change_count;
    struct fake_twin twins[FAKE_TWINS];
    size_t twin_count;
    bool repeats;        /* every batch of ours is a repeat of the first twin's */
    const char *refuses; /* calls and estimates of commands revert with this error, or NULL */
    uint64_t refuses_with[3];
    uint64_t pooled_before; /* transactions in the pool that nobody here sent */
    uint64_t log_range_max; /* 0: none; else CHAIN_TOO_MUCH above it */
    uint32_t log_queries;
    uint32_t salt;
    uint32_t sends; /* all calls of send */
    bool cancelled;
};

void fake_init(struct chain_fake *fake, uint64_t chain_id, const struct eth_address *contract,
               const struct eth_address *account, uint16_t group);
/** One block with all that can be mined in nonce order; fake_mine_empty: without any. */
void fake_mine(struct chain_fake *fake);
void fake_mine_empty(struct chain_fake *fake);
/** Replaces the last depth blocks by as many empty ones; their transactions pool again or not. */
void fake_reorg(struct chain_fake *fake, size_t depth, bool pool_again);
/** Puts the change into a block of its own. */
void fake_change(struct chain_fake *fake, enum fake_change_kind kind, uint32_t meter,
                 uint32_t count, const struct eth_address *signer);
/** Puts the report into a block of its own, as another server's batch. */
struct fake_twin *fake_twin(struct chain_fake *fake, const struct report *report);
void fake_drop_pool(struct chain_fake *fake);
/** Somebody else's transaction with the account's next nonce, mined at once. */
void fake_foreign(struct chain_fake *fake);
const struct chain_block *fake_head(const struct chain_fake *fake);
size_t fake_count(const struct chain_fake *fake, enum fake_tx_state state);

#endif
