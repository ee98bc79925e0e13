#include "chain-bridge/bridge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain-bridge/chain_loop.h"
#include "chain-bridge/chain_rpc.h"
#include "chain-bridge/intake.h"
#include "chain-bridge/key_lock.h"
#include "chain-bridge/outlet.h"
#include "chain-bridge/sd_notify.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/web.h"
#include "common/file.h"
#include "common/keystore.h"

struct bridge {
    const struct config *config;
    const struct clock *clock;
    struct log *log;
    struct signer *signer;
    int key_lock; /* -1: not held */
    struct recoverer *recoverer;
    struct eip712 domain;
    struct store *store;        /* the chain thread's */
    struct store *intake_store; /* the writer's */
    struct archive *archive;
    struct registry *registry;
    struct roster *roster;
    struct status *status;
    struct outlet *outlet;
    struct chain *chain;
    struct commands *commands;
    struct follower *follower;
    struct submitter *submitter;
    struct batcher *batcher;
    struct intake *intake;
    struct chain_loop *loop;
    struct web *web;
    bool ready_told;
};

static struct checks make_checks(const struct bridge *bridge, struct chain *chain)
{
    const struct config *config = bridge->config;
    return (struct checks){.chain = chain,
                           .chain_id = config->chain_id,
                           .contract = config->contract_address,
                           .account = *signer_address(bridge->signer),
                           .group = (uint16_t)config->group,
                           .pays = config->max_fee_gwei != 0};
}

/* Any endpoint may answer here: one of another chain shall be told, not passed over. */
static enum bridge_exit check_chain(const struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    struct chain_rpc_config rpc = {
        .urls = config->rpc, .ca_file = config->rpc_ca, .timeout_ms = config->rpc_timeout_ms};
    struct chain *chain = chain_rpc_new(&rpc, err);
    if (!chain)
        return BRIDGE_USAGE;
    struct checks checks = make_checks(bridge, chain);
    enum check_result result = checks_identity(&checks, err);
    chain_free(chain);
    if (result == CHECK_UNREACHED)
        log_unusual(bridge->log, "no node answers yet, reports are kept: %s", err->text);
    return result == CHECK_OK || result == CHECK_UNREACHED ? BRIDGE_OK : BRIDGE_REFUSED;
}

static enum bridge_exit open_files(struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    bridge->key_lock = key_lock_take(config->chain_id, signer_address(bridge->signer), err);
    if (bridge->key_lock < 0)
        return BRIDGE_REFUSED;
    struct store_identity identity = {.chain_id = config->chain_id,
                                      .contract = config->contract_address,
                                      .account = *signer_address(bridge->signer)};
    if (store_open(&bridge->store, config->store, &identity, err) < 0 ||
        store_open_again(&bridge->intake_store, bridge->store, err) < 0 ||
        archive_open(&bridge->archive, config->archive_path, bridge->store, err) < 0 ||
        registry_open_writer(&bridge->registry, config->registry, config->chain_id,
                             &config->contract_address, err) < 0)
        return BRIDGE_REFUSED;
    return BRIDGE_OK;
}

static int count_store(struct bridge *bridge, struct err *err)
{
    struct store_counts counts;
    uint64_t quarantined;
    if (store_report_counts(bridge->store, &counts, err) < 0 ||
        store_quarantine_count(bridge->store, &quarantined, err) < 0)
        return -1;
    const uint64_t *reports = counts.reports;
    status_set(bridge->status, STATUS_STORED,
               reports[REPORT_STORED] + reports[REPORT_CLAIMED] + reports[REPORT_SEALED]);
    status_set(bridge->status, STATUS_CLAIMED, reports[REPORT_CLAIMED]);
    status_set(bridge->status, STATUS_SEALED, reports[REPORT_SEALED]);
    status_set(bridge->status, STATUS_REJECTED, reports[REPORT_REJECTED]);
    status_set(bridge->status, STATUS_BACKLOG, reports[REPORT_STORED] + reports[REPORT_CLAIMED]);
    status_set(bridge->status, STATUS_READINGS_SEALED, counts.readings[REPORT_SEALED]);
    status_set(bridge->status, STATUS_QUARANTINED, quarantined);
    return 0;
}

