#include "chain-bridge/rpc_fake.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS 16

struct peer {
    int fd;
    bool websocket;
    struct buf in;
};

struct fake {
    int listener;
    int pipe[2]; /* commands: 'q' quit, 'd' drop, 'p' push */
    pthread_t thread;
    pthread_mutex_t lock;
    char *pushed;
    char http_url[40];
    char ws_url[40];
    fake_script *script;
    void *cookie;
    struct peer peers[PEERS];
    atomic_int accepted;
};

static void send_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += n;
        len -= (size_t)n;
    }
}

static void drop_peer(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    peer->websocket = false;
    buf_clear(&peer->in);
}

static void print_frame(struct buf *out, const void *data, size_t len)
{
    buf_append_u8(out, 0x81);
    if (len < 126) {
        buf_append_u8(out, (uint8_t)len);
    } else if (len < 65536) {
        buf_append_u8(out, 126);
        buf_append_be(out, len, 2);
    } else {
        buf_append_u8(out, 127);
        buf_append_be(out, len, 8);
    }
    buf_append(out, data, len);
}

static void answer(struct fake *fake, struct peer *peer, const char *request)
{
    struct buf reply = BUF_INIT;
    struct buf out = BUF_INIT;
    enum fake_action action = fake->script(fake->cookie, request, &reply);
    if (peer->websocket)
        print_frame(&out, reply.data, reply.len);
    else
        buf_printf(
            &out,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
            "%s",
            reply.len, buf_str(&reply));
    if (action == FAKE_REPLY)
        send_all(peer->fd, out.data, out.len);
    else if (action == FAKE_CUT)
        send_all(peer->fd, out.data, out.len - reply.len / 2);
    if (action == FAKE_CUT || action == FAKE_CLOSE)
        drop_peer(peer);
    buf_free(&out);
    buf_free(&reply);
}

static void upgrade(struct peer *peer, const char *key_at)
{
    char text[128];
    unsigned char hash[20];
    char accept[40];
    int len = snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key_at);
    lws_SHA1((unsigned char *)text, (size_t)len, hash);
    lws_b64_encode_string((char *)hash, 20, accept, sizeof(accept));
    len =
        snprintf(text, sizeof(text), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
    send_all(peer->fd, text, (size_t)len);
    len = snprintf(text, sizeof(text), "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
    send_all(peer->fd, text, (size_t)len);
    peer->websocket = true;
}

static void eat(struct peer *peer, size_t len)
{
    memmove(peer->in.data, peer->in.data + len, peer->in.len - len);
    peer->in.len -= len;
}

/* Returns whether there was a whole request. */
static bool take_http(struct fake *fake, struct peer *peer)
{
    const char *text = buf_str(&peer->in);
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL)
        return false;
    size_t head = (size_t)(end - text) + 4;
    const char *key = strcasestr(text, "Sec-WebSocket-Key: ");
    if (key != NULL) {
        upgrade(peer, key + 19);
        eat(peer, head);
        return true;
    }
    const char *length = strcasestr(text, "Content-Length:");
    size_t body = length != NULL ? strtoul(length + 15, NULL, 10) : 0;
    if (peer->in.len < head + body)
        return false;
    char *request = xasprintf("%.*s", (int)body, text + head);
    eat(peer, head + body);
    answer(fake, peer, request);
    free(request);
    return true;
}

static bool take_frame(struct fake *fake, struct peer *peer)
{
    const uint8_t *data = peer->in.data;
    if (peer->in.len < 2)
        return false;
    size_t len = data[1] & 127;
    size_t head = 2;
    if (len >= 126) {
        size_t bytes = len == 126 ? 2 : 8;
        if (peer->in.len < 2 + bytes)
            return false;
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | data[2 + i];
        head += bytes;
    }
    if (peer->in.len < head + 4 + len)
        return false;
    char *request = xmalloc(len + 1);
    for (size_t i = 0; i < len; i++)
        request[i] = (char)(data[head + 4 + i] ^ data[head + i % 4]);
    request[len] = '\0';
    int opcode = data[0] & 15;
    eat(peer, head + 4 + len);
    if (opcode == 8)
        drop_peer(peer);
    else if (opcode == 1)
        answer(fake, peer, request);
    free(request);
    return peer->fd >= 0;
}

