/*
 * door.h: the door of the server: who comes in, what they may do, what is let through.
 *
 * One function per event of the broker; plugin.c translates. The modules behind it: login and
 * identity (who), members (registered?), clients (connected), access (which topics), admission
 * (which reports), rates (how much), notices (who is told). Everything runs on the broker's one
 * thread and nothing blocks: no network, no disk but the look at the registry file in door_tick.
 */
#ifndef AMR_BROKER_PLUGIN_DOOR_H
#define AMR_BROKER_PLUGIN_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker-plugin/access.h"
#include "broker-plugin/broker.h"
#include "broker-plugin/login.h"
#include "broker-plugin/rates.h"
#include "common/clock.h"
#include "common/log.h"

struct door_config {
    uint32_t group;
    const char *registry;
    const char *staff; /* NULL: nobody logs in by password */
    bool check_signature;
    uint32_t future_tolerance_s;
    uint32_t report_bytes_max;
    uint32_t summary_s;
    struct rate_limits limits;
};

struct door;

/** Copies config, whose strings must outlive the door, as must log, clock and broker. */
struct door *door_new(const struct door_config *config, const struct broker *broker,
                      struct log *log, const struct clock *clock) AMR_NODISCARD;
void door_free(struct door *door);

/** True where it may come in, and under which user name; "" keeps the one it has. */
bool door_login(struct door *door, const struct login *login, char ret_username[IDENTITY_USERNAME]);
/** The connection ended; one that never logged in is no news. */
void door_logout(struct door *door, const void *handle);

struct door_request {
    const void *handle;
    const char *client_id;
    const char *username;
    enum access_action action; /* ACCESS_WRITE also for Wills: the door knows who is gone */
    const char *topic;
    bool retain;
};

/** Topic rules, for clients that are connected and for sessions that are not. */
bool door_access(struct door *door, const struct door_request *request);
/** A message from a connected client that door_access let through. */
bool door_message(struct door *door, const void *handle, const char *topic, const void *payload,
                  size_t len);

/** The broker is about to ask door_login about every session it has, offline ones too. */
void door_reload(struct door *door);
/** Called often; does something every 250 ms. */
void door_tick(struct door *door);

#endif
