#include "chain-bridge/web_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain-bridge/testing.h"
#include "chain-bridge/web_feed.h"
#include "common/json.h"

enum { INTERVAL_S = 3600, MANY = 10000 };

struct fixture {
    struct bench bench;
    struct web_shared shared;
    struct web_context context;
    char cookie[SESSION_ID_TEXT + 16];
    struct web_session session;
    struct web_response response;
};

static void add_meters(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        struct registry_meter meter = {.meter = BENCH_METER(i),
                                       .status = METER_ACTIVE,
                                       .signer = *signer_address(f->bench.meter_signer)};
        roster_put(f->shared.roster, &meter);
    }
    clock_advance_ms(f->bench.clock, 2000);
    web_live_tick(f->shared.live);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char id[SESSION_ID_TEXT];
    bench_open(&f->bench);
    struct web_shared *shared = &f->shared;
    shared->clock = f->bench.clock;
    shared->roster = roster_new(BENCH_GROUP);
    shared->status = f->bench.status;
    shared->sessions = web_sessions_new(shared->clock);
    shared->recoverer = NULL;
    shared->domain = &f->bench.domain;
    shared->group = BENCH_GROUP;
    struct web_live_config live = {.clock = shared->clock,
                                   .roster = shared->roster,
                                   .interval_s = INTERVAL_S,
                                   .late_s = 600,
                                   .silent_s = 3 * INTERVAL_S};
    shared->live = web_live_new(&live);
    f->context = (struct web_context){.shared = shared, .store = f->bench.store};
    if (web_session_open(shared->sessions, id, &f->session, "eva", STAFF_OPERATOR, NULL) < 0)
        return -1;
    snprintf(f->cookie, sizeof(f->cookie), "__Host-amr=%s", id);
    web_response_init(&f->response);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    web_response_free(&f->response);
    web_live_free(f->shared.live);
    web_sessions_free(f->shared.sessions);
    roster_free(f->shared.roster);
    bench_close(&f->bench);
    free(f);
    return 0;
}

