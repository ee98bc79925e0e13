/*
 * load_conn.h: one MQTT 5 connection over TLS that never blocks, as small as a generator needs.
 *
 * Written by hand so that the load generator costs far less than the broker that it measures: one
 * TLS record per publish, as a meter sends it, QoS 1. Packets from the broker are trusted.
 * Source: MQTT 5.0, section 3.
 */
#ifndef AMR_BENCH_LOAD_CONN_H
#define AMR_BENCH_LOAD_CONN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct conn {
    int fd; /* -1: closed */
    SSL *ssl;
    SSL_SESSION *session; /* kept for the next connect; NULL: none */
    char id[40];
    bool secure;       /* the TLS handshake is done */
    bool welcome;      /* CONNACK with reason 0 */
    bool failed;       /* refused or broken */
    bool resumed;      /* the TLS session was */
    uint32_t acked;    /* PUBACKs and SUBACKs */
    uint32_t refused;  /* of them with a reason from 0x80 up */
    uint32_t received; /* publishes, each answered with a PUBACK */
    struct buf out;
    size_t sent; /* of out */
    uint8_t in[65536];
    size_t in_len;
};

/** Begins to connect to a port of 127.0.0.1; false where the kernel says no. */
bool conn_open(struct conn *conn, SSL *ssl, uint16_t port);
void conn_close(struct conn *conn);
/** Goes on with the handshake, reading and writing as far as there is anything. */
void conn_run(struct conn *conn);
/** Whether it waits to write: for the poller. */
bool conn_wants_write(const struct conn *conn);

void conn_subscribe(struct conn *conn, const char *filter);
void conn_publish(struct conn *conn, uint16_t packet_id, const char *topic, const void *payload,
                  size_t len);

#endif
