#include "chain-bridge/ctl_roles.h"

#include <inttypes.h>

#include "chain-bridge/ctl_registry.h"
#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_tx.h"

struct config {
    struct ctl_shared shared;
    uint32_t group;
};

static const char *const ROLE_TEXTS[] = {
    [CTL_SERVER] = "server",
    [CTL_OPERATOR] = "operator",
    [CTL_READER] = "reader",
};

/* CHANGES */

static void print_change(const struct ctl *ctl, const struct config *config, const char *what,
                         enum ctl_role role, const struct eth_address *account,
                         const struct ctl_tx_result *result)
{
    char address[ETH_ADDRESS_TEXT];
    char hash[ETH_HASH_TEXT];
    fprintf(ctl->out,
            config->shared.json ? "{\"change\":\"%s\",\"%s\":\"%s\",\"block\":%" PRIu64
                                  ",\"transaction\":\"%s\"}\n"
                                : "%s %s %s in block %" PRIu64 ", transaction %s\n",
            what, ROLE_TEXTS[role], eth_address_text(address, account), result->receipt.block,
            eth_hash_text(hash, &result->hash));
}

static int take_account(struct eth_address *ret_account, const struct ctl *ctl, enum ctl_role role,
                        struct err *err)
{
    if (ctl->argc == 1 && eth_address_parse(ret_account, ctl->argv[0], err) == 0)
        return CTL_DONE;
    if (ctl->argc != 1)
        err_set(err, "which %s? give one address, 0x... (amrctl key show tells a key file's)",
                ROLE_TEXTS[role]);
    return CTL_USAGE;
}

static void encode(struct buf *data, enum ctl_role role, bool add,
                   const struct eth_address *account, uint16_t group)
{
    if (role == CTL_SERVER && add)
        ledger_add_server(data, account, group);
    else if (role == CTL_SERVER)
        ledger_remove_server(data, account);
    else if (role == CTL_OPERATOR)
        (add ? ledger_add_operator : ledger_remove_operator)(data, account);
    else
        (add ? ledger_add_reader : ledger_remove_reader)(data, account);
}

static int change(struct ctl *ctl, const struct config *config, enum ctl_role role, bool add,
                  struct err *err)
{
    struct buf data = BUF_INIT;
    struct eth_address account;
    struct ctl_tx_result result;
    int code = take_account(&account, ctl, role, err);
    if (code == CTL_DONE && role == CTL_SERVER && add && config->group == 0) {
        err_set(err, "give --group, the group of meters that it may write");
        code = CTL_USAGE;
    }
    if (code != CTL_DONE)
        return code;
    encode(&data, role, add, &account, (uint16_t)config->group);
    code = ctl_tx_run(ctl, &config->shared, &result, &ctl->contract, data.data, data.len, err);
    buf_free(&data);
    if (code == CTL_DONE)
        print_change(ctl, config, add ? "added" : "removed", role, &account, &result);
    return code;
}

/* LISTS */

static const struct ctl_column SERVER_COLUMNS[] = {
    {"server", 42, false},
    {"group", 5, true},
    {"since_block", 11, true},
};
static const struct ctl_column OPERATOR_COLUMNS[] = {{"operator", 42, false},
                                                     {"since_block", 11, true}};
static const struct ctl_column READER_COLUMNS[] = {{"reader", 42, false},
                                                   {"since_block", 11, true}};

static void print_account(struct ctl_rows *rows, const struct ctl_account *account)
{
    char address[ETH_ADDRESS_TEXT];
    char group[8];
    char block[24];
    eth_address_text(address, &account->address);
    snprintf(group, sizeof(group), "%u", (unsigned)account->group);
    snprintf(block, sizeof(block), "%" PRIu64, account->block);
    if (account->role == CTL_SERVER)
        ctl_row(rows, (const char *[]){address, group, block});
    else
        ctl_row(rows, (const char *[]){address, block});
}

static int list(struct ctl *ctl, const struct config *config, enum ctl_role role,
                const struct ctl_column *columns, size_t column_count, struct err *err)
{
    struct ctl_registry registry = {0};
    struct ctl_rows rows;
    int code = ctl_registry_load(&registry, ctl, err) == 0 ? CTL_DONE : CTL_FAILED;
    if (code == CTL_DONE) {
        ctl_rows_begin(&rows, ctl->out, config->shared.json ? CTL_JSON : CTL_TABLE, columns,
                       column_count);
        for (size_t i = 0; i < registry.account_count; i++) {
            if (registry.accounts[i].listed && registry.accounts[i].role == role)
                print_account(&rows, &registry.accounts[i]);
        }
        ctl_rows_end(&rows);
    }
    ctl_registry_free(&registry);
    return code;
}

