#include "chain-bridge/ctl_server.h"

#include <inttypes.h>

#include "chain-bridge/ctl_registry.h"
#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_tx.h"

struct config {
    struct ctl_shared shared;
    uint32_t group;
    uint32_t timeout_s;
};

#define TIMEOUT_ROW                                                                                \
    OPTION_U32(struct config, timeout_s, "timeout-s", "120", 1, 86400, "wait so long for a block")

static int take_address(struct eth_address *ret_address, const struct ctl *ctl, struct err *err)
{
    if (ctl->argc != 1)
        return err_set(err, "which server? give one address, 0x...");
    return eth_address_parse(ret_address, ctl->argv[0], err);
}

static int send(struct ctl *ctl, const struct config *config, const struct buf *data,
                struct ctl_tx_result *ret_result, struct err *err)
{
    struct ctl_tx tx = {ctl->chain, ctl->clock, ctl->signer, ctl->chain_id,
                        config->timeout_s * 1000};
    return ctl_tx_run(&tx, ret_result, &ctl->contract, data->data, data->len, err) == 0
               ? CTL_DONE
               : CTL_FAILED;
}

static void print_change(const struct ctl *ctl, const struct config *config, const char *what,
                         const struct eth_address *server, const struct ctl_tx_result *result)
{
    char address[ETH_ADDRESS_TEXT];
    char hash[ETH_HASH_TEXT];
    eth_address_text(address, server);
    eth_hash_text(hash, &result->hash);
    fprintf(ctl->out,
            config->shared.json ? "{\"change\":\"%s\",\"server\":\"%s\",\"block\":%" PRIu64
                                  ",\"transaction\":\"%s\"}\n"
                                : "%s server %s in block %" PRIu64 ", transaction %s\n",
            what, address, result->receipt.block, hash);
}

static int run_add(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct buf data = BUF_INIT;
    struct eth_address server;
    struct ctl_tx_result result;
    if (take_address(&server, ctl, err) != 0)
        return CTL_USAGE;
    if (config->group == 0) {
        err_set(err, "give --group, the group of meters that it may write");
        return CTL_USAGE;
    }
    ledger_add_server(&data, &server, (uint16_t)config->group);
    int code = send(ctl, config, &data, &result, err);
    if (code == CTL_DONE)
        print_change(ctl, config, "added", &server, &result);
    buf_free(&data);
    return code;
}

static const struct option_row ADD_ROWS[] = {
    OPTION_U32(struct config, group, "group", "0", 0, UINT16_MAX, "group of meters, from 1"),
    TIMEOUT_ROW, CTL_CHAIN_ROWS(struct config), CTL_KEY_ROWS(struct config)};

const struct ctl_verb ctl_server_add = {
    .name = "server add",
    .usage = "ADDRESS --group N",
    .summary = "let a server's account write the meters of a group",
    .rows = ADD_ROWS,
    .row_count = AMR_COUNT(ADD_ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT | CTL_KEY,
    .run = run_add,
};

static int run_remove(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct buf data = BUF_INIT;
    struct eth_address server;
    struct ctl_tx_result result;
    if (take_address(&server, ctl, err) != 0)
        return CTL_USAGE;
    ledger_remove_server(&data, &server);
    int code = send(ctl, config, &data, &result, err);
    if (code == CTL_DONE)
        print_change(ctl, config, "removed", &server, &result);
    buf_free(&data);
    return code;
}

static const struct option_row REMOVE_ROWS[] = {TIMEOUT_ROW, CTL_CHAIN_ROWS(struct config),
                                                CTL_KEY_ROWS(struct config)};

const struct ctl_verb ctl_server_remove = {
    .name = "server remove",
    .usage = "ADDRESS",
    .summary = "take a server's account off the list",
    .rows = REMOVE_ROWS,
    .row_count = AMR_COUNT(REMOVE_ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT | CTL_KEY,
    .run = run_remove,
};

static const struct ctl_column COLUMNS[] = {
    {"server", 42, false},
    {"group", 5, true},
    {"since_block", 11, true},
};

static int run_list(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct ctl_registry registry = {0};
    struct ctl_rows rows;
    int code = ctl_registry_load(&registry, ctl, err) == 0 ? CTL_DONE : CTL_FAILED;
    if (code == CTL_DONE) {
        ctl_rows_begin(&rows, ctl->out, config->shared.json ? CTL_JSON : CTL_TABLE, COLUMNS,
                       AMR_COUNT(COLUMNS));
        for (size_t i = 0; i < registry.server_count; i++) {
            const struct ctl_server *server = &registry.servers[i];
            char address[ETH_ADDRESS_TEXT];
            char group[8];
            char block[24];
            snprintf(group, sizeof(group), "%u", (unsigned)server->group);
            snprintf(block, sizeof(block), "%" PRIu64, server->block);
            if (server->listed)
                ctl_row(&rows, (const char *[]){eth_address_text(address, &server->address), group,
                                                block});
        }
        ctl_rows_end(&rows);
    }
    ctl_registry_free(&registry);
    return code;
}

static const struct option_row LIST_ROWS[] = {CTL_CHAIN_ROWS(struct config)};

const struct ctl_verb ctl_server_list = {
    .name = "server list",
    .usage = "",
    .summary = "print the servers that may write, from the ledger's events",
    .rows = LIST_ROWS,
    .row_count = AMR_COUNT(LIST_ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run_list,
};
