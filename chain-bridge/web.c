#include "chain-bridge/web.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/web_server.h"
#include "common/hex.h"
#include "common/keystore.h"

enum { LATE_MIN_S = 10, SILENT_INTERVALS = 4, ADDRESS_MAX = 64 };

struct web {
    struct web_config config;
    struct store *store; /* the flushing thread's */
    struct web_live *live;
    struct web_feed *feed;
    struct web_sessions *sessions;
    struct signer *operator_key;
    struct web_shared shared;
    struct web_server *server;
    char address[ADDRESS_MAX];
    uint16_t port;
    bool listens;
    bool failing; /* the last flush failed */
};

/* ADDRESS:PORT, [ADDRESS]:PORT; numeric, since a name may come to mean something else. */
static int parse_listen(struct web *web, const char *text, struct err *err)
{
    struct in6_addr room;
    uint64_t port;
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!colon || parse_u64(&port, colon + 1, 1, 65535, NULL) < 0 || len >= ADDRESS_MAX)
        return err_set(err, "web-listen: not ADDRESS:PORT");
    bool six = text[0] == '[' && len > 2 && text[len - 1] == ']';
    snprintf(web->address, sizeof(web->address), "%.*s", (int)(six ? len - 2 : len),
             six ? text + 1 : text);
    if (inet_pton(six ? AF_INET6 : AF_INET, web->address, &room) != 1)
        return err_set(err, "web-listen: '%s' is no numeric address", web->address);
    web->port = (uint16_t)port;
    web->listens = true;
    web->shared.loopback =
        strncmp(web->address, "127.", 4) == 0 || strcmp(web->address, "::1") == 0;
    return 0;
}

static int check_options(struct web *web, struct err *err)
{
    const struct config *config = web->config.config;
    if (config->web_listen && config->web_listen[0] &&
        parse_listen(web, config->web_listen, err) < 0)
        return -1;
    if (!config->web_cert != !config->web_key)
        return err_set(err, "web-cert and web-key go together");
    if (web->listens && !web->shared.loopback && !config->web_cert)
        return err_set(err, "web-listen: anything but loopback needs web-cert and web-key");
    if (!config->operator_keystore)
        return 0;
    web->operator_key =
        keystore_load(config->operator_keystore, config->operator_passphrase_file, err);
    return web->operator_key ? 0 : err_wrap(err, "operator-keystore");
}

static int fill_shared(struct web *web, struct err *err)
{
    const struct web_config *config = &web->config;
    struct web_shared *shared = &web->shared;
    uint8_t boot[8];
    char text[HEX0X_SIZE(sizeof(boot))];
    if (RAND_bytes(boot, sizeof(boot)) != 1)
        return err_set(err, "no random bytes");
    snprintf(shared->boot, sizeof(shared->boot), "%s", hex0x_encode(text, boot, sizeof(boot)) + 2);
    shared->clock = config->clock;
    shared->live = web->live;
    shared->sessions = web->sessions;
    shared->status = config->status;
    shared->roster = config->roster;
    shared->operator_key = web->operator_key;
    shared->domain = config->domain;
    shared->recoverer = config->recoverer;
    shared->account = config->account;
    shared->trusted = config->config->web_origins;
    shared->host = config->config->web_host;
    shared->verify_origins = config->config->web_verify_origins;
    shared->group = (uint16_t)config->config->group;
    shared->target_percent = config->config->web_target_percent;
    shared->started_s = clock_unix_s(config->clock);
    shared->sealed_at_start = status_get(config->status, STATUS_SEALED);
    return 0;
}

static void make_live(struct web *web)
{
    const struct config *config = web->config.config;
    uint32_t interval_s = config->web_interval_s;
    uint32_t late_s = config->web_late_s        ? config->web_late_s
                      : interval_s > LATE_MIN_S ? interval_s
                                                : LATE_MIN_S;
    struct web_live_config live = {.clock = web->config.clock,
                                   .roster = web->config.roster,
                                   .interval_s = interval_s,
                                   .late_s = late_s,
                                   .silent_s = config->web_silent_s
                                                   ? config->web_silent_s
                                                   : SILENT_INTERVALS * interval_s + late_s};
    web->live = web_live_new(&live);
}

struct web *web_new(const struct web_config *config, struct err *err)
{
    struct web *web = xcalloc(1, sizeof(*web));
    web->config = *config;
    if (check_options(web, err) < 0 || store_open_again(&web->store, config->store, err) < 0) {
        web_free(web);
        return NULL;
    }
    if (web->listens) {
        make_live(web);
        web->sessions = web_sessions_new(config->clock);
    }
    struct web_feed_config feed = {.store = web->store,
                                   .live = web->live,
                                   .roster = config->roster,
                                   .domain = config->domain,
                                   .recoverer = config->recoverer,
                                   .clock = config->clock,
                                   .next = config->next};
    web->feed = web_feed_new(&feed);
    if (fill_shared(web, err) < 0) {
        web_free(web);
        return NULL;
    }
    return web;
}

int web_start(struct web *web, struct commands *commands, struct err *err)
{
    const struct config *config = web->config.config;
    if (!web->listens)
        return 0;
    web->shared.commands = commands;
    struct web_server_config server = {.address = web->address,
                                       .port = web->port,
                                       .tls_cert = config->web_cert,
                                       .tls_key = config->web_key,
                                       .staff_file = config->web_staff,
                                       .shared = &web->shared,
                                       .feed = web->feed,
                                       .store = web->store,
                                       .log = web->config.log};
    web->server = web_server_start(&server, err);
    if (!web->server)
        return -1;
    log_info(web->config.log, "dashboard url=%s://%s/", config->web_cert ? "https" : "http",
             config->web_listen);
    return 0;
}

void web_tick(struct web *web)
{
    struct err err = ERR_INIT;
    bool failed = web_feed_flush(web->feed, &err) < 0;
    if (failed && !web->failing)
        log_unusual(web->config.log, "alarms and events wait, they cannot be kept now: %s",
                    err.text);
    web->failing = failed;
}

void web_free(struct web *web)
{
    if (!web)
        return;
    web_server_stop(web->server);
    if (web->feed)
        web_tick(web);
    web_feed_free(web->feed);
    web_live_free(web->live);
    web_sessions_free(web->sessions);
    signer_free(web->operator_key);
    store_close(web->store);
    free(web);
}

struct web_feed *web_feed_of(struct web *web)
{
    return web->feed;
}
