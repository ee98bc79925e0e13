/* What the agent does when its store, its server or its clock is not well. */
#include "meter-client/agent.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meter-client/agent_bench.h"

static uint64_t in_state(const struct bench *bench, enum report_state state)
{
    struct meter_store_counts counts;

    assert_int_equal(meter_store_counts(bench->store, &counts, NULL), 0);
    return counts.reports[state];
}

static void a_server_that_lacks_reports_gets_them_again(void **state)
{
    struct bench *bench = bench_new(state, "missing.db");

    start(bench);
    connect_link(bench);
    assert_int_equal(sent_of(bench, TOPIC_BACKLOG, "\"first\":1,\"open\":1,\"next\":1"), 1);
    pass(bench, 4);
    receive(bench, (struct receipt){.status = RECEIPT_STORED, .first = 1, .last = 4});
    receive(bench, (struct receipt){.status = RECEIPT_SEALED, .first = 1, .last = 1});
    assert_int_equal(in_state(bench, REPORT_STORED), 3);
    bench->count = 0;
    receive(bench, (struct receipt){.status = RECEIPT_MISSING, .first = 3, .last = UINT32_MAX});
    assert_int_equal(
        sent_of(bench, TOPIC_BACKLOG, "\"first\":3,\"open\":3,\"next\":5,\"asked\":true"), 1);
    assert_int_equal(sent_of(bench, TOPIC_READING, "\"sequence\":3"), 1);
    assert_int_equal(sent_of(bench, TOPIC_READING, "\"sequence\":4"), 1);
    assert_int_equal(sent_of(bench, TOPIC_READING, ""), 2);
    assert_int_equal(sent_of(bench, TOPIC_EVENT, ":14,"), 0);
    bench_free(bench);
}

static void what_is_sealed_is_not_sent_again(void **state)
{
    struct bench *bench = bench_new(state, "sealed.db");

    start(bench);
    connect_link(bench);
    pass(bench, 2);
    receive(bench, (struct receipt){.status = RECEIPT_SEALED, .first = 1, .last = 2});
    bench->count = 0;
    receive(bench, (struct receipt){.status = RECEIPT_MISSING, .first = 1, .last = 9});
    assert_int_equal(sent_of(bench, TOPIC_READING, ""), 0);
    assert_int_equal(sent_of(bench, TOPIC_BACKLOG, "\"open\":3,\"next\":3"), 1);
    bench_free(bench);
}

/** What no system call can hide: the file may not grow, as on a full disk. Returns the old limit.
 */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/** Fails, recovers, and compares: nothing is missing, what was wrong is told. */
static void outlive(struct bench *bench, void (*fill)(struct bench *),
                    void (*clear)(struct bench *))
{
    struct reading last;

    bench->config.telemetry_s = 1;
    start(bench);
    connect_link(bench);
    pass(bench, 2);
    receive(bench, (struct receipt){.status = RECEIPT_STORED, .first = 1, .last = 2});
    fill(bench);
    pass(bench, 20);
    assert_int_equal(sent_of(bench, TOPIC_READING, "\"sequence\":3"), 0);
    assert_non_null(strstr(last_sent(bench, TOPIC_TELEMETRY)->payload, "\"alarms\":[\"store\"]"));
    clear(bench);
    clock_advance_ms(bench->clock, 1000);
    tick(bench);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 1);
    receive(bench, (struct receipt){.status = RECEIPT_STORED, .first = 3, .last = 3});
    assert_int_equal(sent_of(bench, TOPIC_EVENT, "\"code\":14,"), 1);
    assert_int_equal(meter_store_last(bench->store, &last, NULL), 0);
    assert_int_equal(last.timestamp_s, START_S + 22 * INTERVAL);
    pass(bench, 1);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 1);
}

static void forbid_growth(struct bench *bench)
{
    (void)bench;
    limit_files(1);
}

static void allow_growth(struct bench *bench)
{
    (void)bench;
    limit_files(RLIM_INFINITY);
}

static void a_store_that_takes_nothing_loses_nothing(void **state)
{
    struct bench *bench = bench_new(state, "limit.db");

    outlive(bench, forbid_growth, allow_growth);
    bench_free(bench);
}

static char *ballast_path(const struct bench *bench)
{
    return xasprintf("%s.ballast", bench->path);
}

/** Writes until the file system has no byte left. */
static void fill_disk(struct bench *bench)
{
    char *path = ballast_path(bench);
    static const char BLOCK[4096];
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    while (fwrite(BLOCK, 1, sizeof(BLOCK), file) == sizeof(BLOCK))
        continue;
    assert_int_equal(errno, ENOSPC);
    fclose(file);
    free(path);
}

static void empty_disk(struct bench *bench)
{
    char *path = ballast_path(bench);

    assert_int_equal(unlink(path), 0);
    free(path);
}

