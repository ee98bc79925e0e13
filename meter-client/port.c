#include "meter-client/port.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define KEEPALIVE_S  30
#define TCP_PREFIX   "tcp://"
#define FILE_PREFIX  "file://"

enum kind { KIND_TCP, KIND_FILE, KIND_TTY };

struct port {
    const struct clock *clock;
    enum kind kind;
    char *address; /* host or path */
    char *service; /* KIND_TCP */
    struct port_line line;
    bool write;
    bool soft_parity; /* the device knows 8N1 only: the eighth bit is made and dropped here */
    uint64_t retry_ms;
    uint64_t reopen_due_ms; /* fd is -1 */
    int fd;
    bool connecting;
    bool ended; /* KIND_FILE: read to its end */
    uint64_t reopened;
    int dump_fd; /* -1: none */
    size_t dumped;
};

static int open_tcp(struct port *port, struct err *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int on = 1;
    int idle_s = KEEPALIVE_S;
    int rc = getaddrinfo(port->address, port->service, &hints, &found);

    if (rc != 0)
        return err_set(err, "look up '%s': %s", port->address, gai_strerror(rc));
    port->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (port->fd < 0) {
        freeaddrinfo(found);
        return err_errno(err, "make a socket");
    }
    setsockopt(port->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(port->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    rc = connect(port->fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (rc != 0 && errno != EINPROGRESS)
        return err_errno(err, "connect to '%s' port %s", port->address, port->service);
    port->connecting = true;
    return 0;
}

static int speed_of(speed_t *ret_speed, unsigned baud, struct err *err)
{
    static const struct {
        unsigned baud;
        speed_t speed;
    } SPEEDS[] = {
        {300, B300},   {600, B600},     {1200, B1200},   {2400, B2400},   {4800, B4800},
        {9600, B9600}, {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200},
    };

    for (size_t i = 0; i < AMR_COUNT(SPEEDS); i++) {
        if (SPEEDS[i].baud == baud) {
            *ret_speed = SPEEDS[i].speed;
            return 0;
        }
    }
    return err_set(err, "speed %u: want a usual one from 300 to 115200 baud", baud);
}

static int set_line(struct port *port, unsigned baud, struct err *err)
{
    struct termios line;
    speed_t speed;

    if (speed_of(&speed, baud, err))
        return -1;
    if (tcgetattr(port->fd, &line))
        return err_errno(err, "'%s' is no serial port", port->address);
    cfmakeraw(&line);
    line.c_cflag |= CLOCAL | CREAD;
    line.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB);
    if (port->line.seven_even)
        line.c_iflag |= ISTRIP;
    if (port->line.seven_even && !port->soft_parity) {
        line.c_cflag = (line.c_cflag & ~(tcflag_t)CSIZE) | CS7 | PARENB;
        line.c_cflag &= ~(tcflag_t)PARODD;
        line.c_iflag |= INPCK;
    }
    cfsetspeed(&line, speed);
    if (tcsetattr(port->fd, TCSANOW, &line) == 0)
        return 0;
    if (errno == EINVAL && port->line.seven_even && !port->soft_parity) {
        port->soft_parity = true;
        return set_line(port, baud, err);
    }
    return err_errno(err, "set up '%s'", port->address);
}

static int open_port(struct port *port, struct err *err)
{
    int flags = port->write && port->kind == KIND_TTY ? O_RDWR : O_RDONLY;

    port->connecting = false;
    if (port->kind == KIND_TCP)
        return open_tcp(port, err);
    port->fd = open(port->address, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (port->fd < 0)
        return err_errno(err, "open '%s'", port->address);
    return port->kind == KIND_TTY ? set_line(port, port->line.baud, err) : 0;
}

static void close_port(struct port *port)
{
    if (port->fd >= 0)
        close(port->fd);
    port->fd = -1;
    port->connecting = false;
}

void port_reopen_later(struct port *port)
{
    close_port(port);
    port->reopened++;
    port->reopen_due_ms = clock_mono_ms(port->clock) + port->retry_ms;
    port->retry_ms =
        2 * port->retry_ms < RETRY_MAX_MS ? 2 * port->retry_ms : (uint64_t)RETRY_MAX_MS;
}

static int finish_connect(struct port *port, struct err *err)
{
    struct pollfd pollfd = {.fd = port->fd, .events = POLLOUT};
    int failure = 0;
    socklen_t len = sizeof(failure);

    if (poll(&pollfd, 1, 0) <= 0)
        return 0;
    if (getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &failure, &len))
        failure = errno;
    port->connecting = false;
    if (failure == 0)
        return 1;
    errno = failure;
    err_errno(err, "connect to '%s' port %s", port->address, port->service);
    port_reopen_later(port);
    return -1;
}

int port_work(struct port *port, struct err *err)
{
    if (port->fd < 0) {
        if (port->ended || clock_mono_ms(port->clock) < port->reopen_due_ms)
            return 0;
        if (open_port(port, err)) {
            port_reopen_later(port);
            return -1;
        }
    }
    return port->connecting ? finish_connect(port, err) : 1;
}

/** For support only: what it cannot write is not missed. */
static void dump(struct port *port, const void *data, size_t len)
{
    ssize_t put;

    if (port->dump_fd < 0)
        return;
    if (port->dumped + len > PORT_DUMP_MAX &&
        (ftruncate(port->dump_fd, 0) || lseek(port->dump_fd, 0, SEEK_SET) != 0))
        return;
    port->dumped = port->dumped + len > PORT_DUMP_MAX ? 0 : port->dumped;
    put = write(port->dump_fd, data, len);
    port->dumped += put > 0 ? (size_t)put : 0;
}

ssize_t port_read(struct port *port, void *ret_data, size_t len, struct err *err)
{
    ssize_t got = read(port->fd, ret_data, len);

    if (got > 0)
        dump(port, ret_data, (size_t)got);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return got > 0 ? got : 0;
    if (got == 0 && port->kind == KIND_FILE) {
        port->ended = true;
        close_port(port);
        return 0;
    }
    if (got == 0)
        err_set(err, "'%s' closed the connection", port->address);
    else
        err_errno(err, "read '%s'", port->address);
    port_reopen_later(port);
    return -1;
}

static uint8_t with_even_parity(uint8_t c)
{
    return (uint8_t)(__builtin_parity(c & 0x7f) ? c | 0x80 : c & 0x7f);
}

int port_write(struct port *port, const void *data, size_t len, struct err *err)
{
    uint8_t bytes[PORT_WRITE_MAX];
    ssize_t put;

    assert(len <= sizeof(bytes));
    if (port->kind == KIND_FILE)
        return 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = ((const uint8_t *)data)[i];

        bytes[i] = port->soft_parity ? with_even_parity(c) : c;
    }
    put = write(port->fd, bytes, len);
    if (put == (ssize_t)len)
        return 0;
    if (put >= 0)
        errno = EAGAIN;
    err_errno(err, "write '%s'", port->address);
    port_reopen_later(port);
    return -1;
}

int port_set_baud(struct port *port, unsigned baud, struct err *err)
{
    if (port->kind != KIND_TTY || port->fd < 0)
        return 0;
    return set_line(port, baud, err);
}

static int open_dump(struct port *port, const char *path, struct err *err)
{
    if (!path)
        return 0;
    port->dump_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return port->dump_fd < 0 ? err_errno(err, "open '%s'", path) : 0;
}

static int parse_tcp(struct port *port, const char *address, struct err *err)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;

    if (len == 0 || !colon[1])
        return err_set(err, "want tcp://host:port");
    if (address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    port->kind = KIND_TCP;
    port->address = xasprintf("%.*s", (int)len, address);
    port->service = xstrdup(colon + 1);
    return 0;
}

static int parse_address(struct port *port, const char *address, struct err *err)
{
    if (address && strncmp(address, TCP_PREFIX, strlen(TCP_PREFIX)) == 0)
        return parse_tcp(port, address + strlen(TCP_PREFIX), err);
    if (address && strncmp(address, FILE_PREFIX, strlen(FILE_PREFIX)) == 0) {
        port->kind = KIND_FILE;
        port->address = xstrdup(address + strlen(FILE_PREFIX));
        return 0;
    }
    if (!address || address[0] != '/')
        return err_set(err, "want tcp://host:port, file://path or /dev/tty...");
    port->kind = KIND_TTY;
    port->address = xstrdup(address);
    return 0;
}

int port_new(struct port **ret_port, const struct port_config *config, struct err *err)
{
    struct port *port = xcalloc(1, sizeof(*port));
    speed_t speed;

    port->fd = -1;
    port->dump_fd = -1;
    port->clock = config->clock;
    port->line = config->line;
    port->write = config->write;
    port->retry_ms = RETRY_MIN_MS;
    if (parse_address(port, config->address, err) || speed_of(&speed, config->line.baud, err) ||
        open_dump(port, config->dump_path, err)) {
        port_free(port);
        return -1;
    }
    *ret_port = port;
    return 0;
}

void port_free(struct port *port)
{
    if (!port)
        return;
    close_port(port);
    if (port->dump_fd >= 0)
        close(port->dump_fd);
    free(port->address);
    free(port->service);
    free(port);
}

int port_fd(const struct port *port)
{
    return port->fd;
}

short port_events(const struct port *port)
{
    return port->connecting ? POLLOUT : POLLIN;
}

uint64_t port_due_ms(const struct port *port)
{
    return port->fd >= 0 || port->ended ? UINT64_MAX : port->reopen_due_ms;
}

bool port_is_serial(const struct port *port)
{
    return port->kind == KIND_TTY;
}

void port_settled(struct port *port)
{
    port->retry_ms = RETRY_MIN_MS;
}

uint64_t port_reopened(const struct port *port)
{
    return port->reopened;
}

const char *port_name(const struct port *port)
{
    return port->address;
}
