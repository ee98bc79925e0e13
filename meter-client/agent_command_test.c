#include "meter-client/agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/test_dir.h"

#define START_S  1700000000u /* a multiple of 100 */
#define METER    65537u
#define INTERVAL 10u
#define SENT_MAX 64

/* Commands to a meter on a manual clock, whose link is an array. */

struct sent {
    enum topic_kind kind;
    uint64_t tag;
    char payload[700];
};

struct bench {
    char *path;
    struct clock *clock;
    struct log *log;
    struct signer *signer;
    struct eip712 domain;
    struct agent_config config;
    struct meter_store *store;
    struct agent *agent;
    bool down; /* the link takes nothing */
    uint64_t import_wh;
    unsigned count;
    struct sent sent[SENT_MAX];
};

static void ignore_line(void *cookie, enum log_level level, const char *line)
{
    (void)cookie;
    (void)line;
    assert_true(level < LOG_LEVEL_BROKEN);
}

static int record(void *cookie, enum topic_kind kind, const void *payload, size_t len, int qos,
                  bool retain, uint64_t tag, struct err *err)
{
    struct bench *bench = cookie;
    struct sent *sent = &bench->sent[bench->count];

    (void)qos;
    if (bench->down)
        return err_set(err, "down");
    assert_int_equal(retain, kind == TOPIC_BIRTH || kind == TOPIC_STATE);
    assert_true(bench->count < SENT_MAX);
    sent->kind = kind;
    sent->tag = tag;
    snprintf(sent->payload, sizeof(sent->payload), "%.*s", (int)len, (const char *)payload);
    bench->count++;
    return 0;
}

static void start(struct bench *bench)
{
    struct meter_store_identity identity = {.serial = "M1",
                                            .meter = METER,
                                            .chain_id = bench->domain.chain_id,
                                            .contract = bench->domain.contract,
                                            .signer = *signer_address(bench->signer)};
    struct agent_parts parts = {.signer = bench->signer,
                                .domain = &bench->domain,
                                .clock = bench->clock,
                                .log = bench->log,
                                .link = {record, bench}};
    struct err err = ERR_INIT;

    if (meter_store_open(&bench->store, bench->path, &identity, &err))
        fail_msg("%s", err.text);
    parts.store = bench->store;
    if (agent_new(&bench->agent, &bench->config, &parts, &err))
        fail_msg("%s", err.text);
}

/** As kill -9 would leave it: nothing is said or flushed. */
static void stop(struct bench *bench)
{
    agent_free(bench->agent);
    meter_store_close(bench->store);
    bench->agent = NULL;
    bench->store = NULL;
}

static void restart(struct bench *bench)
{
    stop(bench);
    start(bench);
}

static struct bench *bench_new(void **state, const char *name)
{
    struct bench *bench = xcalloc(1, sizeof(*bench));
    struct eth_address contract = {{1}};

    bench->path = test_path(*state, name);
    bench->clock = clock_manual_new((uint64_t)START_S * 1000 + 1);
    bench->log = log_new_sink(LOG_LEVEL_DEBUG, ignore_line, NULL);
    bench->signer = signer_generate(NULL);
    bench->import_wh = 1000;
    eip712_init(&bench->domain, 31337, &contract);
    bench->config = (struct agent_config){.serial = "M1",
                                          .source = "sim",
                                          .meter = METER,
                                          .interval_s = INTERVAL,
                                          .readings_per_report = 1,
                                          .window = 4,
                                          .ack_timeout_ms = 5000,
                                          .sealed_timeout_s = 600,
                                          .max_backlog = 100000,
                                          .retention_s = 86400};
    return bench;
}

static void bench_free(struct bench *bench)
{
    stop(bench);
    clock_free(bench->clock);
    log_free(bench->log);
    signer_free(bench->signer);
    free(bench->path);
    free(bench);
}

static void measure(struct bench *bench)
{
    struct measurement measurement = {
        .unix_ms = clock_unix_ms(bench->clock), .import_wh = bench->import_wh, .export_wh = 5};

    agent_measured(bench->agent, &measurement);
}

static void tick(struct bench *bench)
{
    struct err err = ERR_INIT;

    if (agent_tick(bench->agent, &err))
        fail_msg("%s", err.text);
}

static void connect_link(struct bench *bench)
{
    bench->down = false;
    agent_connected(bench->agent);
    tick(bench);
}

static void lose_link(struct bench *bench)
{
    bench->down = true;
    agent_disconnected(bench->agent);
}

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
    assert_int_equal(agent_tick(bench->agent, NULL), 0);
    buf_free(&payload);
}

static const struct sent *last_sent(const struct bench *bench, enum topic_kind kind)
{
    for (unsigned i = bench->count; i > 0; i--) {
        if (bench->sent[i - 1].kind == kind)
            return &bench->sent[i - 1];
    }
    fail_msg("none of kind %d", (int)kind);
    return NULL;
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

static void receive(struct bench *bench, struct receipt receipt)
{
    struct buf payload = BUF_INIT;

    receipt.meter = METER;
    payload_receipt_print(&payload, &receipt);
    agent_receipt(bench->agent, payload.data, payload.len);
    tick(bench);
    buf_free(&payload);
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
