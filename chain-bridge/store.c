#include "chain-bridge/store.h"

#include <pthread.h>
#include <stdlib.h>

#include "chain-bridge/schema.h"
#include "common/buf.h"

/*
 * Writers of one file take turns in the order they came. SQLite's own waiting is polling: a busy
 * intake would starve the chain thread.
 */
struct turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t next;    /* ticket to hand out */
    uint64_t serving; /* whose turn it is */
    unsigned users;   /* handles that share it */
};

struct store {
    struct db *db;
    struct turns *turns;
    bool holds_turn;
};

static struct turns *turns_new(void)
{
    struct turns *turns = xcalloc(1, sizeof(*turns));
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->changed, NULL);
    turns->users = 1;
    return turns;
}

static struct turns *turns_share(struct turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    turns->users++;
    pthread_mutex_unlock(&turns->lock);
    return turns;
}

static void turns_leave(struct turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    bool last = --turns->users == 0;
    pthread_mutex_unlock(&turns->lock);
    if (!last)
        return;
    pthread_cond_destroy(&turns->changed);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

static void take_turn(struct store *store)
{
    struct turns *turns = store->turns;
    pthread_mutex_lock(&turns->lock);
    uint64_t ticket = turns->next++;
    while (turns->serving != ticket)
        pthread_cond_wait(&turns->changed, &turns->lock);
    pthread_mutex_unlock(&turns->lock);
    store->holds_turn = true;
}

static void end_turn(struct store *store)
{
    if (!store->holds_turn)
        return;
    store->holds_turn = false;
    pthread_mutex_lock(&store->turns->lock);
    store->turns->serving++;
    pthread_cond_broadcast(&store->turns->changed);
    pthread_mutex_unlock(&store->turns->lock);
}

static int put_identity(struct store *store, const struct store_identity *identity, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, IDENTITY_PUT);
    db_bind_u64(stmt, 0, identity->chain_id);
    db_bind_blob(stmt, 1, identity->contract.b, sizeof(identity->contract.b));
    db_bind_blob(stmt, 2, identity->account.b, sizeof(identity->account.b));
    return db_run(stmt, err);
}

/* 1: found, 0: there is none yet. */
static int read_identity(struct store *store, struct store_identity *ret_identity, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, IDENTITY_GET);
    int row = db_step(stmt, err);
    if (row <= 0)
        return row;
    struct store_identity found = {.chain_id = db_column_u64(stmt, 0)};
    int got = db_column_bytes(stmt, 1, found.contract.b, sizeof(found.contract.b), err);
    if (got == 0)
        got = db_column_bytes(stmt, 2, found.account.b, sizeof(found.account.b), err);
    db_reset(stmt);
    if (got < 0)
        return -1;
    *ret_identity = found;
    return 1;
}

int store_identity_get(struct store *store, struct store_identity *ret_identity, struct err *err)
{
    int row = read_identity(store, ret_identity, err);
    return row == 0 ? err_set(err, "the store is empty") : row == 1 ? 0 : -1;
}

static int check_identity(struct store *store, const char *path,
                          const struct store_identity *identity, struct err *err)
{
    struct store_identity found;
    int row = read_identity(store, &found, err);
    if (row <= 0)
        return row < 0 ? -1 : put_identity(store, identity, err);
    char text[ETH_ADDRESS_TEXT];
    if (found.chain_id != identity->chain_id)
        return err_set(err, "store '%s' was made for chain id %llu", path,
                       (unsigned long long)found.chain_id);
    if (!eth_address_equal(&found.contract, &identity->contract))
        return err_set(err, "store '%s' was made for contract %s", path,
                       eth_address_text(text, &found.contract));
    if (!eth_address_equal(&found.account, &identity->account))
        return err_set(err, "store '%s' was made for account %s", path,
                       eth_address_text(text, &found.account));
    return 0;
}

int store_open(struct store **ret_store, const char *path, const struct store_identity *identity,
               struct err *err)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->turns = turns_new();
    if (db_open(&store->db, path, DB_OWNER, &store_schema, err) < 0)
        goto fail;
    if (check_identity(store, path, identity, err) < 0)
        goto fail;
    *ret_store = store;
    return 0;
fail:
    store_close(store);
    return -1;
}

int store_open_again(struct store **ret_store, const struct store *owner, struct err *err)
{
    struct store *store = xcalloc(1, sizeof(*store));
    if (db_open_again(&store->db, owner->db, err) < 0) {
        free(store);
        return -1;
    }
    store->turns = turns_share(owner->turns);
    *ret_store = store;
    return 0;
}

int store_open_guest(struct store **ret_store, const char *path, struct err *err)
{
    struct store *store = xcalloc(1, sizeof(*store));
    if (db_open(&store->db, path, DB_GUEST, &store_schema, err) < 0) {
        free(store);
        return -1;
    }
    store->turns = turns_new();
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    end_turn(store);
    db_close(store->db);
    turns_leave(store->turns);
    free(store);
}

int store_begin(struct store *store, struct err *err)
{
    take_turn(store);
    if (db_begin(store->db, err) == 0)
        return 0;
    end_turn(store);
    return -1;
}

int store_commit(struct store *store, struct err *err)
{
    int result = db_commit(store->db, err);
    end_turn(store);
    return result;
}

void store_rollback(struct store *store)
{
    db_rollback(store->db);
    end_turn(store);
}

int store_pin_get(struct store *store, struct store_pin *ret_pin, bool *ret_found, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, PIN_GET);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_found = row == 1;
    if (row == 0)
        return 0;
    int got = db_column_bytes(stmt, 0, ret_pin->genesis.b, sizeof(ret_pin->genesis.b), err);
    if (got == 0)
        got = db_column_bytes(stmt, 1, ret_pin->code.b, sizeof(ret_pin->code.b), err);
    db_reset(stmt);
    return got;
}

int store_pin_put(struct store *store, const struct store_pin *pin, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, PIN_PUT);
    db_bind_blob(stmt, 0, pin->genesis.b, sizeof(pin->genesis.b));
    db_bind_blob(stmt, 1, pin->code.b, sizeof(pin->code.b));
    return db_run(stmt, err);
}

int store_cursor_get(struct store *store, struct store_cursor *ret_cursor, bool *ret_found,
                     struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, CURSOR_GET);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_found = row == 1;
    if (row == 0)
        return 0;
    ret_cursor->block = db_column_u64(stmt, 0);
    int got = db_column_bytes(stmt, 1, ret_cursor->hash.b, sizeof(ret_cursor->hash.b), err);
    db_reset(stmt);
    return got;
}

int store_cursor_put(struct store *store, const struct store_cursor *cursor, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, CURSOR_PUT);
    db_bind_u64(stmt, 0, cursor->block);
    db_bind_blob(stmt, 1, cursor->hash.b, sizeof(cursor->hash.b));
    return db_run(stmt, err);
}

struct db *store_db(struct store *store)
{
    return store->db;
}
