#include "broker-plugin/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker-plugin/testing.h"
#include "common/db.h"
#include "common/file.h"

struct fixture {
    struct test_dir dir;
    struct members *members;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    test_dir_make(&fixture->dir);
    fixture->members = members_new(fixture->dir.registry, 1);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    members_free(fixture->members);
    test_dir_remove(&fixture->dir);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, uint32_t meter, uint8_t n, enum meter_status status)
{
    test_registry_put(fixture->dir.registry, meter, n, status);
}

static bool refresh(struct fixture *fixture)
{
    bool changed = false;
    if (members_refresh(fixture->members, &changed, &fixture->err) < 0)
        fail_msg("%s", fixture->err.text);
    return changed;
}

static void refresh_fails(struct fixture *fixture, const char *text)
{
    bool changed = false;
    assert_int_equal(members_refresh(fixture->members, &changed, &fixture->err), -1);
    if (!strstr(fixture->err.text, text))
        fail_msg("says '%s'", fixture->err.text);
}

static struct member *by_key(const struct fixture *fixture, uint8_t n)
{
    struct eth_address address = test_address(n);
    return members_by_signer(fixture->members, &address);
}

static void without_a_file_nobody_is_known(void **state)
{
    struct fixture *fixture = *state;
    refresh_fails(fixture, "No such file");
    assert_false(members_ready(fixture->members));
    assert_null(by_key(fixture, 1));
}

static void meters_of_the_group_are_found_by_signer_and_by_id(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, TEST_METER, 1, METER_ACTIVE);
    put(fixture, (2 << 16) + 1, 2, METER_ACTIVE);
    assert_true(refresh(fixture));
    assert_true(members_ready(fixture->members));
    assert_int_equal(members_count(fixture->members), 1);
    assert_int_equal(by_key(fixture, 1)->meter, TEST_METER);
    assert_ptr_equal(members_by_meter(fixture->members, TEST_METER), by_key(fixture, 1));
    assert_null(by_key(fixture, 2));
    assert_int_equal(members_domain(fixture->members)->chain_id, TEST_CHAIN_ID);
    assert_int_equal(members_head(fixture->members)->block, 7);
}

static void a_file_that_appears_or_changes_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    refresh_fails(fixture, "No such file");
    put(fixture, TEST_METER, 1, METER_ACTIVE);
    assert_true(refresh(fixture));
    assert_false(refresh(fixture));
    put(fixture, TEST_METER, 1, METER_CLOSED);
    put(fixture, TEST_METER + 1, 2, METER_ACTIVE);
    assert_true(refresh(fixture));
    assert_int_equal(by_key(fixture, 1)->status, METER_CLOSED);
    assert_int_equal(by_key(fixture, 2)->status, METER_ACTIVE);
}

static void a_rotated_signer_replaces_the_old_one_and_its_history(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, TEST_METER, 1, METER_ACTIVE);
    assert_true(refresh(fixture));
    struct member *member = by_key(fixture, 1);
    member_history(member)->sequence = 9;
    put(fixture, TEST_METER, 2, METER_ACTIVE);
    assert_true(refresh(fixture));
    assert_null(by_key(fixture, 1));
    assert_ptr_equal(by_key(fixture, 2), member);
    assert_null(member->history);
}

static void a_removed_file_leaves_the_last_good_state(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, TEST_METER, 1, METER_ACTIVE);
    assert_true(refresh(fixture));
    unlink(fixture->dir.registry);
    refresh_fails(fixture, "No such file");
    assert_non_null(by_key(fixture, 1));
    assert_true(members_ready(fixture->members));
}

static void a_replaced_file_is_followed_and_who_is_not_in_it_is_unknown(void **state)
{
    struct fixture *fixture = *state;
    char other[80];
    put(fixture, TEST_METER, 1, METER_ACTIVE);
    put(fixture, TEST_METER + 1, 2, METER_ACTIVE);
    assert_true(refresh(fixture));
    snprintf(other, sizeof other, "%s.new", fixture->dir.registry);
    test_registry_put(other, TEST_METER + 1, 2, METER_ACTIVE);
    assert_int_equal(rename(other, fixture->dir.registry), 0);
    snprintf(other, sizeof other, "%s.new.lock", fixture->dir.registry);
    unlink(other);
    assert_true(refresh(fixture));
    assert_int_equal(by_key(fixture, 1)->status, METER_UNKNOWN);
    assert_int_equal(by_key(fixture, 2)->status, METER_ACTIVE);
}

