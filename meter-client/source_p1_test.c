#include "meter-client/source_p1.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/test_dir.h"

#define TELEGRAM(wh) "/ABC5TEST\r\n\r\n1-0:1.8.0(" wh "*Wh)\r\n!\r\n"
#define WAIT_MS      10000

struct port {
    int listener;
    int peer;
    char spec[64];
    struct clock *clock;
    struct source *source;
};

static void port_listen(struct port *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    port->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(port->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(port->listener, 4), 0);
    assert_int_equal(getsockname(port->listener, (struct sockaddr *)&address, &len), 0);
    snprintf(port->spec, sizeof(port->spec), "p1:tcp://127.0.0.1:%d", ntohs(address.sin_port));
}

static struct source *open_source(const char *spec, const struct clock *clock)
{
    struct source_config config = {.spec = spec, .clock = clock, .timeout_s = 30};
    struct source *source = NULL;
    struct err err = ERR_INIT;

    if (source_open(&source, &config, &err))
        fail_msg("%s", err.text);
    return source;
}

static void port_open(struct port *port)
{
    memset(port, 0, sizeof(*port));
    port_listen(port);
    port->clock = clock_manual_new(UINT64_C(1700000000000));
    port->source = open_source(port->spec, port->clock);
}

static void port_accept(struct port *port)
{
    struct measurement m;

    assert_int_equal(source_read(port->source, &m, NULL), 0);
    port->peer = accept(port->listener, NULL, NULL);
    assert_true(port->peer >= 0);
}

static void say(struct port *port, const char *text)
{
    assert_int_equal(write(port->peer, text, strlen(text)), strlen(text));
}

/** Waits for the descriptor and reads, until there is something to tell. */
static int read_port(struct port *port, struct measurement *ret_measurement, struct err *err)
{
    int got = 0;

    for (int i = 0; i < 20 && got == 0; i++) {
        struct pollfd pollfd = {.fd = source_fd(port->source),
                                .events = source_events(port->source)};

        assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
        got = source_read(port->source, ret_measurement, err);
    }
    return got;
}

static void port_close(struct port *port)
{
    source_close(port->source);
    clock_free(port->clock);
    close(port->listener);
    close(port->peer);
}

static void telegrams_come_over_tcp(void **state)
{
    struct port port;
    struct measurement m;

    (void)state;
    port_open(&port);
    port_accept(&port);
    say(&port, TELEGRAM("100"));
    assert_int_equal(read_port(&port, &m, NULL), 1);
    assert_int_equal(m.import_wh, 100);
    assert_int_equal(m.unix_ms, UINT64_C(1700000000000));
    assert_int_equal(source_read(port.source, &m, NULL), 0);
    say(&port, TELEGRAM("101"));
    assert_int_equal(read_port(&port, &m, NULL), 1);
    assert_int_equal(m.import_wh, 101);
    assert_int_equal(source_counters(port.source).good, 2);
    port_close(&port);
}

static void a_closed_port_is_opened_again_later(void **state)
{
    struct port port;
    struct measurement m;
    struct err err = ERR_INIT;

    (void)state;
    port_open(&port);
    port_accept(&port);
    close(port.peer);
    assert_int_equal(read_port(&port, &m, &err), -1);
    assert_non_null(strstr(err.text, "closed"));
    assert_int_equal(source_fd(port.source), -1);
    assert_int_equal(source_due_ms(port.source), 1000);
    assert_int_equal(source_read(port.source, &m, &err), 0);
    assert_int_equal(source_fd(port.source), -1);
    clock_advance_ms(port.clock, 1000);
    port_accept(&port);
    say(&port, TELEGRAM("7"));
    assert_int_equal(read_port(&port, &m, NULL), 1);
    assert_int_equal(source_counters(port.source).reopened, 1);
    port_close(&port);
}

static void a_port_that_is_away_is_tried_less_and_less_often(void **state)
{
    struct port port;
    struct measurement m;
    uint64_t before_ms = 0;

    (void)state;
    port_open(&port);
    close(port.listener);
    for (int i = 0; i < 9; i++) {
        uint64_t pause_ms;
        int got = source_read(port.source, &m, NULL);

        if (got == 0 && source_fd(port.source) >= 0)
            got = read_port(&port, &m, NULL);
        assert_int_equal(got, -1);
        assert_int_equal(source_fd(port.source), -1);
        pause_ms = source_due_ms(port.source) - clock_mono_ms(port.clock);
        assert_true(pause_ms >= before_ms && pause_ms <= 60000);
        before_ms = pause_ms;
        clock_advance_ms(port.clock, pause_ms);
    }
    assert_int_equal(before_ms, 60000);
    source_close(port.source);
    clock_free(port.clock);
}

static void a_silent_port_is_opened_again(void **state)
{
    struct port port;
    struct measurement m;
    struct err err = ERR_INIT;

    (void)state;
    port_open(&port);
    port_accept(&port);
    say(&port, "/ABC5TEST\r\n\r\n1-0:1.8.0(");
    assert_int_equal(source_due_ms(port.source), 30000);
    assert_int_equal(
        poll(&(struct pollfd){.fd = source_fd(port.source), .events = POLLIN}, 1, WAIT_MS), 1);
    assert_int_equal(source_read(port.source, &m, &err), 0);
    assert_int_equal(source_due_ms(port.source), 5000); /* the rest of a telegram is overdue */
    clock_advance_ms(port.clock, 5000);
    assert_int_equal(source_read(port.source, &m, &err), 0);
    assert_int_equal(source_counters(port.source).timeout, 1);
    clock_advance_ms(port.clock, 25000);
    assert_int_equal(source_read(port.source, &m, &err), -1);
    assert_non_null(strstr(err.text, "no telegram"));
    assert_int_equal(source_counters(port.source).timeout, 2);
    port_close(&port);
}

