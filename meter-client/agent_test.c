#include "meter-client/agent.h"

#include "meter-client/agent_bench.h"

/** Parses the nth reading sent since `from`, checks its signature. False: there is none. */
static bool nth_report(const struct bench *bench, unsigned from, unsigned n,
                       struct report *ret_report)
{
    struct eth_hash digest;
    struct eth_address signer;

    for (unsigned i = from; i < bench->count; i++) {
        const struct sent *sent = &bench->sent[i];

        if (sent->kind != TOPIC_READING || n-- > 0)
            continue;
        assert_int_equal(
            payload_report_parse(ret_report, sent->payload, strlen(sent->payload), NULL), 0);
        eip712_report(&bench->domain, &digest, ret_report);
        assert_int_equal(
            recoverer_recover(bench->recoverer, &signer, &digest, &ret_report->signature), 0);
        assert_true(eth_address_equal(&signer, signer_address(bench->signer)));
        return true;
    }
    return false;
}

static unsigned reports_since(const struct bench *bench, unsigned from)
{
    unsigned count = 0;

    for (unsigned i = from; i < bench->count; i++)
        count += bench->sent[i].kind == TOPIC_READING;
    return count;
}

static unsigned events_since(const struct bench *bench, unsigned from, unsigned code)
{
    unsigned count = 0;

    for (unsigned i = from; i < bench->count; i++) {
        struct meter_event event;
        const char *payload = bench->sent[i].payload;

        if (bench->sent[i].kind != TOPIC_EVENT)
            continue;
        assert_int_equal(payload_event_parse(&event, payload, strlen(payload), NULL), 0);
        count += event.code == code;
    }
    return count;
}

static void receipt(struct bench *bench, enum receipt_status status, uint32_t first, uint32_t last,
                    enum cause cause)
{
    receive(bench, (struct receipt){.status = status,
                                    .first = first,
                                    .last = last,
                                    .block = 9,
                                    .cause = cause,
                                    .text = "why"});
}

static uint64_t in_state(const struct bench *bench, enum report_state state)
{
    struct meter_store_counts counts;

    assert_int_equal(meter_store_counts(bench->store, &counts, NULL), 0);
    return counts.reports[state];
}

static void readings_stand_on_wall_clock_boundaries(void **state)
{
    struct bench *bench = bench_new(state, "boundary.db");
    struct report report = {0};

    start(bench);
    connect_link(bench);
    measure(bench);
    tick(bench);
    assert_int_equal(reports_since(bench, 0), 0);
    clock_advance_ms(bench->clock, INTERVAL * 1000 - 2);
    measure(bench);
    tick(bench);
    assert_int_equal(reports_since(bench, 0), 0);
    assert_int_equal(agent_boundary_ms(bench->agent), (START_S + INTERVAL) * UINT64_C(1000));
    clock_advance_ms(bench->clock, 8);
    measure(bench);
    tick(bench);
    tick(bench);
    assert_int_equal(reports_since(bench, 0), 1);
    assert_true(nth_report(bench, 0, 0, &report));
    assert_int_equal(report.sequence, 1);
    assert_int_equal(report.readings[0].timestamp_s, START_S + INTERVAL);
    assert_int_equal(report.readings[0].import_wh, 1000);
    assert_int_equal(report.readings[0].quality, 0);
    bench_free(bench);
}

static void a_start_says_who_and_that_power_is_up(void **state)
{
    struct bench *bench = bench_new(state, "birth.db");

    start(bench);
    connect_link(bench);
    assert_int_equal(bench->sent[0].kind, TOPIC_BIRTH);
    assert_non_null(strstr(bench->sent[0].payload, "\"serial\":\"M1\""));
    assert_non_null(strstr(bench->sent[0].payload, "1-0:1.8.0"));
    assert_int_equal(bench->sent[1].kind, TOPIC_STATE);
    assert_non_null(strstr(bench->sent[1].payload, "\"online\":true,\"session\":1"));
    assert_int_equal(events_since(bench, 0, 2), 1);
    agent_leave(bench->agent);
    assert_non_null(strstr(bench->sent[bench->count - 1].payload, "\"online\":false"));
    bench_free(bench);
}

