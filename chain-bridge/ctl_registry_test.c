#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/ctl_registry.h"

static void put_word(struct buf *words, uint8_t last)
{
    memset(buf_extend(words, 31), 0, 31);
    buf_append_u8(words, last);
}

static int add_meters(struct ctl_registry *registry, uint32_t first, uint8_t count, struct err *err)
{
    struct buf words = BUF_INIT;
    for (uint8_t i = 0; i < count; i++)
        put_word(&words, (uint8_t)(first + i));
    struct ledger_event event = {
        .kind = LEDGER_METERS_REGISTERED, .meter = first, .signers = {words.data, words.len}};
    int result = ctl_registry_apply(registry, &event, 9, err);
    buf_free(&words);
    return result;
}

static void ids_stay_sorted_and_the_next_number_is_behind_the_last(void **state)
{
    (void)state;
    struct ctl_registry registry = {0};
    assert_int_equal(ctl_registry_next_number(&registry, 1), 1);
    assert_int_equal(add_meters(&registry, 131073, 2, NULL), 0);
    assert_int_equal(add_meters(&registry, 65537, 3, NULL), 0);
    assert_int_equal(add_meters(&registry, 65541, 1, NULL), 0);
    assert_int_equal(ctl_registry_next_number(&registry, 1), 6);
    assert_int_equal(ctl_registry_next_number(&registry, 2), 3);
    assert_int_equal(ctl_registry_next_number(&registry, 3), 1);
    assert_int_equal(ctl_registry_next_number(&registry, 65535), 1);
    for (size_t i = 1; i < registry.meter_count; i++)
        assert_true(registry.meters[i - 1].meter < registry.meters[i].meter);
    assert_null(ctl_registry_find(&registry, 65540));
    struct eth_address signer = {{0}};
    signer.b[19] = 2;
    assert_int_equal(ctl_registry_find_signer(&registry, 1, &signer)->meter, 65538);
    assert_int_equal(ctl_registry_find_signer(&registry, 2, &signer)->meter, 131074);
    assert_int_equal(add_meters(&registry, 65539, 2, NULL), -1);
    ctl_registry_free(&registry);
}

static void changes_apply_to_known_meters_only(void **state)
{
    (void)state;
    struct ctl_registry registry = {0};
    struct ledger_event event = {.kind = LEDGER_METER_CLOSED, .meter = 65537};
    assert_int_equal(ctl_registry_apply(&registry, &event, 1, NULL), -1);
    assert_int_equal(add_meters(&registry, 65537, 1, NULL), 0);
    assert_int_equal(ctl_registry_apply(&registry, &event, 1, NULL), 0);
    assert_int_equal(ctl_registry_find(&registry, 65537)->status, METER_CLOSED);
    event.kind = LEDGER_METER_REOPENED;
    assert_int_equal(ctl_registry_apply(&registry, &event, 1, NULL), 0);
    assert_int_equal(ctl_registry_find(&registry, 65537)->status, METER_ACTIVE);
    ctl_registry_free(&registry);
}

static void an_account_keeps_one_row_a_role(void **state)
{
    (void)state;
    struct ctl_registry registry = {0};
    struct ledger_event event = {.kind = LEDGER_SERVER_ADDED, .group = 1};
    assert_int_equal(ctl_registry_apply(&registry, &event, 1, NULL), 0);
    event.kind = LEDGER_SERVER_REMOVED;
    assert_int_equal(ctl_registry_apply(&registry, &event, 2, NULL), 0);
    assert_int_equal(registry.account_count, 1);
    assert_false(registry.accounts[0].listed);
    event.kind = LEDGER_OPERATOR_ADDED;
    assert_int_equal(ctl_registry_apply(&registry, &event, 3, NULL), 0);
    assert_int_equal(registry.account_count, 2);
    assert_true(registry.accounts[1].listed);
    assert_int_equal(registry.accounts[1].role, CTL_OPERATOR);
    assert_false(registry.accounts[0].listed);
    ctl_registry_free(&registry);
}

static void meters_and_times_are_parsed_strictly(void **state)
{
    (void)state;
    uint32_t value;
    assert_int_equal(ctl_meter_parse(&value, "1/7", NULL), 0);
    assert_int_equal(value, 65543);
    assert_int_equal(ctl_meter_parse(&value, "65537", NULL), 0);
    static const char *const METERS[] = {"", "7", "0/1", "1/", "1/65536", "/1", "123456789/1", "x"};
    for (size_t i = 0; i < AMR_COUNT(METERS); i++)
        assert_int_equal(ctl_meter_parse(&value, METERS[i], NULL), -1);
    assert_int_equal(ctl_time_parse(&value, "2026-01-02T03:04:05Z", NULL), 0);
    assert_int_equal(value, 1767323045);
    assert_int_equal(ctl_time_parse(&value, "2026-01-02", NULL), 0);
    assert_int_equal(value, 1767312000);
    assert_int_equal(ctl_time_parse(&value, "1767312000", NULL), 0);
    static const char *const TIMES[] = {
        "", "yesterday", "2026-13-01", "2026-01-02T03", "1960-01-01", "2026-01-02T03:04:05+01:00"};
    for (size_t i = 0; i < AMR_COUNT(TIMES); i++)
        assert_int_equal(ctl_time_parse(&value, TIMES[i], NULL), -1);
    char text[CTL_TIME_TEXT];
    assert_string_equal(ctl_time_text(text, 1767323045), "2026-01-02T03:04:05Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_stay_sorted_and_the_next_number_is_behind_the_last),
        cmocka_unit_test(changes_apply_to_known_meters_only),
        cmocka_unit_test(an_account_keeps_one_row_a_role),
        cmocka_unit_test(meters_and_times_are_parsed_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
