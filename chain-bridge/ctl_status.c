#include "chain-bridge/ctl_status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ctl_feed.h"
#include "chain-bridge/ctl_registry.h"
#include "common/json.h"
#include "common/topic.h"

/* Retained messages come right after the subscription; a broker far away still has this long. */
#define FEED_MS 3000

struct config {
    struct ctl_shared shared;
    struct ctl_feed_config feed;
};

struct totals {
    uint64_t batches;
    uint64_t accepted;
    uint64_t rejected;
    struct ledger_event last;
    struct eth_hash last_transaction;
    uint64_t last_block;
};

struct state {
    struct chain_block head;
    struct ctl_registry registry;
    struct totals totals;
    char *broker; /* retained JSON, NULL: none */
    char *bridge;
};

static int on_batch(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                    struct err *err)
{
    struct totals *totals = cookie;
    (void)err;
    totals->batches++;
    totals->accepted += event->accepted;
    totals->rejected += event->rejected;
    totals->last = *event;
    totals->last_transaction = log->transaction;
    totals->last_block = log->block;
    return 0;
}

static int gather(struct state *state, struct ctl *ctl, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_BATCH_SUBMITTED};
    if (chain_block(ctl->chain, &state->head, CHAIN_LATEST, err) != CHAIN_OK)
        return -1;
    if (ctl_registry_load(&state->registry, ctl, err) != 0)
        return -1;
    return ctl_events(ctl, KINDS, 1, on_batch, &state->totals, err);
}

/* FEED */

static void take_state(struct state *state, struct ctl_feed_item *item)
{
    struct topic topic;
    if (item->kind != CTL_FEED_MESSAGE || topic_parse(&topic, item->topic) != 0)
        return;
    char **slot = topic.kind == TOPIC_SERVER_BROKER   ? &state->broker
                  : topic.kind == TOPIC_SERVER_BRIDGE ? &state->bridge
                                                      : NULL;
    json_t *value = slot != NULL ? json_parse(item->payload, item->len, NULL) : NULL;
    if (json_is_object(value)) {
        free(*slot);
        *slot = item->payload;
        item->payload = NULL;
    }
    json_decref(value);
}

static int listen_feed(struct state *state, const struct ctl *ctl,
                       const struct ctl_feed_config *config, struct err *err)
{
    struct ctl_feed *feed = ctl_feed_open(config, err);
    uint64_t end_ms = clock_mono_ms(ctl->clock) + FEED_MS;
    char why[160] = "no answer";
    if (feed == NULL)
        return -1;
    while ((state->broker == NULL || state->bridge == NULL) && clock_mono_ms(ctl->clock) < end_ms) {
        struct ctl_feed_item item;
        if (!ctl_feed_take(feed, &item, 100))
            continue;
        if (item.kind == CTL_FEED_DISCONNECTED)
            snprintf(why, sizeof(why), "%.159s", item.topic);
        take_state(state, &item);
        ctl_feed_item_clear(&item);
    }
    ctl_feed_close(feed);
    if (state->broker == NULL && state->bridge == NULL)
        return err_set(err, "%s tells no state: %s", config->servers, why);
    return 0;
}

/* PRINTING */

static size_t count_meters(const struct ctl_registry *registry, enum meter_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < registry->meter_count; i++)
        count += registry->meters[i].status == status;
    return count;
}

static int print_servers(struct ctl *ctl, const struct state *state, bool json, struct err *err)
{
    const char *comma = "";
    for (size_t i = 0; i < state->registry.account_count; i++) {
        const struct ctl_account *server = &state->registry.accounts[i];
        struct chain_balance balance;
        char address[ETH_ADDRESS_TEXT];
        if (!server->listed || server->role != CTL_SERVER)
            continue;
        if (chain_balance(ctl->chain, &balance, &server->address, err) != CHAIN_OK)
            return err_wrap(err, "a server's balance");
        eth_address_text(address, &server->address);
        if (json)
            fprintf(ctl->out, "%s{\"server\":\"%s\",\"group\":%u,\"balance_wei\":\"%s\"}", comma,
                    address, (unsigned)server->group, balance.wei);
        else
            fprintf(ctl->out, "server      %s  group %u  balance %" PRIu64 ".%06" PRIu64 " ETH\n",
                    address, (unsigned)server->group, balance.gwei / 1000000000,
                    balance.gwei % 1000000000 / 1000);
        comma = ",";
    }
    return 0;
}

