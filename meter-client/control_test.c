#include "meter-client/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/test_dir.h"

#define NOW_S 1700000000u
#define METER 65537u

struct bench {
    char *path;
    char *relay;
    struct clock *clock;
    struct log *log;
    struct signer *meter_signer;
    struct signer *operator_signer;
    struct eip712 domain;
    char operators[2 * ETH_ADDRESS_TEXT];
    struct control_config config;
    struct meter_store *store;
    struct control *control;
    uint32_t sent; /* result sequence */
    uint32_t interval_s;
    unsigned reads;
    unsigned events;
    uint16_t event; /* the last */
    bool ailing;    /* read now cannot be done */
};

static void ignore_line(void *cookie, enum log_level level, const char *line)
{
    (void)cookie;
    (void)line;
    assert_true(level < LOG_LEVEL_BROKEN);
}

static int read_now(void *cookie, struct err *err)
{
    struct bench *bench = cookie;

    bench->reads++;
    return bench->ailing ? err_set(err, "silent") : 0;
}

static int set_interval(void *cookie, uint32_t interval_s, struct err *err)
{
    (void)err;
    ((struct bench *)cookie)->interval_s = interval_s;
    return 0;
}

static int on_event(void *cookie, uint16_t code, struct err *err)
{
    struct bench *bench = cookie;

    (void)err;
    bench->events++;
    bench->event = code;
    return 0;
}

static void start(struct bench *bench)
{
    struct meter_store_identity identity = {.serial = "M1",
                                            .meter = METER,
                                            .chain_id = bench->domain.chain_id,
                                            .contract = bench->domain.contract,
                                            .signer = *signer_address(bench->meter_signer)};
    struct control_parts parts = {.signer = bench->meter_signer,
                                  .domain = &bench->domain,
                                  .clock = bench->clock,
                                  .log = bench->log,
                                  .read_now = read_now,
                                  .set_interval = set_interval,
                                  .event = on_event,
                                  .cookie = bench};
    struct err err = ERR_INIT;

    if (meter_store_open(&bench->store, bench->path, &identity, &err))
        fail_msg("%s", err.text);
    parts.store = bench->store;
    if (control_new(&bench->control, &bench->config, &parts, &err))
        fail_msg("%s", err.text);
}

static void stop(struct bench *bench)
{
    control_free(bench->control);
    meter_store_close(bench->store);
}

static struct bench *bench_new(void **state, const char *name)
{
    struct bench *bench = xcalloc(1, sizeof(*bench));
    struct eth_address contract = {{1}};

    bench->path = test_path(*state, name);
    bench->relay = xasprintf("%s.relay", bench->path);
    bench->clock = clock_manual_new((uint64_t)NOW_S * 1000);
    bench->log = log_new_sink(LOG_LEVEL_DEBUG, ignore_line, NULL);
    bench->meter_signer = signer_generate(NULL);
    bench->operator_signer = signer_generate(NULL);
    eip712_init(&bench->domain, 31337, &contract);
    eth_address_text(bench->operators, signer_address(bench->operator_signer));
    bench->config = (struct control_config){
        .operators = bench->operators, .relay_path = bench->relay, .meter = METER};
    assert_int_equal(file_create(bench->relay, 0600, "1\n", 2, NULL), 0);
    start(bench);
    return bench;
}

static void bench_free(struct bench *bench)
{
    stop(bench);
    clock_free(bench->clock);
    log_free(bench->log);
    signer_free(bench->meter_signer);
    signer_free(bench->operator_signer);
    free(bench->path);
    free(bench->relay);
    free(bench);
}

static void command_by(struct bench *bench, const struct signer *signer, struct command command)
{
    struct buf payload = BUF_INIT;
    struct eth_hash digest;

    command.meter = command.meter ? command.meter : METER;
    command.not_after_s = command.not_after_s ? command.not_after_s : NOW_S + 60;
    eip712_command(&bench->domain, &digest, &command);
    signer_sign(signer, &command.signature, &digest);
    payload_command_print(&payload, &command);
    assert_int_equal(control_command(bench->control, payload.data, payload.len, NULL), 0);
    buf_free(&payload);
}

