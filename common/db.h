/*
 * db.h: SQLite, opened the same way everywhere; the only file that includes sqlite3.h is db.c.
 *
 * A store describes itself with two tables: append-only migrations (PRAGMA user_version counts
 * them) and its statements, which are prepared at open and named by an enum. One connection
 * belongs to one thread at a time. Writers use WAL with synchronous=FULL unless told otherwise: a
 * commit that returned is on disk.
 */
#ifndef AMR_COMMON_DB_H
#define AMR_COMMON_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct db;
struct db_stmt;

enum db_mode {
    DB_OWNER,  /* read and write, WAL, makes and migrates the file; one owner process at a time */
    DB_SHARED, /* read and write, rollback journal: readable by other users without write access */
    DB_GUEST,  /* reads and writes beside a DB_OWNER; never makes or migrates the file */
    DB_READ_ONLY /* never writes, not even a lock file; fails where the schema is newer or absent */
};

struct db_schema {
    const char *name;              /* for messages: "meter store" */
    uint32_t application_id;       /* PRAGMA application_id, so that files are not mixed up */
    const char *const *migrations; /* migrations[i] leads from version i to i+1 */
    size_t migration_count;
    const char *const *statements; /* indexed by the store's enum */
    size_t statement_count;
};

/**
 * DB_OWNER and DB_SHARED create the file with mode 0600 (0644 for DB_SHARED), take an exclusive
 * lock on PATH.lock for the life of the handle and run PRAGMA quick_check. Fails where the file is
 * locked by another process, corrupt, of another application or of a newer version, saying which.
 */
int db_open(struct db **ret_db, const char *path, enum db_mode mode, const struct db_schema *schema,
            struct err *err) AMR_NODISCARD;
/** A further connection of the owner process, for another thread: no lock, no migration. */
int db_open_again(struct db **ret_db, const struct db *owner, struct err *err) AMR_NODISCARD;
void db_close(struct db *db);

int db_begin(struct db *db, struct err *err) AMR_NODISCARD;
int db_commit(struct db *db, struct err *err) AMR_NODISCARD;
void db_rollback(struct db *db);

/** Changes whenever another connection changed the file (PRAGMA data_version). */
int db_data_version(struct db *db, uint32_t *ret_version, struct err *err) AMR_NODISCARD;

/** The statement, reset and without bindings. Valid as long as db. */
struct db_stmt *db_stmt(struct db *db, size_t id);
/** Parameters and columns count from 0. Blobs and texts are copied when bound. */
void db_bind_u64(struct db_stmt *stmt, int index, uint64_t value);
void db_bind_blob(struct db_stmt *stmt, int index, const void *data, size_t len);
void db_bind_text(struct db_stmt *stmt, int index, const char *text);
void db_bind_null(struct db_stmt *stmt, int index);

/** 1: a row is there; 0: done (and reset); -1: failed. */
int db_step(struct db_stmt *stmt, struct err *err) AMR_NODISCARD;
/** Steps a statement that returns no row. */
int db_run(struct db_stmt *stmt, struct err *err) AMR_NODISCARD;
/** Ends a query before its last row. */
void db_reset(struct db_stmt *stmt);

uint64_t db_column_u64(struct db_stmt *stmt, int index);
bool db_column_is_null(struct db_stmt *stmt, int index);
/** Points into the row: valid until the next step. */
const void *db_column_blob(struct db_stmt *stmt, int index, size_t *ret_len);
const char *db_column_text(struct db_stmt *stmt, int index);
/** Copies a blob of exactly len bytes; fails where its length differs. */
int db_column_bytes(struct db_stmt *stmt, int index, void *ret_data, size_t len,
                    struct err *err) AMR_NODISCARD;

uint64_t db_changes(const struct db *db);

#endif
