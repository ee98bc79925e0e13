/*
 * load.c: the load generator of the broker's and the bridge's benchmarks.
 *
 *   amr-load registry FILE COUNT REAL             a registry of COUNT meters, REAL with known keys
 *   amr-load sign FILE METERS EACH READINGS [CONTRACT]  signed reports for `publish` and `send`
 *   amr-load signers COUNT                        the addresses of the meters' keys
 *   amr-load signature READINGS                   what checking one signature costs
 *   amr-load publish PKI PORT FILE METERS WINDOW  sends them all, the bridge of PKI receives them
 *   amr-load send PKI PORT FILE METERS WINDOW [RATE]  the same, received by the real bridge; at
 *                                                     most RATE reports a second
 *   amr-load connect PKI PORT METERS PARALLEL     connects, keeps the connections, and again
 *
 * PKI is a folder that `amrctl pki` made. Prints one JSON object a line. `publish` connects, says
 * "ready" and waits for a line on standard input. `connect` waits for one after its first answer,
 * cuts all connections, comes back with the TLS sessions it kept, answers and waits again. One
 * thread. Exit status: 0, 1 failed, 2 usage.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "common/file.h"
#include "common/options.h"
#include "common/topic.h"
#include "tests/bench/load_conn.h"
#include "tests/bench/load_identity.h"

#define DEADLINE_S 600
#define EVENTS     256
#define PAUSE_NS   500000
#define FILE_MAX   (1u << 30)

struct load {
    int epoll;
    uint16_t port;
    struct authority *authority;
    SSL_CTX *tls;
    struct conn *conns;
    uint32_t count;
    double deadline;
};

static double clock_s(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct conn *conn = SSL_get_app_data(ssl);
    SSL_SESSION_free(conn->session);
    conn->session = session;
    return 1; /* the reference is kept */
}

static SSL_CTX *tls_new(const char *pki)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    char *ca = xasprintf("%s/ca.crt", pki);
    if (!tls || !SSL_CTX_load_verify_locations(tls, ca, NULL))
        exit(1);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, keep_session);
    SSL_CTX_set_mode(tls, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    free(ca);
    return tls;
}

static void load_init(struct load *load, const char *pki, uint16_t port, uint32_t count)
{
    struct rlimit limit;
    struct err err = ERR_INIT;
    *load = (struct load){.epoll = epoll_create1(EPOLL_CLOEXEC), .port = port, .count = count};
    load->authority = authority_open(pki, &err);
    if (!load->authority) {
        fprintf(stderr, "amr-load: %s\n", err.text);
        exit(1);
    }
    load->tls = tls_new(pki);
    load->conns = xcalloc(count, sizeof(load->conns[0]));
    load->deadline = clock_s(CLOCK_MONOTONIC) + DEADLINE_S;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void watch(const struct load *load, struct conn *conn, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (conn_wants_write(conn) ? EPOLLOUT : 0u),
                                .data = {.ptr = conn}};
    epoll_ctl(load->epoll, operation, conn->fd, &event);
}

static void run(const struct load *load, struct conn *conn)
{
    bool wrote = conn_wants_write(conn);
    conn_run(conn);
    if (conn->failed) {
        fprintf(stderr, "amr-load: %s: refused or lost\n", conn->id);
        exit(1);
    }
    if (conn_wants_write(conn) != wrote || !conn->welcome)
        watch(load, conn, EPOLL_CTL_MOD);
}

/* Serves what the sockets have to say; each conn that was served goes to `served`. Looks once in a
 * while, not at every PUBACK: each wake-up would take the processor from the broker. */
static void turn(struct load *load, void (*served)(void *cookie, struct conn *conn), void *cookie)
{
    const struct timespec pause = {0, PAUSE_NS};
    struct epoll_event events[EVENTS];
    nanosleep(&pause, NULL);
    int count = epoll_wait(load->epoll, events, EVENTS, 0);
    if (clock_s(CLOCK_MONOTONIC) > load->deadline) {
        fprintf(stderr, "amr-load: not done within %d s\n", DEADLINE_S);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        struct conn *conn = events[i].data.ptr;
        run(load, conn);
        served(cookie, conn);
        if (conn->out.len)
            run(load, conn);
    }
}

static void start(struct load *load, uint32_t i)
{
    struct err err = ERR_INIT;
    struct conn *conn = &load->conns[i];
    SSL *ssl = SSL_new(load->tls);
    meter_name(conn->id, i + 1);
    if (authority_dress(load->authority, ssl, i + 1, &err) || !conn_open(conn, ssl, load->port)) {
        fprintf(stderr, "amr-load: %s: cannot connect %s\n", conn->id, err.text);
        exit(1);
    }
    watch(load, conn, EPOLL_CTL_ADD);
    run(load, conn);
}

struct wave {
    uint32_t started, welcome, resumed;
    bool *counted;
    struct load *load;
};

