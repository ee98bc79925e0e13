#include "common/registry.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/db.h"

enum statement {
    GET_HEAD,
    MAKE_HEAD,
    SET_HEAD,
    PUT_METER,
    FIND_METER,
    METERS_SINCE,
    STATEMENT_COUNT
};

/* Append only: never edit a released row. */
static const char *const MIGRATIONS[] = {
    "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), chain_id INTEGER NOT NULL,"
    " contract BLOB NOT NULL, block INTEGER NOT NULL, revision INTEGER NOT NULL);"
    "CREATE TABLE meter (id INTEGER PRIMARY KEY, status INTEGER NOT NULL, signer BLOB NOT NULL,"
    " revision INTEGER NOT NULL);"
    "CREATE INDEX meter_by_revision ON meter (revision);",
};

static const char *const STATEMENTS[STATEMENT_COUNT] = {
    [GET_HEAD] = "SELECT chain_id, contract, block, revision FROM head",
    [MAKE_HEAD] = "INSERT INTO head VALUES (1, ?, ?, 0, 0)",
    [SET_HEAD] = "UPDATE head SET block = ?, revision = ?",
    [PUT_METER] = "INSERT INTO meter VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                  " status = excluded.status, signer = excluded.signer,"
                  " revision = excluded.revision",
    [FIND_METER] = "SELECT id, status, signer FROM meter WHERE id = ?",
    [METERS_SINCE] = "SELECT id, status, signer FROM meter WHERE revision > ? ORDER BY revision",
};

static const struct db_schema SCHEMA = {
    .name = "registry",
    .application_id = 0x414d5252, /* "AMRR" */
    .migrations = MIGRATIONS,
    .migration_count = AMR_COUNT(MIGRATIONS),
    .statements = STATEMENTS,
    .statement_count = STATEMENT_COUNT,
};

struct registry {
    struct db *db;
    uint64_t revision; /* writer: of the transaction under way */
    bool looked;       /* reader: data_version below is of an earlier look */
    uint32_t data_version;
};

static int check_chain(struct registry *registry, uint64_t chain_id,
                       const struct eth_address *contract, struct err *err)
{
    struct registry_head head;
    char theirs[ETH_ADDRESS_TEXT], ours[ETH_ADDRESS_TEXT];

    if (registry_head(registry, &head, err))
        return -1;
    if (head.chain_id != chain_id || !eth_address_equal(&head.contract, contract))
        return err_set(err,
                       "registry belongs to contract %s on chain %llu, not to %s on chain %llu: "
                       "use another file",
                       eth_address_text(theirs, &head.contract), (unsigned long long)head.chain_id,
                       eth_address_text(ours, contract), (unsigned long long)chain_id);
    registry->revision = head.revision;
    return 0;
}

static int make_head(struct registry *registry, uint64_t chain_id,
                     const struct eth_address *contract, struct err *err)
{
    int row = db_step(db_stmt(registry->db, GET_HEAD), err);

    db_reset(db_stmt(registry->db, GET_HEAD));
    if (row)
        return row < 0 ? -1 : 0;
    struct db_stmt *stmt = db_stmt(registry->db, MAKE_HEAD);
    db_bind_u64(stmt, 0, chain_id);
    db_bind_blob(stmt, 1, contract->b, sizeof(contract->b));
    return db_run(stmt, err);
}

int registry_open_writer(struct registry **ret_registry, const char *path, uint64_t chain_id,
                         const struct eth_address *contract, struct err *err)
{
    struct registry *registry = xcalloc(1, sizeof(*registry));

    if (db_open(&registry->db, path, DB_SHARED, &SCHEMA, err) ||
        make_head(registry, chain_id, contract, err) ||
        check_chain(registry, chain_id, contract, err)) {
        registry_close(registry);
        return -1;
    }
    *ret_registry = registry;
    return 0;
}

int registry_open_reader(struct registry **ret_registry, const char *path, struct err *err)
{
    struct registry *registry = xcalloc(1, sizeof(*registry));

    if (db_open(&registry->db, path, DB_READ_ONLY, &SCHEMA, err)) {
        registry_close(registry);
        return -1;
    }
    *ret_registry = registry;
    return 0;
}

