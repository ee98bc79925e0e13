/*
 * rpc_replies.h: what a node sends, sorted: answers to what was asked, by id, and news of heads.
 *
 * An answer under another id, or a second one, is dropped. An error without an id answers all that
 * is open. What is no JSON-RPC at all sets `nonsense`. Source: JSON-RPC 2.0 specification. Pure.
 */
#ifndef AMR_CHAIN_BRIDGE_RPC_REPLIES_H
#define AMR_CHAIN_BRIDGE_RPC_REPLIES_H

#include "chain-bridge/rpc.h"

/** One exchange: replies[i] answers the call with id first_id + i; open ones are RPC_UNKNOWN. */
struct rpc_replies {
    struct rpc_reply *replies;
    size_t count;
    uint64_t first_id;
    size_t answered;
    bool nonsense;
    bool new_head; /* a subscription told something */
};

/** One message, whatever it is. */
void rpc_replies_take(struct rpc_replies *in, const char *text, size_t len);
bool rpc_reply_open(const struct rpc_replies *in, size_t i);

#endif
