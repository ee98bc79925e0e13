#include "broker-plugin/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker-plugin/testing.h"

#define KEY 1

struct fixture {
    struct eip712 domain;
    struct admission admission;
    struct member member;
    struct recoverer *recoverer;
    struct buf payload;
    struct admission_verdict verdict;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    eip712_init(&f->domain, TEST_CHAIN_ID, &TEST_CONTRACT);
    f->recoverer = recoverer_new();
    f->admission = (struct admission){.domain = &f->domain,
                                      .recoverer = f->recoverer,
                                      .check_signature = true,
                                      .bytes_max = 16384,
                                      .future_tolerance_s = 900,
                                      .now_s = TEST_NOW_S};
    f->member =
        (struct member){.meter = TEST_METER, .status = METER_ACTIVE, .signer = test_address(KEY)};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->member.history);
    recoverer_free(f->recoverer);
    buf_free(&f->payload);
    free(f);
    return 0;
}

static enum cause offer(struct fixture *f, const struct report *report)
{
    buf_clear(&f->payload);
    payload_report_print(&f->payload, report);
    admission_report(&f->admission, &f->verdict, &f->member, f->payload.data, f->payload.len);
    assert_int_equal(f->verdict.cause != CAUSE_NONE, f->verdict.reason.text[0] != '\0');
    return f->verdict.cause;
}

static enum cause offer_new(struct fixture *f, uint8_t key, uint32_t meter, uint32_t sequence,
                            int64_t age_s, uint64_t import_wh)
{
    struct report report =
        test_report(key, meter, sequence, (uint32_t)(TEST_NOW_S - age_s), import_wh);
    return offer(f, &report);
}

static void a_good_report_is_let_in_and_remembered(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(offer_new(f, KEY, TEST_METER, 1, 10, 100), CAUSE_NONE);
    assert_false(f->verdict.resent);
    assert_int_equal(f->verdict.meter, TEST_METER);
    assert_int_equal(f->verdict.sequence, 1);
    assert_int_equal(offer_new(f, KEY, TEST_METER, 1, 10, 100), CAUSE_NONE);
    assert_true(f->verdict.resent);
}

static void a_report_of_another_meter_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(offer_new(f, KEY, TEST_METER + 1, 1, 10, 100), CAUSE_IDENTITY);
}

static void a_report_signed_by_another_key_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(offer_new(f, 2, TEST_METER, 1, 10, 100), CAUSE_SIGNATURE);
    assert_null(f->member.history);
}

static void a_tampered_reading_is_refused(void **state)
{
    struct fixture *f = *state;
    struct report report = test_report(KEY, TEST_METER, 1, TEST_NOW_S, 100);
    report.readings[0].import_wh++;
    assert_int_equal(offer(f, &report), CAUSE_SIGNATURE);
}

static void without_the_signature_check_the_rest_still_holds(void **state)
{
    struct fixture *f = *state;
    f->admission.check_signature = false;
    assert_int_equal(offer_new(f, 2, TEST_METER, 2, 10, 100), CAUSE_NONE);
    assert_int_equal(offer_new(f, 2, TEST_METER, 3, 9, 99), CAUSE_ROLLBACK);
}

static void a_report_from_the_future_is_refused_beyond_the_tolerance(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(offer_new(f, KEY, TEST_METER, 1, -901, 100), CAUSE_FUTURE);
    assert_int_equal(offer_new(f, KEY, TEST_METER, 1, -900, 100), CAUSE_NONE);
}

static void a_rollback_a_conflict_and_a_replay_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(offer_new(f, KEY, TEST_METER, 5, 10, 100), CAUSE_NONE);
    assert_int_equal(offer_new(f, KEY, TEST_METER, 6, 9, 99), CAUSE_ROLLBACK);
    assert_int_equal(offer_new(f, KEY, TEST_METER, 5, 10, 101), CAUSE_CONFLICT);
    assert_int_equal(offer_new(f, KEY, TEST_METER, 6, 11, 100), CAUSE_STALE);
    assert_int_equal(offer_new(f, KEY, TEST_METER, 6, 9, 100), CAUSE_NONE);
}

static void a_refused_report_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(offer_new(f, KEY, TEST_METER, 5, 10, 100), CAUSE_NONE);
    assert_int_equal(offer_new(f, 2, TEST_METER, 6, 9, 5000), CAUSE_SIGNATURE);
    assert_int_equal(offer_new(f, KEY, TEST_METER, 6, 9, 101), CAUSE_NONE);
}