void registry_close(struct registry *registry)
{
    if (!registry)
        return;
    db_close(registry->db);
    free(registry);
}

int registry_changed(struct registry *registry, bool *ret_changed, struct err *err)
{
    uint32_t version;

    if (db_data_version(registry->db, &version, err))
        return -1;
    *ret_changed = !registry->looked || version != registry->data_version;
    registry->looked = true;
    registry->data_version = version;
    return 0;
}

int registry_head(struct registry *registry, struct registry_head *ret_head, struct err *err)
{
    struct db_stmt *stmt = db_stmt(registry->db, GET_HEAD);
    struct registry_head head;
    int row = db_step(stmt, err);

    if (row <= 0)
        return row < 0 ? -1 : err_set(err, "registry is empty: its bridge has not started yet");
    head.chain_id = db_column_u64(stmt, 0);
    head.block = db_column_u64(stmt, 2);
    head.revision = db_column_u64(stmt, 3);
    int result = db_column_bytes(stmt, 1, head.contract.b, sizeof(head.contract.b), err);
    db_reset(stmt);
    if (result == 0)
        *ret_head = head;
    return result;
}

static int read_meter(struct db_stmt *stmt, struct registry_meter *ret_meter, struct err *err)
{
    uint64_t status = db_column_u64(stmt, 1);

    ret_meter->meter = (uint32_t)db_column_u64(stmt, 0);
    ret_meter->status = status <= METER_CLOSED ? (enum meter_status)status : METER_UNKNOWN;
    return db_column_bytes(stmt, 2, ret_meter->signer.b, sizeof(ret_meter->signer.b), err);
}

int registry_each(struct registry *registry, uint64_t revision,
                  void (*on_meter)(void *cookie, const struct registry_meter *meter), void *cookie,
                  struct err *err)
{
    struct db_stmt *stmt = db_stmt(registry->db, METERS_SINCE);
    struct registry_meter meter;
    int row;

    db_bind_u64(stmt, 0, revision);
    while ((row = db_step(stmt, err)) > 0) {
        if (read_meter(stmt, &meter, err)) {
            db_reset(stmt);
            return -1;
        }
        on_meter(cookie, &meter);
    }
    return row;
}

int registry_find(struct registry *registry, struct registry_meter *ret_meter, uint32_t meter,
                  struct err *err)
{
    struct db_stmt *stmt = db_stmt(registry->db, FIND_METER);
    struct registry_meter found = {meter, METER_UNKNOWN, {{0}}};

    db_bind_u64(stmt, 0, meter);
    int row = db_step(stmt, err);
    if (row < 0 || (row > 0 && read_meter(stmt, &found, err)))
        return -1;
    db_reset(stmt);
    *ret_meter = found;
    return 0;
}

int registry_begin(struct registry *registry, struct err *err)
{
    struct registry_head head;

    if (db_begin(registry->db, err))
        return -1;
    if (registry_head(registry, &head, err)) {
        db_rollback(registry->db);
        return -1;
    }
    registry->revision = head.revision;
    return 0;
}

int registry_put(struct registry *registry, const struct registry_meter *meter, struct err *err)
{
    struct db_stmt *stmt = db_stmt(registry->db, PUT_METER);

    db_bind_u64(stmt, 0, meter->meter);
    db_bind_u64(stmt, 1, (uint64_t)meter->status);
    db_bind_blob(stmt, 2, meter->signer.b, sizeof(meter->signer.b));
    db_bind_u64(stmt, 3, ++registry->revision);
    return db_run(stmt, err);
}

int registry_end(struct registry *registry, uint64_t block, struct err *err)
{
    struct db_stmt *stmt = db_stmt(registry->db, SET_HEAD);

    db_bind_u64(stmt, 0, block);
    db_bind_u64(stmt, 1, registry->revision);
    if (db_run(stmt, err)) {
        db_rollback(registry->db);
        return -1;
    }
    return db_commit(registry->db, err);
}

void registry_abort(struct registry *registry)
{
    db_rollback(registry->db);
}
