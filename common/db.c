#include "common/db.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"

#define BUSY_TIMEOUT_MS        10000
#define READER_BUSY_TIMEOUT_MS 50 /* a reader would rather look again later than wait */

struct db {
    sqlite3 *sqlite;
    sqlite3_stmt **statements;
    const struct db_schema *schema;
    char *path;
    enum db_mode mode;
    int lock_fd; /* -1: this handle holds no lock */
};

static int fail(struct db *db, struct err *err, const char *doing)
{
    return err_set(err, "%s '%s': %s: %s", db->schema->name, db->path, doing,
                   sqlite3_errmsg(db->sqlite));
}

static int run_sql(struct db *db, const char *sql, struct err *err)
{
    if (sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(db, err, sql);
    return 0;
}

static int query_number(struct db *db, const char *sql, int64_t *ret_value, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int result = -1;

    if (sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(stmt, 0);
        result = 0;
    } else {
        fail(db, err, sql);
    }
    sqlite3_finalize(stmt);
    return result;
}

/* The lock file stays: removing it would race with the next owner. */
static int take_lock(struct db *db, struct err *err)
{
    char *path = xasprintf("%s.lock", db->path);
    int result = -1;

    db->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0)
        err_errno(err, "%s: open lock '%s'", db->schema->name, path);
    else if (flock(db->lock_fd, LOCK_EX | LOCK_NB))
        err_set(err, "%s '%s' is in use by another process", db->schema->name, db->path);
    else
        result = 0;
    free(path);
    return result;
}

/* SQLite would create the file with the umask's mode; secrets and signatures want less. */
static int create_file(struct db *db, struct err *err)
{
    mode_t mode = db->mode == DB_SHARED ? 0644 : 0600;
    int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, mode);

    if (fd < 0)
        return err_errno(err, "%s: open '%s'", db->schema->name, db->path);
    if (db->mode == DB_SHARED)
        fchmod(fd, mode); /* whatever the umask */
    close(fd);
    return 0;
}

/* Who opens a file that belongs to another process. */
static bool is_visitor(const struct db *db)
{
    return db->mode == DB_READ_ONLY || db->mode == DB_GUEST;
}

static int open_sqlite(struct db *db, struct err *err)
{
    int flags = db->mode == DB_READ_ONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;

    if (sqlite3_open_v2(db->path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return fail(db, err, "open");
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_timeout(db->sqlite,
                         db->mode == DB_READ_ONLY ? READER_BUSY_TIMEOUT_MS : BUSY_TIMEOUT_MS);
    return 0;
}

static int set_pragmas(struct db *db, struct err *err)
{
    if (db->mode == DB_READ_ONLY)
        return run_sql(db, "PRAGMA query_only=ON", err);
    if (db->mode != DB_GUEST &&
        run_sql(db, db->mode == DB_OWNER ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE",
                err))
        return -1;
    return run_sql(db, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF",
                   err);
}

static int quick_check(struct db *db, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int result = -1;

    if (sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail(db, err, "integrity check");
    else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        err_set(err, "%s '%s' is corrupt: %s", db->schema->name, db->path,
                (const char *)sqlite3_column_text(stmt, 0));
    else
        result = 0;
    sqlite3_finalize(stmt);
    return result;
}

static int check_version(struct db *db, int64_t *ret_version, struct err *err)
{
    int64_t application, version;
    int64_t known = (int64_t)db->schema->migration_count;

    if (query_number(db, "PRAGMA application_id", &application, err) ||
        query_number(db, "PRAGMA user_version", &version, err))
        return -1;
    if (version > 0 && application != (int64_t)db->schema->application_id)
        return err_set(err, "'%s' is a database of another program, not a %s", db->path,
                       db->schema->name);
    if (version > known)
        return err_set(err, "%s '%s' has version %d, newer than this program's %d",
                       db->schema->name, db->path, (int)version, (int)known);
    if (is_visitor(db) && version < known)
        return err_set(err,
                       "%s '%s' has version %d, this program wants %d: its writer must start "
                       "first",
                       db->schema->name, db->path, (int)version, (int)known);
    *ret_version = version;
    return 0;
}

static int migrate(struct db *db, int64_t version, struct err *err)
{
    char sql[128];

    for (; version < (int64_t)db->schema->migration_count; version++) {
        snprintf(sql, sizeof(sql), "PRAGMA application_id=%u; PRAGMA user_version=%d",
                 (unsigned)db->schema->application_id, (int)version + 1);
        if (db_begin(db, err))
            return -1;
        if (run_sql(db, db->schema->migrations[version], err) || run_sql(db, sql, err)) {
            db_rollback(db);
            return err_wrap(err, "migrate from version %d", (int)version);
        }
        if (db_commit(db, err))
            return -1;
    }
    return 0;
}

static int prepare_all(struct db *db, struct err *err)
{
    db->statements = xcalloc(db->schema->statement_count, sizeof(*db->statements));
    for (size_t i = 0; i < db->schema->statement_count; i++)
        if (sqlite3_prepare_v3(db->sqlite, db->schema->statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i], NULL) != SQLITE_OK)
            return fail(db, err, db->schema->statements[i]);
    return 0;
}

static struct db *new_handle(const char *path, enum db_mode mode, const struct db_schema *schema)
{
    struct db *db = xcalloc(1, sizeof(*db));

    db->path = xstrdup(path);
    db->mode = mode;
    db->schema = schema;
    db->lock_fd = -1;
    return db;
}

int db_open(struct db **ret_db, const char *path, enum db_mode mode, const struct db_schema *schema,
            struct err *err)
{
    struct db *db = new_handle(path, mode, schema);
    int64_t version = 0;

    if (!is_visitor(db) && (take_lock(db, err) || create_file(db, err)))
        goto fail;
    if (open_sqlite(db, err) || set_pragmas(db, err))
        goto fail;
    if (!is_visitor(db) && quick_check(db, err))
        goto fail;
    if (check_version(db, &version, err))
        goto fail;
    if (!is_visitor(db) && migrate(db, version, err))
        goto fail;
    if (prepare_all(db, err))
        goto fail;
    *ret_db = db;
    return 0;
fail:
    db_close(db);
    return -1;
}

int db_open_again(struct db **ret_db, const struct db *owner, struct err *err)
{
    struct db *db = new_handle(owner->path, owner->mode, owner->schema);

    if (open_sqlite(db, err) || set_pragmas(db, err) || prepare_all(db, err)) {
        db_close(db);
        return -1;
    }
    *ret_db = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; db->statements && i < db->schema->statement_count; i++)
        sqlite3_finalize(db->statements[i]);
    free(db->statements);
    sqlite3_close(db->sqlite);
    if (db->lock_fd >= 0)
        close(db->lock_fd);
    free(db->path);
    free(db);
}

int db_begin(struct db *db, struct err *err)
{
    return run_sql(db, "BEGIN IMMEDIATE", err);
}

int db_commit(struct db *db, struct err *err)
{
    if (run_sql(db, "COMMIT", err)) {
        db_rollback(db);
        return -1;
    }
    return 0;
}

void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->sqlite))
        run_sql(db, "ROLLBACK", NULL);
}

