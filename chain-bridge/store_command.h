/*
 * store_command.h: operators' commands and what meters answered, in the store.
 *
 *   RELAYED --its transaction--> ISSUED --signed result--> ANSWERED --recordResult--> RECORDED
 *      '-----> REFUSED              '--nobody answers--> LAPSED        '------------> UNRECORDED
 *
 * RELAYED came from this server's web side and is not on the chain; the contract's CommandIssued
 * makes any command ISSUED, whoever sent it. A meter may answer twice: `accepted` (a reconnection
 * is armed), then the final outcome; the first final one counts. `recorded` is what the contract
 * has, which takes one result per command. A row whose transaction is under way has its nonce.
 */
#ifndef AMR_BRIDGE_STORE_COMMAND_H
#define AMR_BRIDGE_STORE_COMMAND_H

#include "chain-bridge/store.h"
#include "chain-bridge/store_batch.h"
#include "common/eip712.h"

enum command_state {
    COMMAND_RELAYED,
    COMMAND_ISSUED,
    COMMAND_ANSWERED,
    COMMAND_RECORDED,
    COMMAND_LAPSED,
    COMMAND_REFUSED,   /* never issued: text tells why */
    COMMAND_UNRECORDED /* the contract does not take the result: text tells why */
};

enum { COMMAND_OUTCOME_ACCEPTED = 1, COMMAND_TEXT_MAX = 160 };

struct command_row {
    struct command command;
    struct eth_address operator; /* issued ones */
    enum command_state state;
    uint64_t created_ms;          /* relayed, or seen on the chain */
    uint64_t block;               /* of CommandIssued; 0: not issued */
    struct command_result result; /* the meter's last word; outcome 0: none */
    uint8_t recorded;             /* the outcome on the chain; 0: none */
    uint64_t recorded_block;
    char text[COMMAND_TEXT_MAX];
};

int store_command_get(struct store *store, struct command_row *ret_row, bool *ret_found,
                      uint32_t meter, uint64_t id, struct err *err) AMR_NODISCARD;
/** Newest first, of one meter or (0) of all, at most `limit`, until on_row returns false. */
int store_command_each(struct store *store, uint32_t meter, uint32_t limit,
                       bool (*on_row)(void *cookie, const struct command_row *row), void *cookie,
                       struct err *err) AMR_NODISCARD;
/** What waits for its meter: each meter's lowest id that is ISSUED; one meter's, or (0) all. */
int store_command_waiting(struct store *store, uint32_t meter,
                          bool (*on_row)(void *cookie, const struct command_row *row), void *cookie,
                          struct err *err) AMR_NODISCARD;

/* Changes of one row, in the caller's transaction or as their own: */

/** A new RELAYED row, or one in place of a REFUSED one. */
int store_command_relay(struct store *store, const struct command *command, uint64_t now_ms,
                        struct err *err) AMR_NODISCARD;
/** The contract has it: ISSUED, whatever a relay wanted under that id. */
int store_command_issued(struct store *store, const struct command *command,
                         const struct eth_address *operator, uint64_t block, uint64_t now_ms,
                         struct err *err) AMR_NODISCARD;
/** The contract has a result. */
int store_command_recorded(struct store *store, uint32_t meter, uint64_t id, uint8_t outcome,
                           uint64_t block, struct err *err) AMR_NODISCARD;
/** A meter's verified result. *ret_new false: nothing that was not known. */
int store_command_answer(struct store *store, bool *ret_new, const struct command_result *result,
                         struct err *err) AMR_NODISCARD;
/** ISSUED ones whose not_after is before before_s become LAPSED. */
int store_command_lapse(struct store *store, uint64_t before_s, uint64_t *ret_count,
                        struct err *err) AMR_NODISCARD;

/**
 * The next row that wants a transaction: RELAYED, or ANSWERED with a final outcome (`accepted`
 * too, once not_after is over), not tried before its time.
 */
int store_command_due(struct store *store, struct command_row *ret_row, bool *ret_found,
                      uint64_t now_ms, struct err *err) AMR_NODISCARD;
/** The row's transaction, as store_batch_claim: durable before its broadcast. */
int store_command_claim(struct store *store, const struct tx_row *tx,
                        const struct tx_attempt *attempt, struct err *err) AMR_NODISCARD;
/** The row's transaction is over (or was never made): state, text, and when to try again. */
struct command_end {
    uint32_t meter;
    uint64_t id;
    enum command_state state;
    const char *text;
    uint64_t retry_ms; /* unix; 0: at once */
    bool has_nonce;    /* the transaction `nonce` is closed with it */
    uint64_t nonce;
};
int store_command_end(struct store *store, const struct command_end *end,
                      struct err *err) AMR_NODISCARD;

struct command_counts {
    uint64_t waiting; /* ISSUED: for the meter */
    uint64_t due;     /* RELAYED or ANSWERED: for the chain */
};
int store_command_counts(struct store *store, struct command_counts *ret_counts,
                         struct err *err) AMR_NODISCARD;

#endif
