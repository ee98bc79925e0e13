/*
 * ledger.h: the MeterLedger contract: calls to encode, events and errors to decode.
 *
 * Source: contracts/src/interfaces/IMeterLedger.sol. Pure functions but for the views at the end,
 * which ask a chain. Encoders append call data. Logs come from outside: every topic and word is
 * checked, and what does not fit the interface is an error.
 */
#ifndef AMR_CHAIN_BRIDGE_LEDGER_H
#define AMR_CHAIN_BRIDGE_LEDGER_H

#include "chain-bridge/chain.h"
#include "common/abi.h"
#include "common/eip712.h"
#include "common/reading.h"

/** Why ReadingRejected skipped a reading. */
enum ledger_reason {
    LEDGER_REASON_UNKNOWN = 1,
    LEDGER_REASON_CLOSED = 2,
    LEDGER_REASON_ROLLBACK = 3,
    LEDGER_REASON_STALE = 4,
    LEDGER_REASON_FUTURE = 5,
    LEDGER_REASON_UNSORTED = 6
};

enum ledger_event_kind {
    LEDGER_OTHER, /* an event that this version does not use: ignore */
    LEDGER_SERVER_ADDED,
    LEDGER_SERVER_REMOVED,
    LEDGER_METERS_REGISTERED,
    LEDGER_SIGNER_ROTATED,
    LEDGER_METER_CLOSED,
    LEDGER_METER_REOPENED,
    LEDGER_BATCH_SUBMITTED,
    LEDGER_BATCH_REPEATED,
    LEDGER_READING_REJECTED,
    LEDGER_SEALED,
    LEDGER_OPERATOR_ADDED,
    LEDGER_OPERATOR_REMOVED,
    LEDGER_READER_ADDED,
    LEDGER_READER_REMOVED,
    LEDGER_COMMAND_ISSUED,
    LEDGER_COMMAND_RESULT
};

/** The fields that belong to the kind are set. records and signers point into the log's data. */
struct ledger_event {
    enum ledger_event_kind kind;
    struct eth_hash root;       /* batches, rejections */
    struct eth_address account; /* server, operator, reader, new signer, successor */
    uint16_t group;             /* servers, batches */
    uint32_t meter;             /* meters (first one), rejections, commands, results */
    uint64_t number;            /* batches: of the group, from 1 */
    uint32_t accepted;
    uint32_t rejected;
    uint32_t timestamp_s;         /* rejections */
    uint8_t reason;               /* rejections */
    struct command command;       /* issued: with the operator's signature; account: who */
    struct command_result result; /* recorded: without signature */
    struct abi_view records;
    struct abi_view signers; /* 32-byte words: ledger_signer */
};

int ledger_event_decode(struct ledger_event *ret_event, const struct chain_log *log,
                        struct err *err) AMR_NODISCARD;
size_t ledger_signer_count(const struct ledger_event *event);
struct eth_address ledger_signer(const struct ledger_event *event, size_t index);
/** Topic 0 of the kind's event. */
void ledger_topic(struct eth_hash *ret_topic, enum ledger_event_kind kind);
const char *ledger_reason_text(uint8_t reason);

void ledger_add_server(struct buf *out, const struct eth_address *server, uint16_t group);
void ledger_remove_server(struct buf *out, const struct eth_address *server);
void ledger_add_operator(struct buf *out, const struct eth_address *account);
void ledger_remove_operator(struct buf *out, const struct eth_address *account);
void ledger_add_reader(struct buf *out, const struct eth_address *account);
void ledger_remove_reader(struct buf *out, const struct eth_address *account);
void ledger_register_meters(struct buf *out, uint32_t first, const struct eth_address *signers,
                            size_t count);
void ledger_rotate_signer(struct buf *out, uint32_t meter, const struct eth_address *signer);
void ledger_close_meter(struct buf *out, uint32_t meter);
void ledger_reopen_meter(struct buf *out, uint32_t meter);
void ledger_submit_batch(struct buf *out, const struct eth_hash *root, const void *records,
                         size_t len);
/** Anybody may send it: the operator's signature in it counts. */
void ledger_issue_command(struct buf *out, const struct command *command);
/** For servers of the meter's group; with the meter's signature. */
void ledger_record_result(struct buf *out, const struct command_result *result);

/** Words for revert data: the contract's own errors, Error(string), Panic(uint256). */
void ledger_revert_text(char *text, size_t size, const struct chain_revert *revert);

/** Whether it is this error, as "CommandExpired(uint40)". */
bool ledger_revert_is(const struct chain_revert *revert, const char *signature);

/** Fails unless a MeterLedger of version 1 for chain_id lives there. */
enum chain_result ledger_probe(struct chain *chain, const struct eth_address *contract,
                               uint64_t chain_id, struct err *err);
/** 0: no server. */
enum chain_result ledger_server_group(struct chain *chain, const struct eth_address *contract,
                                      uint16_t *ret_group, const struct eth_address *server,
                                      uint64_t block, struct err *err);
/** Asked as account `from`, which must be reader, server or admin. Zeros before the first. */
enum chain_result ledger_latest_reading(struct chain *chain, const struct eth_address *contract,
                                        struct reading *ret_reading, uint32_t meter,
                                        const struct eth_address *from, struct err *err);
/** A group's batch by root; number 0 where it was not sealed. */
struct ledger_batch {
    uint64_t number;
    uint64_t block;
    uint64_t timestamp_s;
    uint32_t accepted;
    uint32_t rejected;
};
enum chain_result ledger_batch_info(struct chain *chain, const struct eth_address *contract,
                                    struct ledger_batch *ret_batch, uint16_t group,
                                    const struct eth_hash *root, uint64_t block, struct err *err);

enum chain_result ledger_is_operator(struct chain *chain, const struct eth_address *contract,
                                     bool *ret_is, const struct eth_address *account,
                                     struct err *err);
/** Who signs for the meter now; zero for an unknown meter. */
enum chain_result ledger_meter_signer(struct chain *chain, const struct eth_address *contract,
                                      struct eth_address *ret_signer, uint32_t meter,
                                      struct err *err);
/** Id of the meter's last command, as of a block; 0: none yet. The next has one more. */
enum chain_result ledger_last_command(struct chain *chain, const struct eth_address *contract,
                                      uint64_t *ret_id, uint32_t meter, uint64_t block,
                                      struct err *err);
/** What the ledger keeps of a command; all zero where it was never issued. */
struct ledger_command_state {
    bool issued;
    bool resulted;
    uint8_t outcome;
    uint32_t timestamp_s; /* the meter's */
};
enum chain_result ledger_command_state(struct chain *chain, const struct eth_address *contract,
                                       struct ledger_command_state *ret_state, uint32_t meter,
                                       uint64_t id, struct err *err);

/** batchCount(group) as of a block. */
enum chain_result ledger_batch_count(struct chain *chain, const struct eth_address *contract,
                                     uint64_t *ret_count, uint16_t group, uint64_t block,
                                     struct err *err);
/** meterSignerAt(meter, number of a batch); zero where it had none. */
enum chain_result ledger_signer_at(struct chain *chain, const struct eth_address *contract,
                                   struct eth_address *ret_signer, uint32_t meter, uint64_t batch,
                                   uint64_t block, struct err *err);
/** The ledger that this one replaces; zero where it is the first. */
enum chain_result ledger_predecessor(struct chain *chain, const struct eth_address *contract,
                                     struct eth_address *ret_predecessor, struct err *err);

#endif
