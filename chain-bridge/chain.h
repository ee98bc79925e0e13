/*
 * chain.h: what the project asks of an Ethereum node, typed.
 *
 * struct chain is an interface: chain_rpc.h makes one over JSON-RPC, tests make their own. It
 * belongs to one thread; chain_wake and chain_cancel may come from any. Everything blocks up to
 * the implementation's deadline. Quantities above 64 bits saturate, where noted.
 * Source: Ethereum JSON-RPC specification (execution-apis).
 */
#ifndef AMR_CHAIN_BRIDGE_CHAIN_H
#define AMR_CHAIN_BRIDGE_CHAIN_H

#include "common/buf.h"
#include "common/err.h"
#include "common/eth.h"

/** CHAIN_OK is 0 and leaves err alone; everything else sets it, CHAIN_NONE excepted. */
enum chain_result {
    CHAIN_OK,
    CHAIN_NONE,      /* the node knows no such thing (yet); err is not set */
    CHAIN_REFUSED,   /* the node answered with an error */
    CHAIN_TOO_MUCH,  /* range or answer larger than the node or this client allows */
    CHAIN_UNREACHED, /* no node was reached; nothing was sent */
    CHAIN_UNKNOWN    /* no usable answer: a transaction may have been taken */
};

/** Block numbers with a meaning of their own. */
#define CHAIN_LATEST    UINT64_MAX
#define CHAIN_FINALIZED (UINT64_MAX - 1)
#define CHAIN_PENDING   (UINT64_MAX - 2)

struct chain_block {
    uint64_t number;
    uint64_t timestamp_s;
    uint64_t gas_limit;
    uint64_t base_fee_wei; /* 0 before London; saturates */
    struct eth_hash hash;
    struct eth_hash parent;
};

/** data points into memory that is gone after the callback. */
struct chain_log {
    struct eth_address address;
    struct eth_hash topics[4];
    size_t topic_count;
    const uint8_t *data;
    size_t data_len;
    uint64_t block;
    struct eth_hash block_hash;
    struct eth_hash transaction;
    uint32_t index;
    bool removed;
};

struct chain_log_query {
    struct eth_address address;
    const struct eth_hash *topic0; /* any of topic0_count; NULL: all */
    size_t topic0_count;
    uint64_t from; /* both inclusive */
    uint64_t to;
};

/** Anything but 0 ends the query, which then fails with what err says. */
typedef int chain_log_fn(void *cookie, const struct chain_log *log, struct err *err);

struct chain_receipt {
    bool found; /* else nothing below is set */
    bool succeeded;
    uint64_t block;
    struct eth_hash block_hash;
    uint64_t gas_used;
    uint64_t gas_price_wei; /* effective; saturates */
    struct eth_address contract;
    uint32_t log_count;
};

struct chain_balance {
    uint64_t gwei; /* rounded down; saturates */
    char wei[80];  /* decimal, exact */
};

struct chain_fees {
    uint64_t base_wei; /* of the latest block */
    uint64_t priority_wei;
};

enum chain_send_kind {
    CHAIN_SENT,             /* the node returned a hash: not yet proof that it kept it */
    CHAIN_SEND_KNOWN,       /* it has these very bytes */
    CHAIN_SEND_NONCE_LOW,   /* this nonce is used */
    CHAIN_SEND_NONCE_HIGH,  /* too far ahead: send again later */
    CHAIN_SEND_UNDERPRICED, /* does not pay enough to replace another of this nonce */
    CHAIN_SEND_FEE_LOW,     /* below what the node or the block asks */
    CHAIN_SEND_FEE_CAP,     /* above the node's own safety cap */
    CHAIN_SEND_FUNDS,       /* the account cannot pay */
    CHAIN_SEND_GAS,         /* gas limit above the block's or the network's */
    CHAIN_SEND_POOL_FULL,
    CHAIN_SEND_NOT_ALLOWED, /* account permissioning */
    CHAIN_SEND_REFUSED,     /* anything else; text tells */
    CHAIN_SEND_UNREACHED,   /* nothing was sent */
    CHAIN_SEND_UNKNOWN,     /* no answer: it may have been taken */
    CHAIN_SEND_KIND_COUNT
};

struct chain_send {
    enum chain_send_kind kind;
    char text[256]; /* the node's words, or what failed */
};

/** A call or an estimate, and why it was refused: revert data where the node gave any. */
struct chain_call {
    struct eth_address from;
    struct eth_address to;
    bool creates_contract; /* then `to` is not used */
    const uint8_t *data;
    size_t data_len;
};

#define CHAIN_REVERT_MAX 512
struct chain_revert {
    bool reverted; /* the contract said no, as opposed to the node */
    size_t len;
    uint8_t data[CHAIN_REVERT_MAX];
};

struct chain;

