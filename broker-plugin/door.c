#include "broker-plugin/door.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker-plugin/admission.h"
#include "broker-plugin/clients.h"
#include "broker-plugin/counters.h"
#include "broker-plugin/members.h"
#include "broker-plugin/notices.h"
#include "common/buf.h"
#include "common/signer.h"
#include "common/staff.h"
#include "common/topic.h"

#define TICK_MS    250
#define REFRESH_MS 500
#define SWEEP_MS   60000

struct door {
    struct door_config config;
    const struct broker *broker;
    struct log *log;
    const struct clock *clock;
    struct counters counters;
    struct recoverer *recoverer;
    struct members *members;
    struct staff *staff; /* NULL: nobody logs in by password */
    struct clients *clients;
    struct accounts *accounts;
    struct login_desk *desk;
    struct notices *notices;
    uint64_t started_unix_s;
    bool reloading;
    bool sort_out;     /* somebody connected may have to go */
    bool registry_bad; /* could not be read the last time */
    struct err registry_err;
    bool staff_bad;
    struct err staff_err;
    uint64_t tick_due_ms;
    uint64_t refresh_due_ms;
    uint64_t summary_due_ms;
    uint64_t sweep_due_ms;
};

static void refresh(struct door *door);

struct door *door_new(const struct door_config *config, const struct broker *broker,
                      struct log *log, const struct clock *clock)
{
    struct door *door = xcalloc(1, sizeof *door);
    door->config = *config;
    door->broker = broker;
    door->log = log;
    door->clock = clock;
    door->started_unix_s = clock_unix_s(clock);
    door->recoverer = recoverer_new();
    door->members = members_new(config->registry, (uint16_t)config->group);
    door->staff = config->staff ? staff_new(config->staff) : NULL;
    door->clients = clients_new();
    door->accounts = accounts_new(&door->config.limits);
    door->desk = login_desk_new(door->members, door->staff, door->accounts, clock);
    const struct notices_config notices = {.broker = broker,
                                           .group = (uint16_t)config->group,
                                           .log = log,
                                           .clock = clock,
                                           .counters = &door->counters};
    door->notices = notices_new(&notices);
    refresh(door);
    return door;
}

void door_free(struct door *door)
{
    if (!door)
        return;
    notices_free(door->notices);
    login_desk_free(door->desk);
    clients_free(door->clients);
    accounts_free(door->accounts);
    staff_free(door->staff);
    members_free(door->members);
    recoverer_free(door->recoverer);
    free(door);
}

/* Logging in */

static void login_refused(struct door *door, const struct login *login,
                          const struct login_verdict *verdict)
{
    struct notice notice = {.what = "login refused",
                            .cause = verdict->cause,
                            .client_id = login->client_id,
                            .address = login->address,
                            .text = verdict->text.text};
    door->counters.logins_refused++;
    notices_alarm(door->notices, verdict->account, &notice);
    account_release(door->accounts, verdict->account, clock_mono_ms(door->clock));
}

static void login_accepted(struct door *door, const struct login *login,
                           const struct login_verdict *verdict)
{
    struct client *client =
        clients_add(door->clients, login->handle, &verdict->who, login->client_id, login->address);
    client->member = verdict->member;
    client->account = verdict->account;
    client->by_password = !login->certificate;
    door->counters.logins++;
    log_debug(door->log, "login client=%s role=%s address=%s meter=%" PRIu32, client->id,
              role_text(client->who.role), client->address,
              client->member ? client->member->meter : 0);
}

/* A session that the broker asks about again: refusing one that is offline crashes it (2.0.x), so
 * that all stay and door_tick disconnects who must go. */
static bool known_session(const struct door *door, const struct login *login)
{
    struct identity who;
    if (clients_find(door->clients, login->handle))
        return true;
    return !login->certificate && !login->websocket &&
           identity_from_username(&who, login->username) == 0;
}

