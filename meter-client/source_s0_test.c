#include "meter-client/source_s0.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/test_dir.h"

struct bench {
    char *pulses;
    char *state;
    char *spec;
    struct clock *clock;
    struct source_config config;
    struct source *source;
    struct measurement m;
};

static void bench_open(struct bench *bench, void **state, const char *options)
{
    struct err err = ERR_INIT;

    if (!bench->clock) {
        bench->pulses = test_path(*state, "pulses");
        bench->state = test_path(*state, "pulses.s0");
        unlink(bench->pulses);
        unlink(bench->state);
        assert_int_equal(mkfifo(bench->pulses, 0600), 0);
        bench->clock = clock_manual_new(UINT64_C(1700000000000));
    }
    free(bench->spec);
    bench->spec = xasprintf("s0:file://%s%s", bench->pulses, options);
    bench->config.spec = bench->spec;
    bench->config.clock = bench->clock;
    bench->config.state_path = bench->state;
    if (source_open(&bench->source, &bench->config, &err))
        fail_msg("%s", err.text);
}

static void bench_close(struct bench *bench)
{
    source_close(bench->source);
    clock_free(bench->clock);
    free(bench->pulses);
    free(bench->state);
    free(bench->spec);
}

static void pulse(struct bench *bench, int count)
{
    int fd = open(bench->pulses, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    assert_true(fd >= 0);
    for (int i = 0; i < count; i++)
        assert_int_equal(write(fd, "\n", 1), 1);
    close(fd);
}

static uint64_t measure(struct bench *bench, uint64_t after_ms)
{
    clock_advance_ms(bench->clock, after_ms);
    assert_int_equal(source_read(bench->source, &bench->m, NULL), 1);
    return bench->m.import_wh;
}

static void pulses_become_watt_hours_by_the_meter_constant(void **state)
{
    struct bench bench = {0};

    bench_open(&bench, state, ",imp=800,start=5000");
    assert_int_equal(measure(&bench, 1), 5000);
    pulse(&bench, 3);
    assert_int_equal(measure(&bench, 1), 5003);
    pulse(&bench, 1);
    assert_int_equal(measure(&bench, 1), 5005);
    bench_close(&bench);
}

static void power_follows_the_gap_between_pulses(void **state)
{
    struct bench bench = {0};

    bench_open(&bench, state, "");
    pulse(&bench, 1);
    measure(&bench, 1);
    assert_int_equal(bench.m.import_w, 0);
    pulse(&bench, 1);
    measure(&bench, 3600); /* 1 Wh in 3.6 s */
    assert_int_equal(bench.m.import_w, 1000);
    measure(&bench, 7200); /* no pulse for longer: less than that */
    assert_int_equal(bench.m.import_w, 500);
    measure(&bench, 600000);
    assert_int_equal(bench.m.import_w, 0);
    bench_close(&bench);
}

static void the_count_survives_a_restart(void **state)
{
    struct bench bench = {0};

    bench_open(&bench, state, ",start=100");
    pulse(&bench, 7);
    assert_int_equal(measure(&bench, 1), 107);
    source_close(bench.source);
    bench_open(&bench, state, ",start=100");
    assert_int_equal(measure(&bench, 1), 107);
    source_close(bench.source);
    /* Another constant goes on from there. */
    bench_open(&bench, state, ",imp=500");
    pulse(&bench, 1);
    assert_int_equal(measure(&bench, 1), 109);
    bench_close(&bench);
}

static void the_count_is_kept_a_minute_after_a_pulse(void **state)
{
    struct bench bench = {0};
    struct stat stat_of;

    bench_open(&bench, state, "");
    pulse(&bench, 1);
    measure(&bench, 1);
    measure(&bench, 59000);
    assert_int_equal(stat(bench.state, &stat_of), -1);
    measure(&bench, 1000);
    assert_int_equal(stat(bench.state, &stat_of), 0);
    bench_close(&bench);
}

static void a_lost_count_never_steps_below_the_last_reading(void **state)
{
    struct bench bench = {0};

    bench_open(&bench, state, "");
    pulse(&bench, 5);
    measure(&bench, 1);
    source_close(bench.source);
    bench.config.last = (struct reading){.timestamp_s = 1, .import_wh = 42};
    bench_open(&bench, state, "");
    assert_int_equal(measure(&bench, 1), 42);
    bench_close(&bench);
}

static void a_damaged_count_is_refused(void **state)
{
    static const char *const TEXTS[] = {"",          "1 2 3\n",       "2 0 0 1000\n",
                                        "1 0 0 0\n", "1 0 0 1000x\n", "1 -1 0 1000\n"};
    struct bench bench = {0};

    bench_open(&bench, state, "");
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++) {
        struct source *source = NULL;
        struct err err = ERR_INIT;

        assert_int_equal(file_replace(bench.state, 0600, TEXTS[i], strlen(TEXTS[i]), NULL), 0);
        if (source_open(&source, &bench.config, &err) != -1)
            fail_msg("'%s' was taken", TEXTS[i]);
        assert_non_null(strstr(err.text, "holds no pulse count"));
    }
    bench_close(&bench);
}

static void a_wrong_address_is_refused(void **state)
{
    static const char *const SPECS[] = {"s0:",
                                        "s0:/dev/gpiochip0",
                                        "s0:/dev/gpiochip0:x",
                                        "s0:/nowhere/gpiochip9:1",
                                        "s0:file:///dev/null,imp=0",
                                        "s0:file:///dev/null,foo"};
    struct clock *clock = clock_manual_new(1);

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(SPECS); i++) {
        struct source_config config = {.spec = SPECS[i], .clock = clock};
        struct source *source = NULL;
        struct err err = ERR_INIT;

        if (source_open(&source, &config, &err) != -1)
            fail_msg("'%s' was taken", SPECS[i]);
    }
    clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulses_become_watt_hours_by_the_meter_constant),
        cmocka_unit_test(power_follows_the_gap_between_pulses),
        cmocka_unit_test(the_count_survives_a_restart),
        cmocka_unit_test(the_count_is_kept_a_minute_after_a_pulse),
        cmocka_unit_test(a_lost_count_never_steps_below_the_last_reading),
        cmocka_unit_test(a_damaged_count_is_refused),
        cmocka_unit_test(a_wrong_address_is_refused),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
