#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include "meter-client/source_iec.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"

#define WAIT_MS 10000

/** A meter at the other end of a pseudo terminal, which garbles what is sent at another speed. */
struct bench {
    int meter;
    char spec[128];
    struct clock *clock;
    struct source *source;
    struct measurement m;
};

static void bench_open(struct bench *bench, const char *options)
{
    struct source_config config = {.spec = bench->spec, .timeout_s = 600};
    struct err err = ERR_INIT;

    memset(bench, 0, sizeof(*bench));
    bench->meter = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(bench->meter >= 0);
    assert_int_equal(grantpt(bench->meter), 0);
    assert_int_equal(unlockpt(bench->meter), 0);
    snprintf(bench->spec, sizeof(bench->spec), "iec:%s%s", ptsname(bench->meter), options);
    bench->clock = clock_manual_new(UINT64_C(1700000000000));
    config.clock = bench->clock;
    if (source_open(&bench->source, &config, &err))
        fail_msg("%s", err.text);
}

static void bench_close(struct bench *bench)
{
    source_close(bench->source);
    clock_free(bench->clock);
    close(bench->meter);
}

static int look(struct bench *bench)
{
    struct err err = ERR_INIT;
    int got = source_read(bench->source, &bench->m, &err);

    if (got < 0)
        fail_msg("%s", err.text);
    return got;
}

static void pass(struct bench *bench, uint64_t ms)
{
    clock_advance_ms(bench->clock, ms);
    look(bench);
}

static void heard(struct bench *bench, const char *words)
{
    char got[64] = "";
    size_t len = 0;

    while (len < strlen(words)) {
        struct pollfd pollfd = {.fd = bench->meter, .events = POLLIN};
        ssize_t part;

        assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
        part = read(bench->meter, got + len, sizeof(got) - 1 - len);
        assert_true(part > 0);
        for (ssize_t i = 0; i < part; i++) {
            char *c = &got[len + (size_t)i];

            assert_int_equal(__builtin_parity((unsigned char)*c), 0); /* even */
            *c = (char)(*c & 0x7f);
        }
        len += (size_t)part;
    }
    assert_string_equal(got, words);
}

static speed_t speed(const struct bench *bench)
{
    struct termios line;

    assert_int_equal(tcgetattr(bench->meter, &line), 0);
    return cfgetospeed(&line);
}

/** The meter speaks; returns what the source then tells. */
static int say(struct bench *bench, speed_t at, const char *words)
{
    struct pollfd pollfd = {.fd = source_fd(bench->source), .events = POLLIN};
    char *sent = xstrdup(words);

    for (size_t i = 0; at != speed(bench) && sent[i]; i++)
        sent[i] = (char)(sent[i] << 1 ^ 0x55 ^ (char)i);
    assert_int_equal(write(bench->meter, sent, strlen(words)), strlen(words));
    free(sent);
    assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
    return look(bench);
}

static char *block(const char *sets)
{
    char *body = xasprintf("%s!\r\n\x03", sets);
    uint8_t bcc = 0;
    char *text;

    for (const char *c = body; *c; c++)
        bcc ^= (uint8_t)*c;
    text = xasprintf("\x02%s%c", body, bcc);
    free(body);
    return text;
}

static void mode_c_changes_speed_after_the_acknowledgement(void **state)
{
    struct bench bench;
    char *data = block("1.8.0(0001234.567*kWh)\r\n");

    (void)state;
    bench_open(&bench, ",device=4711");
    look(&bench);
    heard(&bench, "/?4711!\r\n");
    assert_int_equal(speed(&bench), B300);
    /* The optical head gives back what it was told. */
    assert_int_equal(say(&bench, B300, "/?4711!\r\n/ABC5TEST\r\n"), 0);
    pass(&bench, 220);
    heard(&bench, "\x06"
                  "050\r\n");
    assert_int_equal(say(&bench, B300,
                         "\x06"
                         "050\r\n"),
                     0);
    assert_int_equal(speed(&bench), B300);
    pass(&bench, 300);
    assert_int_equal(speed(&bench), B9600);
    assert_int_equal(say(&bench, B9600, data), 1);
    assert_int_equal(bench.m.import_wh, 1234567);
    assert_int_equal(bench.m.unix_ms, UINT64_C(1700000000000));
    /* And again from the beginning. */
    pass(&bench, 10000);
    heard(&bench, "/?4711!\r\n");
    assert_int_equal(speed(&bench), B300);
    free(data);
    bench_close(&bench);
}

static void mode_b_changes_speed_by_itself(void **state)
{
    struct bench bench;
    char *data = block("1.8.0(7*kWh)\r\n");

    (void)state;
    bench_open(&bench, "");
    look(&bench);
    heard(&bench, "/?!\r\n");
    assert_int_equal(say(&bench, B300, "/ABCDTEST\r\n"), 0);
    pass(&bench, 1);
    assert_int_equal(speed(&bench), B4800);
    assert_int_equal(say(&bench, B4800, data), 1);
    assert_int_equal(bench.m.import_wh, 7000);
    free(data);
    bench_close(&bench);
}