/* VERBS */

static const struct option_row SERVER_ADD_ROWS[] = {
    OPTION_U32(struct config, group, "group", "0", 0, UINT16_MAX, "group of meters, from 1"),
    CTL_CHAIN_ROWS(struct config), CTL_KEY_ROWS(struct config)};
static const struct option_row CHANGE_ROWS[] = {CTL_CHAIN_ROWS(struct config),
                                                CTL_KEY_ROWS(struct config)};
static const struct option_row LIST_ROWS[] = {CTL_CHAIN_ROWS(struct config)};

static int run_server_add(struct ctl *ctl, void *config, struct err *err)
{
    return change(ctl, config, CTL_SERVER, true, err);
}

static int run_server_remove(struct ctl *ctl, void *config, struct err *err)
{
    return change(ctl, config, CTL_SERVER, false, err);
}

static int run_server_list(struct ctl *ctl, void *config, struct err *err)
{
    return list(ctl, config, CTL_SERVER, SERVER_COLUMNS, AMR_COUNT(SERVER_COLUMNS), err);
}

static int run_operator_add(struct ctl *ctl, void *config, struct err *err)
{
    return change(ctl, config, CTL_OPERATOR, true, err);
}

static int run_operator_remove(struct ctl *ctl, void *config, struct err *err)
{
    return change(ctl, config, CTL_OPERATOR, false, err);
}

static int run_operator_list(struct ctl *ctl, void *config, struct err *err)
{
    return list(ctl, config, CTL_OPERATOR, OPERATOR_COLUMNS, AMR_COUNT(OPERATOR_COLUMNS), err);
}

static int run_reader_add(struct ctl *ctl, void *config, struct err *err)
{
    return change(ctl, config, CTL_READER, true, err);
}

static int run_reader_remove(struct ctl *ctl, void *config, struct err *err)
{
    return change(ctl, config, CTL_READER, false, err);
}

static int run_reader_list(struct ctl *ctl, void *config, struct err *err)
{
    return list(ctl, config, CTL_READER, READER_COLUMNS, AMR_COUNT(READER_COLUMNS), err);
}

#define VERB(identifier, words, arguments, line, table, wants, function)                           \
    const struct ctl_verb identifier = {                                                           \
        .name = words,                                                                             \
        .usage = arguments,                                                                        \
        .summary = line,                                                                           \
        .rows = table,                                                                             \
        .row_count = AMR_COUNT(table),                                                             \
        .config_size = sizeof(struct config),                                                      \
        .needs = CTL_CHAIN | CTL_CONTRACT | (wants),                                               \
        .run = function,                                                                           \
    }

VERB(ctl_server_add, "server add", "ADDRESS --group N",
     "let a server's account write the meters of a group", SERVER_ADD_ROWS, CTL_KEY,
     run_server_add);
VERB(ctl_server_remove, "server remove", "ADDRESS", "take a server's account off the list",
     CHANGE_ROWS, CTL_KEY, run_server_remove);
VERB(ctl_server_list, "server list", "", "print the servers that may write, from events", LIST_ROWS,
     CTL_NOTHING, run_server_list);
VERB(ctl_operator_add, "operator add", "ADDRESS", "let an account's signature command the meters",
     CHANGE_ROWS, CTL_KEY, run_operator_add);
VERB(ctl_operator_remove, "operator remove", "ADDRESS",
     "no longer let an account's signature command the meters", CHANGE_ROWS, CTL_KEY,
     run_operator_remove);
VERB(ctl_operator_list, "operator list", "", "print the operators, from events", LIST_ROWS,
     CTL_NOTHING, run_operator_list);
VERB(ctl_reader_add, "reader add", "ADDRESS", "let an account read through the contract",
     CHANGE_ROWS, CTL_KEY, run_reader_add);
VERB(ctl_reader_remove, "reader remove", "ADDRESS",
     "no longer let an account read through the contract", CHANGE_ROWS, CTL_KEY, run_reader_remove);
VERB(ctl_reader_list, "reader list", "", "print the readers, from events", LIST_ROWS, CTL_NOTHING,
     run_reader_list);