/** An implementation's functions; its own struct begins with a struct chain. */
struct chain_ops {
    enum chain_result (*id)(struct chain *chain, uint64_t *ret_id, struct err *err);
    enum chain_result (*block)(struct chain *chain, struct chain_block *ret_block, uint64_t number,
                               struct err *err);
    enum chain_result (*logs)(struct chain *chain, const struct chain_log_query *query,
                              chain_log_fn *on_log, void *cookie, struct err *err);
    enum chain_result (*nonce)(struct chain *chain, uint64_t *ret_nonce,
                               const struct eth_address *account, uint64_t number, struct err *err);
    enum chain_result (*balance)(struct chain *chain, struct chain_balance *ret_balance,
                                 const struct eth_address *account, struct err *err);
    enum chain_result (*code)(struct chain *chain, struct buf *ret_code,
                              const struct eth_address *account, struct err *err);
    enum chain_result (*call)(struct chain *chain, struct buf *ret_data,
                              struct chain_revert *ret_revert, const struct chain_call *call,
                              uint64_t number, struct err *err);
    enum chain_result (*estimate)(struct chain *chain, uint64_t *ret_gas,
                                  struct chain_revert *ret_revert, const struct chain_call *call,
                                  struct err *err);
    enum chain_result (*fees)(struct chain *chain, struct chain_fees *ret_fees, struct err *err);
    void (*send)(struct chain *chain, struct chain_send *ret_send, const uint8_t *raw, size_t len);
    enum chain_result (*receipts)(struct chain *chain, struct chain_receipt *ret_receipts,
                                  const struct eth_hash *transactions, size_t count,
                                  struct err *err);
    enum chain_result (*pooled)(struct chain *chain, bool *ret_mined,
                                const struct eth_hash *transaction, struct err *err);
    bool (*wait)(struct chain *chain, uint32_t timeout_ms);
    void (*wake)(struct chain *chain);
    void (*cancel)(struct chain *chain);
    const char *(*endpoint)(const struct chain *chain);
    void (*free)(struct chain *chain);
};

struct chain {
    const struct chain_ops *ops;
};

enum chain_result chain_id(struct chain *chain, uint64_t *ret_id, struct err *err);
/** A number or CHAIN_LATEST, CHAIN_FINALIZED; CHAIN_NONE also where the node has no such tag. */
enum chain_result chain_block(struct chain *chain, struct chain_block *ret_block, uint64_t number,
                              struct err *err);
/** One eth_getLogs: ascending; CHAIN_TOO_MUCH, before any callback, where it is too large. */
enum chain_result chain_logs(struct chain *chain, const struct chain_log_query *query,
                             chain_log_fn *on_log, void *cookie, struct err *err);
/** As many as it takes, halving pages that are too large. *page: blocks a page, kept by caller. */
enum chain_result chain_logs_paged(struct chain *chain, const struct chain_log_query *query,
                                   uint64_t *page, chain_log_fn *on_log, void *cookie,
                                   struct err *err);
/** Transactions sent by account, as of CHAIN_LATEST or CHAIN_PENDING. */
enum chain_result chain_nonce(struct chain *chain, uint64_t *ret_nonce,
                              const struct eth_address *account, uint64_t number, struct err *err);
enum chain_result chain_balance(struct chain *chain, struct chain_balance *ret_balance,
                                const struct eth_address *account, struct err *err);
/** Appends the account's code: nothing where it is no contract. */
enum chain_result chain_code(struct chain *chain, struct buf *ret_code,
                             const struct eth_address *account, struct err *err);
/** eth_call; appends what it returns. ret_revert may be NULL. */
enum chain_result chain_call(struct chain *chain, struct buf *ret_data,
                             struct chain_revert *ret_revert, const struct chain_call *call,
                             uint64_t number, struct err *err);
enum chain_result chain_estimate(struct chain *chain, uint64_t *ret_gas,
                                 struct chain_revert *ret_revert, const struct chain_call *call,
                                 struct err *err);
enum chain_result chain_fees(struct chain *chain, struct chain_fees *ret_fees, struct err *err);
void chain_send(struct chain *chain, struct chain_send *ret_send, const uint8_t *raw, size_t len);
/** One of each hash, all asked in one go (at most 256). */
enum chain_result chain_receipts(struct chain *chain, struct chain_receipt *ret_receipts,
                                 const struct eth_hash *transactions, size_t count,
                                 struct err *err);
/** Whether the node has the transaction, mined or waiting; CHAIN_NONE where it has not. */
enum chain_result chain_pooled(struct chain *chain, bool *ret_mined,
                               const struct eth_hash *transaction, struct err *err);
/** Until a new head is announced, chain_wake, or the time is over; true: there is a new head. */
bool chain_wait(struct chain *chain, uint32_t timeout_ms);
void chain_wake(struct chain *chain);
void chain_cancel(struct chain *chain);
const char *chain_endpoint(const struct chain *chain);
void chain_free(struct chain *chain);

/** What a node's refusal of a transaction means: by its words, in any case, never by its code. */
enum chain_send_kind chain_send_classify(const char *message);
/** "nonce-low" and the like, for logs. */
const char *chain_send_kind_text(enum chain_send_kind kind);

#endif
