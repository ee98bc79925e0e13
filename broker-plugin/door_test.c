#include "broker-plugin/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker-plugin/testing.h"
#include "common/file.h"
#include "common/json.h"
#include "common/staff.h"

/* A broker that remembers what it was asked to do. */
struct fixture {
    struct test_dir dir;
    char staff[80];
    struct clock *clock;
    struct broker broker;
    struct log *log;
    struct door *door;
    struct buf published; /* lines "CLIENT TOPIC PAYLOAD" */
    struct buf logged;
    const void *disconnects; /* handle that disconnect ends */
    char disconnected[64];
};

/* Stands for the broker's connections: only their addresses count. */
static const char HANDLES[4];
#define M1    (&HANDLES[0])
#define M1_B  (&HANDLES[1])
#define OTHER (&HANDLES[2])

static void on_publish(void *cookie, const char *client_id, const char *topic, const void *payload,
                       size_t len, bool retain)
{
    struct fixture *f = cookie;
    buf_printf(&f->published, "%s %s%s %.*s\n", client_id ? client_id : "*", topic,
               retain ? " retained" : "", (int)len, (const char *)payload);
}

static void on_disconnect(void *cookie, const char *client_id)
{
    struct fixture *f = cookie;
    snprintf(f->disconnected, sizeof f->disconnected, "%s", client_id);
    door_logout(f->door, f->disconnects);
}

static void on_log(void *cookie, enum log_level level, const char *line)
{
    struct fixture *f = cookie;
    buf_printf(&f->logged, "%d %s\n", (int)level, line);
}

/* One person, whose password is "secret". */
static void write_staff(struct fixture *f, const char *name)
{
    struct buf text = BUF_INIT;
    unlink(f->staff);
    test_need(staff_print(&text, name, "secret", 10, STAFF_VIEWER, NULL) == 0 &&
                  file_create(f->staff, 0640, text.data, text.len, NULL) == 0,
              f->staff);
    buf_free(&text);
}

static struct door_config config_of(const struct fixture *f)
{
    return (struct door_config){.group = 1,
                                .registry = f->dir.registry,
                                .staff = f->staff,
                                .check_signature = true,
                                .future_tolerance_s = 900,
                                .report_bytes_max = 16384,
                                .summary_s = 10,
                                .limits = {.messages_per_s = 100,
                                           .messages_burst = 200,
                                           .bytes_per_s = 100000,
                                           .bytes_burst = 1000000,
                                           .strikes = 50,
                                           .shut_out_s = 60}};
}

static int setup_without_registry(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    test_dir_make(&f->dir);
    snprintf(f->staff, sizeof f->staff, "%s.new", f->dir.registry);
    write_staff(f, "alice");
    f->clock = clock_manual_new(TEST_NOW_S * UINT64_C(1000));
    f->broker = (struct broker){on_publish, on_disconnect, f};
    f->log = log_new_sink(LOG_LEVEL_DEBUG, on_log, f);
    const struct door_config config = config_of(f);
    f->door = door_new(&config, &f->broker, f->log, f->clock);
    *state = f;
    return 0;
}

static void tick(struct fixture *f)
{
    clock_advance_ms(f->clock, 1000);
    door_tick(f->door);
}

static size_t count_lines(const struct buf *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    return lines;
}

static int setup(void **state)
{
    setup_without_registry(state);
    struct fixture *f = *state;
    test_registry_put(f->dir.registry, TEST_METER, 1, METER_ACTIVE);
    test_registry_put(f->dir.registry, TEST_METER + 1, 2, METER_ACTIVE);
    tick(f);
    buf_clear(&f->published);
    buf_clear(&f->logged);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    door_free(f->door);
    log_free(f->log);
    clock_free(f->clock);
    buf_free(&f->published);
    buf_free(&f->logged);
    test_dir_remove(&f->dir);
    free(f);
    return 0;
}

static bool login(struct fixture *f, const void *handle, const char *client_id, X509 *certificate)
{
    char username[IDENTITY_USERNAME];
    const struct login login = {.handle = handle,
                                .client_id = client_id,
                                .address = "10.0.0.1",
                                .certificate = certificate};
    bool welcome = door_login(f->door, &login, username);
    X509_free(certificate);
    return welcome;
}

static bool login_meter(struct fixture *f, const void *handle, const char *serial, uint8_t key)
{
    return login(f, handle, serial, test_meter_certificate(serial, key));
}

