/*
 * store.h: what the bridge must not forget, in one SQLite file.
 *
 * Made for one chain, contract and account; opening it for another is refused, and so is a second
 * process (lock). A handle belongs to one thread; store_open_again gives another thread its own
 * connection to the same file. Everything that returned success inside begin..commit is on disk
 * once store_commit returned (WAL, synchronous=FULL); a commit that fails has rolled back. Handles
 * of one file take turns in store_begin, in the order they came.
 *
 * The tables are served by store_report.h, store_batch.h and store_quarantine.h.
 */
#ifndef AMR_BRIDGE_STORE_H
#define AMR_BRIDGE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/eth.h"

struct store;
struct db;

struct store_identity {
    uint64_t chain_id;
    struct eth_address contract;
    struct eth_address account; /* whose nonces the store counts */
};

/** Opens or makes the file. */
int store_open(struct store **ret_store, const char *path, const struct store_identity *identity,
               struct err *err) AMR_NODISCARD;
int store_open_again(struct store **ret_store, const struct store *owner,
                     struct err *err) AMR_NODISCARD;
/** Beside the bridge that owns the file, from another process: to read and for small changes. */
int store_open_guest(struct store **ret_store, const char *path, struct err *err) AMR_NODISCARD;
void store_close(struct store *store);
/** What the store was made for. */
int store_identity_get(struct store *store, struct store_identity *ret_identity,
                       struct err *err) AMR_NODISCARD;

int store_begin(struct store *store, struct err *err) AMR_NODISCARD;
int store_commit(struct store *store, struct err *err) AMR_NODISCARD;
void store_rollback(struct store *store);

/** What the chain looked like when this store first saw it; ret_found false: it has not yet. */
struct store_pin {
    struct eth_hash genesis;
    struct eth_hash code; /* keccak of the contract's */
};
int store_pin_get(struct store *store, struct store_pin *ret_pin, bool *ret_found,
                  struct err *err) AMR_NODISCARD;
int store_pin_put(struct store *store, const struct store_pin *pin, struct err *err) AMR_NODISCARD;

/** The last block whose contract events are applied, with its hash; ret_found false: none yet. */
struct store_cursor {
    uint64_t block;
    struct eth_hash hash;
};
int store_cursor_get(struct store *store, struct store_cursor *ret_cursor, bool *ret_found,
                     struct err *err) AMR_NODISCARD;
int store_cursor_put(struct store *store, const struct store_cursor *cursor,
                     struct err *err) AMR_NODISCARD;

/** For the store_*.c files. */
struct db *store_db(struct store *store);

#endif