static void print_last_batch(struct ctl *ctl, const struct totals *totals)
{
    char root[ETH_HASH_TEXT];
    char transaction[ETH_HASH_TEXT];
    if (totals->batches == 0)
        return;
    fprintf(ctl->out,
            "last batch  number %" PRIu64 " of group %u in block %" PRIu64 ": %" PRIu32
            " readings, %" PRIu32 " refused\n            root        %s\n            transaction "
            "%s\n",
            totals->last.number, (unsigned)totals->last.group, totals->last_block,
            totals->last.accepted, totals->last.rejected, eth_hash_text(root, &totals->last.root),
            eth_hash_text(transaction, &totals->last_transaction));
}

static int print_text(struct ctl *ctl, const struct state *state, struct err *err)
{
    const struct totals *totals = &state->totals;
    uint32_t now_s = clock_unix_s(ctl->clock);
    char contract[ETH_ADDRESS_TEXT];
    char time[CTL_TIME_TEXT];
    fprintf(ctl->out,
            "chain       %" PRIu64 " at %s, block %" PRIu64 " of %s (%lld s ago)\n"
            "contract    %s\n",
            ctl->chain_id, chain_endpoint(ctl->chain), state->head.number,
            ctl_time_text(time, (uint32_t)state->head.timestamp_s),
            (long long)now_s - (long long)state->head.timestamp_s,
            eth_address_text(contract, &ctl->contract));
    if (print_servers(ctl, state, false, err) != 0)
        return -1;
    fprintf(ctl->out,
            "meters      %zu active, %zu closed\n"
            "sealed      %" PRIu64 " batches, %" PRIu64 " readings; %" PRIu64 " readings refused\n",
            count_meters(&state->registry, METER_ACTIVE),
            count_meters(&state->registry, METER_CLOSED), totals->batches, totals->accepted,
            totals->rejected);
    print_last_batch(ctl, totals);
    if (state->broker != NULL)
        fprintf(ctl->out, "broker      %s\n", state->broker);
    if (state->bridge != NULL)
        fprintf(ctl->out, "bridge      %s\n", state->bridge);
    return 0;
}

static int print_json(struct ctl *ctl, const struct state *state, struct err *err)
{
    const struct totals *totals = &state->totals;
    char contract[ETH_ADDRESS_TEXT];
    char root[ETH_HASH_TEXT];
    char transaction[ETH_HASH_TEXT];
    fprintf(ctl->out,
            "{\"chain_id\":%" PRIu64 ",\"block\":%" PRIu64 ",\"block_time\":%" PRIu64
            ",\"contract\":\"%s\",\"servers\":[",
            ctl->chain_id, state->head.number, state->head.timestamp_s,
            eth_address_text(contract, &ctl->contract));
    if (print_servers(ctl, state, true, err) != 0)
        return -1;
    fprintf(ctl->out,
            "],\"meters_active\":%zu,\"meters_closed\":%zu,\"batches\":%" PRIu64
            ",\"readings\":%" PRIu64 ",\"refused\":%" PRIu64,
            count_meters(&state->registry, METER_ACTIVE),
            count_meters(&state->registry, METER_CLOSED), totals->batches, totals->accepted,
            totals->rejected);
    if (totals->batches > 0)
        fprintf(ctl->out,
                ",\"last_batch\":{\"number\":%" PRIu64 ",\"group\":%u,\"block\":%" PRIu64
                ",\"accepted\":%" PRIu32 ",\"refused\":%" PRIu32
                ",\"root\":\"%s\",\"transaction\":\"%s\"}",
                totals->last.number, (unsigned)totals->last.group, totals->last_block,
                totals->last.accepted, totals->last.rejected,
                eth_hash_text(root, &totals->last.root),
                eth_hash_text(transaction, &totals->last_transaction));
    fprintf(ctl->out, ",\"broker\":%s,\"bridge\":%s}\n",
            state->broker != NULL ? state->broker : "null",
            state->bridge != NULL ? state->bridge : "null");
    return 0;
}

static int run(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct state state = {.broker = NULL};
    int result = gather(&state, ctl, err);
    if (result == 0 && config->feed.servers != NULL)
        result = listen_feed(&state, ctl, &config->feed, err);
    if (result == 0)
        result = config->shared.json ? print_json(ctl, &state, err) : print_text(ctl, &state, err);
    ctl_registry_free(&state.registry);
    free(state.broker);
    free(state.bridge);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row ROWS[] = {CTL_CHAIN_ROWS(struct config),
                                         CTL_FEED_ROWS(struct config)};

const struct ctl_verb ctl_status = {
    .name = "status",
    .usage = "[--servers URL,... --ca FILE --cert FILE --key FILE]",
    .summary = "tell how chain, contract, servers and meters are doing",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run,
};
