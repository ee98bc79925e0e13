#include "chain-bridge/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/store_batch.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/testing.h"
#include "common/topic.h"

struct world {
    struct bench bench;
    struct recoverer *recoverer;
    struct roster *roster;
    struct intake_config config;
    struct intake *intake;
    struct store *store; /* the intake's */
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct bench *bench = &world->bench;
    bench_open(bench);
    world->recoverer = recoverer_new();
    world->roster = roster_new(BENCH_GROUP);
    for (uint32_t i = 1; i <= 3; i++) {
        struct registry_meter meter = {BENCH_METER(i), METER_ACTIVE,
                                       *signer_address(bench->meter_signer)};
        roster_put(world->roster, &meter);
    }
    assert_int_equal(store_open_again(&world->store, bench->store, NULL), 0);
    world->config = (struct intake_config){
        .store = world->store,
        .disk_path = bench->dir,
        .verifier = {world->roster, &bench->domain, world->recoverer, bench->clock, 300},
        .notices = bench_notices(bench),
        .status = bench->status,
        .log = bench->log,
        .workers = 2,
        .queue_reports = 100,
        .group_max = 16,
        .quarantine_max = 1000};
    world->intake = intake_new(&world->config, NULL);
    assert_non_null(world->intake);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    intake_free(world->intake);
    store_close(world->store);
    roster_free(world->roster);
    recoverer_free(world->recoverer);
    bench_close(&world->bench);
    free(world);
    return 0;
}

static void offer_text(struct world *world, const void *text, size_t len)
{
    char topic[TOPIC_MAX];
    topic_format(topic, BENCH_GROUP, "meter-1", TOPIC_READING);
    intake_offer(world->intake, topic, text, len);
}

static void offer(struct world *world, const struct report *report)
{
    struct buf payload = BUF_INIT;
    payload_report_print(&payload, report);
    offer_text(world, payload.data, payload.len);
    buf_free(&payload);
}

static void offer_number(struct world *world, uint32_t meter, uint32_t sequence)
{
    struct report report = bench_report(&world->bench, meter, sequence, 1);
    offer(world, &report);
}

/* Everything offered so far is decided: the threads end, and new ones start. */
static void settle(struct world *world)
{
    intake_free(world->intake);
    world->intake = intake_new(&world->config, NULL);
    assert_non_null(world->intake);
}

static struct receipt last(struct world *world)
{
    struct heard *heard = &world->bench.heard;
    assert_true(heard->receipt_count > 0);
    return heard->receipts[heard->receipt_count - 1];
}

static void refused(struct world *world, enum cause cause)
{
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_REJECTED);
    assert_int_equal(last(world).cause, cause);
    assert_true(heard_alarm(&world->bench.heard, cause_text(cause)));
}

static uint64_t number(struct world *world, enum status_number which)
{
    return status_get(world->bench.status, which);
}

static void a_repeat_with_another_valid_signature_takes_its_place(void **state)
{
    struct world *world = *state;
    struct bench *bench = &world->bench;
    struct report report = bench_report(bench, BENCH_METER(1), 1, 1);
    struct report_row row;
    bool found;
    offer(world, &report);
    settle(world);
    struct registry_meter rotated = {BENCH_METER(1), METER_ACTIVE,
                                     *signer_address(bench->server_signer)};
    roster_put(world->roster, &rotated);
    struct eth_hash digest;
    eip712_report(&bench->domain, &digest, &report);
    signer_sign(bench->server_signer, &report.signature, &digest);
    offer(world, &report);
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_STORED);
    assert_int_equal(store_report_find(bench->store, &row, &found, BENCH_METER(1), 1, NULL), 0);
    assert_true(report_equal(&row.report, &report));
}

static void a_report_is_stored_and_acknowledged(void **state)
{
    struct world *world = *state;
    struct report_row row;
    bool found;
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_STORED);
    assert_int_equal(store_report_find(world->bench.store, &row, &found, BENCH_METER(1), 1, NULL),
                     0);
    assert_true(found);
    struct report sent = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    assert_true(report_equal(&row.report, &sent));
    assert_int_equal(number(world, STATUS_STORED), 1);
}