static bool login_service(struct fixture *f, const void *handle, const char *name, const char *role)
{
    const struct test_certificate fields = {.cn = name, .ou = role};
    return login(f, handle, name, test_certificate_new(&fields));
}

static bool may(struct fixture *f, const void *handle, const char *username,
                enum access_action action, const char *topic)
{
    const struct door_request request = {
        .handle = handle, .client_id = "C", .username = username, .action = action, .topic = topic};
    return door_access(f->door, &request);
}

static bool send_report(struct fixture *f, const void *handle, uint32_t sequence,
                        uint64_t import_wh)
{
    struct buf payload = BUF_INIT;
    struct report report = test_report(1, TEST_METER, sequence, TEST_NOW_S + sequence, import_wh);
    payload_report_print(&payload, &report);
    bool passed = door_message(f->door, handle, "amr/v1/1/M1/reading", payload.data, payload.len);
    buf_free(&payload);
    return passed;
}

static void has(struct buf *text, const char *part)
{
    if (!strstr(buf_str(text), part))
        fail_msg("'%s' is not in:\n%s", part, buf_str(text));
}

static void without_a_registry_no_meter_but_the_bridge_comes_in(void **state)
{
    struct fixture *f = *state;
    has(&f->logged, "no meter is admitted cause=registry");
    assert_false(login_meter(f, M1, "M1", 1));
    has(&f->logged, "login refused cause=registry client=\"M1\"");
    assert_true(login_service(f, OTHER, "bridge-1", "bridge"));
}

static void a_missing_registry_is_told_once_and_its_return_too(void **state)
{
    struct fixture *f = *state;
    buf_clear(&f->logged);
    for (int i = 0; i < 10; i++)
        tick(f);
    assert_int_equal(f->logged.len, 0);
    test_registry_put(f->dir.registry, TEST_METER, 1, METER_ACTIVE);
    tick(f);
    has(&f->logged, "registry read meters=1 block=7");
    assert_true(login_meter(f, M1, "M1", 1));
}

static void a_registered_meter_comes_in_under_its_name(void **state)
{
    struct fixture *f = *state;
    char username[IDENTITY_USERNAME];
    X509 *certificate = test_meter_certificate("M1", 1);
    const struct login login = {.handle = M1, .client_id = "M1", .certificate = certificate};
    assert_true(door_login(f->door, &login, username));
    assert_string_equal(username, "meter:M1");
    X509_free(certificate);
}

static void whoever_is_not_known_stays_outside_with_an_alarm(void **state)
{
    struct fixture *f = *state;
    assert_false(login(f, M1, "M1", NULL));
    has(&f->published, "* amr/v1/1/server/alarm ");
    has(&f->published, "\"cause\":\"certificate\"");
    assert_false(login_meter(f, M1, "M9", 9));
    has(&f->published, "\"cause\":\"unknown\"");
    assert_false(login(f, M1, "M2", test_meter_certificate("M1", 1)));
    has(&f->published, "\"cause\":\"client-id\"");
    assert_false(login_service(f, M1, "king", "king"));
    has(&f->logged, "certificate of an unknown role");
    assert_false(may(f, M1, NULL, ACCESS_WRITE, "amr/v1/1/M1/reading"));
}

static void a_report_passes_and_its_exact_repeat_too(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_true(may(f, M1, "meter:M1", ACCESS_WRITE, "amr/v1/1/M1/reading"));
    assert_true(send_report(f, M1, 1, 100));
    assert_true(send_report(f, M1, 1, 100));
    assert_int_equal(f->published.len, 0);
}

static void a_rejected_report_is_told_to_sender_log_and_staff(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_true(send_report(f, M1, 1, 100));
    assert_false(send_report(f, M1, 2, 99));
    has(&f->published, "M1 amr/v1/1/M1/receipt {\"v\":1,\"status\":\"rejected\",\"meter\":65537,"
                       "\"first\":2,\"last\":2,\"cause\":\"rollback\"");
    has(&f->published, "* amr/v1/1/server/alarm ");
    has(&f->logged, "report rejected cause=rollback client=\"M1\" address=\"10.0.0.1\" "
                    "meter=65537 sequence=2 text=\"import_wh 99 against 100");
}

