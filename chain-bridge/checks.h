/*
 * checks.h: is this the right chain, contract and account?
 *
 * checks_identity asks what can only be a mistake of configuration (chain id, code, EIP-712
 * domain), and checks_pinned whether a chain with the same id was put in the place of the one that
 * the store knows; checks_account asks what people change while the bridge runs (listed server,
 * group, balance). The bridge refuses to start after the first kind and waits, with an alarm, after
 * the second.
 */
#ifndef AMR_BRIDGE_CHECKS_H
#define AMR_BRIDGE_CHECKS_H

#include "chain-bridge/chain.h"
#include "chain-bridge/store.h"

struct checks {
    struct chain *chain;
    uint64_t chain_id;
    struct eth_address contract;
    struct eth_address account;
    uint16_t group;
    bool pays; /* false: a network without fees, an empty account will do */
};

enum check_result {
    CHECK_OK,
    CHECK_UNREACHED,   /* nothing can be said now */
    CHECK_WRONG_CHAIN, /* this and the following: err says what */
    CHECK_NOT_LISTED,
    CHECK_EMPTY
};

/** The alarm's cause: "chain-wrong" and the like. */
const char *check_cause(enum check_result result);

/** Also remembers, or compares with what the store has: the chain's first block and the code. */
enum check_result checks_pinned(const struct checks *checks, struct store *store, struct err *err);
enum check_result checks_identity(const struct checks *checks, struct err *err);
/** Also gives the balance. */
enum check_result checks_account(const struct checks *checks, struct chain_balance *ret_balance,
                                 struct err *err);

#endif