static void receipts_of_a_run_are_one(void **state)
{
    struct world *world = *state;
    for (uint32_t i = 1; i <= 50; i++)
        offer_number(world, BENCH_METER(1), i);
    settle(world);
    assert_int_equal(number(world, STATUS_STORED), 50);
    assert_in_range(world->bench.heard.receipt_count, 1, 49);
    for (uint32_t i = 1; i <= 50; i++)
        assert_int_equal(heard_receipts(&world->bench.heard, RECEIPT_STORED, BENCH_METER(1), i), 1);
}

static void a_repeat_is_acknowledged_again_and_stored_once(void **state)
{
    struct world *world = *state;
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    assert_int_equal(world->bench.heard.receipt_count, 2);
    assert_int_equal(last(world).status, RECEIPT_STORED);
    assert_int_equal(number(world, STATUS_STORED), 1);
    assert_int_equal(number(world, STATUS_REPEATED), 1);
}

static void a_repeat_of_a_sealed_report_is_told_where_it_is(void **state)
{
    struct world *world = *state;
    struct report_row row;
    bool found;
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    struct store *store = world->bench.store;
    assert_int_equal(store_report_find(store, &row, &found, BENCH_METER(1), 1, NULL), 0);
    struct claim_report report = {row.id, BENCH_METER(1), 1};
    struct batch_claim claim = {.reports = &report, .report_count = 1};
    struct batch_row outcome = {.block = 42};
    assert_int_equal(store_batch_claim(store, &claim, NULL), 0);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(
        store_batch_seal(store, claim.tx.batch, claim.tx.nonce, &outcome, NULL, 0, 1, NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_SEALED);
    assert_int_equal(last(world).block, 42);
    offer_number(world, BENCH_METER(1), 2);
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_STORED);
}

static void other_content_under_a_known_sequence_is_a_conflict(void **state)
{
    struct world *world = *state;
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    report.readings[0].import_wh++;
    bench_sign(&world->bench, &report);
    offer(world, &report);
    refused(world, CAUSE_CONFLICT);
    assert_int_equal(number(world, STATUS_STORED), 1);
}

static void a_lower_register_is_a_rollback(void **state)
{
    struct world *world = *state;
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    struct report report = bench_report(&world->bench, BENCH_METER(1), 2, 1);
    report.readings[0].import_wh = 1;
    bench_sign(&world->bench, &report);
    offer(world, &report);
    refused(world, CAUSE_ROLLBACK);
}

static void a_time_not_later_is_a_conflict(void **state)
{
    struct world *world = *state;
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    report.sequence = 2;
    bench_sign(&world->bench, &report);
    offer(world, &report);
    refused(world, CAUSE_CONFLICT);
}

static void a_gap_can_be_filled_later(void **state)
{
    struct world *world = *state;
    offer_number(world, BENCH_METER(1), 3);
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    offer_number(world, BENCH_METER(1), 2);
    settle(world);
    assert_int_equal(number(world, STATUS_STORED), 3);
}

static void a_report_behind_what_is_claimed_is_left_to_the_chain(void **state)
{
    struct world *world = *state;
    offer_number(world, BENCH_METER(1), 5);
    settle(world);
    assert_int_equal(store_meter_claim(world->bench.store, BENCH_METER(1), 5, NULL), 0);
    offer_number(world, BENCH_METER(1), 4);
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_STORED);
}

static void a_tampered_reading_fails_its_signature(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    report.readings[0].import_wh++;
    offer(world, &report);
    refused(world, CAUSE_SIGNATURE);
    offer_number(world, BENCH_METER(1), 1); /* the sequence is still free */
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_STORED);
}

static void an_unknown_meter_is_refused(void **state)
{
    struct world *world = *state;
    offer_number(world, BENCH_METER(99), 1);
    refused(world, CAUSE_UNKNOWN);
}