/** A meter on a serial line: who listens at another speed gets rubbish from it. */
struct line {
    int meter; /* the pty's other end */
    speed_t speed;
    struct clock *clock;
    struct source *source;
    uint32_t random;
};

static void line_open(struct line *line, speed_t speed, const char *suffix)
{
    char *spec;

    memset(line, 0, sizeof(*line));
    line->meter = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(line->meter >= 0);
    assert_int_equal(grantpt(line->meter), 0);
    assert_int_equal(unlockpt(line->meter), 0);
    line->speed = speed;
    line->random = 2463534242;
    line->clock = clock_manual_new(UINT64_C(1700000000000));
    spec = xasprintf("p1:%s%s", ptsname(line->meter), suffix);
    line->source = open_source(spec, line->clock);
    free(spec);
}

static void line_close(struct line *line)
{
    source_close(line->source);
    clock_free(line->clock);
    close(line->meter);
}

static char rubbish(struct line *line)
{
    line->random ^= line->random << 13;
    line->random ^= line->random >> 17;
    line->random ^= line->random << 5;
    return (char)(line->random >> 8);
}

/** Sends it as it arrives at the speed that is set, and lets the source read; how many it got. */
static unsigned line_say(struct line *line, const char *text, size_t len)
{
    struct termios termios;
    struct measurement m;
    unsigned good = 0;

    assert_int_equal(tcgetattr(line->meter, &termios), 0);
    for (size_t i = 0; i < len; i++) {
        char c = cfgetospeed(&termios) == line->speed ? text[i] : rubbish(line);

        assert_int_equal(write(line->meter, &c, 1), 1);
        if (source_read(line->source, &m, NULL) > 0)
            good++;
    }
    for (int i = 0; i < 3; i++)
        good += source_read(line->source, &m, NULL) > 0 ? 1 : 0;
    return good;
}

static const char CRC_TELEGRAM[] =
    "/ABC5TEST\r\n\r\n1-3:0.2.8(50)\r\n1-0:1.8.0(41*Wh)\r\n!8C08\r\n";

static void a_serial_line_with_noise_costs_no_more_than_it_hits(void **state)
{
    struct line line;
    struct measurement m;
    char noise[400];
    unsigned good = 0;

    (void)state;
    line_open(&line, B115200, "");
    assert_int_equal(source_read(line.source, &m, NULL), 0);
    for (int i = 0; i < 30; i++) {
        for (size_t n = 0; n < sizeof(noise); n++)
            noise[n] = rubbish(&line);
        assert_int_equal(line_say(&line, noise, i % 3 ? 0 : sizeof(noise)), 0);
        good += line_say(&line, CRC_TELEGRAM, sizeof(CRC_TELEGRAM) - 1);
    }
    assert_in_range(good, 20, 30); /* noise with a slash in it may swallow what follows */
    assert_int_equal(source_counters(line.source).good, good);
    assert_true(source_counters(line.source).no_start + source_counters(line.source).crc > 0);
    line_close(&line);
}

static void at_the_wrong_speed_nothing_is_made_up(void **state)
{
    struct line line;
    struct measurement m;

    (void)state;
    line_open(&line, B115200, ",9600");
    assert_int_equal(source_read(line.source, &m, NULL), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(line_say(&line, CRC_TELEGRAM, sizeof(CRC_TELEGRAM) - 1), 0);
    assert_int_equal(source_counters(line.source).good, 0);
    clock_advance_ms(line.clock, 31000);
    while (source_read(line.source, &m, NULL) == 0)
        continue; /* until it says that no telegram came */
    assert_true(source_counters(line.source).timeout > 0);
    line_close(&line);
}

static void a_file_is_read_to_its_end(void **state)
{
    char *path = test_path(*state, "telegrams");
    char *spec = xasprintf("p1:file://%s", path);
    struct clock *clock = clock_manual_new(1);
    struct source *source = open_source(spec, clock);
    struct measurement m;
    const char *text = "noise\r\n" TELEGRAM("41") TELEGRAM("42");

    assert_int_equal(source_read(source, &m, NULL), -1); /* not there yet */
    assert_int_equal(file_create(path, 0600, text, strlen(text), NULL), 0);
    clock_advance_ms(clock, 1000);
    assert_int_equal(source_read(source, &m, NULL), 1);
    assert_int_equal(m.import_wh, 42);
    assert_int_equal(source_read(source, &m, NULL), 0);
    assert_int_equal(source_fd(source), -1);
    assert_true(source_due_ms(source) == UINT64_MAX);
    assert_int_equal(source_counters(source).no_start, 1);
    assert_int_equal(source_counters(source).good, 2);
    source_close(source);
    clock_free(clock);
    free(spec);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telegrams_come_over_tcp),
        cmocka_unit_test(a_closed_port_is_opened_again_later),
        cmocka_unit_test(a_port_that_is_away_is_tried_less_and_less_often),
        cmocka_unit_test(a_silent_port_is_opened_again),
        cmocka_unit_test(a_serial_line_with_noise_costs_no_more_than_it_hits),
        cmocka_unit_test(at_the_wrong_speed_nothing_is_made_up),
        cmocka_unit_test(a_file_is_read_to_its_end),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