static void a_full_disk_loses_nothing(void **state)
{
    char *folder = test_path(*state, "disk");
    struct bench *bench;

    assert_int_equal(mkdir(folder, 0700), 0);
    if (mount("none", folder, "tmpfs", 0, "size=512k")) {
        free(folder);
        skip(); /* wants root */
    }
    bench = bench_new(state, "disk/meter.db");
    outlive(bench, fill_disk, empty_disk);
    bench_free(bench);
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

static void the_backlogs_limit_is_told(void **state)
{
    struct bench *bench = bench_new(state, "limit-told.db");

    bench->config.max_backlog = 3;
    bench->config.telemetry_s = 1;
    start(bench);
    connect_link(bench);
    pass(bench, 5);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 3);
    assert_int_equal(sent_of(bench, TOPIC_EVENT, "\"code\":230,"), 1);
    assert_non_null(strstr(last_sent(bench, TOPIC_TELEMETRY)->payload, "\"alarms\":[\"backlog\"]"));
    receive(bench, (struct receipt){.status = RECEIPT_SEALED, .first = 1, .last = 3});
    pass(bench, 1);
    assert_int_equal(sent_of(bench, TOPIC_EVENT, "\"code\":231,"), 1);
    assert_non_null(strstr(last_sent(bench, TOPIC_TELEMETRY)->payload, "\"alarms\":[]"));
    bench_free(bench);
}

static void sequences_that_were_used_elsewhere_are_passed_over(void **state)
{
    struct bench *bench = bench_new(state, "heal.db");
    struct receipt conflict = {.status = RECEIPT_REJECTED, .cause = CAUSE_CONFLICT};

    start(bench);
    connect_link(bench);
    bench->config.window = 64;
    pass(bench, 2);
    for (uint32_t first = 1; first < 8; first = first * 2 + 1) { /* 1, 3, 7 */
        char text[32];

        bench->count = 0;
        conflict.first = first == 7 ? 6 : first;
        conflict.last = conflict.first;
        receive(bench, conflict);
        snprintf(text, sizeof(text), "\"sequence\":%u,", first == 1 ? 3u : first == 3 ? 6u : 11u);
        assert_int_equal(sent_of(bench, TOPIC_READING, text), 1);
        assert_int_equal(sent_of(bench, TOPIC_READING, ""), 2);
        snprintf(text, sizeof(text), "\"t\":%u,", START_S + INTERVAL);
        assert_int_equal(sent_of(bench, TOPIC_READING, text), 1);
    }
    assert_int_equal(in_state(bench, REPORT_QUEUED), 2);
    receive(bench, (struct receipt){.status = RECEIPT_STORED, .first = 11, .last = 12});
    assert_int_equal(in_state(bench, REPORT_STORED), 2);
    restart(bench);
    assert_int_equal(meter_store_next_sequence(bench->store), 13);
    assert_int_equal(in_state(bench, REPORT_STORED), 2);
    bench_free(bench);
}

static void a_conflict_without_a_way_out_ends(void **state)
{
    struct bench *bench = bench_new(state, "hopeless.db");

    start(bench);
    connect_link(bench);
    pass(bench, 1);
    for (int i = 0; i < 40 && in_state(bench, REPORT_QUEUED); i++) {
        uint32_t sequence = meter_store_next_sequence(bench->store) - 1;

        bench->count = 0;
        receive(bench, (struct receipt){.status = RECEIPT_REJECTED,
                                        .first = sequence,
                                        .last = sequence,
                                        .cause = CAUSE_CONFLICT});
    }
    assert_int_equal(in_state(bench, REPORT_QUEUED), 0);
    assert_true(meter_store_next_sequence(bench->store) < 10000);
    pass(bench, 1);
    assert_int_equal(in_state(bench, REPORT_QUEUED), 1);
    bench_free(bench);
}

static void power_that_goes_is_told_with_a_last_reading(void **state)
{
    struct bench *bench = bench_new(state, "power.db");

    bench->config.telemetry_s = 1;
    bench->config.readings_per_report = 4;
    start(bench);
    connect_link(bench);
    pass(bench, 1);
    assert_int_equal(sent_of(bench, TOPIC_READING, ""), 0);
    clock_advance_ms(bench->clock, 3000);
    measure(bench);
    agent_power(bench->agent, true);
    assert_int_equal(sent_of(bench, TOPIC_EVENT, "\"code\":1,"), 1);
    assert_non_null(strstr(last_sent(bench, TOPIC_READING)->payload, "\"t\":1700000013,"));
    assert_non_null(strstr(last_sent(bench, TOPIC_TELEMETRY)->payload, "\"alarms\":[\"power\"]"));
    agent_power(bench->agent, true);
    assert_int_equal(sent_of(bench, TOPIC_EVENT, "\"code\":1,"), 1);
    agent_power(bench->agent, false);
    assert_int_equal(sent_of(bench, TOPIC_EVENT, "\"code\":2,"), 2); /* the start was one */
    bench_free(bench);
}

