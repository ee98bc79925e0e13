#include "common/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hex.h"

#define SIG                                                                                        \
    "0xc326f7f9726e8f35e0f23a95dc83edf5d819f75f587f113cf11581d717901c87596977df3334507cfa59c796a"  \
    "b1923a01398b93964802ff33e4df221c03443491b"
#define READING "{\"t\":1767225600,\"import_wh\":123456,\"export_wh\":0,\"quality\":0}"
#define REPORT                                                                                     \
    "{\"v\":1,\"meter\":65537,\"sequence\":42,\"readings\":[" READING "],\"sig\":\"" SIG "\"}"

static int parse_report(const char *text, struct err *err)
{
    struct report report;

    return payload_report_parse(&report, text, strlen(text), err);
}

static void a_report_comes_back_to_the_letter(void **state)
{
    struct report report;
    struct buf out = BUF_INIT;

    (void)state;
    assert_int_equal(payload_report_parse(&report, REPORT, strlen(REPORT), NULL), 0);
    assert_int_equal(report.meter, 65537);
    assert_int_equal(report.sequence, 42);
    assert_int_equal(report.count, 1);
    assert_int_equal(report.readings[0].import_wh, 123456);
    payload_report_print(&out, &report);
    assert_string_equal(buf_str(&out), REPORT);
    buf_free(&out);
}

static void the_largest_report_fits_the_limit(void **state)
{
    struct report report = {UINT32_MAX, UINT32_MAX, REPORT_READINGS_MAX, {{0}}, {{0}}}, back;
    struct buf out = BUF_INIT;

    (void)state;
    for (uint32_t i = 0; i < REPORT_READINGS_MAX; i++)
        report.readings[i] =
            (struct reading){UINT32_MAX - 95 + i, READING_WH_MAX, READING_WH_MAX, QUALITY_ALL};
    report.signature.b[64] = 28;
    payload_report_print(&out, &report);
    assert_true(out.len <= PAYLOAD_MAX);
    assert_int_equal(payload_report_parse(&back, out.data, out.len, NULL), 0);
    assert_true(report_equal(&report, &back));
    buf_free(&out);
}

