#include "meter-client/source_p1.h"

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
#include "meter-client/p1.h"

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define PARTIAL_MS   5000 /* a telegram is sent within a second, or two at 9600 baud */
#define TIMEOUT_S    60
#define READ_MAX     1024
#define TCP_PREFIX   "tcp://"
#define FILE_PREFIX  "file://"
#define SLOW_SUFFIX  ",9600"
#define KEEPALIVE_S  30

enum port_kind { PORT_TCP, PORT_FILE, PORT_TTY };

struct p1_source {
    const struct clock *clock;
    struct p1 *parser;
    enum port_kind kind;
    char *address; /* host or path */
    char *service; /* PORT_TCP */
    bool slow;     /* PORT_TTY: 9600 7E1 */
    uint64_t timeout_ms;
    uint64_t retry_ms;
    uint64_t reopen_due_ms; /* fd is -1 */
    uint64_t heard_ms;      /* the last byte, or the opening */
    uint64_t telegram_ms;   /* the last telegram, or the opening */
    int fd;
    bool connecting;
    bool partial; /* bytes came since the last silence */
    bool ended;   /* PORT_FILE: read to its end */
    bool fresh;   /* measurement is not handed out yet */
    uint64_t good;
    uint64_t reopened;
    uint64_t silences;
    struct measurement measurement;
};

static void on_telegram(void *cookie, const struct p1_telegram *telegram)
{
    struct p1_source *source = cookie;
    struct measurement *m = &source->measurement;

    memset(m, 0, sizeof(*m));
    m->unix_ms = clock_unix_ms(source->clock);
    m->clock_s = telegram->clock_s;
    m->import_wh = telegram->import_wh;
    m->export_wh = telegram->export_wh;
    m->import_w = telegram->import_w;
    m->export_w = telegram->export_w;
    m->voltage_dv = telegram->voltage_dv;
    memcpy(m->serial, telegram->serial, sizeof(m->serial));
    source->fresh = true;
    source->good++;
    source->telegram_ms = clock_mono_ms(source->clock);
    source->retry_ms = RETRY_MIN_MS;
}

