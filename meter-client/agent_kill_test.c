/*
 * kill -9 in the middle of work, at moments that nobody chose: whatever the store had, it has, and
 * the next start goes on from there.
 */
#include "meter-client/agent.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meter-client/agent_bench.h"

#define KILLS     12
#define TICKS_MAX 40

/** What the last look at the store found. */
struct seen {
    uint32_t reports;
    uint32_t last_s;
    uint64_t import_wh;
};

/** Measures, reports, is answered, is commanded nothing and renumbers now and then; never ends. */
static void work_until_killed(struct bench *bench, int told)
{
    for (unsigned i = 1;; i++) {
        uint32_t last;

        pass(bench, 1);
        last = meter_store_next_sequence(bench->store) - 1;
        if (i % 3 == 0 && last)
            receive(bench, (struct receipt){.status = RECEIPT_STORED, .first = 1, .last = last});
        if (i % 7 == 0 && last > 2)
            receive(bench,
                    (struct receipt){.status = RECEIPT_SEALED, .first = 1, .last = last - 2});
        if (i % 11 == 0 && last)
            receive(bench, (struct receipt){.status = RECEIPT_REJECTED,
                                            .first = last,
                                            .last = last,
                                            .cause = CAUSE_CONFLICT});
        bench->count = 0;
        if (write(told, "", 1) != 1)
            _exit(0);
    }
}

static void check_row(void *cookie, const struct meter_store_row *row)
{
    struct seen *seen = cookie;
    struct report report;

    assert_int_equal(payload_report_parse(&report, row->payload, strlen(row->payload), NULL), 0);
    assert_int_equal(report.sequence, row->sequence);
    seen->reports++;
    if (row->state == REPORT_REJECTED)
        return; /* its readings are in a later one */
    for (uint32_t i = 0; i < report.count; i++) {
        assert_true(report.readings[i].timestamp_s > seen->last_s);
        assert_true(report.readings[i].import_wh >= seen->import_wh);
        seen->last_s = report.readings[i].timestamp_s;
        seen->import_wh = report.readings[i].import_wh;
    }
}

/** A process that is killed after so many ticks, somewhere in the next one. */
static void live_and_die(struct bench *bench, unsigned ticks)
{
    int told[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(told), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(told[0]);
        start(bench);
        connect_link(bench);
        work_until_killed(bench, told[1]);
    }
    close(told[1]);
    for (unsigned i = 0; i < ticks; i++)
        assert_int_equal(read(told[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(told[0]);
}

static void a_killed_meter_has_what_it_had(void **state)
{
    struct bench *bench = bench_new(state, "killed.db");
    struct seen before = {0};

    bench->config.readings_per_report = 2;
    for (int i = 0; i < KILLS; i++) {
        struct seen seen = {0};

        live_and_die(bench, 1 + (unsigned)i * 17 % TICKS_MAX);
        assert_int_equal(meter_store_export(bench->path, check_row, &seen, NULL), 0);
        assert_true(seen.reports >= before.reports);
        assert_true(seen.last_s >= before.last_s);
        before = seen;
        clock_advance_ms(bench->clock, TICKS_MAX * INTERVAL * 1000 + 60000);
        bench->import_wh += TICKS_MAX * 7 + 42;
    }
    assert_true(before.reports > KILLS);
    start(bench);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_meter_has_what_it_had),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
