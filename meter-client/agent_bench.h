/*
 * agent_bench.h: for tests of the agent: a meter on a manual clock, whose link is an array.
 *
 * One bench is one meter with its store in the test's folder; start, stop and restart are its
 * process coming and going as kill -9 would have it. Header only: test code is in no library.
 */
#ifndef AMR_METER_AGENT_BENCH_H
#define AMR_METER_AGENT_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/test_dir.h"
#include "meter-client/agent.h"

#define START_S  1700000000u /* a multiple of 100 */
#define METER    65537u
#define INTERVAL 10u
#define SENT_MAX 512

struct sent {
    enum topic_kind kind;
    uint64_t tag;
    char payload[8192]; /* 96 readings */
};

struct bench {
    char *path;
    struct clock *clock;
    struct log *log;
    struct signer *signer;
    struct recoverer *recoverer;
    struct eip712 domain;
    struct agent_config config;
    struct meter_store *store;
    struct agent *agent;
    bool down; /* the link takes nothing */
    uint64_t import_wh;
    unsigned count;
    struct sent sent[SENT_MAX];
};

static inline void ignore_line(void *cookie, enum log_level level, const char *line)
{
    (void)cookie;
    (void)line;
    assert_true(level < LOG_LEVEL_BROKEN);
}

static inline int record(void *cookie, enum topic_kind kind, const void *payload, size_t len,
                         int qos, bool retain, uint64_t tag, struct err *err)
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

static inline void start(struct bench *bench)
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
static inline void stop(struct bench *bench)
{
    agent_free(bench->agent);
    meter_store_close(bench->store);
    bench->agent = NULL;
    bench->store = NULL;
}

static inline void restart(struct bench *bench)
{
    stop(bench);
    start(bench);
}

static inline struct bench *bench_new(void **state, const char *name)
{
    struct bench *bench = xcalloc(1, sizeof(*bench));
    struct eth_address contract = {{1}};

    bench->path = test_path(*state, name);
    bench->clock = clock_manual_new((uint64_t)START_S * 1000 + 1);
    bench->log = log_new_sink(LOG_LEVEL_DEBUG, ignore_line, NULL);
    bench->signer = signer_generate(NULL);
    bench->recoverer = recoverer_new();
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

static inline void bench_free(struct bench *bench)
{
    stop(bench);
    clock_free(bench->clock);
    log_free(bench->log);
    signer_free(bench->signer);
    recoverer_free(bench->recoverer);
    free(bench->path);
    free(bench);
}

static inline void measure(struct bench *bench)
{
    struct measurement measurement = {
        .unix_ms = clock_unix_ms(bench->clock), .import_wh = bench->import_wh, .export_wh = 5};

    agent_measured(bench->agent, &measurement);
}

static inline void tick(struct bench *bench)
{
    agent_tick(bench->agent);
}

static inline void connect_link(struct bench *bench)
{
    bench->down = false;
    agent_connected(bench->agent);
    tick(bench);
}

static inline void lose_link(struct bench *bench)
{
    bench->down = true;
    agent_disconnected(bench->agent);
}
/** The last message of a kind; there must be one. */
static inline const struct sent *last_sent(const struct bench *bench, enum topic_kind kind)
{
    for (unsigned i = bench->count; i > 0; i--) {
        if (bench->sent[i - 1].kind == kind)
            return &bench->sent[i - 1];
    }
    fail_msg("none of kind %d", (int)kind);
    abort(); /* not reached: fail_msg jumps */
}

static inline unsigned sent_of(const struct bench *bench, enum topic_kind kind, const char *part)
{
    unsigned count = 0;

    for (unsigned i = 0; i < bench->count; i++)
        count += bench->sent[i].kind == kind && strstr(bench->sent[i].payload, part);
    return count;
}

static inline void receive(struct bench *bench, struct receipt receipt)
{
    struct buf payload = BUF_INIT;

    receipt.meter = METER;
    payload_receipt_print(&payload, &receipt);
    agent_receipt(bench->agent, payload.data, payload.len);
    tick(bench);
    buf_free(&payload);
}

/** Lets intervals pass, one measurement and one tick at each boundary. */
static inline void pass(struct bench *bench, unsigned intervals)
{
    for (unsigned i = 0; i < intervals; i++) {
        clock_advance_ms(bench->clock, (uint64_t)bench->config.interval_s * 1000);
        bench->import_wh += 7;
        measure(bench);
        tick(bench);
    }
}

#endif
