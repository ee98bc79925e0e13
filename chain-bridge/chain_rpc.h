/*
 * chain_rpc.h: struct chain over JSON-RPC.
 *
 * Reads that got no answer are repeated once at the next endpoint; a transaction is never sent
 * twice by itself. With chain_id given, every endpoint is asked for its id before it is used, so
 * that an endpoint of another chain is passed over.
 */
#ifndef AMR_CHAIN_BRIDGE_CHAIN_RPC_H
#define AMR_CHAIN_BRIDGE_CHAIN_RPC_H

#include "chain-bridge/chain.h"
#include "chain-bridge/rpc.h"

struct chain_rpc_config {
    const char *urls;    /* comma-separated, see rpc.h */
    const char *ca_file; /* NULL: the system's */
    uint64_t chain_id;   /* 0: any */
    uint32_t timeout_ms; /* of one call; 0: 10,000 */
    bool subscribe;      /* to new heads */
};

/** chain_free releases it. */
struct chain *chain_rpc_new(const struct chain_rpc_config *config, struct err *err) AMR_NODISCARD;

/** One log of an eth_getLogs answer; ret_log->data points into data, which is cleared first. */
int chain_rpc_log_parse(struct chain_log *ret_log, struct buf *data, const json_t *value,
                        struct err *err) AMR_NODISCARD;
/** A block of eth_getBlockByNumber, without its transactions. */
int chain_rpc_block_parse(struct chain_block *ret_block, const json_t *value,
                          struct err *err) AMR_NODISCARD;
int chain_rpc_receipt_parse(struct chain_receipt *ret_receipt, const json_t *value,
                            struct err *err) AMR_NODISCARD;

#endif