static void a_kill_between_storing_and_sending_loses_nothing(void **state)
{
    struct bench *bench = bench_new(state, "kill.db");
    struct report report = {0};

    start(bench);
    connect_link(bench);
    bench->down = true; /* stored, but the link takes nothing any more */
    pass(bench, 3);
    assert_int_equal(reports_since(bench, 0), 0);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 3);
    restart(bench);
    connect_link(bench);
    assert_int_equal(reports_since(bench, 0), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(nth_report(bench, 0, i, &report));
        assert_int_equal(report.sequence, i + 1);
        assert_int_equal(report.readings[0].timestamp_s, START_S + (i + 1) * INTERVAL);
    }
    bench_free(bench);
}

static void what_has_no_receipt_is_sent_again_the_same(void **state)
{
    struct bench *bench = bench_new(state, "resend.db");
    struct report first = {0};
    struct report again = {0};
    unsigned from;

    bench->config.interval_s = 100;
    start(bench);
    connect_link(bench);
    pass(bench, 1);
    from = bench->count;
    agent_published(bench->agent, 1, 0); /* a PUBACK is no receipt */
    clock_advance_ms(bench->clock, 4900);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 0);
    clock_advance_ms(bench->clock, 101);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 1);
    assert_true(nth_report(bench, 0, 0, &first));
    assert_true(nth_report(bench, from, 0, &again));
    assert_true(report_equal(&first, &again));
    /* The wait doubles. */
    from = bench->count;
    clock_advance_ms(bench->clock, 5001);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 0);
    receipt(bench, RECEIPT_STORED, 1, 1, CAUSE_NONE);
    clock_advance_ms(bench->clock, 60000);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 0);
    bench_free(bench);
}

static void a_report_that_was_passed_over_is_sent_again_at_once(void **state)
{
    struct bench *bench = bench_new(state, "passed.db");
    struct report report = {0};
    unsigned from;

    bench->config.ack_timeout_ms = 3600000;
    bench->config.window = 64;
    start(bench);
    connect_link(bench);
    pass(bench, 5);
    receipt(bench, RECEIPT_STORED, 1, 1, CAUSE_NONE);
    from = bench->count;
    receipt(bench, RECEIPT_STORED, 4, 5, CAUSE_NONE); /* 2 and 3 were lost */
    assert_int_equal(reports_since(bench, from), 2);
    assert_true(nth_report(bench, from, 0, &report));
    assert_int_equal(report.sequence, 2);
    assert_true(nth_report(bench, from, 1, &report));
    assert_int_equal(report.sequence, 3);
    /* Once: after that it is the timeout's turn. */
    pass(bench, 1);
    from = bench->count;
    receipt(bench, RECEIPT_STORED, 6, 6, CAUSE_NONE);
    assert_int_equal(reports_since(bench, from), 0);
    bench_free(bench);
}

static void newer_reports_do_not_prolong_the_wait_for_a_receipt(void **state)
{
    struct bench *bench = bench_new(state, "prolong.db");
    struct report report = {0};
    unsigned from;

    bench->config.ack_timeout_ms = 25000;
    bench->config.window = 64;
    start(bench);
    connect_link(bench);
    pass(bench, 1);
    from = bench->count;
    pass(bench, 2);
    assert_int_equal(reports_since(bench, from), 2);
    from = bench->count;
    clock_advance_ms(bench->clock, 5000);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 3);
    assert_true(nth_report(bench, from, 0, &report));
    assert_int_equal(report.sequence, 1);
    bench_free(bench);
}

static void a_reconnect_sends_what_is_not_stored(void **state)
{
    struct bench *bench = bench_new(state, "reconnect.db");
    struct report report = {0};
    unsigned from;

    start(bench);
    connect_link(bench);
    pass(bench, 3);
    receipt(bench, RECEIPT_STORED, 1, 2, CAUSE_NONE);
    lose_link(bench);
    agent_published(bench->agent, 3, -1);
    from = bench->count;
    connect_link(bench);
    assert_int_equal(reports_since(bench, from), 1);
    assert_true(nth_report(bench, from, 0, &report));
    assert_int_equal(report.sequence, 3);
    bench_free(bench);
}

