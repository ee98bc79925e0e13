#include "meter-client/lcdproc.h"

#include <errno.h>
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
#include <unistd.h>

#include <cmocka.h>

#define GREETING "connect LCDproc 0.5.9 protocol 0.3 lcd wid 20 hgt 4 cellwid 5 cellhgt 8\n"

/** An LCDd in the same thread: what it heard, and a way to say something. */
struct server {
    int listener;
    int fd;
    char heard[8192];
    size_t len;
    struct clock *clock;
    struct lcdproc *lcdproc;
};

static void server_make(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    char text[32];

    memset(server, 0, sizeof(*server));
    server->fd = -1;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(server->listener, 4), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
    server->clock = clock_manual_new(0);
    snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    assert_int_equal(lcdproc_new(&server->lcdproc, text, server->clock, NULL), 0);
}

static void server_free(struct server *server)
{
    lcdproc_free(server->lcdproc);
    clock_free(server->clock);
    if (server->fd >= 0)
        close(server->fd);
    close(server->listener);
}

static enum screen_key work(struct server *server)
{
    int failed = 0;

    return lcdproc_work(server->lcdproc, &failed, NULL);
}

static void accept_it(struct server *server)
{
    work(server);
    server->fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(server->fd >= 0);
}

/** Waits until it has heard the text. */
static void hears(struct server *server, const char *text)
{
    struct pollfd pollfd = {.fd = server->fd, .events = POLLIN};

    while (!strstr(server->heard, text)) {
        struct pollfd other = {.fd = lcdproc_fd(server->lcdproc), .events = POLLIN};
        ssize_t got;

        do
            work(server);
        while (poll(&other, 1, 0) == 1);
        if (poll(&pollfd, 1, 2000) != 1)
            fail_msg("heard '%s', not '%s'", server->heard, text);
        got =
            read(server->fd, server->heard + server->len, sizeof(server->heard) - server->len - 1);
        assert_true(got > 0);
        server->len += (size_t)got;
    }
}

static void says(struct server *server, const char *text)
{
    assert_int_equal(write(server->fd, text, strlen(text)), strlen(text));
}

/** What arrives takes a moment even on this machine: asks until there is a key or two seconds. */
static enum screen_key key_from(struct server *server)
{
    struct pollfd pollfd = {.fd = lcdproc_fd(server->lcdproc), .events = POLLIN};

    assert_int_equal(poll(&pollfd, 1, 2000), 1);
    return work(server);
}

static void forget(struct server *server)
{
    server->len = 0;
    memset(server->heard, 0, sizeof(server->heard));
}

static struct screen_rows some_rows(const char *first)
{
    struct screen_rows rows;

    for (int i = 0; i < SCREEN_ROWS; i++)
        snprintf(rows.row[i], sizeof(rows.row[i]), "%-20.20s", i ? "same" : first);
    return rows;
}

static void what_changes_is_sent_and_nothing_else(void **state)
{
    struct server server;
    struct screen_rows rows = some_rows("one {x}\"");

    (void)state;
    server_make(&server);
    accept_it(&server);
    hears(&server, "hello\n");
    lcdproc_show(server.lcdproc, &rows); /* not yet welcome: dropped */
    says(&server, GREETING);
    hears(&server, "client_add_key -shared Enter\n");
    assert_non_null(strstr(server.heard, "widget_add m 4 string\n"));
    assert_null(strstr(server.heard, "widget_set"));
    forget(&server);
    lcdproc_show(server.lcdproc, &rows);
    hears(&server, "widget_set m 4 1 4 {same                }\n");
    assert_non_null(strstr(server.heard, "widget_set m 1 1 1 {one 'x''            }\n"));
    forget(&server);
    rows = some_rows("two");
    lcdproc_show(server.lcdproc, &rows);
    hears(&server, "widget_set m 1 1 1 {two                 }\n");
    assert_null(strstr(server.heard, "same"));
    server_free(&server);
}

static void keys_come_through(void **state)
{
    struct server server;

    (void)state;
    server_make(&server);
    accept_it(&server);
    hears(&server, "hello\n");
    says(&server, GREETING);
    hears(&server, "-shared Enter\n");
    says(&server, "success\nlisten m\nhuh? what\nkey Right\nkey Enter\nkey Up\n");
    assert_int_equal(key_from(&server), KEY_NEXT);
    assert_int_equal(work(&server), KEY_CONFIRM);
    assert_int_equal(work(&server), KEY_NONE);
    server_free(&server);
}

static void a_server_that_goes_is_found_again(void **state)
{
    struct server server;
    struct screen_rows rows = some_rows("one");
    struct err err = ERR_INIT;
    struct pollfd pollfd;
    int failed = 0;

    (void)state;
    server_make(&server);
    accept_it(&server);
    hears(&server, "hello\n");
    close(server.fd);
    pollfd = (struct pollfd){.fd = lcdproc_fd(server.lcdproc), .events = POLLIN};
    assert_int_equal(poll(&pollfd, 1, 2000), 1);
    lcdproc_work(server.lcdproc, &failed, &err);
    assert_int_equal(failed, -1);
    lcdproc_show(server.lcdproc, &rows);
    assert_int_equal(lcdproc_fd(server.lcdproc), -1);
    forget(&server);
    clock_advance_ms(server.clock, 1000);
    accept_it(&server);
    hears(&server, "hello\n");
    server_free(&server);
}

static void a_flood_does_no_harm(void **state)
{
    struct server server;
    static char flood[20000];

    (void)state;
    server_make(&server);
    accept_it(&server);
    hears(&server, "hello\n");
    memset(flood, 'x', sizeof(flood) - 1);
    says(&server, flood);
    says(&server, "\n" GREETING);
    hears(&server, "-shared Enter\n");
    server_free(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_is_sent_and_nothing_else),
        cmocka_unit_test(keys_come_through),
        cmocka_unit_test(a_server_that_goes_is_found_again),
        cmocka_unit_test(a_flood_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