static void a_rejected_event_names_no_report(void **state)
{
    struct fixture *f = *state;
    struct buf payload = BUF_INIT;
    struct meter_event event = {
        .meter = TEST_METER, .sequence = 3, .timestamp_s = TEST_NOW_S, .code = 1};
    event.signature.b[0] = 1;
    event.signature.b[32] = 1;
    event.signature.b[64] = 27;
    payload_event_print(&payload, &event);
    assert_true(login_meter(f, M1, "M1", 1));
    assert_false(door_message(f->door, M1, "amr/v1/1/M1/event", payload.data, payload.len));
    has(&f->published, "\"meter\":65537,\"first\":0,\"last\":0,\"cause\":\"signature\"");
    has(&f->logged, "message rejected cause=signature client=\"M1\" address=\"10.0.0.1\" "
                    "meter=65537 sequence=3");
    buf_free(&payload);
}

static void a_denied_publish_is_told_to_sender_log_and_staff(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_false(may(f, M1, "meter:M1", ACCESS_WRITE, "amr/v1/1/M2/reading"));
    has(&f->published, "amr/v1/1/M1/receipt {\"v\":1,\"status\":\"rejected\",\"meter\":0");
    has(&f->published, "\"cause\":\"denied\"");
    has(&f->logged, "publish denied cause=denied");
}

static void a_denied_delivery_is_nobodys_fault(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    buf_clear(&f->logged);
    assert_false(may(f, M1, "meter:M1", ACCESS_READ, "amr/v1/1/M2/receipt"));
    assert_int_equal(f->published.len + f->logged.len, 0);
}

static void an_offline_session_is_judged_by_its_user_name(void **state)
{
    struct fixture *f = *state;
    assert_true(may(f, OTHER, "bridge:b", ACCESS_READ, "amr/v1/1/M1/reading"));
    assert_true(may(f, OTHER, "meter:M1", ACCESS_READ, "amr/v1/1/M1/receipt"));
    assert_false(may(f, OTHER, "meter:M2", ACCESS_READ, "amr/v1/1/M1/receipt"));
    assert_false(may(f, OTHER, "M1", ACCESS_READ, "amr/v1/1/M1/receipt"));
    assert_false(may(f, OTHER, NULL, ACCESS_READ, "amr/v1/1/M1/receipt"));
}

static void a_will_reaches_no_reading_topic(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    door_logout(f->door, M1);
    assert_true(may(f, M1, "meter:M1", ACCESS_WRITE, "amr/v1/1/M1/state"));
    assert_false(may(f, M1, "meter:M1", ACCESS_WRITE, "amr/v1/1/M1/reading"));
}

static void a_will_on_takeover_reaches_no_reading_topic_either(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_true(login_meter(f, M1_B, "M1", 1));
    assert_false(may(f, M1, "meter:M1", ACCESS_WRITE, "amr/v1/1/M1/reading"));
    assert_true(may(f, M1, "meter:M1", ACCESS_WRITE, "amr/v1/1/M1/state"));
    door_logout(f->door, M1);
    assert_true(may(f, M1_B, "meter:M1", ACCESS_WRITE, "amr/v1/1/M1/reading"));
    assert_true(send_report(f, M1_B, 1, 100));
}

static void a_revoked_meter_is_disconnected_at_once(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_true(login_meter(f, OTHER, "M2", 2));
    f->disconnects = M1;
    test_registry_put(f->dir.registry, TEST_METER, 1, METER_CLOSED);
    tick(f);
    assert_string_equal(f->disconnected, "M1");
    has(&f->logged, "client disconnected cause=closed client=\"M1\"");
    assert_false(login_meter(f, M1, "M1", 1));
    assert_true(may(f, OTHER, "meter:M2", ACCESS_WRITE, "amr/v1/1/M2/reading"));
}

static void a_meter_whose_key_was_rotated_is_disconnected(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    f->disconnects = M1;
    test_registry_put(f->dir.registry, TEST_METER, 7, METER_ACTIVE);
    tick(f);
    assert_string_equal(f->disconnected, "M1");
    assert_false(login_meter(f, M1, "M1", 1));
    assert_true(login_meter(f, M1, "M1", 7));
}

static void a_revoked_meter_that_is_offline_is_left_alone(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    door_logout(f->door, M1);
    test_registry_put(f->dir.registry, TEST_METER, 1, METER_CLOSED);
    tick(f);
    assert_string_equal(f->disconnected, "");
}

static void a_flooding_meter_is_shut_out_alone(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_true(login_meter(f, OTHER, "M2", 2));
    f->disconnects = M1;
    for (int i = 0; i < 100; i++)
        assert_false(door_message(f->door, M1, "amr/v1/1/M1/reading", "x", 1));
    tick(f);
    assert_string_equal(f->disconnected, "M1");
    has(&f->published, "\"cause\":\"shut-out\"");
    assert_false(login_meter(f, M1, "M1", 1));
    assert_true(door_message(f->door, OTHER, "amr/v1/1/M2/telemetry", "{}", 2));
    clock_advance_ms(f->clock, 60000);
    assert_true(login_meter(f, M1, "M1", 1));
}

