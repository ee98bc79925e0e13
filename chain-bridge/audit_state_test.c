#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/audit_state.h"
#include "common/file.h"
#include "common/test_dir.h"

static struct audit_ledger *ledger_with_meter(void)
{
    struct audit_ledger *ledger = audit_ledger_new();
    uint8_t signer[32] = {0};
    struct ledger_event event = {
        .kind = LEDGER_METERS_REGISTERED, .meter = 65537, .signers = {signer, sizeof(signer)}};
    assert_int_equal(audit_ledger_event(ledger, &event, NULL), 0);
    return ledger;
}

static const struct audit_state STATE = {
    .chain_id = 31337,
    .contract = {{1, 2, 3}},
    .start_block = 7,
    .scope = {1, 0},
    .next = 40,
    .block = 1234,
    .block_hash = {{5}},
    .archives = {{6}},
};

static char *saved_file(void **state)
{
    char *path = test_path(*state, "state.json");
    struct audit_result result = {.ledger = ledger_with_meter()};
    struct audit_meter *meter = audit_ledger_meter(result.ledger, 65537);
    meter->verified = 90;
    meter->reports = 9;
    meter->sequence = 12;
    meter->tenure = 1;
    meter->lacking = 3;
    meter->lacking_to_s = 77;
    result.counts = (struct audit_counts){.batches = 40, .whole = 39, .readings = 93};
    for (int i = 0; i < AUDIT_FINDINGS_MAX + 5; i++)
        audit_found(&result.of_batches, &(struct audit_finding){.kind = AUDIT_READING, .meter = 9},
                    "it said \"%d\"", i);
    assert_int_equal(audit_state_save(path, &STATE, &result, NULL), 0);
    audit_result_clear(&result);
    return path;
}

static void what_was_saved_comes_back(void **state)
{
    char *path = saved_file(state);
    struct audit_saved *saved = NULL;
    struct audit_state again;
    struct audit_result result = {.ledger = ledger_with_meter()};
    assert_int_equal(audit_state_load(&saved, &again, path, NULL), 0);
    assert_non_null(saved);
    assert_int_equal(again.next, 40);
    assert_memory_equal(&again.archives, &STATE.archives, sizeof(again.archives));
    assert_true(eth_address_equal(&again.contract, &STATE.contract));
    assert_int_equal(audit_saved_restore(saved, &result, NULL), 0);
    audit_saved_meters(saved, result.ledger);
    const struct audit_meter *meter = audit_ledger_meter(result.ledger, 65537);
    assert_int_equal(meter->verified, 90);
    assert_int_equal(meter->sequence, 12);
    assert_int_equal(meter->lacking_to_s, 77);
    assert_int_equal(result.counts.whole, 39);
    assert_int_equal(result.of_batches.count, AUDIT_FINDINGS_MAX);
    assert_int_equal(result.of_batches.counts[AUDIT_READING], AUDIT_FINDINGS_MAX + 5);
    assert_string_equal(result.of_batches.list[4].text, "it said \"4\"");
    audit_result_clear(&result);
    audit_saved_free(saved);
    free(path);
}

static void no_file_is_a_beginning(void **state)
{
    struct audit_saved *saved = NULL;
    struct audit_state again;
    char *path = test_path(*state, "none.json");
    assert_int_equal(audit_state_load(&saved, &again, path, NULL), 0);
    assert_null(saved);
    free(path);
}

static void a_file_of_something_else_is_refused(void **state)
{
    static const char *const TEXTS[] = {"", "[]", "{\"format\":\"amr-verify-2\"}", "{}", "\xff"};
    char *path = test_path(*state, "bad.json");
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++) {
        struct audit_saved *saved = NULL;
        struct audit_state again;
        struct err err = ERR_INIT;
        assert_int_equal(file_replace(path, 0644, TEXTS[i], strlen(TEXTS[i]), NULL), 0);
        assert_int_equal(audit_state_load(&saved, &again, path, &err), -1);
        assert_non_null(strstr(err.text, "bad.json"));
        assert_null(saved);
    }
    free(path);
}

/* Wherever a saved file is cut off, it is refused and nothing is leaked. */
static void a_file_that_is_cut_off_is_refused(void **state)
{
    char *path = saved_file(state);
    struct buf text = BUF_INIT;
    assert_int_equal(file_read(&text, path, 1 << 20, NULL), 0);
    for (size_t len = 0; len + 2 < text.len; len += 997) {
        struct audit_saved *saved = NULL;
        struct audit_state again;
        assert_int_equal(file_replace(path, 0644, text.data, len, NULL), 0);
        assert_int_equal(audit_state_load(&saved, &again, path, NULL), -1);
    }
    buf_free(&text);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_comes_back),
        cmocka_unit_test(no_file_is_a_beginning),
        cmocka_unit_test(a_file_of_something_else_is_refused),
        cmocka_unit_test(a_file_that_is_cut_off_is_refused),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