static void a_closed_meter_is_refused(void **state)
{
    struct world *world = *state;
    struct registry_meter closed = {BENCH_METER(1), METER_CLOSED,
                                    *signer_address(world->bench.meter_signer)};
    roster_put(world->roster, &closed);
    offer_number(world, BENCH_METER(1), 1);
    refused(world, CAUSE_CLOSED);
}

static void a_meter_of_another_group_is_refused(void **state)
{
    struct world *world = *state;
    offer_number(world, 9 << 16 | 1, 1);
    refused(world, CAUSE_IDENTITY);
}

static void a_timestamp_ahead_of_the_clock_is_refused(void **state)
{
    struct world *world = *state;
    struct report report = bench_report(&world->bench, BENCH_METER(1), 1, 1);
    report.readings[0].timestamp_s = BENCH_UNIX_S + 1000;
    bench_sign(&world->bench, &report);
    offer(world, &report);
    refused(world, CAUSE_FUTURE);
    clock_advance_ms(world->bench.clock, 1000 * 1000);
    offer(world, &report); /* it was not for good */
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_STORED);
}

static void keep_one(void *cookie, const struct quarantine_row *row)
{
    struct buf *kept = cookie;
    buf_append(kept, row->payload, row->payload_len);
}

static void a_malformed_payload_is_kept_with_its_bytes(void **state)
{
    struct world *world = *state;
    struct buf kept = BUF_INIT;
    offer_text(world, "{\"v\":1,", 7);
    refused(world, CAUSE_MALFORMED);
    assert_int_equal(store_quarantine_each(world->bench.store, keep_one, &kept, NULL), 0);
    assert_int_equal(kept.len, 7);
    assert_memory_equal(kept.data, "{\"v\":1,", 7);
    buf_free(&kept);
}

static void an_oversized_or_empty_payload_is_refused(void **state)
{
    struct world *world = *state;
    char *big = calloc(1, PAYLOAD_MAX + 1);
    memset(big, ' ', PAYLOAD_MAX + 1);
    offer_text(world, big, PAYLOAD_MAX + 1);
    free(big);
    refused(world, CAUSE_OVERSIZE);
    offer_text(world, "", 0);
    refused(world, CAUSE_MALFORMED);
}

static void keep_id(void *cookie, const struct quarantine_row *row)
{
    *(uint64_t *)cookie = row->id;
}

static uint64_t newest_row(struct world *world)
{
    struct quarantine_query query = {.limit = 1};
    uint64_t id = 0;
    assert_int_equal(store_quarantine_list(world->bench.store, &query, keep_id, &id, NULL), 0);
    return id;
}

static uint64_t rows_left(struct world *world)
{
    uint64_t rows = 0;
    assert_int_equal(store_quarantine_count(world->bench.store, &rows, NULL), 0);
    return rows;
}

static void what_is_asked_back_is_judged_by_the_rules_of_now(void **state)
{
    struct world *world = *state;
    uint32_t unknown = BENCH_METER(9);
    struct registry_meter meter = {unknown, METER_ACTIVE,
                                   *signer_address(world->bench.meter_signer)};
    bool asked = false;
    offer_number(world, unknown, 1);
    refused(world, CAUSE_UNKNOWN);
    uint64_t id = newest_row(world);
    assert_int_equal(store_quarantine_release(world->bench.store, id, &asked, NULL), 0);
    assert_true(asked);
    assert_int_equal(store_quarantine_release(world->bench.store, id, &asked, NULL), 0);
    assert_false(asked);
    roster_put(world->roster, &meter);
    assert_int_equal(intake_release(world->intake, NULL), 0);
    settle(world);
    assert_int_equal(last(world).status, RECEIPT_STORED);
    assert_int_equal(last(world).meter, unknown);
    assert_int_equal(rows_left(world), 0);
}

