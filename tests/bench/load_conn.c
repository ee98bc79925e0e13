#include "tests/bench/load_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum packet { CONNECT = 1, CONNACK, PUBLISH, PUBACK, SUBSCRIBE = 8, SUBACK };

/* What a broker with password files asks for; the others do not look at it. */
#define USER     "load"
#define PASSWORD "load"

static void append_text(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    buf_append_be(out, len, 2);
    buf_append(out, text, len);
}

static void append_header(struct buf *out, uint8_t type, uint8_t flags, size_t len)
{
    buf_append_u8(out, (uint8_t)(type << 4 | flags));
    do {
        buf_append_u8(out, (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0)));
        len >>= 7;
    } while (len);
}

static void append_connect(struct conn *conn)
{
    size_t len = 10 + 4 + 2 + strlen(conn->id) + 2 + strlen(USER) + 2 + strlen(PASSWORD);
    append_header(&conn->out, CONNECT, 0, len);
    append_text(&conn->out, "MQTT");
    buf_append_u8(&conn->out, 5);
    buf_append_u8(&conn->out, 0xc2); /* user name, password, clean start */
    buf_append_be(&conn->out, 300, 2);
    buf_append_u8(&conn->out, 3);
    buf_append_u8(&conn->out, 0x21); /* receive maximum */
    buf_append_be(&conn->out, 65535, 2);
    append_text(&conn->out, conn->id);
    append_text(&conn->out, USER);
    append_text(&conn->out, PASSWORD);
}

void conn_subscribe(struct conn *conn, const char *filter)
{
    append_header(&conn->out, SUBSCRIBE, 2, 2 + 1 + 2 + strlen(filter) + 1);
    buf_append_be(&conn->out, 1, 2);
    buf_append_u8(&conn->out, 0);
    append_text(&conn->out, filter);
    buf_append_u8(&conn->out, 1);
}

void conn_publish(struct conn *conn, uint16_t packet_id, const char *topic, const void *payload,
                  size_t len)
{
    append_header(&conn->out, PUBLISH, 2, 2 + strlen(topic) + 2 + 1 + len);
    append_text(&conn->out, topic);
    buf_append_be(&conn->out, packet_id, 2);
    buf_append_u8(&conn->out, 0);
    buf_append(&conn->out, payload, len);
}

bool conn_open(struct conn *conn, SSL *ssl, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    conn->ssl = ssl;
    conn->secure = conn->welcome = conn->failed = conn->resumed = false;
    conn->acked = conn->refused = conn->received = 0;
    conn->in_len = conn->sent = 0;
    buf_clear(&conn->out);
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (conn->fd < 0 || (connect(conn->fd, (void *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
        return false;
    SSL_set_fd(ssl, conn->fd);
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, conn);
    if (conn->session)
        SSL_set_session(ssl, conn->session);
    append_connect(conn);
    return true;
}

void conn_close(struct conn *conn)
{
    if (conn->ssl)
        SSL_set_shutdown(conn->ssl,
                         SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* keeps the session */
    SSL_free(conn->ssl);
    if (conn->fd >= 0)
        close(conn->fd);
    conn->ssl = NULL;
    conn->fd = -1;
}

static bool waits(struct conn *conn, int result)
{
    int error = SSL_get_error(conn->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return true;
    ERR_clear_error();
    conn->failed = true;
    return false;
}

/* Length of the packet at the head of conn->out that is not sent: one record for each. */
static size_t packet_len(const uint8_t *at, size_t available, size_t *ret_header)
{
    size_t len = 0;
    for (size_t i = 1; i < available && i < 5; i++) {
        len |= (size_t)(at[i] & 0x7f) << (7 * (i - 1));
        if (at[i] & 0x80)
            continue;
        *ret_header = i + 1;
        return i + 1 + len;
    }
    return 0;
}

static void write_some(struct conn *conn)
{
    while (conn->sent < conn->out.len) {
        size_t header = 0;
        const uint8_t *at = conn->out.data + conn->sent;
        size_t len = packet_len(at, conn->out.len - conn->sent, &header);
        int done = SSL_write(conn->ssl, at, (int)len);
        if (done <= 0) {
            waits(conn, done);
            return;
        }
        conn->sent += (size_t)done;
    }
    conn->sent = 0;
    buf_clear(&conn->out);
}

static void received(struct conn *conn, const uint8_t *body)
{
    size_t topic_len = (size_t)body[0] << 8 | body[1];
    conn->received++;
    append_header(&conn->out, PUBACK, 0, 2);
    buf_append(&conn->out, body + 2 + topic_len, 2);
}

static void handle(struct conn *conn, const uint8_t *packet, size_t header, size_t len)
{
    const uint8_t *body = packet + header;
    switch (packet[0] >> 4) {
    case CONNACK:
        conn->welcome = body[1] == 0;
        conn->failed = !conn->welcome;
        break;
    case PUBLISH:
        if ((packet[0] >> 1 & 3) == 1)
            received(conn, body);
        break;
    case PUBACK:
        conn->acked++;
        if (len - header > 2 && body[2] >= 0x80)
            conn->refused++;
        break;
    case SUBACK:
        conn->acked++;
        if (packet[len - 1] >= 0x80)
            conn->refused++;
        break;
    default:
        break;
    }
}

static void take_packets(struct conn *conn)
{
    size_t at = 0, header = 0;
    for (;;) {
        size_t len = packet_len(conn->in + at, conn->in_len - at, &header);
        if (len == 0 || len > conn->in_len - at)
            break;
        handle(conn, conn->in + at, header, len);
        at += len;
    }
    memmove(conn->in, conn->in + at, conn->in_len - at);
    conn->in_len -= at;
}

static void read_some(struct conn *conn)
{
    for (;;) {
        int done =
            SSL_read(conn->ssl, conn->in + conn->in_len, (int)(sizeof(conn->in) - conn->in_len));
        if (done <= 0) {
            waits(conn, done);
            return;
        }
        conn->in_len += (size_t)done;
        take_packets(conn);
    }
}

void conn_run(struct conn *conn)
{
    if (!conn->secure) {
        int done = SSL_do_handshake(conn->ssl);
        if (done != 1) {
            waits(conn, done);
            return;
        }
        conn->secure = true;
        conn->resumed = SSL_session_reused(conn->ssl) == 1;
    }
    read_some(conn);
    if (!conn->failed)
        write_some(conn);
}

bool conn_wants_write(const struct conn *conn)
{
    return conn->ssl && (conn->secure ? conn->out.len > conn->sent : SSL_want_write(conn->ssl));
}