static void serve(struct fake *fake, struct peer *peer)
{
    char data[65536];
    ssize_t n = recv(peer->fd, data, sizeof(data), 0);
    if (n <= 0) {
        drop_peer(peer);
        return;
    }
    buf_append(&peer->in, data, (size_t)n);
    while (peer->fd >= 0 && (peer->websocket ? take_frame(fake, peer) : take_http(fake, peer)))
        ;
}

static void accept_peer(struct fake *fake)
{
    int fd = accept(fake->listener, NULL, NULL);
    for (size_t i = 0; i < PEERS && fd >= 0; i++) {
        if (fake->peers[i].fd < 0) {
            fake->peers[i].fd = fd;
            atomic_fetch_add(&fake->accepted, 1);
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

static bool obey(struct fake *fake)
{
    char command = 'q';
    struct buf out = BUF_INIT;
    if (read(fake->pipe[0], &command, 1) != 1 || command == 'q')
        return false;
    pthread_mutex_lock(&fake->lock);
    if (command == 'p')
        print_frame(&out, fake->pushed, strlen(fake->pushed));
    pthread_mutex_unlock(&fake->lock);
    for (size_t i = 0; i < PEERS; i++) {
        if (command == 'd')
            drop_peer(&fake->peers[i]);
        else if (fake->peers[i].fd >= 0 && fake->peers[i].websocket)
            send_all(fake->peers[i].fd, out.data, out.len);
    }
    buf_free(&out);
    return true;
}

static void *run(void *cookie)
{
    struct fake *fake = cookie;
    for (;;) {
        struct pollfd fds[PEERS + 2] = {{fake->listener, POLLIN, 0}, {fake->pipe[0], POLLIN, 0}};
        for (size_t i = 0; i < PEERS; i++)
            fds[i + 2] = (struct pollfd){fake->peers[i].fd, POLLIN, 0};
        poll(fds, PEERS + 2, -1);
        if (fds[1].revents != 0 && !obey(fake))
            return NULL;
        for (size_t i = 0; i < PEERS; i++) {
            if (fds[i + 2].revents != 0 && fake->peers[i].fd == fds[i + 2].fd)
                serve(fake, &fake->peers[i]);
        }
        if (fds[0].revents != 0)
            accept_peer(fake);
    }
}

struct fake *fake_start(fake_script *script, void *cookie)
{
    struct fake *fake = xcalloc(1, sizeof(*fake));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    fake->script = script;
    fake->cookie = cookie;
    for (size_t i = 0; i < PEERS; i++)
        fake->peers[i].fd = -1;
    pthread_mutex_init(&fake->lock, NULL);
    fake->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fake->listener, (struct sockaddr *)&address, len) != 0 ||
        listen(fake->listener, 16) != 0 ||
        getsockname(fake->listener, (struct sockaddr *)&address, &len) != 0 ||
        pipe(fake->pipe) != 0)
        abort();
    snprintf(fake->http_url, sizeof(fake->http_url), "http://127.0.0.1:%u",
             (unsigned)ntohs(address.sin_port));
    snprintf(fake->ws_url, sizeof(fake->ws_url), "ws://127.0.0.1:%u",
             (unsigned)ntohs(address.sin_port));
    pthread_create(&fake->thread, NULL, run, fake);
    return fake;
}

static void command(struct fake *fake, char letter)
{
    if (write(fake->pipe[1], &letter, 1) != 1)
        abort();
}

void fake_stop(struct fake *fake)
{
    command(fake, 'q');
    pthread_join(fake->thread, NULL);
    for (size_t i = 0; i < PEERS; i++) {
        drop_peer(&fake->peers[i]);
        buf_free(&fake->peers[i].in);
    }
    close(fake->listener);
    close(fake->pipe[0]);
    close(fake->pipe[1]);
    pthread_mutex_destroy(&fake->lock);
    free(fake->pushed);
    free(fake);
}

const char *fake_url(struct fake *fake, bool websocket)
{
    return websocket ? fake->ws_url : fake->http_url;
}

void fake_push(struct fake *fake, const char *text)
{
    pthread_mutex_lock(&fake->lock);
    free(fake->pushed);
    fake->pushed = xstrdup(text);
    pthread_mutex_unlock(&fake->lock);
    command(fake, 'p');
}

void fake_drop(struct fake *fake)
{
    command(fake, 'd');
}

int fake_accepted(struct fake *fake)
{
    return atomic_load(&fake->accepted);
}