static void mode_a_stays_at_300_baud(void **state)
{
    struct bench bench;
    char *data = block("1.8.0(7*kWh)\r\n");

    (void)state;
    bench_open(&bench, "");
    look(&bench);
    heard(&bench, "/?!\r\n");
    assert_int_equal(say(&bench, B300, "/ABC TEST\r\n"), 0);
    pass(&bench, 1);
    assert_int_equal(speed(&bench), B300);
    assert_int_equal(say(&bench, B300, data), 1);
    free(data);
    bench_close(&bench);
}

static void mode_d_is_listened_to(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, ",push,baud=9600");
    look(&bench);
    assert_int_equal(speed(&bench), B9600);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            say(&bench, B9600, "/ESY5Q3\r\n\r\n1-0:1.8.0*255(00052185.78*kWh)\r\n!\r\n"), 1);
        assert_int_equal(bench.m.import_wh, 52185780);
        pass(&bench, 2000);
    }
    bench_close(&bench);
}

static void a_meter_at_the_wrong_speed_is_asked_a_step_slower(void **state)
{
    struct bench bench;
    char *data = block("1.8.0(7*kWh)\r\n");

    (void)state;
    bench_open(&bench, ",every=30");
    look(&bench);
    heard(&bench, "/?!\r\n");
    say(&bench, B300, "/ABC5TEST\r\n");
    pass(&bench, 220);
    heard(&bench, "\x06"
                  "050\r\n");
    pass(&bench, 300);
    assert_int_equal(say(&bench, B4800, data), 0); /* it changed to another speed than it told */
    pass(&bench, 3000);
    pass(&bench, 30000);
    heard(&bench, "/?!\r\n");
    say(&bench, B300, "/ABC5TEST\r\n");
    pass(&bench, 220);
    heard(&bench, "\x06"
                  "040\r\n");
    pass(&bench, 300);
    assert_int_equal(speed(&bench), B4800);
    assert_int_equal(say(&bench, B4800, data), 1);
    assert_int_equal(source_counters(bench.source).good, 1);
    free(data);
    bench_close(&bench);
}

static void noise_and_a_lost_rest_cost_one_readout_each(void **state)
{
    struct bench bench;
    char *data = block("1.8.0(7*kWh)\r\n");

    (void)state;
    data[8] = '8'; /* one bit on the way */
    bench_open(&bench, "");
    for (int i = 0; i < 3; i++) {
        look(&bench);
        heard(&bench, "/?!\r\n");
        say(&bench, B300, "/ABC TEST\r\n");
        pass(&bench, 1);
        assert_int_equal(say(&bench, B300,
                             i == 0 ? data
                                    : "\x02"
                                      "1.8.0(7"),
                         0);
        pass(&bench, 3000);
        clock_advance_ms(bench.clock, 10000);
    }
    assert_int_equal(source_counters(bench.source).crc, 1);
    assert_int_equal(source_counters(bench.source).timeout, 3);
    assert_int_equal(source_counters(bench.source).good, 0);
    free(data);
    bench_close(&bench);
}

static void a_silent_meter_is_asked_again(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, "");
    look(&bench);
    heard(&bench, "/?!\r\n");
    pass(&bench, 5000);
    assert_int_equal(source_counters(bench.source).timeout, 1);
    pass(&bench, 5000);
    heard(&bench, "/?!\r\n");
    bench_close(&bench);
}

static void unknown_options_are_refused(void **state)
{
    static const char *const SPECS[] = {"iec:/dev/x,pull",          "iec:/dev/x,baud=7",
                                        "iec:/dev/x,push,baud=301", "iec:/dev/x,every=0",
                                        "iec:/dev/x,device=a b",    "iec:"};
    struct clock *clock = clock_manual_new(1);

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(SPECS); i++) {
        struct source_config config = {.spec = SPECS[i], .clock = clock};
        struct source *source = NULL;
        struct err err = ERR_INIT;

        assert_int_equal(source_open(&source, &config, &err), -1);
        assert_true(err.text[0] != 0);
    }
    clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mode_c_changes_speed_after_the_acknowledgement),
        cmocka_unit_test(mode_b_changes_speed_by_itself),
        cmocka_unit_test(mode_a_stays_at_300_baud),
        cmocka_unit_test(mode_d_is_listened_to),
        cmocka_unit_test(a_meter_at_the_wrong_speed_is_asked_a_step_slower),
        cmocka_unit_test(noise_and_a_lost_rest_cost_one_readout_each),
        cmocka_unit_test(a_silent_meter_is_asked_again),
        cmocka_unit_test(unknown_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