bool door_login(struct door *door, const struct login *login, char ret_username[IDENTITY_USERNAME])
{
    struct login_verdict verdict;
    ret_username[0] = '\0';
    if (door->reloading && known_session(door, login))
        return true;
    door_logout(door, login->handle); /* a connection that ended without a word */
    login_check(door->desk, &verdict, login);
    if (verdict.cause) {
        login_refused(door, login, &verdict);
        return false;
    }
    identity_username(ret_username, &verdict.who);
    login_accepted(door, login, &verdict);
    return true;
}

void door_logout(struct door *door, const void *handle)
{
    struct client *client = clients_find(door->clients, handle);
    if (!client)
        return;
    account_release(door->accounts, client->account, clock_mono_ms(door->clock));
    clients_remove(door->clients, client);
}

/* Topics and messages */

static void strike(struct door *door, struct client *client)
{
    struct notice notice = {.what = "client shut out",
                            .cause = "shut-out",
                            .client_id = client->id,
                            .address = client->address,
                            .meter = client->member ? client->member->meter : 0,
                            .text = "too many refused messages"};
    if (!account_strike(door->accounts, client->account, clock_mono_ms(door->clock)))
        return;
    door->counters.shut_out++;
    door->sort_out = true;
    notices_alarm(door->notices, NULL, &notice);
}

static const char *const ACTION_TEXT[] = {[ACCESS_READ] = "read denied",
                                          [ACCESS_WRITE] = "publish denied",
                                          [ACCESS_WILL] = "Will denied",
                                          [ACCESS_SUBSCRIBE] = "subscribe denied"};

static void access_denied(struct door *door, struct client *client,
                          const struct door_request *request, const struct access_request *access,
                          const char *why)
{
    char topic[2 * TOPIC_MAX];
    struct err text = ERR_INIT;
    bool meter = access->who->role == ROLE_METER;
    log_quote(topic, sizeof topic, request->topic, strlen(request->topic));
    err_set(&text, "%s: %.*s", why, (int)strlen(topic) - 2, topic + 1);
    struct notice notice = {.what = ACTION_TEXT[access->action],
                            .cause = "denied",
                            .client_id = request->client_id,
                            .address = client ? client->address : NULL,
                            .serial = meter ? access->who->name : NULL,
                            .meter = client && client->member ? client->member->meter : 0,
                            .text = text.text};
    door->counters.denied++;
    notices_alarm(door->notices, client ? client->account : NULL, &notice);
    if (!client || client->replaced)
        return;
    notice.meter = 0;
    if (meter && access->action == ACCESS_WRITE)
        notices_reject(door->notices, &notice, CAUSE_IDENTITY);
    strike(door, client);
}

bool door_access(struct door *door, const struct door_request *request)
{
    struct identity offline;
    struct client *client = clients_find(door->clients, request->handle);
    if (!client && identity_from_username(&offline, request->username) < 0)
        return false;
    struct access_request access = {.who = client ? &client->who : &offline,
                                    .action = request->action,
                                    .topic = request->topic,
                                    .retain = request->retain};
    /* Wills skip door_message, and are sent when the client is gone or another took its place. */
    if (request->action == ACCESS_WRITE && (!client || client->replaced))
        access.action = ACCESS_WILL;
    const char *why = access_check((uint16_t)door->config.group, &access);
    if (!why)
        return true;
    if (request->action != ACCESS_READ)
        access_denied(door, client, request, &access, why);
    return false;
}

static void judge(struct door *door, struct admission_verdict *ret_verdict, struct client *client,
                  const struct topic *topic, const void *payload, size_t len, uint64_t now_ms)
{
    const struct admission admission = {
        .domain = members_domain(door->members),
        .recoverer = door->recoverer,
        .check_signature = door->config.check_signature,
        .bytes_max = door->config.report_bytes_max,
        .future_tolerance_s = door->config.future_tolerance_s,
        .now_s = clock_unix_s(door->clock),
    };
    if (!account_charge(door->accounts, client->account, len, now_ms)) {
        *ret_verdict = (struct admission_verdict){.cause = CAUSE_RATE};
        err_set(&ret_verdict->reason, "too many messages or bytes, send slower");
    } else if (topic->kind == TOPIC_READING) {
        admission_report(&admission, ret_verdict, client->member, payload, len);
    } else if (topic->kind == TOPIC_EVENT) {
        admission_event(&admission, ret_verdict, client->member, payload, len);
    } else if (topic->kind == TOPIC_COMMAND_ACK) {
        admission_result(&admission, ret_verdict, client->member, payload, len);
    } else {
        admission_other(&admission, ret_verdict, client->member, len);
    }
}