int db_data_version(struct db *db, uint32_t *ret_version, struct err *err)
{
    int64_t value;

    if (query_number(db, "PRAGMA data_version", &value, err))
        return -1;
    *ret_version = (uint32_t)value;
    return 0;
}

/* A db_stmt is SQLite's own handle under a name of ours, so that sqlite3.h stays in this file. */
static sqlite3_stmt *raw(struct db_stmt *stmt)
{
    return (sqlite3_stmt *)stmt;
}

struct db_stmt *db_stmt(struct db *db, size_t id)
{
    sqlite3_stmt *stmt = db->statements[id];

    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return (struct db_stmt *)stmt;
}

void db_bind_u64(struct db_stmt *stmt, int index, uint64_t value)
{
    sqlite3_bind_int64(raw(stmt), index + 1, (sqlite3_int64)value);
}

void db_bind_blob(struct db_stmt *stmt, int index, const void *data, size_t len)
{
    sqlite3_bind_blob64(raw(stmt), index + 1, data ? data : "", len, SQLITE_TRANSIENT);
}

void db_bind_text(struct db_stmt *stmt, int index, const char *text)
{
    sqlite3_bind_text(raw(stmt), index + 1, text, -1, SQLITE_TRANSIENT);
}

void db_bind_null(struct db_stmt *stmt, int index)
{
    sqlite3_bind_null(raw(stmt), index + 1);
}

static int step_failed(sqlite3_stmt *stmt, struct err *err)
{
    sqlite3 *sqlite = sqlite3_db_handle(stmt);

    err_set(err, "database '%s': %s (%.60s)", sqlite3_db_filename(sqlite, "main"),
            sqlite3_errmsg(sqlite), sqlite3_sql(stmt));
    sqlite3_reset(stmt);
    return -1;
}

int db_step(struct db_stmt *stmt, struct err *err)
{
    switch (sqlite3_step(raw(stmt))) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        sqlite3_reset(raw(stmt));
        return 0;
    default:
        return step_failed(raw(stmt), err);
    }
}

int db_run(struct db_stmt *stmt, struct err *err)
{
    int row = db_step(stmt, err);

    if (row > 0)
        db_reset(stmt);
    return row < 0 ? -1 : 0;
}

void db_reset(struct db_stmt *stmt)
{
    sqlite3_reset(raw(stmt));
}

uint64_t db_column_u64(struct db_stmt *stmt, int index)
{
    return (uint64_t)sqlite3_column_int64(raw(stmt), index);
}

bool db_column_is_null(struct db_stmt *stmt, int index)
{
    return sqlite3_column_type(raw(stmt), index) == SQLITE_NULL;
}

const void *db_column_blob(struct db_stmt *stmt, int index, size_t *ret_len)
{
    const void *data = sqlite3_column_blob(raw(stmt), index);

    *ret_len = (size_t)sqlite3_column_bytes(raw(stmt), index);
    return data ? data : "";
}

const char *db_column_text(struct db_stmt *stmt, int index)
{
    const unsigned char *text = sqlite3_column_text(raw(stmt), index);

    return text ? (const char *)text : "";
}

int db_column_bytes(struct db_stmt *stmt, int index, void *ret_data, size_t len, struct err *err)
{
    size_t found;
    const void *data = db_column_blob(stmt, index, &found);

    if (found != len)
        return err_set(err, "column %d holds %zu bytes, not %zu", index, found, len);
    memcpy(ret_data, data, len);
    return 0;
}

uint64_t db_changes(const struct db *db)
{
    return (uint64_t)sqlite3_changes(db->sqlite);
}