static void a_corrupt_file_leaves_the_last_good_state(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, TEST_METER, 1, METER_ACTIVE);
    assert_true(refresh(fixture));
    unlink(fixture->dir.registry);
    assert_int_equal(file_create(fixture->dir.registry, 0644, "not a database at all", 21, NULL),
                     0);
    refresh_fails(fixture, "registry");
    assert_non_null(by_key(fixture, 1));
    unlink(fixture->dir.registry);
    put(fixture, TEST_METER, 1, METER_CLOSED);
    assert_true(refresh(fixture));
    assert_int_equal(by_key(fixture, 1)->status, METER_CLOSED);
}

static void a_file_of_a_newer_version_is_refused_by_name(void **state)
{
    struct fixture *fixture = *state;
    static const char *const MIGRATIONS[] = {"SELECT 1", "SELECT 1", "SELECT 1", "SELECT 1",
                                             "SELECT 1", "SELECT 1", "SELECT 1", "SELECT 1"};
    static const struct db_schema NEWER = {.name = "registry",
                                           .application_id = 0x414d5252,
                                           .migrations = MIGRATIONS,
                                           .migration_count = AMR_COUNT(MIGRATIONS)};
    struct db *db = NULL;
    assert_int_equal(db_open(&db, fixture->dir.registry, DB_SHARED, &NEWER, &fixture->err), 0);
    db_close(db);
    refresh_fails(fixture, "newer");
    assert_false(members_ready(fixture->members));
}

static void a_locked_file_fails_soon_and_is_read_when_free(void **state)
{
    struct fixture *fixture = *state;
    static const char *const STATEMENTS[] = {"PRAGMA locking_mode = EXCLUSIVE",
                                             "UPDATE meter SET status = 2"};
    static const char *const MIGRATIONS[] = {"SELECT 1"};
    static const struct db_schema WRITER = {.name = "registry",
                                            .application_id = 0x414d5252,
                                            .migrations = MIGRATIONS,
                                            .migration_count = 1,
                                            .statements = STATEMENTS,
                                            .statement_count = AMR_COUNT(STATEMENTS)};
    struct db *db = NULL;
    put(fixture, TEST_METER, 1, METER_ACTIVE);
    assert_true(refresh(fixture));
    assert_int_equal(db_open(&db, fixture->dir.registry, DB_SHARED, &WRITER, &fixture->err), 0);
    assert_int_equal(db_step(db_stmt(db, 0), &fixture->err), 1);
    db_reset(db_stmt(db, 0));
    assert_int_equal(db_run(db_stmt(db, 1), &fixture->err), 0);
    refresh_fails(fixture, "lock");
    assert_int_equal(by_key(fixture, 1)->status, METER_ACTIVE);
    db_close(db);
    refresh(fixture);
    assert_true(members_ready(fixture->members));
}

static void of_two_meters_with_one_signer_the_active_one_counts(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, TEST_METER, 1, METER_CLOSED);
    put(fixture, TEST_METER + 1, 1, METER_ACTIVE);
    put(fixture, TEST_METER + 2, 1, METER_CLOSED);
    assert_true(refresh(fixture));
    assert_int_equal(by_key(fixture, 1)->meter, TEST_METER + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_file_nobody_is_known),
        TEST(meters_of_the_group_are_found_by_signer_and_by_id),
        TEST(a_file_that_appears_or_changes_is_taken_over),
        TEST(a_rotated_signer_replaces_the_old_one_and_its_history),
        TEST(a_removed_file_leaves_the_last_good_state),
        TEST(a_replaced_file_is_followed_and_who_is_not_in_it_is_unknown),
        TEST(a_corrupt_file_leaves_the_last_good_state),
        TEST(a_file_of_a_newer_version_is_refused_by_name),
        TEST(a_locked_file_fails_soon_and_is_read_when_free),
        TEST(of_two_meters_with_one_signer_the_active_one_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
