/*
 * A year of quarter hours in virtual time: the simulated household, the agent and its store with
 * outages of the link, kills, and a local time that changes twice. Each interval is there once.
 */
#include "meter-client/agent.h"

#include <time.h>
#include <unistd.h>

#include "meter-client/agent_bench.h"

#define YEAR_S    1735689600u /* 2025-01-01, not a leap year */
#define QUARTER_S 900u
#define QUARTERS  (365u * 96)

struct year {
    struct bench *bench;
    struct source *source;
    uint64_t random;
    uint32_t last_s;    /* of the readings that the server took */
    uint32_t highest;   /* sequence that it took */
    uint64_t readings;  /* that it took */
    uint64_t import_wh; /* the last */
    uint64_t restarts;
};

/** xorshift64: the same year each time. */
static uint64_t random_below(struct year *year, uint64_t limit)
{
    year->random ^= year->random << 13;
    year->random ^= year->random >> 7;
    year->random ^= year->random << 17;
    return year->random % limit;
}

static void open_source(struct year *year)
{
    struct source_config config = {
        .spec = "sim", .clock = year->bench->clock, .seed = 7, .pv_wp = 4000};

    assert_int_equal(meter_store_last(year->bench->store, &config.last, NULL), 0);
    assert_int_equal(source_open(&year->source, &config, NULL), 0);
}

/** As kill -9 and a new start. */
static void kill_and_start(struct year *year)
{
    source_close(year->source);
    restart(year->bench);
    open_source(year);
    year->restarts++;
}

/** The server: takes what is new, in order, and answers with a seal; looks at every reading. */
static void serve(struct year *year)
{
    struct bench *bench = year->bench;
    unsigned count = bench->count;

    for (unsigned i = 0; i < count; i++) {
        const char *payload = bench->sent[i].payload;
        struct report report;

        if (bench->sent[i].kind == TOPIC_EVENT)
            agent_published(bench->agent, bench->sent[i].tag, 0);
        if (bench->sent[i].kind != TOPIC_READING)
            continue;
        assert_int_equal(payload_report_parse(&report, payload, strlen(payload), NULL), 0);
        if (report.sequence <= year->highest)
            continue;
        assert_int_equal(report.sequence, year->highest + 1);
        for (uint32_t n = 0; n < report.count; n++) {
            assert_int_equal(report.readings[n].timestamp_s, year->last_s + QUARTER_S);
            assert_true(report.readings[n].import_wh >= year->import_wh);
            assert_int_equal(report.readings[n].quality, 0);
            year->last_s = report.readings[n].timestamp_s;
            year->import_wh = report.readings[n].import_wh;
        }
        year->readings += report.count;
        year->highest = report.sequence;
    }
    bench->count = 0;
    if (year->highest)
        receive(bench, (struct receipt){.status = RECEIPT_SEALED,
                                        .first = 1,
                                        .last = year->highest,
                                        .block = year->highest});
}

static void quarter(struct year *year)
{
    struct measurement measurement;
    uint64_t boundary_ms = agent_boundary_ms(year->bench->agent);

    clock_advance_ms(year->bench->clock, boundary_ms - clock_unix_ms(year->bench->clock) + 3);
    assert_int_equal(source_read(year->source, &measurement, NULL), 1);
    agent_measured(year->bench->agent, &measurement);
    tick(year->bench);
}

static void day(struct year *year)
{
    bool offline = random_below(year, 5) == 0;
    uint64_t killed_at = random_below(year, 300);

    if (offline)
        lose_link(year->bench);
    for (unsigned i = 0; i < 96; i++) {
        quarter(year);
        if (i == killed_at) {
            kill_and_start(year);
            if (!offline)
                connect_link(year->bench);
        }
        if (!offline && i % 8 == 7)
            serve(year);
    }
    if (offline)
        connect_link(year->bench);
    serve(year);
    year->bench->count = 0;
}

/** Memory file system where there is one: the year is about time, not about a disk. */
static char *fast_path(void **state)
{
    return access("/dev/shm", W_OK) == 0 ? xasprintf("/dev/shm/amr-year-%d.db", (int)getpid())
                                         : test_path(*state, "year.db");
}

static void remove_store(const char *path)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", ".lock"};

    for (size_t i = 0; i < AMR_COUNT(SUFFIXES); i++) {
        char *file = xasprintf("%s%s", path, SUFFIXES[i]);

        unlink(file);
        free(file);
    }
}

static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload");
}

static void every_quarter_hour_of_a_year_is_sealed_once(void **state)
{
    struct year year = {.random = 20250101, .last_s = YEAR_S};
    unsigned days = under_valgrind() ? 5 : 365;
    struct meter_store_counts counts;
    char *path;

    setenv("TZ", "Europe/Amsterdam", 1);
    tzset();
    year.bench = bench_new(state, "unused.db");
    free(year.bench->path);
    year.bench->path = fast_path(state);
    clock_free(year.bench->clock);
    year.bench->clock = clock_manual_new((uint64_t)YEAR_S * 1000 + 5);
    year.bench->config.interval_s = QUARTER_S;
    year.bench->config.retention_s = 20 * 86400;
    year.bench->config.window = 64;
    start(year.bench);
    open_source(&year);
    connect_link(year.bench);
    for (unsigned i = 0; i < days; i++)
        day(&year);
    assert_int_equal(year.readings, days * 96);
    assert_int_equal(year.last_s, YEAR_S + days * 96 * QUARTER_S);
    assert_true(days < 365 || (year.readings == QUARTERS && year.restarts > 50));
    assert_int_equal(meter_store_counts(year.bench->store, &counts, NULL), 0);
    assert_int_equal(counts.readings_open, 0);
    assert_true(counts.reports[REPORT_SEALED] < 30 * 96); /* older ones are forgotten in time */
    source_close(year.source);
    path = xstrdup(year.bench->path);
    bench_free(year.bench);
    remove_store(path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_quarter_hour_of_a_year_is_sealed_once),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
