/*
 * mqtt_socket.h: makes a connection send small messages at once; private to mqtt.c.
 *
 * A PUBACK followed by a publish waits 40 ms in the sender's kernel for the acknowledgement of the
 * first (RFC 896 meets RFC 1122's delayed ACK). Paho 1.3.12 neither sets TCP_NODELAY nor tells its
 * socket, so the socket is found by its peer's port among the process's own.
 */
#ifndef AMR_COMMON_MQTT_SOCKET_H
#define AMR_COMMON_MQTT_SOCKET_H

/**
 * Sets TCP_NODELAY, and a TCP_USER_TIMEOUT of 30 s (a cable that was pulled is noticed by the next
 * message, not by two missed pings), on this process's connections to the port of `server`
 * (ssl://host:port). Any thread; a connection that is not found stays as it is: slower, not wrong.
 */
void mqtt_socket_no_delay(const char *server);

#endif
