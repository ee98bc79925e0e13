#include "common/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/test_dir.h"

enum { PUT, GET, COUNT, STATEMENTS };

static const char *const MIGRATIONS[] = {"CREATE TABLE item (id INTEGER PRIMARY KEY, data BLOB)",
                                         "ALTER TABLE item ADD COLUMN name TEXT"};
static const char *const SQL[] = {[PUT] = "INSERT INTO item VALUES (?, ?, ?)",
                                  [GET] = "SELECT data, name FROM item WHERE id = ?",
                                  [COUNT] = "SELECT count(*) FROM item"};
static const char *const OLD_SQL[] = {[PUT] = "INSERT INTO item VALUES (?, ?)"};

static const struct db_schema NEW = {"test store", 7, MIGRATIONS, 2, SQL, STATEMENTS};
static const struct db_schema OLD = {"test store", 7, MIGRATIONS, 1, OLD_SQL, 1};
static const struct db_schema OTHER = {"other store", 8, MIGRATIONS, 2, SQL, STATEMENTS};

static void put(struct db *db, uint64_t id, const char *data)
{
    struct db_stmt *stmt = db_stmt(db, PUT);

    db_bind_u64(stmt, 0, id);
    db_bind_blob(stmt, 1, data, strlen(data));
    db_bind_text(stmt, 2, "name");
    assert_int_equal(db_run(stmt, NULL), 0);
}

static uint64_t count(struct db *db)
{
    struct db_stmt *stmt = db_stmt(db, COUNT);

    assert_int_equal(db_step(stmt, NULL), 1);
    uint64_t value = db_column_u64(stmt, 0);
    db_reset(stmt);
    return value;
}

static struct db *open_new(const char *path, enum db_mode mode)
{
    struct db *db = NULL;
    struct err err = ERR_INIT;

    if (db_open(&db, path, mode, &NEW, &err))
        fail_msg("%s", err.text);
    return db;
}

static void rows_survive_closing_and_the_file_is_private(void **state)
{
    char *path = test_path(*state, "a.db");
    struct db *db = open_new(path, DB_OWNER);
    struct stat info;
    char data[5];

    put(db, 1, "alpha");
    db_close(db);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    db = open_new(path, DB_OWNER);
    struct db_stmt *stmt = db_stmt(db, GET);
    db_bind_u64(stmt, 0, 1);
    assert_int_equal(db_step(stmt, NULL), 1);
    assert_int_equal(db_column_bytes(stmt, 0, data, 5, NULL), 0);
    assert_memory_equal(data, "alpha", 5);
    assert_int_equal(db_column_bytes(stmt, 0, data, 4, NULL), -1);
    assert_string_equal(db_column_text(stmt, 1), "name");
    assert_int_equal(db_step(stmt, NULL), 0);
    db_close(db);
    db_close(NULL);
    free(path);
}

static void a_second_owner_is_refused_while_the_first_lives(void **state)
{
    char *path = test_path(*state, "b.db");
    struct db *first = open_new(path, DB_OWNER), *second;
    struct err err = ERR_INIT;

    assert_int_equal(db_open(&second, path, DB_OWNER, &NEW, &err), -1);
    assert_non_null(strstr(err.text, "in use by another process"));
    db_close(first);
    db_close(open_new(path, DB_OWNER));
    free(path);
}

static void an_older_file_is_migrated_and_keeps_its_rows(void **state)
{
    char *path = test_path(*state, "c.db");
    struct db *db;

    assert_int_equal(db_open(&db, path, DB_OWNER, &OLD, NULL), 0);
    struct db_stmt *stmt = db_stmt(db, PUT);
    db_bind_u64(stmt, 0, 5);
    db_bind_null(stmt, 1);
    assert_int_equal(db_run(stmt, NULL), 0);
    db_close(db);
    db = open_new(path, DB_OWNER);
    assert_int_equal(count(db), 1);
    stmt = db_stmt(db, GET);
    db_bind_u64(stmt, 0, 5);
    assert_int_equal(db_step(stmt, NULL), 1);
    assert_true(db_column_is_null(stmt, 1));
    db_close(db);
    free(path);
}

static void newer_foreign_and_corrupt_files_are_told_apart(void **state)
{
    char *path = test_path(*state, "d.db"), *bad = test_path(*state, "bad.db");
    struct db *db;
    struct err err = ERR_INIT;

    db_close(open_new(path, DB_OWNER));
    assert_int_equal(db_open(&db, path, DB_OWNER, &OLD, &err), -1);
    assert_non_null(strstr(err.text, "newer than this program"));
    assert_int_equal(db_open(&db, path, DB_OWNER, &OTHER, &err), -1);
    assert_non_null(strstr(err.text, "another program"));
    assert_int_equal(file_create(bad, 0600, "this is no database, not at all....", 35, NULL), 0);
    assert_int_equal(db_open(&db, bad, DB_OWNER, &NEW, &err), -1);
    assert_non_null(strstr(err.text, "not a database"));
    free(path);
    free(bad);
}

