#include "chain-bridge/store.h"

#include <stdlib.h>

#include "chain-bridge/schema.h"
#include "common/buf.h"

struct store {
    struct db *db;
};

static int put_identity(struct store *store, const struct store_identity *identity, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, IDENTITY_PUT);
    db_bind_u64(stmt, 0, identity->chain_id);
    db_bind_blob(stmt, 1, identity->contract.b, sizeof(identity->contract.b));
    db_bind_blob(stmt, 2, identity->account.b, sizeof(identity->account.b));
    return db_run(stmt, err);
}

static int check_identity(struct store *store, const char *path,
                          const struct store_identity *identity, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, IDENTITY_GET);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    if (row == 0)
        return put_identity(store, identity, err);
    struct store_identity found = {.chain_id = db_column_u64(stmt, 0)};
    int got = db_column_bytes(stmt, 1, found.contract.b, sizeof(found.contract.b), err);
    if (got == 0)
        got = db_column_bytes(stmt, 2, found.account.b, sizeof(found.account.b), err);
    db_reset(stmt);
    if (got < 0)
        return -1;
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
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    db_close(store->db);
    free(store);
}

int store_begin(struct store *store, struct err *err)
{
    return db_begin(store->db, err);
}

int store_commit(struct store *store, struct err *err)
{
    return db_commit(store->db, err);
}

void store_rollback(struct store *store)
{
    db_rollback(store->db);
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