static enum bridge_exit open_outlet(struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    struct outlet_config outlet = {.servers = config->servers,
                                   .client_id = config->client_id,
                                   .ca_file = config->ca,
                                   .cert_file = config->cert,
                                   .key_file = config->key,
                                   .group = (uint16_t)config->group,
                                   .watch = config->web_listen[0] != '\0',
                                   .clock = bridge->clock,
                                   .status = bridge->status,
                                   .log = bridge->log};
    bridge->outlet = outlet_new(&outlet, err);
    return bridge->outlet ? BRIDGE_OK : BRIDGE_USAGE;
}

static enum bridge_exit open_web(struct bridge *bridge, struct err *err)
{
    struct web_config web = {.config = bridge->config,
                             .store = bridge->store,
                             .roster = bridge->roster,
                             .status = bridge->status,
                             .domain = &bridge->domain,
                             .recoverer = bridge->recoverer,
                             .account = *signer_address(bridge->signer),
                             .clock = bridge->clock,
                             .log = bridge->log,
                             .next = outlet_notices(bridge->outlet)};
    bridge->web = web_new(&web, err);
    return bridge->web ? BRIDGE_OK : BRIDGE_USAGE;
}

static int open_follower(struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    struct follower_config follower = {.chain = bridge->chain,
                                       .store = bridge->store,
                                       .registry = bridge->registry,
                                       .roster = bridge->roster,
                                       .commands = bridge->commands,
                                       .notices = web_feed_notices(web_feed_of(bridge->web)),
                                       .status = bridge->status,
                                       .log = bridge->log,
                                       .contract = config->contract_address,
                                       .group = (uint16_t)config->group,
                                       .start_block = config->start_block};
    bridge->follower = follower_new(&follower, err);
    return bridge->follower ? 0 : -1;
}

static int open_commands(struct bridge *bridge, struct err *err)
{
    struct commands_config commands = {.store = bridge->store,
                                       .roster = bridge->roster,
                                       .notices = web_feed_notices(web_feed_of(bridge->web)),
                                       .status = bridge->status,
                                       .clock = bridge->clock,
                                       .log = bridge->log};
    bridge->commands = commands_new(&commands, err);
    return bridge->commands ? 0 : -1;
}

static void on_command(void *cookie)
{
    chain_loop_command(cookie);
}

static struct chain_tuning make_tuning(const struct config *config)
{
    return (struct chain_tuning){
        .submitter = {.fees = {.tip_wei = (uint64_t)config->tip_mwei * 1000000,
                               .cap_wei = (uint64_t)config->max_fee_gwei * 1000000000},
                      .limits = {.readings = config->batch_readings,
                                 .bytes = config->batch_bytes,
                                 .gas = config->gas_limit},
                      .window = config->window,
                      .confirmations = config->confirmations,
                      .rebroadcast_ms = config->rebroadcast_ms,
                      .raise_ms = config->raise_ms,
                      .check_ms = config->check_ms},
        .age_ms = config->batch_age_ms,
        .gap_wait_ms = (uint64_t)config->gap_wait_s * 1000,
        .poll_ms = config->poll_ms,
        .keep_sealed_ms = (uint64_t)config->keep_sealed_h * 3600 * 1000};
}

static int open_submitter(struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    struct submitter_config submitter = {
        .settler = {.chain = bridge->chain,
                    .store = bridge->store,
                    .clock = bridge->clock,
                    .notices = web_feed_notices(web_feed_of(bridge->web)),
                    .status = bridge->status,
                    .log = bridge->log,
                    .contract = config->contract_address,
                    .group = (uint16_t)config->group,
                    .start_block = config->start_block},
        .checks = make_checks(bridge, bridge->chain),
        .signer = bridge->signer,
        .adopt_nonces = config->adopt_nonces,
        .tuning = make_tuning(bridge->config).submitter};
    bridge->submitter = submitter_new(&submitter, err);
    return bridge->submitter ? 0 : -1;
}

