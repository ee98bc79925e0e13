#include "chain-bridge/ctl_status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/alarm_log.h"
#include "chain-bridge/ctl_feed.h"
#include "chain-bridge/ctl_pace.h"
#include "chain-bridge/ctl_registry.h"
#include "chain-bridge/ctl_store.h"
#include "chain-bridge/store_quarantine.h"
#include "common/json.h"
#include "common/topic.h"

/* Retained messages come right after the subscription; a broker far away still has this long. */
#define FEED_MS    3000
#define GWEI_ETHER UINT64_C(1000000000)

struct config {
    struct ctl_shared shared;
    struct ctl_feed_config feed;
    const char *store;
};

struct totals {
    struct ctl_pace *pace;
    uint64_t batches;
    uint64_t accepted;
    uint64_t rejected;
    struct ledger_event last;
    struct eth_hash last_transaction;
    uint64_t last_block;
};

/* A listed server; the balance of its account and how long that lasts. */
struct server {
    struct ctl_account account;
    struct chain_balance balance;
    struct ctl_pace_figures pace;
};

struct state {
    struct chain_block head;
    struct ctl_registry registry;
    struct totals totals;
    struct server *servers;
    size_t server_count;
    uint64_t millireadings; /* sealed a second by the group that is listened to, times 1000 */
    char *broker;           /* retained JSON, NULL: none */
    char *bridge;
    bool has_store;
    uint64_t alarms; /* open */
    uint64_t quarantined;
};

static int on_batch(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                    struct err *err)
{
    struct totals *totals = cookie;
    (void)err;
    ctl_pace_batch(totals->pace, event, log);
    totals->batches++;
    totals->accepted += event->accepted;
    totals->rejected += event->rejected;
    totals->last = *event;
    totals->last_transaction = log->transaction;
    totals->last_block = log->block;
    return 0;
}

static int gather_servers(struct state *state, struct ctl *ctl, uint32_t group, struct err *err)
{
    state->servers = xcalloc(state->registry.account_count + 1, sizeof(*state->servers));
    for (size_t i = 0; i < state->registry.account_count; i++) {
        const struct ctl_account *account = &state->registry.accounts[i];
        struct server *server = &state->servers[state->server_count];
        if (!account->listed || account->role != CTL_SERVER)
            continue;
        server->account = *account;
        state->server_count++;
        if (chain_balance(ctl->chain, &server->balance, &account->address, err) != CHAIN_OK)
            return err_wrap(err, "a server's balance");
        if (ctl_pace_measure(state->totals.pace, &server->pace, ctl, &account->address,
                             state->head.timestamp_s, err) != 0)
            return -1;
        if (account->group == group)
            state->millireadings += server->pace.millireadings;
    }
    return 0;
}

static int gather(struct state *state, struct ctl *ctl, uint32_t group, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_BATCH_SUBMITTED};
    if (chain_block(ctl->chain, &state->head, CHAIN_LATEST, err) != CHAIN_OK)
        return -1;
    if (ctl_registry_load(&state->registry, ctl, err) != 0)
        return -1;
    state->totals.pace = ctl_pace_new();
    if (ctl_events(ctl, KINDS, 1, on_batch, &state->totals, err) != 0)
        return -1;
    return gather_servers(state, ctl, group, err);
}

