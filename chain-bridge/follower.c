#include "chain-bridge/follower.h"

#include <inttypes.h>
#include <stdlib.h>

#include "chain-bridge/fault.h"
#include "chain-bridge/ledger.h"
#include "chain-bridge/rotation.h"
#include "common/buf.h"
#include "common/reading.h"

enum { CURSOR_BLOCKS = 1000, CHUNK_BLOCKS = 50000 };

struct follower {
    struct follower_config config;
    struct store_cursor cursor; /* applied up to here */
    bool cursor_known;          /* its hash, too */
    uint64_t next;              /* first block not applied */
    uint64_t saved;             /* block of the last save */
    uint64_t page;              /* blocks a query, learnt */
    bool anew;                  /* the store is new: all is to be read */
    bool writing;               /* a registry transaction is open */
    bool rebuilding;
    uint64_t changes;
};

static void put_roster(void *cookie, const struct registry_meter *meter)
{
    roster_put(cookie, meter);
}

static int load(struct follower *follower, struct err *err)
{
    struct registry_head head;
    bool found;
    if (registry_head(follower->config.registry, &head, err) < 0 ||
        registry_each(follower->config.registry, 0, put_roster, follower->config.roster, err) < 0 ||
        store_cursor_get(follower->config.store, &follower->cursor, &found, err) < 0)
        return -1;
    follower->next = follower->config.start_block;
    if (head.block >= follower->next)
        follower->next = head.block + 1;
    follower->saved = head.block;
    follower->cursor_known = found && head.block && follower->cursor.block == head.block;
    follower->anew = !found && head.block != 0;
    return 0;
}

struct follower *follower_new(const struct follower_config *config, struct err *err)
{
    struct follower *follower = xcalloc(1, sizeof(*follower));
    follower->config = *config;
    follower->page = 5000;
    if (load(follower, err) < 0) {
        follower_free(follower);
        return NULL;
    }
    status_set(config->status, STATUS_METERS, roster_count(config->roster));
    return follower;
}

void follower_free(struct follower *follower)
{
    if (!follower)
        return;
    if (follower->writing)
        registry_abort(follower->config.registry);
    free(follower);
}

static int begin(struct follower *follower, struct err *err)
{
    if (follower->writing)
        return 0;
    if (registry_begin(follower->config.registry, err) < 0)
        return -1;
    follower->writing = true;
    return 0;
}

static void abort_writing(struct follower *follower)
{
    if (follower->writing)
        registry_abort(follower->config.registry);
    follower->writing = false;
    follower->rebuilding = false;
}

/* The roster learns before the file is committed: who the plugin admits is known here. */
static int put(struct follower *follower, const struct registry_meter *meter, struct err *err)
{
    if (begin(follower, err) < 0 || registry_put(follower->config.registry, meter, err) < 0)
        return -1;
    if (!follower->rebuilding)
        roster_put(follower->config.roster, meter);
    follower->changes++;
    return 0;
}

static int apply_registered(struct follower *follower, const struct ledger_event *event,
                            struct err *err)
{
    for (size_t i = 0; i < ledger_signer_count(event); i++) {
        struct registry_meter meter = {.meter = event->meter + (uint32_t)i,
                                       .status = METER_ACTIVE,
                                       .signer = ledger_signer(event, i)};
        if (put(follower, &meter, err) < 0)
            return -1;
    }
    return 0;
}

static int apply_change(struct follower *follower, const struct ledger_event *event,
                        struct err *err)
{
    struct registry_meter meter;
    if (begin(follower, err) < 0 ||
        registry_find(follower->config.registry, &meter, event->meter, err) < 0)
        return -1;
    meter.meter = event->meter;
    if (event->kind == LEDGER_SIGNER_ROTATED && !follower->rebuilding) {
        const struct follower_config *config = &follower->config;
        struct rotation rotation = {config->store, config->notices, config->status, config->log};
        if (rotation_apply(&rotation, event->meter, err) < 0)
            return -1;
    }
    if (event->kind == LEDGER_SIGNER_ROTATED)
        meter.signer = event->account;
    else
        meter.status = event->kind == LEDGER_METER_CLOSED ? METER_CLOSED : METER_ACTIVE;
    return put(follower, &meter, err);
}

static int on_log(void *cookie, const struct chain_log *log, struct err *err)
{
    struct follower *follower = cookie;
    struct ledger_event event;
    if (log->removed)
        return 0;
    if (ledger_event_decode(&event, log, err) < 0)
        return -1;
    if (meter_group(event.meter) != follower->config.group)
        return 0;
    if (event.kind == LEDGER_COMMAND_ISSUED || event.kind == LEDGER_COMMAND_RESULT) {
        if (follower->config.commands)
            commands_note(follower->config.commands, &event, log->block);
        return 0;
    }
    if (event.kind == LEDGER_METERS_REGISTERED)
        return apply_registered(follower, &event, err);
    return apply_change(follower, &event, err);
}

static int read_logs(struct follower *follower, uint64_t to, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_METERS_REGISTERED, LEDGER_SIGNER_ROTATED,
                                                   LEDGER_METER_CLOSED,      LEDGER_METER_REOPENED,
                                                   LEDGER_COMMAND_ISSUED,    LEDGER_COMMAND_RESULT};
    struct eth_hash topics[AMR_COUNT(KINDS)];
    for (size_t i = 0; i < AMR_COUNT(KINDS); i++)
        ledger_topic(&topics[i], KINDS[i]);
    struct chain_log_query query = {.address = follower->config.contract,
                                    .topic0 = topics,
                                    .topic0_count = AMR_COUNT(KINDS),
                                    .from = follower->next,
                                    .to = to};
    enum chain_result result =
        chain_logs_paged(follower->config.chain, &query, &follower->page, on_log, follower, err);
    if (result == CHAIN_NONE)
        return err_set(err, "the node has no logs up to block %" PRIu64, to);
    return result == CHAIN_OK ? 0 : -1;
}