static enum bridge_exit open_chain(struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    struct chain_rpc_config rpc = {.urls = config->rpc,
                                   .ca_file = config->rpc_ca,
                                   .chain_id = config->chain_id,
                                   .timeout_ms = config->rpc_timeout_ms,
                                   .subscribe = true};
    bridge->chain = chain_rpc_new(&rpc, err);
    if (!bridge->chain)
        return BRIDGE_USAGE;
    if (open_commands(bridge, err) < 0 || open_follower(bridge, err) < 0 ||
        open_submitter(bridge, err) < 0)
        return BRIDGE_FAILED;
    struct chain_tuning tuning = make_tuning(config);
    struct batcher_config batcher = {.store = bridge->store,
                                     .group = (uint16_t)config->group,
                                     .age_ms = tuning.age_ms,
                                     .gap_wait_ms = tuning.gap_wait_ms,
                                     .notices = web_feed_notices(web_feed_of(bridge->web)),
                                     .mined = submitter_mined,
                                     .cookie = bridge->submitter};
    bridge->batcher = batcher_new(&batcher);
    submitter_on_hold(bridge->submitter, batcher_hold, bridge->batcher);
    struct chain_loop_config loop = {.chain = bridge->chain,
                                     .follower = bridge->follower,
                                     .submitter = bridge->submitter,
                                     .commands = bridge->commands,
                                     .batcher = bridge->batcher,
                                     .archive = bridge->archive,
                                     .store = bridge->store,
                                     .clock = bridge->clock,
                                     .notices = web_feed_notices(web_feed_of(bridge->web)),
                                     .status = bridge->status,
                                     .log = bridge->log,
                                     .poll_ms = tuning.poll_ms,
                                     .keep_sealed_ms = tuning.keep_sealed_ms};
    bridge->loop = chain_loop_new(&loop);
    commands_on_due(bridge->commands, on_command, bridge->loop);
    return BRIDGE_OK;
}

static enum bridge_exit open_all(struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    bridge->signer = keystore_load(config->keystore, config->passphrase_file, err);
    if (!bridge->signer)
        return BRIDGE_USAGE;
    bridge->recoverer = recoverer_new();
    bridge->roster = roster_new((uint16_t)config->group);
    bridge->status = status_new();
    eip712_init(&bridge->domain, config->chain_id, &config->contract_address);
    enum bridge_exit result = check_chain(bridge, err);
    if (result == BRIDGE_OK)
        result = open_files(bridge, err);
    if (result == BRIDGE_OK && count_store(bridge, err) < 0)
        result = BRIDGE_FAILED;
    if (result == BRIDGE_OK)
        result = open_outlet(bridge, err);
    if (result == BRIDGE_OK)
        result = open_web(bridge, err);
    if (result == BRIDGE_OK)
        result = open_chain(bridge, err);
    return result;
}

enum bridge_exit bridge_new(struct bridge **ret_bridge, const struct config *config,
                            const struct clock *clock, struct log *log, struct err *err)
{
    struct bridge *bridge = xcalloc(1, sizeof(*bridge));
    bridge->key_lock = -1;
    bridge->config = config;
    bridge->clock = clock;
    bridge->log = log;
    enum bridge_exit result = open_all(bridge, err);
    if (result == BRIDGE_OK)
        *ret_bridge = bridge;
    else
        bridge_free(bridge);
    return result;
}

static void on_stored(void *cookie)
{
    chain_loop_stored(cookie);
}

static void on_message(void *cookie, const char *topic, const void *payload, size_t len)
{
    struct bridge *bridge = cookie;
    struct topic parsed;
    bool known = topic_parse(&parsed, topic) == 0;
    bool shown = known && (parsed.kind == TOPIC_STATE || parsed.kind == TOPIC_TELEMETRY ||
                           parsed.kind == TOPIC_EVENT || parsed.kind == TOPIC_SERVER_ALARM);
    if (!shown)
        intake_offer(bridge->intake, topic, payload, len);
    if (shown || (known && parsed.kind == TOPIC_BIRTH))
        web_feed_message(web_feed_of(bridge->web), &parsed, payload, len);
}

static void on_report(void *cookie, const char *serial, const struct report *report,
                      uint64_t received_ms)
{
    web_feed_report(cookie, serial, report, received_ms);
}