static void an_unsure_clock_marks_readings(void **state)
{
    struct bench *bench = bench_new(state, "unsure.db");
    struct measurement m = {.import_wh = 5000};

    bench->config.require_sync = true;
    start(bench);
    connect_link(bench);
    for (int i = 0; i < 4; i++) {
        clock_advance_ms(bench->clock, INTERVAL * 1000);
        clock_set_synchronised(bench->clock, i != 1);
        m.unix_ms = clock_unix_ms(bench->clock);
        m.clock_s = clock_unix_s(bench->clock) + (i == 2 ? 61 : 60); /* the meter's own */
        agent_measured(bench->agent, &m);
        tick(bench);
        assert_non_null(strstr(last_sent(bench, TOPIC_READING)->payload,
                               i == 1 || i == 2 ? "\"quality\":1}" : "\"quality\":0}"));
    }
    bench_free(bench);
}

static void what_the_broker_never_takes_is_not_sent_forever(void **state)
{
    static const struct {
        int reason;
        bool final;
    } CASES[] = {{0x87, false}, {0x83, false}, {0x97, false}, {-1, false},
                 {0x90, true},  {0x95, true},  {0x99, true}};

    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        char *name = xasprintf("reason%zu.db", i);
        struct bench *bench = bench_new(state, name);

        start(bench);
        connect_link(bench);
        pass(bench, 1);
        agent_published(bench->agent, last_sent(bench, TOPIC_READING)->tag, CASES[i].reason);
        assert_int_equal(in_state(bench, REPORT_REJECTED), CASES[i].final ? 1 : 0);
        lose_link(bench);
        bench->count = 0;
        connect_link(bench);
        assert_int_equal(sent_of(bench, TOPIC_READING, ""), CASES[i].final ? 0 : 1);
        bench_free(bench);
        free(name);
    }
}

/** Counts the messages of a kind that this key signed. */
static unsigned signed_by(const struct bench *bench, enum topic_kind kind,
                          const struct eth_address *wanted)
{
    unsigned count = 0;

    for (unsigned i = 0; i < bench->count; i++) {
        const char *payload = bench->sent[i].payload;
        struct eth_address signer;
        struct eth_hash digest;
        struct eth_signature signature;
        struct meter_event event;
        struct report report;

        if (bench->sent[i].kind != kind)
            continue;
        if (kind == TOPIC_READING) {
            assert_int_equal(payload_report_parse(&report, payload, strlen(payload), NULL), 0);
            eip712_report(&bench->domain, &digest, &report);
            signature = report.signature;
        } else {
            assert_int_equal(payload_event_parse(&event, payload, strlen(payload), NULL), 0);
            eip712_event(&bench->domain, &digest, &event);
            signature = event.signature;
        }
        assert_int_equal(recoverer_recover(bench->recoverer, &signer, &digest, &signature), 0);
        count += eth_address_equal(&signer, wanted);
    }
    return count;
}

static void a_new_key_signs_what_is_on_its_way(void **state)
{
    struct bench *bench = bench_new(state, "rotated.db");
    struct signer *before;

    start(bench);
    connect_link(bench);
    pass(bench, 3);
    receive(bench, (struct receipt){.status = RECEIPT_SEALED, .first = 1, .last = 1});
    receive(bench, (struct receipt){.status = RECEIPT_STORED, .first = 2, .last = 2});
    stop(bench);
    before = bench->signer;
    bench->signer = signer_generate(NULL);
    start(bench);
    bench->count = 0;
    connect_link(bench);
    assert_int_equal(sent_of(bench, TOPIC_READING, ""), 1);
    assert_int_equal(signed_by(bench, TOPIC_READING, signer_address(bench->signer)), 1);
    assert_int_equal(sent_of(bench, TOPIC_EVENT, ""), 2);
    assert_int_equal(signed_by(bench, TOPIC_EVENT, signer_address(bench->signer)), 2);
    bench->count = 0;
    receive(bench, (struct receipt){.status = RECEIPT_MISSING, .first = 1, .last = 2});
    assert_int_equal(signed_by(bench, TOPIC_READING, signer_address(bench->signer)), 2);
    assert_int_equal(signed_by(bench, TOPIC_READING, signer_address(before)), 0);
    restart(bench);
    signer_free(before);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_lacks_reports_gets_them_again),
        cmocka_unit_test(what_is_sealed_is_not_sent_again),
        cmocka_unit_test(a_store_that_takes_nothing_loses_nothing),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(the_backlogs_limit_is_told),
        cmocka_unit_test(a_new_key_signs_what_is_on_its_way),
        cmocka_unit_test(what_the_broker_never_takes_is_not_sent_forever),
        cmocka_unit_test(sequences_that_were_used_elsewhere_are_passed_over),
        cmocka_unit_test(a_conflict_without_a_way_out_ends),
        cmocka_unit_test(power_that_goes_is_told_with_a_last_reading),
        cmocka_unit_test(an_unsure_clock_marks_readings),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