static int save(struct follower *follower, struct err *err)
{
    if (begin(follower, err) < 0)
        return -1;
    fault_point("registry-commit");
    int result = registry_end(follower->config.registry, follower->cursor.block, err);
    fault_point("registry-written");
    follower->writing = false;
    if (result < 0)
        return -1;
    follower->saved = follower->cursor.block;
    if (follower->rebuilding)
        result =
            registry_each(follower->config.registry, 0, put_roster, follower->config.roster, err);
    follower->rebuilding = false;
    if (follower->changes)
        log_info(follower->config.log,
                 "registry changed meters=%" PRIu64 " block=%" PRIu64 " active=%u",
                 follower->changes, follower->cursor.block,
                 (unsigned)roster_count(follower->config.roster));
    follower->changes = 0;
    if (result < 0)
        return -1;
    return store_cursor_put(follower->config.store, &follower->cursor, err);
}

static int block_hash(struct follower *follower, uint64_t number, const struct chain_block *head,
                      struct eth_hash *ret_hash, struct err *err)
{
    struct chain_block block;
    if (number == head->number) {
        *ret_hash = head->hash;
        return 0;
    }
    enum chain_result result = chain_block(follower->config.chain, &block, number, err);
    if (result == CHAIN_NONE)
        return err_set(err, "the node has no block %" PRIu64, number);
    if (result != CHAIN_OK)
        return -1;
    *ret_hash = block.hash;
    return 0;
}

static int advance(struct follower *follower, const struct chain_block *head, struct err *err)
{
    uint64_t to = head->number;
    struct eth_hash hash;
    if (!follower->rebuilding && to - follower->next >= CHUNK_BLOCKS)
        to = follower->next + CHUNK_BLOCKS - 1;
    if (block_hash(follower, to, head, &hash, err) < 0 || read_logs(follower, to, err) < 0)
        return -1;
    if (follower->config.commands && commands_flush(follower->config.commands, err) < 0)
        return -1;
    follower->cursor = (struct store_cursor){to, hash};
    follower->cursor_known = true;
    follower->next = to + 1;
    if (follower->writing || to >= follower->saved + CURSOR_BLOCKS)
        return save(follower, err);
    return 0;
}

struct forgetting {
    struct follower *follower;
    struct registry_meter *meters;
    size_t count;
};

static void collect(void *cookie, const struct registry_meter *meter)
{
    struct forgetting *forgetting = cookie;
    forgetting->meters =
        xrealloc(forgetting->meters, (forgetting->count + 1) * sizeof(*forgetting->meters));
    forgetting->meters[forgetting->count++] = *meter;
}

static int start_rebuild(struct follower *follower, struct err *err)
{
    struct forgetting forgetting = {follower, NULL, 0};
    follower->rebuilding = true;
    int result = begin(follower, err);
    if (result == 0)
        result = registry_each(follower->config.registry, 0, collect, &forgetting, err);
    for (size_t i = 0; result == 0 && i < forgetting.count; i++) {
        forgetting.meters[i].status = METER_UNKNOWN;
        result = registry_put(follower->config.registry, &forgetting.meters[i], err);
    }
    free(forgetting.meters);
    if (result == 0)
        follower->next = follower->config.start_block;
    return result;
}

static int leave_branch(struct follower *follower, struct err *err)
{
    struct alarm alarm = {.cause = "reorg", .text = "the registry is read from the chain anew"};
    log_unusual(follower->config.log, "block %" PRIu64 " left the chain: %s",
                follower->cursor.block, alarm.text);
    follower->config.notices.alarm(follower->config.notices.cookie, &alarm);
    return start_rebuild(follower, err);
}

/* 1: the cursor's block is still the chain's, or there is nothing to compare. */
static int cursor_stands(struct follower *follower, const struct chain_block *head, struct err *err)
{
    struct chain_block block;
    if (!follower->cursor_known || head->number < follower->cursor.block)
        return 1; /* a node that lags, or a branch that will grow past the cursor */
    if (head->number == follower->cursor.block)
        return eth_hash_equal(&head->hash, &follower->cursor.hash);
    if (head->number == follower->cursor.block + 1)
        return eth_hash_equal(&head->parent, &follower->cursor.hash);
    enum chain_result result =
        chain_block(follower->config.chain, &block, follower->cursor.block, err);
    if (result == CHAIN_NONE)
        return 0;
    return result == CHAIN_OK ? eth_hash_equal(&block.hash, &follower->cursor.hash) : -1;
}

int follower_poll(struct follower *follower, const struct chain_block *head, struct err *err)
{
    int stands = follower->anew ? start_rebuild(follower, err) : cursor_stands(follower, head, err);
    if (stands == 0 && !follower->anew)
        stands = leave_branch(follower, err);
    while (stands >= 0 && follower->next <= head->number)
        stands = advance(follower, head, err);
    if (stands < 0) {
        abort_writing(follower);
        return -1;
    }
    follower->anew = false;
    status_set(follower->config.status, STATUS_METERS, roster_count(follower->config.roster));
    status_set(follower->config.status, STATUS_REGISTRY_BLOCK, follower->cursor.block);
    return 0;
}