static void command(struct bench *bench, uint64_t id, enum command_kind kind, uint32_t argument)
{
    command_by(bench, bench->operator_signer,
               (struct command){.id = id, .kind = (uint8_t)kind, .argument = argument});
}

/** Whether there is a new result, which then is marked as sent; 0 where there is none. */
static unsigned outcome(struct bench *bench, uint64_t id)
{
    struct buf payload = BUF_INIT;
    struct recoverer *recoverer = recoverer_new();
    struct command_result result;
    struct eth_address by;
    struct eth_hash digest;
    uint32_t sequence;

    result.outcome = 0;
    if (meter_store_unsent_result(bench->store, &sequence, &payload, 0, NULL) > 0) {
        assert_int_equal(payload_result_parse(&result, payload.data, payload.len, NULL), 0);
        assert_int_equal(result.id, id);
        eip712_result(&bench->domain, &digest, &result);
        assert_int_equal(recoverer_recover(recoverer, &by, &digest, &result.signature), 0);
        assert_true(eth_address_equal(&by, signer_address(bench->meter_signer)));
        assert_int_equal(meter_store_result_sent(bench->store, sequence, NULL), 0);
    }
    recoverer_free(recoverer);
    buf_free(&payload);
    return result.outcome;
}

static char relay(const struct bench *bench)
{
    struct buf text = BUF_INIT;
    char c;

    assert_int_equal(file_read(&text, bench->relay, 8, NULL), 0);
    c = (char)text.data[0];
    buf_free(&text);
    return c;
}

static void reconnection_waits_for_a_person(void **state)
{
    struct bench *bench = bench_new(state, "person.db");

    command(bench, 1, COMMAND_DISCONNECT, 0);
    assert_int_equal(outcome(bench, 1), OUTCOME_CONFIRMED);
    assert_int_equal(relay(bench), '0');
    assert_int_equal(bench->event, 62);
    assert_int_equal(control_confirm(bench->control, NULL), 0); /* nothing is armed */
    assert_int_equal(relay(bench), '0');
    command(bench, 2, COMMAND_RECONNECT, 0);
    assert_int_equal(outcome(bench, 2), OUTCOME_ACCEPTED);
    assert_int_equal(relay(bench), '0');
    assert_int_equal(control_state(bench->control), CONTROL_READY);
    assert_int_equal(bench->event, 59);
    stop(bench); /* the arming survives */
    start(bench);
    assert_int_equal(control_confirm(bench->control, NULL), 0);
    assert_int_equal(outcome(bench, 2), OUTCOME_CONFIRMED);
    assert_int_equal(relay(bench), '1');
    assert_int_equal(bench->event, 61);
    bench_free(bench);
}

static void a_disconnection_takes_the_arming_back(void **state)
{
    struct bench *bench = bench_new(state, "disarm.db");

    command(bench, 1, COMMAND_DISCONNECT, 0);
    command(bench, 2, COMMAND_RECONNECT, 0);
    command(bench, 3, COMMAND_DISCONNECT, 0);
    assert_int_equal(control_confirm(bench->control, NULL), 0);
    assert_int_equal(control_state(bench->control), CONTROL_DISCONNECTED);
    assert_int_equal(relay(bench), '0');
    bench_free(bench);
}

static void direct_reconnection_is_an_option(void **state)
{
    struct bench *bench = bench_new(state, "direct.db");

    stop(bench);
    bench->config.direct = true;
    start(bench);
    command(bench, 1, COMMAND_DISCONNECT, 0);
    command(bench, 2, COMMAND_RECONNECT, 0);
    assert_int_equal(control_state(bench->control), CONTROL_CONNECTED);
    assert_int_equal(relay(bench), '1');
    assert_int_equal(bench->event, 63);
    bench_free(bench);
}

