/* The display with a real agent behind it, and a pretended LCDd before it. */
#include "meter-client/display.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meter-client/agent_bench.h"

#define GREETING "connect LCDproc 0.5.9 protocol 0.3 lcd wid 20 hgt 4 cellwid 5 cellhgt 8\n"

struct lcd {
    int listener;
    int fd;
    char heard[16384];
    struct bench *bench;
    struct display *display;
};

static bool work(struct lcd *lcd)
{
    bool confirmed = false;
    struct pollfd fds[DISPLAY_FDS];

    do {
        clock_advance_ms(lcd->bench->clock, 1000);
        confirmed = display_work(lcd->display, lcd->bench->agent, lcd->bench->log) || confirmed;
        display_poll(lcd->display, fds);
    } while (fds[1].fd >= 0 && poll(&fds[1], 1, 0) == 1 && fds[1].events == POLLIN);
    return confirmed;
}

/** Waits until the LCD was told the text, from now on. */
static void shows(struct lcd *lcd, const char *text)
{
    size_t len = 0;

    memset(lcd->heard, 0, sizeof(lcd->heard));
    while (!strstr(lcd->heard, text)) {
        struct pollfd pollfd = {.fd = lcd->fd, .events = POLLIN};
        ssize_t got;

        work(lcd);
        if (poll(&pollfd, 1, 2000) != 1)
            fail_msg("told '%s', not '%s'", lcd->heard, text);
        got = read(lcd->fd, lcd->heard + len, sizeof(lcd->heard) - len - 1);
        assert_true(got > 0);
        len += (size_t)got;
    }
}

/** Returns whether it confirmed. */
static bool press(struct lcd *lcd, const char *key)
{
    struct pollfd fds[DISPLAY_FDS];
    char line[32];

    snprintf(line, sizeof(line), "key %s\n", key);
    assert_int_equal(write(lcd->fd, line, strlen(line)), strlen(line));
    display_poll(lcd->display, fds);
    assert_int_equal(poll(&fds[1], 1, 2000), 1);
    return work(lcd);
}

static void lcd_open(struct lcd *lcd, struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    char option[48];

    lcd->bench = bench;
    lcd->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(lcd->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(lcd->listener, 2), 0);
    assert_int_equal(getsockname(lcd->listener, (struct sockaddr *)&address, &len), 0);
    snprintf(option, sizeof(option), "lcdproc://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    assert_int_equal(display_new(&lcd->display, option, "M1", bench->clock, NULL), 0);
    work(lcd);
    lcd->fd = accept(lcd->listener, NULL, NULL);
    assert_true(lcd->fd >= 0);
    shows(lcd, "hello\n");
    assert_int_equal(write(lcd->fd, GREETING, strlen(GREETING)), strlen(GREETING));
    shows(lcd, "{M1");
}

static void command(struct bench *bench, uint64_t id, enum command_kind kind)
{
    struct command command = {
        .id = id, .meter = METER, .kind = (uint8_t)kind, .not_after_s = UINT32_MAX};
    struct buf payload = BUF_INIT;
    struct eth_hash digest;

    eip712_command(&bench->domain, &digest, &command);
    signer_sign(bench->signer, &command.signature, &digest);
    payload_command_print(&payload, &command);
    assert_int_equal(agent_command(bench->agent, payload.data, payload.len, NULL), 0);
    buf_free(&payload);
}

static void a_person_confirms_a_reconnection_at_the_display(void **state)
{
    struct bench *bench = bench_new(state, "display.db");
    char operators[ETH_ADDRESS_TEXT];
    static struct lcd lcd;

    bench->config.control.operators = eth_address_text(operators, signer_address(bench->signer));
    bench->config.control.meter = METER;
    start(bench);
    lcd_open(&lcd, bench);
    assert_false(press(&lcd, "Enter")); /* nothing is armed */
    press(&lcd, "Right");
    shows(&lcd, "{Power");
    command(bench, 1, COMMAND_DISCONNECT);
    work(&lcd);
    assert_false(press(&lcd, "Enter"));
    command(bench, 2, COMMAND_RECONNECT);
    shows(&lcd, "{READY TO CONNECT");
    press(&lcd, "Left"); /* looking elsewhere, Enter is no consent */
    assert_false(press(&lcd, "Enter"));
    press(&lcd, "Right");
    assert_true(press(&lcd, "Enter"));
    display_error(lcd.display, "relay stays");
    press(&lcd, "Right");
    shows(&lcd, "{relay stays");
    display_free(lcd.display);
    close(lcd.fd);
    close(lcd.listener);
    bench_free(bench);
}

static void a_wrong_display_is_told(void **state)
{
    static const char *const WRONG[] = {"lcd", "lcdproc://", "lcdproc://nowhere", "terminal"};
    struct bench *bench = bench_new(state, "wrong.db");

    start(bench);
    for (size_t i = 0; i < AMR_COUNT(WRONG); i++) {
        struct display *display = NULL;
        struct err err = ERR_INIT;

        if (i == 3 && isatty(STDIN_FILENO))
            continue;
        assert_int_equal(display_new(&display, WRONG[i], "M1", bench->clock, &err), -1);
        assert_non_null(strstr(err.text, "display"));
    }
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_confirms_a_reconnection_at_the_display),
        cmocka_unit_test(a_wrong_display_is_told),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