static void admitted(struct door *door, const struct topic *topic, bool resent)
{
    bool counts = topic->kind == TOPIC_READING || topic->kind == TOPIC_EVENT ||
                  topic->kind == TOPIC_COMMAND_ACK;
    if (resent)
        door->counters.resent++;
    else if (counts)
        door->counters.admitted++;
    else
        door->counters.other++;
}

static void rejected(struct door *door, struct client *client, const struct topic *topic,
                     const struct admission_verdict *verdict)
{
    struct notice notice = {.what = topic->kind == TOPIC_READING ? "report rejected"
                                                                 : "message rejected",
                            .cause = cause_text(verdict->cause),
                            .client_id = client->id,
                            .address = client->address,
                            .serial = client->who.name,
                            .meter = verdict->meter,
                            .sequence = verdict->sequence,
                            .text = verdict->reason.text};
    door->counters.rejected[verdict->cause]++;
    bool told = notices_alarm(door->notices, client->account, &notice);
    /* Receipts number reports: an event's or a command's number would mean another thing there. */
    if (topic->kind != TOPIC_READING)
        notice.sequence = 0;
    /* A flood is not answered message by message. */
    if (told || verdict->cause != CAUSE_RATE)
        notices_reject(door->notices, &notice, verdict->cause);
    strike(door, client);
}

bool door_message(struct door *door, const void *handle, const char *topic_text,
                  const void *payload, size_t len)
{
    struct topic topic;
    struct admission_verdict verdict;
    struct client *client = clients_find(door->clients, handle);
    if (!client || topic_parse(&topic, topic_text) < 0)
        return false;
    if (client->who.role != ROLE_METER)
        return true;
    uint64_t now_ms = clock_mono_ms(door->clock);
    if (account_is_shut(client->account, now_ms))
        return false;
    judge(door, &verdict, client, &topic, payload, len, now_ms);
    if (verdict.cause == CAUSE_NONE) {
        admitted(door, &topic, verdict.resent);
        return true;
    }
    rejected(door, client, &topic, &verdict);
    return false;
}

/* Time */

void door_reload(struct door *door)
{
    door->reloading = true;
}

/* Why a client that is connected has to go; NULL where it may stay. */
static const char *must_go(const struct door *door, const struct client *client, uint64_t now_ms)
{
    if (client->replaced)
        return NULL; /* going already; its client id is another's now */
    if (account_is_shut(client->account, now_ms))
        return "shut-out";
    if (client->by_password && !staff_knows(door->staff, client->who.name))
        return "staff";
    if (client->who.role != ROLE_METER)
        return NULL;
    if (client->member->status != METER_ACTIVE)
        return cause_text(client->member->status == METER_CLOSED ? CAUSE_CLOSED : CAUSE_UNKNOWN);
    if (!eth_address_equal(&client->member->signer, &client->who.signer))
        return "signer";
    return NULL;
}

static void disconnect(struct door *door, const char *client_id)
{
    door->counters.disconnected++;
    door->broker->disconnect(door->broker->cookie, client_id);
}