static void count_welcome(void *cookie, struct conn *conn)
{
    struct wave *wave = cookie;
    size_t i = (size_t)(conn - wave->load->conns);
    if (!conn->welcome || i >= wave->load->count || wave->counted[i])
        return;
    wave->counted[i] = true;
    wave->welcome++;
    wave->resumed += conn->resumed;
}

/* Connects them all, `parallel` at a time. Returns how many resumed a TLS session. */
static uint32_t connect_all(struct load *load, uint32_t parallel)
{
    struct wave wave = {.counted = xcalloc(load->count, sizeof(bool)), .load = load};
    while (wave.welcome < load->count) {
        while (wave.started < load->count && wave.started - wave.welcome < parallel)
            start(load, wave.started++);
        turn(load, count_welcome, &wave);
    }
    free(wave.counted);
    return wave.resumed;
}

static int connect_twice(const char *pki, uint16_t port, uint32_t count, uint32_t parallel)
{
    struct load load;
    char line[8];
    load_init(&load, pki, port, count);
    for (int round = 0; round < 2; round++) {
        load.deadline = clock_s(CLOCK_MONOTONIC) + DEADLINE_S;
        double from = clock_s(CLOCK_MONOTONIC);
        uint32_t resumed = connect_all(&load, parallel);
        double took = clock_s(CLOCK_MONOTONIC) - from;
        printf("{\"connected\":%" PRIu32 ",\"resumed\":%" PRIu32 ",\"seconds\":%.4f}\n", count,
               resumed, took);
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin))
            break;
        for (uint32_t i = 0; i < count; i++)
            conn_close(&load.conns[i]);
    }
    return 0;
}

/* A file of reports: meter by meter, EACH of them, each behind its length. */
static int sign(const char *path, uint32_t meters, uint32_t each, uint32_t readings,
                const struct eth_address *contract)
{
    struct buf all = BUF_INIT, one = BUF_INIT;
    struct err err = ERR_INIT;
    uint32_t now_s = (uint32_t)time(NULL);
    buf_append_be(&all, each, 4);
    for (uint32_t n = 1; n <= meters; n++) {
        struct signer *signer = meter_signer(n);
        for (uint32_t sequence = 1; sequence <= each; sequence++) {
            buf_clear(&one);
            meter_report(&one, signer, contract, n, sequence, readings, now_s);
            buf_append_be(&all, one.len, 4);
            buf_append(&all, one.data, one.len);
        }
        signer_free(signer);
    }
    int result = file_create(path, 0644, all.data, all.len, &err);
    if (result)
        fprintf(stderr, "amr-load: %s\n", err.text);
    buf_free(&all);
    buf_free(&one);
    return result ? 1 : 0;
}

static int print_signers(uint32_t count)
{
    char text[ETH_ADDRESS_TEXT];
    for (uint32_t n = 1; n <= count; n++) {
        struct signer *signer = meter_signer(n);
        puts(eth_address_text(text, signer_address(signer)));
        signer_free(signer);
    }
    return 0;
}

struct sender {
    char topic[TOPIC_MAX];
    const uint8_t *next;
    uint32_t sent;
};

struct publishing {
    struct load *load;
    struct conn bridge;
    struct sender *senders;
    uint32_t each, window;
    uint32_t done, refused; /* meters that have all their PUBACKs; publishes refused */
    uint32_t rate, sent;    /* reports a second, 0: as fast as they are taken */
    uint32_t next;          /* whose turn it is, where there is a rate */
    double from;
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool may_send(const struct publishing *publishing)
{
    double passed = clock_s(CLOCK_MONOTONIC) - publishing->from;
    return !publishing->rate || publishing->sent < passed * publishing->rate;
}

static void publish_more(void *cookie, struct conn *conn)
{
    struct publishing *publishing = cookie;
    struct sender *sender = &publishing->senders[conn - publishing->load->conns];
    if (conn == &publishing->bridge)
        return;
    while (sender->sent < publishing->each && sender->sent - conn->acked < publishing->window &&
           may_send(publishing)) {
        publishing->sent++;
        uint32_t len = be32(sender->next);
        conn_publish(conn, (uint16_t)(1 + sender->sent % 60000), sender->topic, sender->next + 4,
                     len);
        sender->next += 4 + len;
        sender->sent++;
    }
    if (conn->acked == publishing->each && sender->sent == publishing->each) {
        publishing->done++;
        publishing->refused += conn->refused;
        sender->sent++; /* counted once */
    }
}

/* Where there is a rate, no PUBACK asks for the next report: meters send in turn. */
static void publish_in_turn(struct publishing *publishing)
{
    struct load *load = publishing->load;
    for (uint32_t i = 0; publishing->rate && i < load->count && may_send(publishing); i++) {
        struct conn *conn = &load->conns[publishing->next++ % load->count];
        publish_more(publishing, conn);
        run(load, conn);
    }
}

static void senders_init(struct publishing *publishing, const struct buf *reports)
{
    const uint8_t *at = reports->data + 4;
    publishing->each = be32(reports->data);
    publishing->senders = xcalloc(publishing->load->count, sizeof(struct sender));
    for (uint32_t i = 0; i < publishing->load->count; i++) {
        struct sender *sender = &publishing->senders[i];
        topic_format(sender->topic, 1, publishing->load->conns[i].id, TOPIC_READING);
        sender->next = at;
        for (uint32_t report = 0; report < publishing->each; report++)
            at += 4 + be32(at);
    }
}

static void ignore(void *cookie, struct conn *conn)
{
    (void)cookie;
    (void)conn;
}

static void join_bridge(struct publishing *publishing, const char *pki)
{
    struct load *load = publishing->load;
    struct conn *conn = &publishing->bridge;
    SSL *ssl = SSL_new(load->tls);
    char *certificate = xasprintf("%s/bridge.crt", pki), *key = xasprintf("%s/bridge.key", pki);
    snprintf(conn->id, sizeof(conn->id), "bridge");
    if (!SSL_use_certificate_file(ssl, certificate, SSL_FILETYPE_PEM) ||
        !SSL_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) || !conn_open(conn, ssl, load->port))
        exit(1);
    conn_subscribe(conn, "amr/v1/1/+/reading");
    watch(load, conn, EPOLL_CTL_ADD);
    run(load, conn);
    while (conn->acked == 0)
        turn(load, ignore, NULL);
    free(certificate);
    free(key);
}

