#include "common/mqtt_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A listening socket on a free loopback port, and a connection to it. */
struct pair {
    int listening, connection;
    uint16_t port;
};

static struct pair connect_pair(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    struct pair pair = {.listening = socket(AF_INET, SOCK_STREAM, 0),
                        .connection = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(pair.listening, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(pair.listening, 1), 0);
    assert_int_equal(getsockname(pair.listening, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(connect(pair.connection, (struct sockaddr *)&at, sizeof(at)), 0);
    pair.port = ntohs(at.sin_port);
    return pair;
}

static void close_pair(struct pair *pair)
{
    close(pair->connection);
    close(pair->listening);
}

static int no_delay(int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    return on;
}

static void connections_to_the_server_send_at_once(void **state)
{
    (void)state;
    struct pair pair = connect_pair();
    char server[64];
    snprintf(server, sizeof(server), "ssl://127.0.0.1:%u", pair.port);
    assert_int_equal(no_delay(pair.connection), 0);
    mqtt_socket_no_delay(server);
    assert_int_not_equal(no_delay(pair.connection), 0);
    close_pair(&pair);
}

static void connections_to_others_stay_as_they_are(void **state)
{
    (void)state;
    struct pair pair = connect_pair();
    char server[64];
    snprintf(server, sizeof(server), "ssl://127.0.0.1:%u", pair.port == 1 ? 2u : pair.port - 1u);
    mqtt_socket_no_delay(server);
    mqtt_socket_no_delay("ssl://no-port");
    assert_int_equal(no_delay(pair.connection), 0);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_to_the_server_send_at_once),
        cmocka_unit_test(connections_to_others_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