static int gather_store(struct state *state, const char *path, struct err *err)
{
    struct store *store = NULL;
    struct alarm_counts alarms = {.open = 0};
    if (ctl_store_open(&store, path, err) != 0)
        return -1;
    int result = alarm_log_counts(store_db(store), &alarms, err);
    if (result == 0)
        result = store_quarantine_count(store, &state->quarantined, err);
    store_close(store);
    state->alarms = alarms.open;
    state->has_store = result == 0;
    return result;
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

/* Whole days that the balance lasts at this pace; UINT64_MAX: for ever, as far as can be seen. */
static uint64_t days_left(const struct server *server)
{
    return server->pace.known && server->pace.gwei_per_day > 0
               ? server->balance.gwei / server->pace.gwei_per_day
               : UINT64_MAX;
}

static void print_ether(FILE *out, uint64_t gwei)
{
    fprintf(out, "%" PRIu64 ".%06" PRIu64 " ETH", gwei / GWEI_ETHER, gwei % GWEI_ETHER / 1000);
}

static void print_servers(const struct ctl *ctl, const struct state *state)
{
    for (size_t i = 0; i < state->server_count; i++) {
        const struct server *server = &state->servers[i];
        char address[ETH_ADDRESS_TEXT];
        fprintf(ctl->out, "server      %s  group %u  ",
                eth_address_text(address, &server->account.address),
                (unsigned)server->account.group);
        print_ether(ctl->out, server->balance.gwei);
        if (days_left(server) != UINT64_MAX) {
            fprintf(ctl->out, ", %" PRIu64 " days left (", days_left(server));
            print_ether(ctl->out, server->pace.gwei_per_day);
            fprintf(ctl->out, " a day)");
        }
        fputc('\n', ctl->out);
    }
}

static void print_servers_json(const struct ctl *ctl, const struct state *state)
{
    for (size_t i = 0; i < state->server_count; i++) {
        const struct server *server = &state->servers[i];
        char address[ETH_ADDRESS_TEXT];
        char days[24] = "null";
        if (days_left(server) != UINT64_MAX)
            snprintf(days, sizeof(days), "%" PRIu64, days_left(server));
        fprintf(ctl->out,
                "%s{\"server\":\"%s\",\"group\":%u,\"balance_wei\":\"%s\",\"gwei_per_day\":%" PRIu64
                ",\"days_left\":%s}",
                i > 0 ? "," : "", eth_address_text(address, &server->account.address),
                (unsigned)server->account.group, server->balance.wei, server->pace.gwei_per_day,
                days);
    }
}

static void print_last_batch(const struct ctl *ctl, const struct totals *totals)
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

static uint64_t number(json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

/* Seconds until the backlog is sealed at the pace of the last batches; 0: not known, or none. */
static uint64_t drain_s(const struct state *state, json_t *bridge)
{
    uint64_t sealed = number(bridge, "sealed");
    uint64_t backlog = number(bridge, "backlog");
    if (state->millireadings == 0 || backlog == 0)
        return 0;
    uint64_t readings = sealed > 0 ? backlog * number(bridge, "readings_sealed") / sealed : backlog;
    return readings * 1000 / state->millireadings + 1;
}

static void print_broker(const struct ctl *ctl, const struct state *state)
{
    json_t *broker =
        state->broker != NULL ? json_parse(state->broker, strlen(state->broker), NULL) : NULL;
    uint64_t refused = 0;
    const char *cause;
    json_t *count;
    if (broker == NULL)
        return;
    json_object_foreach(json_object_get(broker, "rejected"), cause, count) refused +=
        (uint64_t)json_integer_value(count);
    fprintf(ctl->out,
            "broker      %" PRIu64 " of %" PRIu64 " meters connected; %" PRIu64
            " messages admitted, %" PRIu64 " refused\n",
            number(broker, "meters_connected"), number(broker, "meters_registered"),
            number(broker, "admitted"), refused);
    json_decref(broker);
}

static void print_bridge(const struct ctl *ctl, const struct state *state)
{
    json_t *bridge =
        state->bridge != NULL ? json_parse(state->bridge, strlen(state->bridge), NULL) : NULL;
    if (bridge == NULL)
        return;
    const char *word = json_string_value(json_object_get(bridge, "state"));
    const char *paused = json_string_value(json_object_get(bridge, "paused"));
    uint64_t drain = drain_s(state, bridge);
    fprintf(ctl->out,
            "bridge      %s: %" PRIu64 " reports stored, %" PRIu64 " sealed, %" PRIu64
            " in backlog",
            word != NULL ? word : "?", number(bridge, "stored"), number(bridge, "sealed"),
            number(bridge, "backlog"));
    if (number(bridge, "backlog") > 0)
        fprintf(ctl->out, " (oldest %" PRIu64 " s)", number(bridge, "oldest_s"));
    if (drain > 0)
        fprintf(ctl->out, ", sealed in about %" PRIu64 " s", drain);
    if (paused != NULL && *paused != '\0')
        fprintf(ctl->out, "; PAUSED: %s", paused);
    fputc('\n', ctl->out);
    json_decref(bridge);
}

static void print_text(const struct ctl *ctl, const struct state *state)
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
    print_servers(ctl, state);
    fprintf(ctl->out,
            "meters      %zu active, %zu closed\n"
            "sealed      %" PRIu64 " batches, %" PRIu64 " readings; %" PRIu64 " readings refused\n",
            count_meters(&state->registry, METER_ACTIVE),
            count_meters(&state->registry, METER_CLOSED), totals->batches, totals->accepted,
            totals->rejected);
    print_last_batch(ctl, totals);
    print_broker(ctl, state);
    print_bridge(ctl, state);
    if (state->has_store)
        fprintf(ctl->out,
                "store       %" PRIu64 " alarms open (amrctl alarms), %" PRIu64
                " messages in quarantine\n",
                state->alarms, state->quarantined);
}

static void print_json_tail(const struct ctl *ctl, const struct state *state)
{
    json_t *bridge =
        state->bridge != NULL ? json_parse(state->bridge, strlen(state->bridge), NULL) : NULL;
    if (bridge != NULL)
        fprintf(ctl->out, ",\"drain_s\":%" PRIu64, drain_s(state, bridge));
    if (state->has_store)
        fprintf(ctl->out, ",\"alarms_open\":%" PRIu64 ",\"quarantined\":%" PRIu64, state->alarms,
                state->quarantined);
    fprintf(ctl->out, ",\"broker\":%s,\"bridge\":%s}\n",
            state->broker != NULL ? state->broker : "null",
            state->bridge != NULL ? state->bridge : "null");
    json_decref(bridge);
}

static void print_json(const struct ctl *ctl, const struct state *state)
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
    print_servers_json(ctl, state);
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
    print_json_tail(ctl, state);
}

static int run(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct state state = {.broker = NULL};
    int result = gather(&state, ctl, config->feed.group, err);
    if (result == 0 && config->feed.servers != NULL)
        result = listen_feed(&state, ctl, &config->feed, err);
    if (result == 0 && config->store != NULL)
        result = gather_store(&state, config->store, err);
    if (result == 0)
        (config->shared.json ? print_json : print_text)(ctl, &state);
    ctl_registry_free(&state.registry);
    ctl_pace_free(state.totals.pace);
    free(state.servers);
    free(state.broker);
    free(state.bridge);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, store, "store", NULL,
                  "a bridge's store on this machine: tells its alarms and quarantine, too"),
    CTL_CHAIN_ROWS(struct config), CTL_FEED_ROWS(struct config)};

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