static int open_tcp(struct p1_source *source, struct err *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int on = 1;
    int idle_s = KEEPALIVE_S;
    int rc = getaddrinfo(source->address, source->service, &hints, &found);

    if (rc != 0)
        return err_set(err, "look up '%s': %s", source->address, gai_strerror(rc));
    source->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (source->fd < 0) {
        freeaddrinfo(found);
        return err_errno(err, "make a socket");
    }
    setsockopt(source->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(source->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    rc = connect(source->fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (rc != 0 && errno != EINPROGRESS)
        return err_errno(err, "connect to '%s' port %s", source->address, source->service);
    source->connecting = true;
    return 0;
}

static int set_line(const struct p1_source *source, struct err *err)
{
    struct termios line;

    if (tcgetattr(source->fd, &line))
        return err_errno(err, "'%s' is no serial port", source->address);
    cfmakeraw(&line);
    line.c_cflag |= CLOCAL | CREAD;
    line.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB);
    if (source->slow) {
        line.c_cflag = (line.c_cflag & ~(tcflag_t)CSIZE) | CS7 | PARENB;
        line.c_cflag &= ~(tcflag_t)PARODD;
        line.c_iflag |= INPCK | ISTRIP;
    }
    cfsetspeed(&line, source->slow ? B9600 : B115200);
    if (tcsetattr(source->fd, TCSANOW, &line))
        return err_errno(err, "set up '%s'", source->address);
    return 0;
}

static int open_port(struct p1_source *source, struct err *err)
{
    uint64_t now_ms = clock_mono_ms(source->clock);

    source->heard_ms = now_ms;
    source->telegram_ms = now_ms;
    source->connecting = false;
    if (source->kind == PORT_TCP)
        return open_tcp(source, err);
    source->fd = open(source->address, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (source->fd < 0)
        return err_errno(err, "open '%s'", source->address);
    return source->kind == PORT_TTY ? set_line(source, err) : 0;
}

static void close_port(struct p1_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
    source->partial = false;
    p1_timeout(source->parser);
}

/** Closes and comes back later. */
static void reopen_later(struct p1_source *source)
{
    close_port(source);
    source->reopened++;
    source->reopen_due_ms = clock_mono_ms(source->clock) + source->retry_ms;
    source->retry_ms =
        2 * source->retry_ms < RETRY_MAX_MS ? 2 * source->retry_ms : (uint64_t)RETRY_MAX_MS;
}

static void reopen_now(struct p1_source *source, struct err *err)
{
    if (open_port(source, err)) {
        int kept = errno;

        reopen_later(source);
        errno = kept;
    }
}

static int finish_connect(struct p1_source *source, struct err *err)
{
    struct pollfd pollfd = {.fd = source->fd, .events = POLLOUT};
    int failure = 0;
    socklen_t len = sizeof(failure);

    if (poll(&pollfd, 1, 0) <= 0)
        return 0;
    if (getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &failure, &len))
        failure = errno;
    source->connecting = false;
    if (failure == 0)
        return 0;
    errno = failure;
    err_errno(err, "connect to '%s' port %s", source->address, source->service);
    reopen_later(source);
    return -1;
}

static int port_ended(struct p1_source *source, ssize_t got, struct err *err)
{
    if (source->kind == PORT_FILE && got == 0) {
        source->ended = true;
        close_port(source);
        return 0;
    }
    if (got == 0)
        err_set(err, "'%s' closed the connection", source->address);
    else
        err_errno(err, "read '%s'", source->address);
    reopen_later(source);
    return -1;
}

/** Reads until a telegram is whole or nothing more is there. */
static int read_port(struct p1_source *source, struct err *err)
{
    while (!source->fresh && source->fd >= 0) {
        char bytes[READ_MAX];
        ssize_t got = read(source->fd, bytes, sizeof(bytes));

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (got <= 0)
            return port_ended(source, got, err);
        source->heard_ms = clock_mono_ms(source->clock);
        source->partial = true;
        p1_feed(source->parser, bytes, (size_t)got);
    }
    return 0;
}

static int check_silence(struct p1_source *source, struct err *err)
{
    uint64_t now_ms = clock_mono_ms(source->clock);

    if (source->partial && now_ms >= source->heard_ms + PARTIAL_MS) {
        source->partial = false;
        p1_timeout(source->parser);
    }
    if (source->fd >= 0 && now_ms >= source->telegram_ms + source->timeout_ms) {
        source->silences++;
        err_set(err, "no telegram from '%s' for %u s", source->address,
                (unsigned)(source->timeout_ms / 1000));
        reopen_later(source);
        return -1;
    }
    return 0;
}

static int p1_read(void *self, struct measurement *ret_measurement, struct err *err)
{
    struct p1_source *source = self;
    int result = 0;

    if (source->fd < 0 && !source->ended && clock_mono_ms(source->clock) >= source->reopen_due_ms) {
        reopen_now(source, err);
        result = source->fd < 0 ? -1 : 0;
    }
    if (result == 0 && source->connecting)
        result = finish_connect(source, err);
    if (result == 0 && source->fd >= 0 && !source->connecting)
        result = read_port(source, err);
    if (result == 0 && !source->fresh)
        result = check_silence(source, err);
    if (source->fresh) {
        source->fresh = false;
        *ret_measurement = source->measurement;
        return 1;
    }
    return result;
}

static int parse_tcp(struct p1_source *source, const char *address, struct err *err)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;

    if (len == 0 || !colon[1])
        return err_set(err, "want tcp://host:port");
    if (address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    source->kind = PORT_TCP;
    source->address = xasprintf("%.*s", (int)len, address);
    source->service = xstrdup(colon + 1);
    return 0;
}

static int parse_address(struct p1_source *source, const char *address, struct err *err)
{
    size_t len;

    if (!address || !*address)
        return err_set(err, "want p1:tcp://host:port, p1:file://path or p1:/dev/tty...");
    if (strncmp(address, TCP_PREFIX, strlen(TCP_PREFIX)) == 0)
        return parse_tcp(source, address + strlen(TCP_PREFIX), err);
    if (strncmp(address, FILE_PREFIX, strlen(FILE_PREFIX)) == 0) {
        source->kind = PORT_FILE;
        source->address = xstrdup(address + strlen(FILE_PREFIX));
        return 0;
    }
    if (address[0] != '/')
        return err_set(err, "want p1:tcp://host:port, p1:file://path or p1:/dev/tty...");
    source->kind = PORT_TTY;
    source->address = xstrdup(address);
    len = strlen(address);
    if (len > strlen(SLOW_SUFFIX) &&
        strcmp(address + len - strlen(SLOW_SUFFIX), SLOW_SUFFIX) == 0) {
        source->address[len - strlen(SLOW_SUFFIX)] = 0;
        source->slow = true;
    }
    return 0;
}

static int parse_checksum(enum p1_checksum *ret_checksum, const char *text, struct err *err)
{
    static const char *const NAMES[] = {"auto", "required", "none"};

    for (size_t i = 0; i < AMR_COUNT(NAMES); i++) {
        if (!text || strcmp(text, NAMES[i]) == 0) {
            *ret_checksum = text ? (enum p1_checksum)i : P1_CHECKSUM_AUTO;
            return 0;
        }
    }
    return err_set(err, "checksum '%s': want auto, required or none", text);
}

static void p1_close(void *self)
{
    struct p1_source *source = self;

    if (source->parser)
        close_port(source);
    p1_free(source->parser);
    free(source->address);
    free(source->service);
    free(source);
}

/** A port that is not there yet is no failure: it is tried again. */
static void *p1_open(const char *address, const struct source_config *config, struct err *err)
{
    struct p1_source *source = xcalloc(1, sizeof(*source));
    enum p1_checksum checksum = P1_CHECKSUM_AUTO;

    source->fd = -1;
    source->clock = config->clock;
    source->retry_ms = RETRY_MIN_MS;
    source->timeout_ms = (config->timeout_s ? config->timeout_s : TIMEOUT_S) * UINT64_C(1000);
    if (parse_address(source, address, err) || parse_checksum(&checksum, config->checksum, err)) {
        p1_close(source);
        return NULL;
    }
    source->parser = p1_new(checksum, on_telegram, source);
    return source;
}

static int p1_fd(const void *self)
{
    return ((const struct p1_source *)self)->fd;
}

static short p1_events(const void *self)
{
    return ((const struct p1_source *)self)->connecting ? POLLOUT : POLLIN;
}

static uint64_t p1_due_ms(const void *self)
{
    const struct p1_source *source = self;
    uint64_t due_ms = source->telegram_ms + source->timeout_ms;

    if (source->fresh)
        return 0;
    if (source->fd < 0)
        return source->ended ? UINT64_MAX : source->reopen_due_ms;
    if (source->partial && source->heard_ms + PARTIAL_MS < due_ms)
        due_ms = source->heard_ms + PARTIAL_MS;
    return due_ms;
}

static struct source_counters p1_counters(const void *self)
{
    const struct p1_source *source = self;

    return (struct source_counters){
        .good = source->good,
        .no_start = p1_faults(source->parser, P1_FAULT_NO_START),
        .crc = p1_faults(source->parser, P1_FAULT_CRC),
        .overlong = p1_faults(source->parser, P1_FAULT_OVERLONG),
        .timeout = p1_faults(source->parser, P1_FAULT_TIMEOUT) + source->silences,
        .value = p1_faults(source->parser, P1_FAULT_VALUE),
        .reopened = source->reopened,
    };
}

static const struct source_kind P1 = {
    .scheme = "p1",
    .open = p1_open,
    .close = p1_close,
    .fd = p1_fd,
    .events = p1_events,
    .due_ms = p1_due_ms,
    .read = p1_read,
    .counters = p1_counters,
};

const struct source_kind *source_p1_kind(void)
{
    return &P1;
}