static void too_many_messages_are_refused_with_the_cause_rate(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    for (int i = 0; i < 200; i++)
        assert_true(door_message(f->door, M1, "amr/v1/1/M1/telemetry", "{}", 2));
    assert_false(door_message(f->door, M1, "amr/v1/1/M1/telemetry", "{}", 2));
    has(&f->published, "\"cause\":\"rate\"");
    for (int i = 0; i < 40; i++)
        assert_false(door_message(f->door, M1, "amr/v1/1/M1/telemetry", "{}", 2));
    assert_true(count_lines(&f->published) <= 2 * 20);
}

static void a_reload_asks_nobody_to_leave(void **state)
{
    struct fixture *f = *state;
    char username[IDENTITY_USERNAME];
    const struct login online = {.handle = M1, .client_id = "M1", .username = "meter:M1"};
    const struct login offline = {.handle = OTHER, .client_id = "M2", .username = "meter:M2"};
    const struct login stranger = {.handle = OTHER, .client_id = "M2", .username = "M2"};
    assert_true(login_meter(f, M1, "M1", 1));
    assert_false(door_login(f->door, &offline, username));
    door_reload(f->door);
    assert_true(door_login(f->door, &online, username));
    assert_true(door_login(f->door, &offline, username));
    assert_string_equal(username, "");
    assert_false(door_login(f->door, &stranger, username));
    tick(f);
    assert_false(door_login(f->door, &offline, username));
}

static void the_summary_is_retained_and_counts(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_true(send_report(f, M1, 1, 100));
    assert_true(send_report(f, M1, 1, 100));
    assert_false(send_report(f, M1, 2, 99));
    buf_clear(&f->published);
    clock_advance_ms(f->clock, 10000);
    door_tick(f->door);
    has(&f->published, "* amr/v1/1/server/state/broker retained {\"v\":1,\"t\":1767225611,");
    has(&f->published, "\"clients\":1,\"meters_connected\":1,\"meters_registered\":2,"
                       "\"registry\":{\"ready\":true,\"good\":true,\"block\":7,\"revision\":2},"
                       "\"admitted\":1,\"resent\":1,\"other\":0,");
    has(&f->published, "\"rollback\":1");
    has(&f->published, "\"alarms\":");
}

static void alarms_about_one_client_are_limited(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    buf_clear(&f->logged);
    for (int i = 0; i < 45; i++)
        assert_false(door_message(f->door, M1, "amr/v1/1/M1/reading", "x", 1));
    assert_int_equal(count_lines(&f->logged), 20);
    /* 20 alarms and 26 receipts: then the meter is slowed, and too fast for answers. */
    assert_int_equal(count_lines(&f->published), 20 + 26);
}

static void text_from_outside_stays_text_in_log_and_alarm(void **state)
{
    struct fixture *f = *state;
    assert_false(login(f, M1, "x\"\n\x01\xff", test_meter_certificate("M1", 1)));
    has(&f->logged, "client=\"x\\x22\\x0a\\x01\\xff\"");
    json_t *alarm = json_parse(strchr(buf_str(&f->published), '{'),
                               strcspn(strchr(buf_str(&f->published), '{'), "\n"), NULL);
    assert_non_null(alarm);
    json_decref(alarm);
}

static bool login_staff(struct fixture *f, const char *client_id, const char *name,
                        const char *password)
{
    char username[IDENTITY_USERNAME];
    const struct login login = {.handle = OTHER,
                                .client_id = client_id,
                                .address = "10.0.0.9",
                                .username = name,
                                .password = password};
    clock_advance_ms(f->clock, 1000);
    return door_login(f->door, &login, username);
}

static void staff_log_in_by_password_and_only_listen(void **state)
{
    struct fixture *f = *state;
    assert_false(login_staff(f, "alice~1", "alice", "wrong"));
    has(&f->published, "\"cause\":\"password\"");
    assert_false(login_staff(f, "alice~1", "bob", "secret"));
    assert_false(login_staff(f, "alice~1", "alice", NULL));
    assert_false(login_staff(f, "M1", "alice", "secret"));
    assert_false(login_staff(f, "alice", "alice", "secret"));
    assert_true(login_staff(f, "alice~1", "alice", "secret"));
    assert_true(may(f, OTHER, "ops:alice", ACCESS_SUBSCRIBE, "amr/v1/1/#"));
    assert_false(may(f, OTHER, "ops:alice", ACCESS_WRITE, "amr/v1/1/M1/command"));
}