static void the_relay_stands_after_a_restart_where_it_stood(void **state)
{
    struct bench *bench = bench_new(state, "restart.db");

    command(bench, 1, COMMAND_DISCONNECT, 0);
    stop(bench);
    assert_int_equal(file_replace(bench->relay, 0600, "1\n", 2, NULL), 0);
    start(bench);
    assert_int_equal(relay(bench), '0');
    assert_int_equal(control_state(bench->control), CONTROL_DISCONNECTED);
    bench_free(bench);
}

static void a_command_is_obeyed_once(void **state)
{
    struct bench *bench = bench_new(state, "once.db");

    command(bench, 7, COMMAND_READ_NOW, 0);
    assert_int_equal(outcome(bench, 7), OUTCOME_CONFIRMED);
    stop(bench);
    start(bench);
    command(bench, 7, COMMAND_READ_NOW, 0); /* answered the same again */
    assert_int_equal(outcome(bench, 7), OUTCOME_CONFIRMED);
    command(bench, 6, COMMAND_READ_NOW, 0);
    assert_int_equal(outcome(bench, 6), OUTCOME_REFUSED);
    assert_int_equal(bench->reads, 1);
    bench_free(bench);
}

static void only_an_operator_is_obeyed_or_answered(void **state)
{
    struct bench *bench = bench_new(state, "operator.db");

    command_by(bench, bench->meter_signer, (struct command){.id = 1, .kind = COMMAND_DISCONNECT});
    command_by(bench, bench->operator_signer,
               (struct command){.id = 1, .meter = METER + 1, .kind = COMMAND_DISCONNECT});
    assert_int_equal(control_command(bench->control, "{}", 2, NULL), 0);
    assert_int_equal(outcome(bench, 0), 0);
    assert_int_equal(relay(bench), '1');
    assert_int_equal(bench->event, 49);
    assert_int_equal(bench->events, 1); /* a flood is one event a minute */
    command(bench, 1, COMMAND_DISCONNECT, 0);
    assert_int_equal(outcome(bench, 1), OUTCOME_CONFIRMED);
    bench_free(bench);
}

static void an_expired_command_is_not_obeyed(void **state)
{
    struct bench *bench = bench_new(state, "expired.db");

    command_by(bench, bench->operator_signer,
               (struct command){.id = 1, .kind = COMMAND_DISCONNECT, .not_after_s = NOW_S - 1});
    assert_int_equal(outcome(bench, 1), OUTCOME_EXPIRED);
    assert_int_equal(relay(bench), '1');
    bench_free(bench);
}

static void what_cannot_be_done_has_failed(void **state)
{
    struct bench *bench = bench_new(state, "failed.db");

    bench->ailing = true;
    command(bench, 1, COMMAND_READ_NOW, 0);
    assert_int_equal(outcome(bench, 1), OUTCOME_FAILED);
    command(bench, 2, COMMAND_SET_INTERVAL, 0);
    assert_int_equal(outcome(bench, 2), OUTCOME_FAILED);
    command(bench, 3, COMMAND_SET_INTERVAL, 60);
    assert_int_equal(outcome(bench, 3), OUTCOME_CONFIRMED);
    assert_int_equal(bench->interval_s, 60);
    command(bench, 4, (enum command_kind)9, 0);
    assert_int_equal(outcome(bench, 4), OUTCOME_REFUSED);
    assert_int_equal(unlink(bench->relay), 0);
    command(bench, 5, COMMAND_DISCONNECT, 0);
    assert_int_equal(outcome(bench, 5), OUTCOME_FAILED);
    assert_int_equal(control_state(bench->control), CONTROL_CONNECTED);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reconnection_waits_for_a_person),
        cmocka_unit_test(a_disconnection_takes_the_arming_back),
        cmocka_unit_test(direct_reconnection_is_an_option),
        cmocka_unit_test(the_relay_stands_after_a_restart_where_it_stood),
        cmocka_unit_test(a_command_is_obeyed_once),
        cmocka_unit_test(only_an_operator_is_obeyed_or_answered),
        cmocka_unit_test(an_expired_command_is_not_obeyed),
        cmocka_unit_test(what_cannot_be_done_has_failed),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
