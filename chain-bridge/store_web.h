/*
 * store_web.h: what only the web side keeps in or asks of the store: events of meters, tokens of
 * programs, and lists for people.
 *
 * Reading functions serve any connection to the file; the others are transactions of their own.
 */
#ifndef AMR_BRIDGE_STORE_WEB_H
#define AMR_BRIDGE_STORE_WEB_H

#include "chain-bridge/store.h"
#include "chain-bridge/store_batch.h"
#include "common/eip712.h"
#include "common/reading.h"

enum { EVENTS_PER_METER_MAX = 1000 };

struct event_row {
    struct meter_event event;
    uint64_t received_ms;
};
/** In the caller's transaction; *ret_new false: known already. Drops a meter's oldest. */
int store_event_add(struct store *store, const struct event_row *row, bool *ret_new,
                    struct err *err) AMR_NODISCARD;
/** A meter's, newest first, with a sequence below `before` (0: all). */
int store_event_each(struct store *store, uint32_t meter, uint64_t before, uint32_t limit,
                     bool (*on_row)(void *cookie, const struct event_row *row), void *cookie,
                     struct err *err) AMR_NODISCARD;

#define TOKEN_NAME_MAX SERIAL_MAX
struct token_row {
    uint64_t id;
    char name[TOKEN_NAME_MAX + 1];
    unsigned role; /* enum staff_role */
    uint64_t created_s;
    char created_by[SERIAL_MAX + 1];
    uint64_t expires_s; /* 0: never */
    uint64_t used_s;    /* by the hour; 0: never */
};
/** hash: Keccak-256 of the token's text. Fails where the name is taken. */
int store_token_add(struct store *store, uint64_t *ret_id, const struct token_row *row,
                    const struct eth_hash *hash, struct err *err) AMR_NODISCARD;
int store_token_find(struct store *store, struct token_row *ret_row, bool *ret_found,
                     const struct eth_hash *hash, struct err *err) AMR_NODISCARD;
int store_token_used(struct store *store, uint64_t id, uint64_t now_s,
                     struct err *err) AMR_NODISCARD;
int store_token_drop(struct store *store, uint64_t id, bool *ret_found,
                     struct err *err) AMR_NODISCARD;
int store_token_each(struct store *store, void (*on_row)(void *cookie, const struct token_row *row),
                     void *cookie, struct err *err) AMR_NODISCARD;

struct batch_item {
    uint64_t id;
    struct batch_row batch;
    uint64_t sealed_ms; /* 0: not sealed */
};
/** Newest first, with an id below `before` (0: all). */
int store_batch_each(struct store *store, uint64_t before, uint32_t limit,
                     bool (*on_row)(void *cookie, const struct batch_item *row), void *cookie,
                     struct err *err) AMR_NODISCARD;
/** Sealed ones at once, others among the newest thousand. */
int store_batch_by_root(struct store *store, struct batch_item *ret_row, bool *ret_found,
                        const struct eth_hash *root, struct err *err) AMR_NODISCARD;
/** The nonce of a batch's transaction. */
int store_batch_nonce(struct store *store, uint64_t batch, uint64_t *ret_nonce, bool *ret_found,
                      struct err *err) AMR_NODISCARD;

#endif
