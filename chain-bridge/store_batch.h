/*
 * store_batch.h: batches and their transactions in the store.
 *
 * The claim is the heart of exactly-once: reports, batch, nonce, signed bytes, hash and fees are
 * written in one SQLite transaction before anything leaves the process. A nonce's payload never
 * changes; only its fees may (a new attempt), and every hash ever sent stays known. A transaction
 * is open until its batch is final. Functions that change anything are transactions of their own,
 * but for those at the end, which run in the caller's.
 */
#ifndef AMR_BRIDGE_STORE_BATCH_H
#define AMR_BRIDGE_STORE_BATCH_H

#include <stddef.h>

#include "chain-bridge/store.h"
#include "common/buf.h"
#include "common/payload.h"

struct tx_attempt {
    struct eth_hash hash;
    uint64_t tip_wei;
    uint64_t max_fee_wei;
    uint64_t created_ms;
};

enum tx_kind { TX_BATCH, TX_ISSUE, TX_RESULT };

struct tx_row {
    uint64_t nonce;
    enum tx_kind kind;
    uint64_t batch; /* TX_BATCH */
    uint32_t meter; /* the others: whose command, and its id */
    uint64_t command;
    uint64_t gas_limit;
    struct buf data; /* calldata, for signing again with other fees */
    struct buf raw;  /* the youngest attempt, signed */
};

struct claim_report {
    uint64_t id;
    uint32_t meter;
    uint32_t sequence;
};

struct batch_claim {
    struct eth_hash root;
    const struct claim_report *reports; /* by meter, then sequence */
    size_t report_count;
    uint32_t readings;
    uint64_t split_of; /* a halted batch whose part this is, or 0 */
    struct tx_row tx;  /* its batch is filled in */
    struct tx_attempt attempt;
};

int store_batch_claim(struct store *store, struct batch_claim *claim,
                      struct err *err) AMR_NODISCARD;
/**
 * Claims the two parts of the halted batch that a->split_of names; where b has no transaction data
 * its reports wait again, behind those of a.
 */
int store_batch_split(struct store *store, struct batch_claim *a, struct batch_claim *b,
                      struct err *err) AMR_NODISCARD;
/** Before a replacement is broadcast. */
int store_tx_replace(struct store *store, uint64_t nonce, const struct buf *raw,
                     const struct tx_attempt *attempt, struct err *err) AMR_NODISCARD;
/** Open transactions by nonce; the callback takes the buffers of the row. */
int store_tx_open(struct store *store, void (*on_tx)(void *cookie, struct tx_row *row),
                  void *cookie, struct err *err) AMR_NODISCARD;
int store_tx_attempts(struct store *store, uint64_t nonce,
                      void (*on_attempt)(void *cookie, const struct tx_attempt *attempt),
                      void *cookie, struct err *err) AMR_NODISCARD;
/** In the caller's transaction: a transaction of whatever kind, and its end. */
int store_tx_add(struct store *store, const struct tx_row *tx, const struct tx_attempt *attempt,
                 struct err *err) AMR_NODISCARD;
int store_tx_done(struct store *store, uint64_t nonce, struct err *err) AMR_NODISCARD;
int store_tx_next_nonce(struct store *store, uint64_t *ret_nonce, bool *ret_any,
                        struct err *err) AMR_NODISCARD;

enum batch_state { BATCH_OPEN, BATCH_SEALED, BATCH_HALTED, BATCH_SPLIT };

struct batch_row {
    struct eth_hash root;
    enum batch_state state;
    uint32_t reports;
    uint32_t readings;
    uint64_t created_ms;
    struct eth_hash hash; /* the rest is of sealed batches */
    uint64_t block;
    uint64_t number;
    uint64_t gas_used;
    uint64_t gas_price_wei;
    uint32_t rejected; /* readings the contract refused */
};
int store_batch_get(struct store *store, struct batch_row *ret_row, uint64_t batch,
                    struct err *err) AMR_NODISCARD;

/** Appends the leaves (merkle.h) of a sealed batch's tree whose reports it did not seal. */
int store_batch_others(struct store *store, struct buf *ret_leaves, uint64_t batch,
                       struct err *err) AMR_NODISCARD;

/** The transaction is final and reverted: the batch waits to be split. */
int store_batch_halt(struct store *store, uint64_t batch, uint64_t nonce,
                     struct err *err) AMR_NODISCARD;
/**
 * Its reports wait again, and it is no more; nonce: also ends the transaction; NULL: it is halted.
 */
int store_batch_put_back(struct store *store, uint64_t batch, const uint64_t *nonce,
                         uint64_t *ret_reports, struct err *err) AMR_NODISCARD;
/** The oldest halted batch; 0: none. */
int store_batch_halted(struct store *store, uint64_t *ret_batch, struct err *err) AMR_NODISCARD;

/** Whether a sealed batch has this root and had readings refused: the contract takes no other. */
int store_batch_was_refused(struct store *store, bool *ret_was, const struct eth_hash *root,
                            struct err *err) AMR_NODISCARD;

/* In the caller's transaction: */

/** Reports whose ids are in `rejected` become rejected with that cause, the others sealed. */
struct batch_rejection {
    uint64_t report_id;
    enum cause cause;
};
int store_batch_seal(struct store *store, uint64_t batch, uint64_t nonce,
                     const struct batch_row *outcome, const struct batch_rejection *rejected,
                     size_t rejected_count, uint64_t now_ms, struct err *err) AMR_NODISCARD;
int store_batch_put_others(struct store *store, uint64_t batch, const struct buf *leaves,
                           struct err *err) AMR_NODISCARD;
/** The report is in another batch, not of this store: root, hash, block and number tell which. */
int store_batch_seal_elsewhere(struct store *store, uint64_t report_id,
                               const struct batch_row *batch, uint64_t now_ms,
                               struct err *err) AMR_NODISCARD;
struct report_row;
/** A claimed report waits again, as do later ones of its meter. */
int store_batch_release(struct store *store, const struct report_row *row,
                        struct err *err) AMR_NODISCARD;
/** A claimed report leaves the store; its sequence number is free again. */
int store_batch_forget(struct store *store, const struct report_row *row,
                       struct err *err) AMR_NODISCARD;
/** Gives up the one report of a halted batch. */
int store_batch_poison(struct store *store, uint64_t batch, uint64_t report_id,
                       struct err *err) AMR_NODISCARD;

#endif