static void no_more_than_the_window_is_without_receipt(void **state)
{
    struct bench *bench = bench_new(state, "window.db");
    struct report report = {0};

    bench->config.ack_timeout_ms = 3600000;
    start(bench);
    connect_link(bench);
    pass(bench, 10);
    assert_int_equal(reports_since(bench, 0), 4);
    receipt(bench, RECEIPT_STORED, 1, 3, CAUSE_NONE);
    assert_int_equal(reports_since(bench, 0), 7);
    receipt(bench, RECEIPT_STORED, 4, 7, CAUSE_NONE);
    assert_int_equal(reports_since(bench, 0), 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(nth_report(bench, 0, i, &report));
        assert_int_equal(report.sequence, i + 1);
    }
    bench_free(bench);
}

static void stored_but_never_sealed_is_sent_again(void **state)
{
    struct bench *bench = bench_new(state, "unsealed.db");
    unsigned from;

    start(bench);
    connect_link(bench);
    pass(bench, 1);
    receipt(bench, RECEIPT_STORED, 1, 1, CAUSE_NONE);
    from = bench->count;
    clock_advance_ms(bench->clock, 500000);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 0);
    clock_advance_ms(bench->clock, 170000);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 1);
    receipt(bench, RECEIPT_SEALED, 1, 1, CAUSE_NONE);
    assert_int_equal(in_state(bench, REPORT_SEALED), 1);
    clock_advance_ms(bench->clock, 900000);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 1);
    bench_free(bench);
}

static void a_rejected_report_is_not_sent_again_and_blocks_nothing(void **state)
{
    struct bench *bench = bench_new(state, "rejected.db");
    unsigned from;

    start(bench);
    connect_link(bench);
    pass(bench, 1);
    from = bench->count;
    agent_published(bench->agent, 1, 0x87);
    receipt(bench, RECEIPT_REJECTED, 1, 1, CAUSE_SIGNATURE);
    assert_int_equal(in_state(bench, REPORT_REJECTED), 1);
    pass(bench, 1);
    assert_int_equal(reports_since(bench, from), 1);
    receipt(bench, RECEIPT_SEALED, 2, 2, CAUSE_NONE);
    assert_int_equal(in_state(bench, REPORT_SEALED), 1);
    clock_advance_ms(bench->clock, 60000);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 1);
    bench_free(bench);
}

static void a_cause_that_passes_is_tried_again_later(void **state)
{
    struct bench *bench = bench_new(state, "later.db");
    unsigned from;

    bench->config.interval_s = 100;
    start(bench);
    connect_link(bench);
    pass(bench, 1);
    from = bench->count;
    receipt(bench, RECEIPT_REJECTED, 1, 1, CAUSE_UNKNOWN);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 1);
    assert_int_equal(reports_since(bench, from), 0);
    clock_advance_ms(bench->clock, 30001);
    tick(bench);
    assert_int_equal(reports_since(bench, from), 1);
    bench_free(bench);
}

static void an_unusable_receipt_changes_nothing(void **state)
{
    static const char *const RECEIPTS[] = {
        "", "{}", "x", "{\"v\":1,\"status\":\"stored\",\"meter\":65538,\"first\":1,\"last\":1}",
        "{\"v\":1,\"status\":\"stored\",\"meter\":65537,\"first\":1}"};
    struct bench *bench = bench_new(state, "unusable.db");

    start(bench);
    connect_link(bench);
    pass(bench, 1);
    for (size_t i = 0; i < AMR_COUNT(RECEIPTS); i++)
        agent_receipt(bench->agent, RECEIPTS[i], strlen(RECEIPTS[i]));
    assert_int_equal(in_state(bench, REPORT_QUEUED), 1);
    bench_free(bench);
}

static void the_sequence_survives_a_restart(void **state)
{
    struct bench *bench = bench_new(state, "sequence.db");
    struct report report = {0};
    unsigned from;

    start(bench);
    connect_link(bench);
    pass(bench, 2);
    receipt(bench, RECEIPT_SEALED, 1, 2, CAUSE_NONE);
    restart(bench);
    from = bench->count;
    connect_link(bench);
    pass(bench, 1);
    assert_true(nth_report(bench, from, 0, &report));
    assert_int_equal(report.sequence, 3);
    assert_int_equal(meter_store_session(bench->store), 2);
    bench_free(bench);
}