static void a_closed_or_unknown_meter_is_refused(void **state)
{
    struct fixture *f = *state;
    f->member.status = METER_CLOSED;
    assert_int_equal(offer_new(f, KEY, TEST_METER, 1, 10, 100), CAUSE_CLOSED);
    f->member.status = METER_UNKNOWN;
    assert_int_equal(offer_new(f, KEY, TEST_METER, 1, 10, 100), CAUSE_UNKNOWN);
}

static void what_is_no_report_is_malformed(void **state)
{
    struct fixture *f = *state;
    static const char *const TEXTS[] = {"", "x", "{}", "[]", "{\"v\":1,\"meter\":65537}"};
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++) {
        admission_report(&f->admission, &f->verdict, &f->member, TEXTS[i], strlen(TEXTS[i]));
        assert_int_equal(f->verdict.cause, CAUSE_MALFORMED);
        assert_int_equal(f->verdict.meter, 0);
    }
}

static void an_oversize_report_is_not_even_read(void **state)
{
    struct fixture *f = *state;
    admission_report(&f->admission, &f->verdict, &f->member, NULL, 16385);
    assert_int_equal(f->verdict.cause, CAUSE_OVERSIZE);
    admission_other(&f->admission, &f->verdict, &f->member, 4097);
    assert_int_equal(f->verdict.cause, CAUSE_OVERSIZE);
    admission_other(&f->admission, &f->verdict, &f->member, 4096);
    assert_int_equal(f->verdict.cause, CAUSE_NONE);
}

static void offer_event(struct fixture *f, uint8_t key, uint32_t timestamp_s)
{
    struct meter_event event = {
        .meter = TEST_METER, .sequence = 3, .timestamp_s = timestamp_s, .code = 1};
    struct eth_hash digest;
    struct signer *signer = test_signer(key);
    eip712_event(&f->domain, &digest, &event);
    signer_sign(signer, &event.signature, &digest);
    signer_free(signer);
    buf_clear(&f->payload);
    payload_event_print(&f->payload, &event);
    admission_event(&f->admission, &f->verdict, &f->member, f->payload.data, f->payload.len);
}

static void events_are_checked_like_reports(void **state)
{
    struct fixture *f = *state;
    offer_event(f, KEY, TEST_NOW_S);
    assert_int_equal(f->verdict.cause, CAUSE_NONE);
    assert_int_equal(f->verdict.sequence, 3);
    offer_event(f, 2, TEST_NOW_S);
    assert_int_equal(f->verdict.cause, CAUSE_SIGNATURE);
    offer_event(f, KEY, TEST_NOW_S + 1000);
    assert_int_equal(f->verdict.cause, CAUSE_FUTURE);
    admission_event(&f->admission, &f->verdict, &f->member, "{}", 2);
    assert_int_equal(f->verdict.cause, CAUSE_MALFORMED);
}

static void command_results_are_checked_too(void **state)
{
    struct fixture *f = *state;
    struct command_result result = {
        .id = 1, .meter = TEST_METER, .outcome = 0, .timestamp_s = TEST_NOW_S};
    struct eth_hash digest;
    struct signer *signer = test_signer(KEY);
    eip712_result(&f->domain, &digest, &result);
    signer_sign(signer, &result.signature, &digest);
    signer_free(signer);
    payload_result_print(&f->payload, &result);
    admission_result(&f->admission, &f->verdict, &f->member, f->payload.data, f->payload.len);
    assert_int_equal(f->verdict.cause, CAUSE_NONE);
    f->member.signer = test_address(2);
    admission_result(&f->admission, &f->verdict, &f->member, f->payload.data, f->payload.len);
    assert_int_equal(f->verdict.cause, CAUSE_SIGNATURE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_report_is_let_in_and_remembered),
        TEST(a_report_of_another_meter_is_refused),
        TEST(a_report_signed_by_another_key_is_refused),
        TEST(a_tampered_reading_is_refused),
        TEST(without_the_signature_check_the_rest_still_holds),
        TEST(a_report_from_the_future_is_refused_beyond_the_tolerance),
        TEST(a_rollback_a_conflict_and_a_replay_are_refused),
        TEST(a_refused_report_leaves_no_trace),
        TEST(a_closed_or_unknown_meter_is_refused),
        TEST(what_is_no_report_is_malformed),
        TEST(an_oversize_report_is_not_even_read),
        TEST(events_are_checked_like_reports),
        TEST(command_results_are_checked_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
