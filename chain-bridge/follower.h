/*
 * follower.h: the contract's events into registry.db, the roster and the commands, by log cursor.
 *
 * A new store reads the contract's whole log once more, for the commands in it.
 * The cursor (block and hash) is kept with the registry; when its block is no longer canonical the
 * registry is rebuilt from the contract's whole log in one transaction, so that nothing of an
 * abandoned branch stays. Files are written only when a meter changed, or every CURSOR_BLOCKS
 * blocks. Belongs to the chain thread.
 */
#ifndef AMR_BRIDGE_FOLLOWER_H
#define AMR_BRIDGE_FOLLOWER_H

#include "chain-bridge/chain.h"
#include "chain-bridge/commands.h"
#include "chain-bridge/notices.h"
#include "chain-bridge/roster.h"
#include "chain-bridge/status.h"
#include "chain-bridge/store.h"
#include "common/log.h"

struct follower;

struct follower_config {
    struct chain *chain;
    struct store *store;
    struct registry *registry; /* the writer's */
    struct roster *roster;
    struct commands *commands; /* NULL: nobody */
    struct notices notices;
    struct status *status;
    struct log *log;
    struct eth_address contract;
    uint16_t group;
    uint64_t start_block; /* nothing of the contract is older */
};

/** Fills the roster from the registry file. */
struct follower *follower_new(const struct follower_config *config, struct err *err) AMR_NODISCARD;
void follower_free(struct follower *follower);

/** Applies the events up to head. -1: the node did not answer or a file could not be written. */
int follower_poll(struct follower *follower, const struct chain_block *head,
                  struct err *err) AMR_NODISCARD;

#endif