static void readings_wait_for_a_report_of_the_wanted_size(void **state)
{
    struct bench *bench = bench_new(state, "size.db");
    struct report report = {0};

    bench->config.readings_per_report = 4;
    start(bench);
    connect_link(bench);
    pass(bench, 3);
    assert_int_equal(reports_since(bench, 0), 0);
    restart(bench);
    connect_link(bench);
    pass(bench, 1);
    assert_true(nth_report(bench, 0, 0, &report));
    assert_int_equal(report.count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(report.readings[i].timestamp_s, START_S + (i + 1) * INTERVAL);
    bench_free(bench);
}

static void a_long_outage_goes_into_few_reports(void **state)
{
    struct bench *bench = bench_new(state, "outage.db");
    struct meter_store_counts counts;

    bench->down = true;
    bench->config.window = 64;
    start(bench);
    pass(bench, 200);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 2);
    assert_int_equal(meter_store_counts(bench->store, &counts, NULL), 0);
    assert_int_equal(counts.readings_open, 200);
    assert_int_equal(counts.oldest_s, START_S + INTERVAL);
    connect_link(bench);
    assert_int_equal(reports_since(bench, 0), 3);
    bench_free(bench);
}

static void a_falling_register_is_told_and_not_reported(void **state)
{
    struct bench *bench = bench_new(state, "fall.db");
    unsigned from;

    bench->config.ack_timeout_ms = 3600000;
    start(bench);
    connect_link(bench);
    pass(bench, 1);
    from = bench->count;
    bench->import_wh = 500;
    pass(bench, 2);
    assert_int_equal(reports_since(bench, from), 0);
    assert_int_equal(events_since(bench, from, 16), 1);
    bench->import_wh = 5000;
    pass(bench, 1);
    assert_int_equal(reports_since(bench, from), 1);
    /* Nor after a restart. */
    restart(bench);
    from = bench->count;
    connect_link(bench);
    bench->import_wh = 4000;
    pass(bench, 1);
    bench->import_wh = 6000;
    pass(bench, 1);
    assert_int_equal(reports_since(bench, from), 3);    /* two that were never acknowledged */
    assert_int_equal(events_since(bench, from, 16), 2); /* nor was the first event */
    bench_free(bench);
}

static void a_clock_set_forward_leaves_a_gap_and_a_mark(void **state)
{
    struct bench *bench = bench_new(state, "forward.db");
    struct report report = {0};
    unsigned from;

    start(bench);
    connect_link(bench);
    pass(bench, 1);
    receipt(bench, RECEIPT_SEALED, 1, 1, CAUSE_NONE);
    from = bench->count;
    clock_set_unix_ms(bench->clock, (START_S + 1000) * UINT64_C(1000));
    measure(bench);
    tick(bench);
    assert_int_equal(events_since(bench, from, 4), 1);
    assert_int_equal(events_since(bench, from, 5), 1);
    assert_true(nth_report(bench, from, 0, &report));
    assert_int_equal(report.readings[0].timestamp_s, START_S + 1000);
    assert_int_equal(report.readings[0].quality, QUALITY_CLOCK_UNSURE);
    bench_free(bench);
}

static void a_clock_set_back_makes_no_reading_twice(void **state)
{
    struct bench *bench = bench_new(state, "back.db");
    struct report report = {0};
    unsigned from;

    start(bench);
    connect_link(bench);
    pass(bench, 5);
    receipt(bench, RECEIPT_SEALED, 1, 5, CAUSE_NONE);
    from = bench->count;
    clock_set_unix_ms(bench->clock, (START_S + 20) * UINT64_C(1000) + 5);
    pass(bench, 3);
    assert_int_equal(reports_since(bench, from), 0);
    pass(bench, 1);
    assert_int_equal(reports_since(bench, from), 1);
    assert_true(nth_report(bench, from, 0, &report));
    assert_int_equal(report.sequence, 6);
    assert_int_equal(report.readings[0].timestamp_s, START_S + 60);
    bench_free(bench);
}

static void a_clock_that_was_never_set_makes_no_reading(void **state)
{
    struct bench *bench = bench_new(state, "unset.db");

    clock_set_unix_ms(bench->clock, 1000);
    start(bench);
    connect_link(bench);
    pass(bench, 3);
    assert_int_equal(reports_since(bench, 0), 0);
    bench_free(bench);
}

