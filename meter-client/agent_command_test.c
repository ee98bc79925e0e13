#include "meter-client/agent.h"

#include "meter-client/agent_bench.h"

static void command(struct bench *bench, uint64_t id, enum command_kind kind, uint32_t argument)
{
    struct command command = {.id = id,
                              .meter = METER,
                              .kind = (uint8_t)kind,
                              .argument = argument,
                              .not_after_s = UINT32_MAX};
    struct buf payload = BUF_INIT;
    struct eth_hash digest;

    eip712_command(&bench->domain, &digest, &command);
    signer_sign(bench->signer, &command.signature, &digest);
    payload_command_print(&payload, &command);
    assert_int_equal(agent_command(bench->agent, payload.data, payload.len, NULL), 0);
    tick(bench);
    buf_free(&payload);
}

static struct bench *commanded_bench(void **state, const char *name,
                                     char operators[ETH_ADDRESS_TEXT])
{
    struct bench *bench = bench_new(state, name);

    bench->config.control.operators = eth_address_text(operators, signer_address(bench->signer));
    bench->config.control.meter = METER;
    start(bench);
    connect_link(bench);
    measure(bench);
    return bench;
}

static void a_commanded_reading_is_sent_at_once(void **state)
{
    char operators[ETH_ADDRESS_TEXT];
    struct bench *bench = commanded_bench(state, "readnow.db", operators);
    const struct sent *result;

    clock_advance_ms(bench->clock, 3000);
    command(bench, 1, COMMAND_READ_NOW, 0);
    assert_non_null(strstr(last_sent(bench, TOPIC_READING)->payload, "1700000003"));
    result = last_sent(bench, TOPIC_COMMAND_ACK);
    assert_non_null(strstr(result->payload, "\"outcome\":2"));
    agent_published(bench->agent, result->tag, 0);
    bench->count = 0;
    lose_link(bench);
    connect_link(bench);
    for (unsigned i = 0; i < bench->count; i++)
        assert_true(bench->sent[i].kind != TOPIC_COMMAND_ACK);
    bench_free(bench);
}

static void a_commanded_interval_survives_a_restart(void **state)
{
    char operators[ETH_ADDRESS_TEXT];
    struct bench *bench = commanded_bench(state, "setinterval.db", operators);

    command(bench, 1, COMMAND_SET_INTERVAL, 60);
    assert_non_null(strstr(last_sent(bench, TOPIC_BIRTH)->payload, "\"interval_s\":60"));
    assert_int_equal(agent_boundary_ms(bench->agent) / 1000 % 60, 0);
    restart(bench);
    assert_int_equal(agent_boundary_ms(bench->agent) / 1000 % 60, 0);
    bench->config.interval_s = 20; /* who edits the configuration is obeyed again */
    restart(bench);
    assert_int_equal(agent_boundary_ms(bench->agent) / 1000, START_S + 20);
    bench_free(bench);
}

static void an_exchanged_meter_is_followed_over_a_restart(void **state)
{
    char operators[ETH_ADDRESS_TEXT];
    struct bench *bench = commanded_bench(state, "exchange.db", operators);
    struct measurement m = {.import_wh = 5000, .serial = "OLD"};

    for (unsigned i = 1; i <= 3; i++) {
        char text[96];

        clock_advance_ms(bench->clock, INTERVAL * 1000);
        m.unix_ms = clock_unix_ms(bench->clock);
        agent_measured(bench->agent, &m);
        tick(bench);
        snprintf(text, sizeof(text), "\"t\":%u,\"import_wh\":%u,\"export_wh\":0,\"quality\":%u}",
                 START_S + i * INTERVAL, i == 3 ? 5010 : 5000, i == 2 ? QUALITY_SUBSTITUTED : 0);
        if (!strstr(last_sent(bench, TOPIC_READING)->payload, text))
            fail_msg("no %s in %s", text, last_sent(bench, TOPIC_READING)->payload);
        snprintf(m.serial, sizeof(m.serial), "NEW");
        m.import_wh = i == 1 ? 100 : 110;
        if (i == 2) {
            restart(bench);
            connect_link(bench);
        }
    }
    bench_free(bench);
}

static void a_restored_store_is_noticed_and_passes_what_was_used(void **state)
{
    char operators[ETH_ADDRESS_TEXT];
    struct bench *bench = commanded_bench(state, "restored.db", operators);

    receive(bench, (struct receipt){.status = RECEIPT_STORED, .first = 3, .last = 9});
    assert_non_null(strstr(last_sent(bench, TOPIC_EVENT)->payload, "\"code\":14"));
    clock_advance_ms(bench->clock, INTERVAL * 1000);
    measure(bench);
    tick(bench);
    assert_non_null(strstr(last_sent(bench, TOPIC_READING)->payload, "\"sequence\":10"));
    bench_free(bench);
}

static void a_conflict_tells_of_a_restored_store_once(void **state)
{
    char operators[ETH_ADDRESS_TEXT];
    struct bench *bench = commanded_bench(state, "conflict.db", operators);
    unsigned events = 0;

    for (uint32_t i = 1; i <= 2; i++) {
        clock_advance_ms(bench->clock, INTERVAL * 1000);
        measure(bench);
        tick(bench);
        receive(bench,
                (struct receipt){
                    .status = RECEIPT_REJECTED, .first = i, .last = i, .cause = CAUSE_CONFLICT});
    }
    for (unsigned i = 0; i < bench->count; i++)
        events += bench->sent[i].kind == TOPIC_EVENT && strstr(bench->sent[i].payload, ":14,");
    assert_int_equal(events, 1);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commanded_reading_is_sent_at_once),
        cmocka_unit_test(a_commanded_interval_survives_a_restart),
        cmocka_unit_test(an_exchanged_meter_is_followed_over_a_restart),
        cmocka_unit_test(a_restored_store_is_noticed_and_passes_what_was_used),
        cmocka_unit_test(a_conflict_tells_of_a_restored_store_once),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