static json_t *get(struct fixture *f, const char *path, const char *query, unsigned status)
{
    struct web_request request = {.method = WEB_GET, .host = "localhost"};
    snprintf(request.path, sizeof(request.path), "/api/v1%s", path);
    snprintf(request.query, sizeof(request.query), "%s", query);
    snprintf(request.cookie, sizeof(request.cookie), "%s", f->cookie);
    web_response_free(&f->response);
    web_response_init(&f->response);
    web_api_handle(&f->context, &request, &f->response);
    if (f->response.status != status)
        fail_msg("%s?%s: %u %s", path, query, f->response.status, buf_str(&f->response.body));
    json_t *body = json_parse(f->response.body.data, f->response.body.len, NULL);
    assert_non_null(body);
    return body;
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void store_and_tell(struct fixture *f, uint32_t meter, uint32_t sequence)
{
    struct report report = bench_report(&f->bench, meter, sequence, 1);
    bench_store_report(&f->bench, meter, sequence, 1);
    uint64_t received_ms = (uint64_t)report.readings[0].timestamp_s * 1000 + 500;
    if (received_ms > clock_unix_ms(f->bench.clock))
        clock_advance_ms(f->bench.clock, received_ms - clock_unix_ms(f->bench.clock));
    web_live_report(f->shared.live, "E0001", &report, received_ms);
}

static void ten_thousand_meters_come_page_by_page_and_none_is_missed(void **state)
{
    struct fixture *f = *state;
    char query[64] = "sort=meter&limit=3000";
    json_int_t last = 0, seen = 0;
    add_meters(f, MANY);
    for (;;) {
        json_t *page = get(f, "/meters", query, 200);
        json_t *items = json_object_get(page, "items");
        assert_int_equal(number(page, "total"), MANY);
        for (size_t i = 0; i < json_array_size(items); i++, seen++) {
            json_int_t meter = number(json_array_get(items, i), "meter");
            assert_true(meter > last);
            last = meter;
        }
        const char *cursor = text(page, "next_cursor");
        if (cursor)
            snprintf(query, sizeof(query), "sort=meter&limit=3000&cursor=%s", cursor);
        bool more = cursor != NULL;
        json_decref(page);
        if (!more)
            break;
    }
    assert_int_equal(seen, MANY);
}

static void a_meter_is_late_and_then_silent_as_time_goes_on(void **state)
{
    struct fixture *f = *state;
    const struct {
        uint32_t after_s;
        const char *status;
    } steps[] = {
        {0, "reporting"}, {INTERVAL_S + 599, "reporting"}, {2, "late"}, {2 * INTERVAL_S, "silent"}};
    uint32_t t = BENCH_UNIX_S / INTERVAL_S * INTERVAL_S;
    struct report report = {.meter = BENCH_METER(1), .sequence = 1, .count = 1};
    report.readings[0].timestamp_s = t;
    add_meters(f, 1);
    clock_set_unix_ms(f->bench.clock, (uint64_t)t * 1000);
    web_live_report(f->shared.live, "E0001", &report, (uint64_t)t * 1000);
    for (size_t i = 0; i < AMR_COUNT(steps); i++) {
        clock_advance_ms(f->bench.clock, (uint64_t)steps[i].after_s * 1000);
        web_live_tick(f->shared.live);
        struct live_meter row;
        assert_true(web_live_get(f->shared.live, BENCH_METER(1), &row));
        assert_string_equal(live_status_text(row.status), steps[i].status);
    }
}

static void readings_of_a_span_are_found_in_both_orders(void **state)
{
    struct fixture *f = *state;
    char query[96];
    add_meters(f, 1);
    for (uint32_t s = 1; s <= 50; s++)
        store_and_tell(f, BENCH_METER(1), s);
    struct report tenth = bench_report(&f->bench, BENCH_METER(1), 10, 1);
    uint32_t from = tenth.readings[0].timestamp_s;
    snprintf(query, sizeof(query), "from=%u&to=%u&order=asc", (unsigned)from,
             (unsigned)(from + 5 * INTERVAL_S));
    json_t *up = get(f, "/meters/E0001/readings", query, 200);
    snprintf(query, sizeof(query), "from=%u&to=%u", (unsigned)from,
             (unsigned)(from + 5 * INTERVAL_S));
    json_t *down = get(f, "/meters/E0001/readings", query, 200);
    json_t *a = json_object_get(up, "items"), *b = json_object_get(down, "items");
    assert_int_equal(json_array_size(a), 5);
    assert_int_equal(json_array_size(b), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(number(json_array_get(a, i), "t"), from + i * INTERVAL_S);
        assert_true(json_equal(json_array_get(a, i), json_array_get(b, 4 - i)));
    }
    json_decref(up);
    json_decref(down);
}

static void an_answer_that_did_not_change_is_not_sent_again(void **state)
{
    struct fixture *f = *state;
    struct web_request request = {
        .method = WEB_GET, .host = "localhost", .path = "/api/v1/batches"};
    snprintf(request.cookie, sizeof(request.cookie), "%s", f->cookie);
    json_decref(get(f, "/batches", "", 200));
    snprintf(request.if_none_match, sizeof(request.if_none_match), "%s", f->response.etag);
    web_response_free(&f->response);
    web_response_init(&f->response);
    web_api_handle(&f->context, &request, &f->response);
    assert_int_equal(f->response.status, 304);
    assert_int_equal(f->response.body.len, 0);
}

static void without_a_session_there_is_nothing_to_see(void **state)
{
    struct fixture *f = *state;
    f->cookie[12] ^= 1;
    json_decref(get(f, "/overview", "", 401));
    json_decref(get(f, "/nowhere", "", 404));
}

static void a_proof_of_what_is_not_sealed_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[64];
    add_meters(f, 1);
    store_and_tell(f, BENCH_METER(1), 1);
    struct report report = bench_report(&f->bench, BENCH_METER(1), 1, 1);
    snprintf(path, sizeof(path), "/proofs/E0001/%u", (unsigned)report.readings[0].timestamp_s);
    json_decref(get(f, path, "", 409));
    json_decref(get(f, "/proofs/E0001/5", "", 404));
    json_decref(get(f, "/proofs/E0002/5", "", 404));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ten_thousand_meters_come_page_by_page_and_none_is_missed),
        TEST(a_meter_is_late_and_then_silent_as_time_goes_on),
        TEST(readings_of_a_span_are_found_in_both_orders),
        TEST(an_answer_that_did_not_change_is_not_sent_again),
        TEST(without_a_session_there_is_nothing_to_see),
        TEST(a_proof_of_what_is_not_sealed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
