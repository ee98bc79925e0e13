/*
 * sd_notify.h: tells systemd how the service is doing, without its library.
 *
 * One datagram to the socket that NOTIFY_SOCKET names; without that variable, or where nobody
 * listens, nothing happens. Source: sd_notify(3).
 */
#ifndef AMR_BRIDGE_SD_NOTIFY_H
#define AMR_BRIDGE_SD_NOTIFY_H

/** state: "READY=1", "STOPPING=1" and the like. */
void sd_notify_state(const char *state);

#endif
