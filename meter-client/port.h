/*
 * port.h: where a meter's bytes come from: tcp://host:port (ser2net and the like), a serial device
 * (/dev/tty...) or file://path (read once, then silent).
 *
 * Nothing blocks: connecting happens in the background, and a port that was lost is opened again
 * after a pause that doubles up to a minute. A host name is looked up at each opening; give an
 * address where the name service may hang. One owner, one thread.
 */
#ifndef AMR_METER_PORT_H
#define AMR_METER_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/clock.h"
#include "common/err.h"

#define PORT_WRITE_MAX 64
#define PORT_DUMP_MAX  (1u << 20)

struct port;

struct port_line {
    unsigned baud;   /* 300 to 115200 */
    bool seven_even; /* 7E1 instead of 8N1 */
};

struct port_config {
    const char *address;
    const struct clock *clock; /* borrowed */
    struct port_line line;     /* serial devices only; set anew at each opening */
    bool write;
    const char *dump_path; /* what was read also goes here, begun anew after 1 MiB; NULL: nowhere */
};

/** A port that is not there yet is no failure: it is tried again. */
int port_new(struct port **ret_port, const struct port_config *config,
             struct err *err) AMR_NODISCARD;
void port_free(struct port *port);

/** What to poll for: -1 and 0 where there is nothing. */
int port_fd(const struct port *port);
short port_events(const struct port *port);
/** When port_work has to be called at the latest, monotonic; UINT64_MAX: not for time's sake. */
uint64_t port_due_ms(const struct port *port);

/** Opens and finishes connecting. 1: ready for reading; 0: not yet, or at its end; -1: failed. */
int port_work(struct port *port, struct err *err) AMR_NODISCARD;
/** Bytes; 0: none now, or at its end; -1: lost, to be opened again later. */
ssize_t port_read(struct port *port, void *ret_data, size_t len, struct err *err) AMR_NODISCARD;
/** All of it or -1: for the few bytes of a request, at most PORT_WRITE_MAX. */
int port_write(struct port *port, const void *data, size_t len, struct err *err) AMR_NODISCARD;
/** A serial device's speed; nothing happens on others. */
int port_set_baud(struct port *port, unsigned baud, struct err *err) AMR_NODISCARD;
/** Whether port_set_baud does anything. */
bool port_is_serial(const struct port *port);

/** Closes and comes back after the pause. */
void port_reopen_later(struct port *port);
/** Good data came: the next pause is the shortest again. */
void port_settled(struct port *port);
uint64_t port_reopened(const struct port *port);
const char *port_name(const struct port *port);

#endif