static void a_silent_source_leaves_a_gap(void **state)
{
    struct bench *bench = bench_new(state, "silent.db");

    start(bench);
    connect_link(bench);
    pass(bench, 1);
    for (unsigned i = 0; i < 6; i++) {
        clock_advance_ms(bench->clock, INTERVAL * 1000);
        tick(bench);
    }
    assert_int_equal(in_state(bench, REPORT_QUEUED), 2); /* one repeat, then it is too old */
    bench_free(bench);
}

static void a_full_backlog_stops_new_readings_only(void **state)
{
    struct bench *bench = bench_new(state, "full.db");

    bench->config.max_backlog = 3;
    start(bench);
    connect_link(bench);
    pass(bench, 6);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 3);
    receipt(bench, RECEIPT_SEALED, 1, 3, CAUSE_NONE);
    pass(bench, 1);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 1);
    bench_free(bench);
}

static void the_count_ends_when_all_is_sealed(void **state)
{
    struct bench *bench = bench_new(state, "count.db");

    bench->config.count = 3;
    bench->config.readings_per_report = 2;
    start(bench);
    connect_link(bench);
    pass(bench, 5);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 2);
    receipt(bench, RECEIPT_STORED, 1, 2, CAUSE_NONE);
    assert_int_equal(agent_end(bench->agent), AGENT_GOES_ON);
    receipt(bench, RECEIPT_SEALED, 1, 1, CAUSE_NONE);
    assert_int_equal(agent_end(bench->agent), AGENT_GOES_ON);
    receipt(bench, RECEIPT_SEALED, 2, 2, CAUSE_NONE);
    assert_int_equal(agent_end(bench->agent), AGENT_ALL_SEALED);
    bench_free(bench);
}

static void an_event_is_sent_until_the_broker_has_it(void **state)
{
    struct bench *bench = bench_new(state, "event.db");
    unsigned from;

    start(bench);
    connect_link(bench);
    assert_int_equal(events_since(bench, 0, 2), 1);
    from = bench->count;
    lose_link(bench);
    connect_link(bench);
    assert_int_equal(events_since(bench, from, 2), 1);
    agent_published(bench->agent, bench->sent[bench->count - 1].tag, 0);
    from = bench->count;
    lose_link(bench);
    connect_link(bench);
    assert_int_equal(events_since(bench, from, 2), 0);
    bench_free(bench);
}

static void another_interval_is_an_event(void **state)
{
    struct bench *bench = bench_new(state, "interval.db");
    unsigned from;

    start(bench);
    bench->config.interval_s = 20;
    restart(bench);
    from = bench->count;
    connect_link(bench);
    assert_int_equal(events_since(bench, from, 47), 1);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_stand_on_wall_clock_boundaries),
        cmocka_unit_test(a_start_says_who_and_that_power_is_up),
        cmocka_unit_test(a_kill_between_storing_and_sending_loses_nothing),
        cmocka_unit_test(what_has_no_receipt_is_sent_again_the_same),
        cmocka_unit_test(a_report_that_was_passed_over_is_sent_again_at_once),
        cmocka_unit_test(newer_reports_do_not_prolong_the_wait_for_a_receipt),
        cmocka_unit_test(a_reconnect_sends_what_is_not_stored),
        cmocka_unit_test(no_more_than_the_window_is_without_receipt),
        cmocka_unit_test(stored_but_never_sealed_is_sent_again),
        cmocka_unit_test(a_rejected_report_is_not_sent_again_and_blocks_nothing),
        cmocka_unit_test(a_cause_that_passes_is_tried_again_later),
        cmocka_unit_test(an_unusable_receipt_changes_nothing),
        cmocka_unit_test(the_sequence_survives_a_restart),
        cmocka_unit_test(readings_wait_for_a_report_of_the_wanted_size),
        cmocka_unit_test(a_long_outage_goes_into_few_reports),
        cmocka_unit_test(a_falling_register_is_told_and_not_reported),
        cmocka_unit_test(a_clock_set_forward_leaves_a_gap_and_a_mark),
        cmocka_unit_test(a_clock_set_back_makes_no_reading_twice),
        cmocka_unit_test(a_clock_that_was_never_set_makes_no_reading),
        cmocka_unit_test(a_silent_source_leaves_a_gap),
        cmocka_unit_test(a_full_backlog_stops_new_readings_only),
        cmocka_unit_test(the_count_ends_when_all_is_sealed),
        cmocka_unit_test(an_event_is_sent_until_the_broker_has_it),
        cmocka_unit_test(another_interval_is_an_event),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