static void failed_logins_shut_their_address_out_of_passwords_only(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 13; i++)
        assert_false(login_staff(f, "alice~1", "alice", "wrong"));
    assert_false(login_staff(f, "alice~1", "alice", "secret"));
    has(&f->logged, "cause=shut-out client=\"alice~1\" address=\"10.0.0.9\"");
    assert_true(login_meter(f, M1, "M1", 1));
}

static void passwords_are_checked_so_often_only(void **state)
{
    struct fixture *f = *state;
    struct login login = {
        .handle = OTHER, .client_id = "alice~1", .username = "alice", .password = "wrong"};
    for (int i = 0; i < 11; i++) {
        char username[IDENTITY_USERNAME];
        char address[16];
        snprintf(address, sizeof address, "10.0.1.%d", i);
        login.address = address;
        assert_false(door_login(f->door, &login, username));
    }
    has(&f->logged, "cause=rate client=\"alice~1\" address=\"10.0.1.10\"");
}

static void staff_that_leave_the_file_are_disconnected(void **state)
{
    struct fixture *f = *state;
    assert_true(login_staff(f, "alice~1", "alice", "secret"));
    f->disconnects = OTHER;
    write_staff(f, "bob");
    tick(f);
    assert_string_equal(f->disconnected, "alice~1");
    has(&f->logged, "staff file read");
    assert_true(login_staff(f, "bob~1", "bob", "secret"));
}

static void a_connection_that_comes_back_unannounced_is_judged_anew(void **state)
{
    struct fixture *f = *state;
    assert_true(login_meter(f, M1, "M1", 1));
    assert_false(login(f, M1, "M1", NULL));
    assert_false(may(f, M1, NULL, ACCESS_WRITE, "amr/v1/1/M1/state"));
    assert_true(login_service(f, M1, "bridge-1", "bridge"));
    assert_true(may(f, M1, NULL, ACCESS_READ, "amr/v1/1/M1/reading"));
}

static void a_reload_lets_no_websocket_in_by_a_name_alone(void **state)
{
    struct fixture *f = *state;
    char username[IDENTITY_USERNAME];
    const struct login login = {
        .handle = OTHER, .client_id = "M2", .username = "meter:M2", .websocket = true};
    door_reload(f->door);
    assert_false(door_login(f->door, &login, username));
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, setup_without_registry, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMPTY(without_a_registry_no_meter_but_the_bridge_comes_in),
        EMPTY(a_missing_registry_is_told_once_and_its_return_too),
        TEST(a_registered_meter_comes_in_under_its_name),
        TEST(whoever_is_not_known_stays_outside_with_an_alarm),
        TEST(a_report_passes_and_its_exact_repeat_too),
        TEST(a_rejected_report_is_told_to_sender_log_and_staff),
        TEST(a_rejected_event_names_no_report),
        TEST(a_denied_publish_is_told_to_sender_log_and_staff),
        TEST(a_denied_delivery_is_nobodys_fault),
        TEST(an_offline_session_is_judged_by_its_user_name),
        TEST(a_will_reaches_no_reading_topic),
        TEST(a_will_on_takeover_reaches_no_reading_topic_either),
        TEST(a_revoked_meter_is_disconnected_at_once),
        TEST(a_meter_whose_key_was_rotated_is_disconnected),
        TEST(a_revoked_meter_that_is_offline_is_left_alone),
        TEST(a_flooding_meter_is_shut_out_alone),
        TEST(too_many_messages_are_refused_with_the_cause_rate),
        TEST(a_reload_asks_nobody_to_leave),
        TEST(the_summary_is_retained_and_counts),
        TEST(alarms_about_one_client_are_limited),
        TEST(staff_log_in_by_password_and_only_listen),
        TEST(failed_logins_shut_their_address_out_of_passwords_only),
        TEST(passwords_are_checked_so_often_only),
        TEST(staff_that_leave_the_file_are_disconnected),
        TEST(a_connection_that_comes_back_unannounced_is_judged_anew),
        TEST(a_reload_lets_no_websocket_in_by_a_name_alone),
        TEST(text_from_outside_stays_text_in_log_and_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
