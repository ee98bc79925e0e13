#include "common/mqtt_socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "common/options.h"

#define UNANSWERED_MS 30000

static uint16_t port_of(const char *server)
{
    const char *colon = strrchr(server, ':');
    uint64_t port;
    struct err err = ERR_INIT;
    return colon && parse_u64(&port, colon + 1, 1, UINT16_MAX, &err) == 0 ? (uint16_t)port : 0;
}

static uint16_t peer_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof(peer);
    if (getpeername(fd, &peer.any, &len))
        return 0;
    if (peer.any.sa_family == AF_INET)
        return ntohs(peer.v4.sin_port);
    return peer.any.sa_family == AF_INET6 ? ntohs(peer.v6.sin6_port) : 0;
}

void mqtt_socket_no_delay(const char *server)
{
    uint16_t port = port_of(server);
    DIR *fds = port ? opendir("/proc/self/fd") : NULL;
    struct dirent *entry;
    while (fds && (entry = readdir(fds)) != NULL) {
        uint64_t fd;
        struct err err = ERR_INIT;
        int on = 1;
        unsigned unanswered_ms = UNANSWERED_MS;
        if (parse_u64(&fd, entry->d_name, 0, INT32_MAX, &err) == 0 && peer_port((int)fd) == port) {
            setsockopt((int)fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            setsockopt((int)fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms,
                       sizeof(unanswered_ms));
        }
    }
    if (fds)
        closedir(fds);
}