static int publish(const char *pki, uint16_t port, const char *path, uint32_t meters,
                   uint32_t window, uint32_t rate, bool receive)
{
    struct load load;
    struct publishing publishing = {.load = &load, .window = window, .rate = rate};
    struct buf reports = BUF_INIT;
    struct err err = ERR_INIT;
    load_init(&load, pki, port, meters);
    if (file_read(&reports, path, FILE_MAX, &err)) {
        fprintf(stderr, "amr-load: %s\n", err.text);
        return 1;
    }
    connect_all(&load, 16);
    if (receive)
        join_bridge(&publishing, pki);
    senders_init(&publishing, &reports);
    uint32_t total = meters * publishing.each;
    printf("{\"ready\":%" PRIu32 "}\n", total);
    fflush(stdout);
    char line[8];
    if (!fgets(line, sizeof(line), stdin))
        return 1;
    double from = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    load.deadline = from + DEADLINE_S;
    publishing.from = from;
    for (uint32_t i = 0; i < meters && !rate; i++) {
        publish_more(&publishing, &load.conns[i]);
        run(&load, &load.conns[i]);
    }
    while (publishing.done < meters ||
           (receive && publishing.bridge.received < total - publishing.refused)) {
        publish_in_turn(&publishing);
        turn(&load, publish_more, &publishing);
    }
    printf("{\"published\":%" PRIu32 ",\"refused\":%" PRIu32
           ",\"seconds\":%.4f,\"own_cpu_s\":%.4f}\n",
           total, publishing.refused, clock_s(CLOCK_MONOTONIC) - from,
           clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}

static uint32_t number(const char *text)
{
    uint64_t value = 0;
    struct err err = ERR_INIT;
    if (parse_u64(&value, text, 0, UINT32_MAX, &err)) {
        fprintf(stderr, "amr-load: %s\n", err.text);
        exit(2);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "registry") == 0 && argc == 5) {
        if (meters_register(argv[2], number(argv[3]), number(argv[4]), &err) == 0)
            return 0;
        fprintf(stderr, "amr-load: %s\n", err.text);
        return 1;
    }
    if (strcmp(command, "sign") == 0 && argc == 6)
        return sign(argv[2], number(argv[3]), number(argv[4]), number(argv[5]), load_contract());
    if (strcmp(command, "sign") == 0 && argc == 7) {
        struct eth_address contract;
        if (eth_address_parse(&contract, argv[6], &err) == 0)
            return sign(argv[2], number(argv[3]), number(argv[4]), number(argv[5]), &contract);
        fprintf(stderr, "amr-load: %s\n", err.text);
        return 2;
    }
    if (strcmp(command, "signers") == 0 && argc == 3)
        return print_signers(number(argv[2]));
    if (strcmp(command, "signature") == 0 && argc == 3) {
        printf("{\"signature_us\":%.2f}\n", signature_cost_us(number(argv[2])));
        return 0;
    }
    bool receive = strcmp(command, "publish") == 0;
    if ((receive || strcmp(command, "send") == 0) && (argc == 7 || (argc == 8 && !receive)))
        return publish(argv[2], (uint16_t)number(argv[3]), argv[4], number(argv[5]),
                       number(argv[6]), argc == 8 ? number(argv[7]) : 0, receive);
    if (strcmp(command, "connect") == 0 && argc == 6)
        return connect_twice(argv[2], (uint16_t)number(argv[3]), number(argv[4]), number(argv[5]));
    fprintf(stderr, "amr-load: wrong usage; its source tells\n");
    return 2;
}