static void a_rolled_back_transaction_leaves_nothing(void **state)
{
    char *path = test_path(*state, "e.db");
    struct db *db = open_new(path, DB_OWNER);

    assert_int_equal(db_begin(db, NULL), 0);
    put(db, 1, "x");
    db_rollback(db);
    assert_int_equal(count(db), 0);
    assert_int_equal(db_begin(db, NULL), 0);
    put(db, 1, "x");
    assert_int_equal(db_commit(db, NULL), 0);
    assert_int_equal(count(db), 1);
    assert_int_equal(db_run(db_stmt(db, PUT), NULL), 0); /* NULL id: SQLite picks one */
    assert_int_equal(db_changes(db), 1);
    db_close(db);
    free(path);
}

static void a_failed_statement_says_what_failed(void **state)
{
    char *path = test_path(*state, "f.db");
    struct db *db = open_new(path, DB_OWNER);
    struct err err = ERR_INIT;

    put(db, 1, "x");
    struct db_stmt *stmt = db_stmt(db, PUT);
    db_bind_u64(stmt, 0, 1);
    assert_int_equal(db_run(stmt, &err), -1);
    assert_non_null(strstr(err.text, "UNIQUE"));
    db_close(db);
    free(path);
}

static void a_reader_sees_changes_and_cannot_write(void **state)
{
    char *path = test_path(*state, "g.db");
    struct db *writer = open_new(path, DB_SHARED), *reader = open_new(path, DB_READ_ONLY);
    struct stat info;
    uint32_t before, after;

    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_equal(db_data_version(reader, &before, NULL), 0);
    put(writer, 1, "x");
    assert_int_equal(db_data_version(reader, &after, NULL), 0);
    assert_int_not_equal(before, after);
    assert_int_equal(count(reader), 1);
    struct db_stmt *stmt = db_stmt(reader, PUT);
    db_bind_u64(stmt, 0, 2);
    assert_int_equal(db_run(stmt, NULL), -1);
    db_close(reader);
    db_close(writer);
    free(path);
}

static void a_reader_of_no_file_or_an_old_one_is_told_so(void **state)
{
    char *absent = test_path(*state, "absent.db"), *old = test_path(*state, "old.db");
    struct db *db;
    struct err err = ERR_INIT;

    assert_int_equal(db_open(&db, absent, DB_READ_ONLY, &NEW, &err), -1);
    assert_non_null(strstr(err.text, "unable to open"));
    assert_int_equal(db_open(&db, old, DB_OWNER, &OLD, NULL), 0);
    db_close(db);
    assert_int_equal(db_open(&db, old, DB_READ_ONLY, &NEW, &err), -1);
    assert_non_null(strstr(err.text, "its writer must start first"));
    free(absent);
    free(old);
}

static void two_connections_of_the_owner_share_the_file(void **state)
{
    char *path = test_path(*state, "h.db");
    struct db *first = open_new(path, DB_OWNER), *second;

    assert_int_equal(db_open_again(&second, first, NULL), 0);
    put(first, 1, "x");
    assert_int_equal(count(second), 1);
    put(second, 2, "y");
    assert_int_equal(count(first), 2);
    db_close(second);
    db_close(first);
    free(path);
}

static void a_guest_reads_and_writes_beside_the_owner_and_makes_nothing(void **state)
{
    char *path = test_path(*state, "i.db"), *absent = test_path(*state, "absent.db");
    struct db *owner = open_new(path, DB_OWNER), *guest = open_new(path, DB_GUEST), *other;

    put(owner, 1, "x");
    assert_int_equal(count(guest), 1);
    put(guest, 2, "y");
    assert_int_equal(count(owner), 2);
    db_close(guest);
    db_close(owner);
    assert_int_equal(db_open(&other, absent, DB_GUEST, &NEW, NULL), -1);
    assert_int_equal(access(absent, F_OK), -1);
    free(path);
    free(absent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_survive_closing_and_the_file_is_private),
        cmocka_unit_test(a_second_owner_is_refused_while_the_first_lives),
        cmocka_unit_test(an_older_file_is_migrated_and_keeps_its_rows),
        cmocka_unit_test(newer_foreign_and_corrupt_files_are_told_apart),
        cmocka_unit_test(a_rolled_back_transaction_leaves_nothing),
        cmocka_unit_test(a_failed_statement_says_what_failed),
        cmocka_unit_test(a_reader_sees_changes_and_cannot_write),
        cmocka_unit_test(a_reader_of_no_file_or_an_old_one_is_told_so),
        cmocka_unit_test(two_connections_of_the_owner_share_the_file),
        cmocka_unit_test(a_guest_reads_and_writes_beside_the_owner_and_makes_nothing),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
