#include "meter-client/failback.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PERIOD_S 60

/** A port of this machine that takes connections; its number. */
static int listen_somewhere(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/** Looks until it is sure of its answer. */
static bool looks(struct failback *failback, struct clock *clock)
{
    for (int i = 0; i < 60; i++) {
        if (failback_is_due(failback))
            return true;
        if (failback_due_ms(failback) > clock_mono_ms(clock) + 1000)
            return false;
        clock_advance_ms(clock, 100);
    }
    return false;
}

static void the_first_server_is_gone_back_to_once_it_answers(void **state)
{
    struct clock *clock = clock_manual_new(0);
    struct failback *failback = NULL;
    char servers[96];
    uint16_t port = 0;
    int fd = listen_somewhere(&port);

    (void)state;
    snprintf(servers, sizeof(servers), "ssl://127.0.0.1:%u,ssl://127.0.0.1:2", (unsigned)port);
    assert_int_equal(failback_new(&failback, servers, PERIOD_S, clock, NULL), 0);
    failback_connected(failback, "ssl://127.0.0.1:2");
    assert_false(failback_is_due(failback));
    assert_int_equal(failback_due_ms(failback), PERIOD_S * 1000);
    clock_advance_ms(clock, PERIOD_S * 1000);
    assert_true(looks(failback, clock));
    close(fd);
    clock_advance_ms(clock, PERIOD_S * 1000);
    assert_false(looks(failback, clock)); /* away again: the connection there is stays */
    failback_free(failback);
    clock_free(clock);
}

static void there_is_nowhere_else_to_go(void **state)
{
    static const struct {
        const char *servers;
        const char *connected;
        uint32_t period_s;
    } CASES[] = {
        {"ssl://a:1", "ssl://a:1", PERIOD_S},
        {"ssl://a:1, ssl://b:1", "ssl://a:1", PERIOD_S},
        {"ssl://a:1, ssl://b:1", "ssl://b:1", 0},
    };
    struct clock *clock = clock_manual_new(0);

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct failback *failback = NULL;

        assert_int_equal(failback_new(&failback, CASES[i].servers, CASES[i].period_s, clock, NULL),
                         0);
        failback_connected(failback, CASES[i].connected);
        assert_true(failback_due_ms(failback) == UINT64_MAX);
        failback_free(failback);
    }
    clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_server_is_gone_back_to_once_it_answers),
        cmocka_unit_test(there_is_nowhere_else_to_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