static int start_intake(struct bridge *bridge, struct err *err)
{
    const struct config *config = bridge->config;
    struct intake_config intake = {.store = bridge->intake_store,
                                   .disk_path = config->store,
                                   .verifier = {.roster = bridge->roster,
                                                .domain = &bridge->domain,
                                                .recoverer = bridge->recoverer,
                                                .clock = bridge->clock,
                                                .future_tolerance_s = config->future_tolerance_s},
                                   .notices = web_feed_notices(web_feed_of(bridge->web)),
                                   .on_stored = on_stored,
                                   .cookie = bridge->loop,
                                   .on_report = on_report,
                                   .report_cookie = web_feed_of(bridge->web),
                                   .commands = bridge->commands,
                                   .status = bridge->status,
                                   .log = bridge->log,
                                   .workers = config->workers,
                                   .queue_reports = config->queue_reports,
                                   .group_max = config->commit_reports,
                                   .min_free_mib = config->min_free_mib,
                                   .quarantine_max = config->quarantine_rows};
    bridge->intake = intake_new(&intake, err);
    return bridge->intake ? 0 : -1;
}

enum bridge_exit bridge_start(struct bridge *bridge, struct err *err)
{
    char account[ETH_ADDRESS_TEXT], contract[ETH_ADDRESS_TEXT];
    log_info(bridge->log,
             "amr-bridge starts group=%u chain=%llu contract=%s account=%s backlog=%llu",
             (unsigned)bridge->config->group, (unsigned long long)bridge->config->chain_id,
             eth_address_text(contract, &bridge->config->contract_address),
             eth_address_text(account, signer_address(bridge->signer)),
             (unsigned long long)status_get(bridge->status, STATUS_BACKLOG));
    if (start_intake(bridge, err) < 0 || chain_loop_start(bridge->loop, err) < 0 ||
        web_start(bridge->web, bridge->commands, err) < 0 ||
        outlet_start(bridge->outlet, on_message, bridge, err) < 0)
        return BRIDGE_FAILED;
    return BRIDGE_OK;
}

static void tell_ready(struct bridge *bridge)
{
    struct err err = ERR_INIT;
    const char *path = bridge->config->ready_file;
    if (bridge->ready_told || !chain_loop_synced(bridge->loop) ||
        status_get(bridge->status, STATUS_BROKERS) == 0)
        return;
    bridge->ready_told = true;
    sd_notify_state("STATUS=broker and chain were reached");
    log_info(bridge->log, "ready meters=%llu",
             (unsigned long long)status_get(bridge->status, STATUS_METERS));
    if (!path)
        return;
    unlink(path);
    if (file_create(path, 0644, "ready\n", 6, &err) < 0)
        log_unusual(bridge->log, "ready file: %s", err.text);
}

void bridge_tick(struct bridge *bridge)
{
    struct err err = ERR_INIT;
    if (intake_release(bridge->intake, &err) < 0)
        log_unusual(bridge->log, "quarantine: %s", err.text);
    outlet_tick(bridge->outlet);
    web_tick(bridge->web);
    tell_ready(bridge);
}

void bridge_retune(struct bridge *bridge)
{
    const struct config *config = bridge->config;
    struct chain_tuning tuning = make_tuning(config);
    chain_loop_tune(bridge->loop, &tuning);
    intake_tune(bridge->intake, config->min_free_mib, config->quarantine_rows);
    log_set_min(bridge->log, config->log_min);
}

void bridge_free(struct bridge *bridge)
{
    if (!bridge)
        return;
    chain_loop_stop(bridge->loop);
    if (bridge->outlet)
        outlet_stop(bridge->outlet);
    intake_free(bridge->intake);
    chain_loop_free(bridge->loop);
    web_free(bridge->web); /* nobody feeds it any more; it may still use commands */
    batcher_free(bridge->batcher);
    submitter_free(bridge->submitter);
    follower_free(bridge->follower);
    commands_free(bridge->commands);
    chain_free(bridge->chain);
    outlet_free(bridge->outlet);
    archive_close(bridge->archive);
    registry_close(bridge->registry);
    store_close(bridge->intake_store);
    store_close(bridge->store);
    status_free(bridge->status);
    roster_free(bridge->roster);
    recoverer_free(bridge->recoverer);
    signer_free(bridge->signer);
    if (bridge->key_lock >= 0)
        close(bridge->key_lock);
    free(bridge);
}
