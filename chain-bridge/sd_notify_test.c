#include "chain-bridge/sd_notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A listener under a name; '@' stands for the abstract namespace. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void heard(int fd, const char *text)
{
    char got[64] = "";
    assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), strlen(text));
    assert_string_equal(got, text);
    close(fd);
}

static void a_state_is_sent_to_the_named_socket(void **state)
{
    char path[64];
    (void)state;
    snprintf(path, sizeof(path), "/tmp/amr-notify-%d", (int)getpid());
    int fd = listen_at(path);
    sd_notify_state("READY=1");
    heard(fd, "READY=1");
    unlink(path);
}

static void a_socket_may_have_no_file(void **state)
{
    char name[64];
    (void)state;
    snprintf(name, sizeof(name), "@amr-notify-%d", (int)getpid());
    int fd = listen_at(name);
    sd_notify_state("STOPPING=1");
    heard(fd, "STOPPING=1");
}

static void without_systemd_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    sd_notify_state("READY=1");
    setenv("NOTIFY_SOCKET", "/nowhere/to/be/found", 1);
    sd_notify_state("READY=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    sd_notify_state("READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_sent_to_the_named_socket),
        cmocka_unit_test(a_socket_may_have_no_file),
        cmocka_unit_test(without_systemd_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
