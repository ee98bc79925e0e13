#include "broker-plugin/notices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct clock *clock;
    struct log *log;
    struct broker broker;
    struct counters counters;
    struct notices *notices;
    struct buf client;
    struct buf topic;
    struct buf payload;
    unsigned published;
    unsigned logged;
};

static void on_publish(void *cookie, const char *client_id, const char *topic, const void *payload,
                       size_t len, bool retain)
{
    struct fixture *f = cookie;
    assert_false(retain);
    buf_clear(&f->client);
    buf_clear(&f->topic);
    buf_clear(&f->payload);
    buf_printf(&f->client, "%s", client_id ? client_id : "");
    buf_printf(&f->topic, "%s", topic);
    buf_append(&f->payload, payload, len);
    f->published++;
}

static void on_log(void *cookie, enum log_level level, const char *line)
{
    struct fixture *f = cookie;
    assert_int_equal(level, LOG_LEVEL_UNUSUAL);
    assert_non_null(line);
    f->logged++;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->clock = clock_manual_new(UINT64_C(1767225600000));
    f->log = log_new_sink(LOG_LEVEL_INFO, on_log, f);
    f->broker = (struct broker){.publish = on_publish, .cookie = f};
    const struct notices_config config = {.broker = &f->broker,
                                          .group = 3,
                                          .log = f->log,
                                          .clock = f->clock,
                                          .counters = &f->counters};
    f->notices = notices_new(&config);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    notices_free(f->notices);
    log_free(f->log);
    clock_free(f->clock);
    buf_free(&f->client);
    buf_free(&f->topic);
    buf_free(&f->payload);
    free(f);
    return 0;
}

static void an_alarm_goes_to_the_log_and_to_everybody(void **state)
{
    struct fixture *f = *state;
    const struct notice notice = {.what = "login refused", .cause = "unknown", .client_id = "A"};
    assert_true(notices_alarm(f->notices, NULL, &notice));
    assert_string_equal(buf_str(&f->client), "");
    assert_string_equal(buf_str(&f->topic), "amr/v1/3/server/alarm");
    assert_int_equal(f->logged, 1);
    assert_int_equal(f->counters.alarms, 1);
}

static void a_rejected_receipt_goes_to_its_sender(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct receipt receipt;
    const struct notice notice = {.client_id = "A",
                                  .serial = "A",
                                  .meter = 65537,
                                  .sequence = 9,
                                  .text = "bad \xff\n \xe2\x82 text"};
    notices_reject(f->notices, &notice, CAUSE_CONFLICT);
    assert_string_equal(buf_str(&f->client), "A");
    assert_string_equal(buf_str(&f->topic), "amr/v1/3/A/receipt");
    assert_int_equal(payload_receipt_parse(&receipt, f->payload.data, f->payload.len, &err), 0);
    assert_int_equal(receipt.status, RECEIPT_REJECTED);
    assert_int_equal(receipt.cause, CAUSE_CONFLICT);
    assert_int_equal(receipt.first, 9);
    assert_int_equal(receipt.last, 9);
    assert_string_equal(receipt.text, "bad ?? ?? text");
}

static void alarms_of_everybody_together_are_limited_and_counted(void **state)
{
    struct fixture *f = *state;
    const struct notice notice = {.what = "login refused", .cause = "unknown"};
    for (int i = 0; i < 600; i++)
        (void)notices_alarm(f->notices, NULL, &notice);
    assert_int_equal(f->published, 500);
    assert_int_equal(f->logged, 500);
    assert_int_equal(f->counters.alarms_suppressed, 100);
    clock_advance_ms(f->clock, 1000);
    assert_true(notices_alarm(f->notices, NULL, &notice));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_alarm_goes_to_the_log_and_to_everybody),
        TEST(a_rejected_receipt_goes_to_its_sender),
        TEST(alarms_of_everybody_together_are_limited_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