static void every_kind_of_wrong_report_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "not JSON"},
        {"[1]", "not a JSON object"},
        {"{\"v\":2,\"meter\":65537,\"sequence\":1,\"readings\":[" READING "],\"sig\":\"" SIG "\"}",
         "'v'"},
        {"{\"v\":1,\"sequence\":1,\"readings\":[" READING "],\"sig\":\"" SIG "\"}",
         "'meter' is missing"},
        {"{\"v\":1,\"meter\":4294967296,\"sequence\":1,\"readings\":[" READING "],\"sig\":\"" SIG
         "\"}",
         "'meter' is not within"},
        {"{\"v\":1,\"meter\":7,\"sequence\":1,\"readings\":[" READING "],\"sig\":\"" SIG "\"}",
         "group 0"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":0,\"readings\":[" READING "],\"sig\":\"" SIG "\"}",
         "sequence is 0"},
        {"{\"v\":1,\"meter\":\"65537\",\"sequence\":1,\"readings\":[" READING "],\"sig\":\"" SIG
         "\"}",
         "'meter' is not a whole number"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[],\"sig\":\"" SIG "\"}",
         "'readings' is not an array"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":{},\"sig\":\"" SIG "\"}",
         "'readings' is not an array"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[7],\"sig\":\"" SIG "\"}",
         "readings[0]: not a JSON object"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[" READING "," READING
         "],\"sig\":\"" SIG "\"}",
         "readings[1].t is not after"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[{\"t\":1,\"import_wh\":"
         "140737488355328,\"export_wh\":0,\"quality\":0}],\"sig\":\"" SIG "\"}",
         "readings[0]: 'import_wh' is not within"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[{\"t\":1,\"import_wh\":1,"
         "\"export_wh\":0,\"quality\":8}],\"sig\":\"" SIG "\"}",
         "'quality' is not within"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[{\"t\":1,\"import_wh\":1,"
         "\"export_wh\":0,\"quality\":0,\"x\":0}],\"sig\":\"" SIG "\"}",
         "unknown key"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[" READING "],\"sig\":\"0x00\"}",
         "'sig'"},
        {"{\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[" READING "],\"sig\":\"" SIG
         "\",\"extra\":1}",
         "unknown key"},
        {"{\"v\":1,\"v\":1,\"meter\":65537,\"sequence\":1,\"readings\":[" READING "],\"sig\":\"" SIG
         "\"}",
         "duplicate"},
        {REPORT REPORT, "not JSON"},
    };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(cases); i++) {
        assert_int_equal(parse_report(cases[i].text, &err), -1);
        if (!strstr(err.text, cases[i].words))
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
    }
}

static void an_oversize_payload_is_not_even_parsed(void **state)
{
    static char big[PAYLOAD_MAX + 1];
    struct report report;
    struct err err = ERR_INIT;

    (void)state;
    memset(big, ' ', sizeof(big));
    assert_int_equal(payload_report_parse(&report, big, sizeof(big), &err), -1);
    assert_non_null(strstr(err.text, "at most 16384"));
}

static void events_commands_and_results_come_back(void **state)
{
    struct eth_signature sig;
    struct buf out = BUF_INIT;

    (void)state;
    assert_int_equal(hex0x_decode(sig.b, 65, SIG, NULL), 0);
    struct meter_event event = {65537, 3, 1767225600, 40, sig}, event_back = {0};
    payload_event_print(&out, &event);
    assert_int_equal(payload_event_parse(&event_back, out.data, out.len, NULL), 0);
    assert_true(event_back.meter == 65537 && event_back.sequence == 3 &&
                event_back.timestamp_s == 1767225600 && event_back.code == 40);
    assert_memory_equal(event.signature.b, event_back.signature.b, 65);

    buf_clear(&out);
    struct command command = {9, 65537, COMMAND_SET_INTERVAL, 900, 1767229200, sig};
    struct command command_back;
    payload_command_print(&out, &command);
    assert_int_equal(payload_command_parse(&command_back, out.data, out.len, NULL), 0);
    assert_true(command_back.id == 9 && command_back.kind == COMMAND_SET_INTERVAL &&
                command_back.argument == 900 && command_back.not_after_s == 1767229200);

    buf_clear(&out);
    struct command_result result = {9, 65537, 1, 1767225660, sig}, result_back;
    payload_result_print(&out, &result);
    assert_int_equal(payload_result_parse(&result_back, out.data, out.len, NULL), 0);
    assert_true(result_back.id == 9 && result_back.outcome == 1 &&
                result_back.timestamp_s == 1767225660);
    buf_free(&out);
}

static void receipts_of_each_status_come_back(void **state)
{
    struct receipt stored = {.status = RECEIPT_STORED, .meter = 65537, .first = 1, .last = 9};
    struct receipt sealed = {.status = RECEIPT_SEALED,
                             .meter = 65537,
                             .first = 2,
                             .last = 2,
                             .batch = {{1}},
                             .transaction = {{2}},
                             .block = 77};
    struct receipt rejected = {.status = RECEIPT_REJECTED,
                               .meter = 65537,
                               .first = 3,
                               .last = 3,
                               .cause = CAUSE_ROLLBACK,
                               .text = "import_wh \"falls\""};
    struct receipt missing = {
        .status = RECEIPT_MISSING, .meter = 65537, .first = 4, .last = UINT32_MAX};
    struct receipt all[] = {stored, sealed, rejected, missing}, back;
    struct buf out = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(all); i++) {
        buf_clear(&out);
        payload_receipt_print(&out, &all[i]);
        assert_int_equal(payload_receipt_parse(&back, out.data, out.len, NULL), 0);
        assert_int_equal(back.status, all[i].status);
        assert_int_equal(back.last, all[i].last);
        assert_int_equal(back.block, all[i].block);
        assert_int_equal(back.cause, all[i].cause);
        assert_string_equal(back.text, all[i].text);
        assert_memory_equal(back.batch.b, all[i].batch.b, 32);
    }
    buf_free(&out);
}

static void a_backlog_comes_back(void **state)
{
    struct backlog all[] = {{65537, 1, 1, 9, false}, {65537, 12, 9, 9, true}}, back;
    struct buf out = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(all); i++) {
        buf_clear(&out);
        payload_backlog_print(&out, &all[i]);
        assert_int_equal(payload_backlog_parse(&back, out.data, out.len, NULL), 0);
        assert_true(back.meter == 65537 && back.first == all[i].first);
        assert_true(back.open == all[i].open && back.next == 9 && back.asked == all[i].asked);
    }
    buf_free(&out);
}

static void a_backlog_that_makes_no_sense_is_refused(void **state)
{
    static const char *const TEXTS[] = {
        "{\"v\":1,\"meter\":65537,\"first\":0,\"open\":1,\"next\":9,\"asked\":true}",
        "{\"v\":1,\"meter\":65537,\"first\":5,\"open\":4,\"next\":9,\"asked\":true}",
        "{\"v\":1,\"meter\":65537,\"first\":1,\"open\":1,\"next\":9,\"asked\":1}",
        "{\"v\":1,\"meter\":65537,\"first\":1,\"open\":1,\"next\":9}"};
    struct backlog backlog;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++)
        assert_int_equal(payload_backlog_parse(&backlog, TEXTS[i], strlen(TEXTS[i]), NULL), -1);
}

static void an_unknown_cause_is_still_a_rejection(void **state)
{
    static const char text[] =
        "{\"v\":1,\"status\":\"rejected\",\"meter\":0,\"first\":0,\"last\":0,"
        "\"cause\":\"weather\",\"text\":\"rain\"}";
    struct receipt receipt;

    (void)state;
    assert_int_equal(payload_receipt_parse(&receipt, text, sizeof(text) - 1, NULL), 0);
    assert_int_equal(receipt.status, RECEIPT_REJECTED);
    assert_int_equal(receipt.cause, CAUSE_NONE);
    assert_string_equal(receipt.text, "rain");
}

static void a_receipt_with_a_range_upside_down_is_refused(void **state)
{
    static const char text[] =
        "{\"v\":1,\"status\":\"stored\",\"meter\":65537,\"first\":5,\"last\":4}";
    struct receipt receipt;

    (void)state;
    assert_int_equal(payload_receipt_parse(&receipt, text, sizeof(text) - 1, NULL), -1);
}

static void alarms_leave_out_what_is_not_known(void **state)
{
    struct alarm alarm = {.unix_ms = 1767225600999,
                          .source = "broker",
                          .cause = cause_text(CAUSE_SIGNATURE),
                          .meter = 65537,
                          .client = "E0044",
                          .text = "not signed by 0x1"};
    struct buf out = BUF_INIT;

    (void)state;
    payload_alarm_print(&out, &alarm);
    assert_string_equal(buf_str(&out),
                        "{\"v\":1,\"t\":1767225600,\"source\":\"broker\",\"cause\":\"signature\","
                        "\"meter\":65537,\"client\":\"E0044\",\"text\":\"not signed by 0x1\"}");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_comes_back_to_the_letter),
        cmocka_unit_test(the_largest_report_fits_the_limit),
        cmocka_unit_test(every_kind_of_wrong_report_is_refused_with_its_reason),
        cmocka_unit_test(an_oversize_payload_is_not_even_parsed),
        cmocka_unit_test(events_commands_and_results_come_back),
        cmocka_unit_test(receipts_of_each_status_come_back),
        cmocka_unit_test(a_backlog_comes_back),
        cmocka_unit_test(a_backlog_that_makes_no_sense_is_refused),
        cmocka_unit_test(an_unknown_cause_is_still_a_rejection),
        cmocka_unit_test(a_receipt_with_a_range_upside_down_is_refused),
        cmocka_unit_test(alarms_leave_out_what_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