/* Names first: disconnecting takes clients out of the table that is walked here. */
static void sort_out(struct door *door)
{
    struct buf names = BUF_INIT;
    uint64_t now_ms = clock_mono_ms(door->clock);
    for (struct client *client = clients_next(door->clients, NULL); client;
         client = clients_next(door->clients, client)) {
        const char *why = must_go(door, client, now_ms);
        if (!why)
            continue;
        log_info(door->log, "client disconnected cause=%s client=\"%s\"", why, client->id);
        buf_append(&names, client->id, strlen(client->id) + 1);
    }
    for (size_t at = 0; at < names.len; at += strlen((const char *)names.data + at) + 1)
        disconnect(door, (const char *)names.data + at);
    buf_free(&names);
    door->sort_out = false;
}

/* Tells of a file that cannot be read, once per reason. */
static void file_failed(struct door *door, bool *bad, struct err *last, const struct notice *notice)
{
    if (*bad && strcmp(last->text, notice->text) == 0)
        return;
    *bad = true;
    err_set(last, "%s", notice->text);
    notices_alarm(door->notices, NULL, notice);
}

static void refresh_registry(struct door *door)
{
    struct err err = ERR_INIT;
    bool changed = false;
    if (members_refresh(door->members, &changed, &err) < 0) {
        const char *what = members_ready(door->members)
                               ? "registry not readable, the last good state stays"
                               : "registry not readable, no meter is admitted";
        const struct notice notice = {.what = what, .cause = "registry", .text = err.text};
        file_failed(door, &door->registry_bad, &door->registry_err, &notice);
        return;
    }
    if (!changed && !door->registry_bad)
        return;
    const struct registry_head *head = members_head(door->members);
    log_info(door->log, "registry read meters=%zu block=%" PRIu64 " revision=%" PRIu64,
             members_count(door->members), head->block, head->revision);
    door->registry_bad = false;
    door->sort_out = true;
}

static void refresh_staff(struct door *door)
{
    struct err err = ERR_INIT;
    bool changed = false;
    if (!door->staff)
        return;
    if (staff_refresh(door->staff, &changed, &err) < 0) {
        const struct notice notice = {.what = "staff file not readable, the last good one stays",
                                      .cause = "staff",
                                      .text = err.text};
        file_failed(door, &door->staff_bad, &door->staff_err, &notice);
        return;
    }
    if (!changed && !door->staff_bad)
        return;
    log_info(door->log, "staff file read");
    door->staff_bad = false;
    door->sort_out = true;
}

static void refresh(struct door *door)
{
    refresh_registry(door);
    refresh_staff(door);
}

static void publish_summary(struct door *door)
{
    char topic[TOPIC_MAX];
    struct buf payload = BUF_INIT;
    const struct counters_gauges gauges = {
        .unix_s = clock_unix_s(door->clock),
        .started_unix_s = door->started_unix_s,
        .clients = clients_count(door->clients),
        .meters_connected = clients_count_role(door->clients, ROLE_METER),
        .meters_registered = members_count(door->members),
        .registry_ready = members_ready(door->members),
        .registry_good = !door->registry_bad,
        .registry = members_head(door->members),
    };
    counters_print(&payload, &door->counters, &gauges);
    topic_format(topic, (uint16_t)door->config.group, NULL, TOPIC_SERVER_BROKER);
    door->broker->publish(door->broker->cookie, NULL, topic, payload.data, payload.len, true);
    buf_free(&payload);
}

static bool due(uint64_t *due_ms, uint64_t now_ms, uint64_t every_ms)
{
    if (now_ms < *due_ms)
        return false;
    *due_ms = now_ms + every_ms;
    return true;
}

void door_tick(struct door *door)
{
    uint64_t now_ms = clock_mono_ms(door->clock);
    door->reloading = false;
    if (!due(&door->tick_due_ms, now_ms, TICK_MS))
        return;
    if (due(&door->refresh_due_ms, now_ms, REFRESH_MS))
        refresh(door);
    if (door->sort_out)
        sort_out(door);
    if (due(&door->summary_due_ms, now_ms, door->config.summary_s * UINT64_C(1000)))
        publish_summary(door);
    if (due(&door->sweep_due_ms, now_ms, SWEEP_MS))
        accounts_sweep(door->accounts, now_ms);
}