static void what_is_refused_again_is_kept_again(void **state)
{
    struct world *world = *state;
    bool asked = false;
    offer_text(world, "x", 1);
    refused(world, CAUSE_MALFORMED);
    uint64_t id = newest_row(world);
    assert_int_equal(store_quarantine_release(world->bench.store, id, &asked, NULL), 0);
    assert_int_equal(intake_release(world->intake, NULL), 0);
    settle(world);
    assert_int_equal(rows_left(world), 1);
    assert_int_not_equal(newest_row(world), id);
    assert_int_equal(intake_release(world->intake, NULL), 0); /* nobody asked again */
    settle(world);
    assert_int_equal(rows_left(world), 1);
}

static void the_quarantine_is_bounded(void **state)
{
    struct world *world = *state;
    uint64_t rows;
    world->config.quarantine_max = 10;
    settle(world);
    for (int i = 0; i < 40; i++)
        offer_text(world, "x", 1);
    settle(world);
    assert_int_equal(store_quarantine_count(world->bench.store, &rows, NULL), 0);
    assert_int_equal(rows, 10);
}

static void a_full_queue_sheds_without_receipt_and_recovers(void **state)
{
    struct world *world = *state;
    world->config.queue_reports = 1;
    settle(world);
    /* The writer waits for the file: nothing can leave the queues. */
    assert_int_equal(store_begin(world->bench.store, NULL), 0);
    for (uint32_t i = 1; i <= 100; i++)
        offer_number(world, BENCH_METER(1), i);
    uint64_t shed = number(world, STATUS_SHED);
    assert_in_range(shed, 1, 99);
    assert_true(heard_alarm(&world->bench.heard, "shed"));
    store_rollback(world->bench.store);
    settle(world);
    assert_int_equal(number(world, STATUS_STORED), 100 - shed);
    world->config.queue_reports = 1000;
    settle(world);
    for (uint32_t i = 1; i <= 100; i++)
        offer_number(world, BENCH_METER(1), i);
    settle(world);
    assert_int_equal(number(world, STATUS_STORED), 100);
}

static void a_low_disk_accepts_nothing_until_there_is_room(void **state)
{
    struct world *world = *state;
    world->config.min_free_mib = 1 << 30;
    settle(world);
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    assert_int_equal(number(world, STATUS_STORED), 0);
    assert_int_equal(world->bench.heard.receipt_count, 0);
    assert_true(heard_alarm(&world->bench.heard, "disk-low"));
    world->config.min_free_mib = 1;
    settle(world);
    offer_number(world, BENCH_METER(1), 1);
    settle(world);
    assert_int_equal(number(world, STATUS_STORED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_repeat_with_another_valid_signature_takes_its_place),
        TEST(a_report_is_stored_and_acknowledged),
        TEST(receipts_of_a_run_are_one),
        TEST(a_repeat_is_acknowledged_again_and_stored_once),
        TEST(a_repeat_of_a_sealed_report_is_told_where_it_is),
        TEST(other_content_under_a_known_sequence_is_a_conflict),
        TEST(a_lower_register_is_a_rollback),
        TEST(a_time_not_later_is_a_conflict),
        TEST(a_gap_can_be_filled_later),
        TEST(a_report_behind_what_is_claimed_is_left_to_the_chain),
        TEST(a_tampered_reading_fails_its_signature),
        TEST(an_unknown_meter_is_refused),
        TEST(a_closed_meter_is_refused),
        TEST(a_meter_of_another_group_is_refused),
        TEST(a_timestamp_ahead_of_the_clock_is_refused),
        TEST(a_malformed_payload_is_kept_with_its_bytes),
        TEST(an_oversized_or_empty_payload_is_refused),
        TEST(what_is_asked_back_is_judged_by_the_rules_of_now),
        TEST(what_is_refused_again_is_kept_again),
        TEST(the_quarantine_is_bounded),
        TEST(a_full_queue_sheds_without_receipt_and_recovers),
        TEST(a_low_disk_accepts_nothing_until_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
