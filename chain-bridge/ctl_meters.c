#include "chain-bridge/ctl_meters.h"

#include <inttypes.h>
#include <string.h>

#include "chain-bridge/ctl_registry.h"
#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_tx.h"

struct config {
    struct ctl_shared shared;
    const char *signer;
    uint32_t group;
    bool csv;
};

#define CHANGE_ROWS CTL_CHAIN_ROWS(struct config), CTL_KEY_ROWS(struct config)

static int take_meter(uint32_t *ret_meter, const struct ctl *ctl, struct err *err)
{
    if (ctl->argc != 1)
        return err_set(err, "which meter? give one id such as 65537 or 1/1");
    return ctl_meter_parse(ret_meter, ctl->argv[0], err);
}

/* Sends data about the meter and says so; what: "closed". Frees data. */
static int change(struct ctl *ctl, const struct config *config, uint32_t meter, const char *what,
                  struct buf *data, struct err *err)
{
    struct ctl_tx_result result;
    char hash[ETH_HASH_TEXT];
    int code =
        ctl_tx_run(ctl, &config->shared, &result, &ctl->contract, data->data, data->len, err);
    buf_free(data);
    if (code != CTL_DONE)
        return code;
    fprintf(ctl->out,
            config->shared.json ? "{\"meter\":%" PRIu32 ",\"change\":\"%s\",\"block\":%" PRIu64
                                  ",\"transaction\":\"%s\"}\n"
                                : "meter %" PRIu32 " %s in block %" PRIu64 ", transaction %s\n",
            meter, what, result.receipt.block, eth_hash_text(hash, &result.hash));
    return CTL_DONE;
}

static int run_revoke(struct ctl *ctl, void *config, struct err *err)
{
    struct buf data = BUF_INIT;
    uint32_t meter;
    if (take_meter(&meter, ctl, err) != 0)
        return CTL_USAGE;
    ledger_close_meter(&data, meter);
    return change(ctl, config, meter, "closed", &data, err);
}

static int run_reopen(struct ctl *ctl, void *config, struct err *err)
{
    struct buf data = BUF_INIT;
    uint32_t meter;
    if (take_meter(&meter, ctl, err) != 0)
        return CTL_USAGE;
    ledger_reopen_meter(&data, meter);
    return change(ctl, config, meter, "reopened", &data, err);
}

static int run_rotate(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct buf data = BUF_INIT;
    struct eth_address signer;
    uint32_t meter;
    if (config->signer == NULL) {
        err_set(err, "give --signer 0x..., the meter's new signing address");
        return CTL_USAGE;
    }
    if (take_meter(&meter, ctl, err) != 0 || eth_address_parse(&signer, config->signer, err) != 0)
        return CTL_USAGE;
    ledger_rotate_signer(&data, meter, &signer);
    return change(ctl, config, meter, "rotated", &data, err);
}

static const struct option_row CHANGE[] = {CHANGE_ROWS};

const struct ctl_verb ctl_revoke = {
    .name = "revoke",
    .usage = "METER",
    .summary = "take a meter out of service: every broker shuts it out",
    .rows = CHANGE,
    .row_count = AMR_COUNT(CHANGE),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT | CTL_KEY,
    .run = run_revoke,
};

const struct ctl_verb ctl_reopen = {
    .name = "reopen",
    .usage = "METER",
    .summary = "put a closed meter back into service",
    .rows = CHANGE,
    .row_count = AMR_COUNT(CHANGE),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT | CTL_KEY,
    .run = run_reopen,
};

static const struct option_row ROTATE_ROWS[] = {
    OPTION_STRING(struct config, signer, "signer", NULL, "address of the meter's new signing key"),
    CHANGE_ROWS};

const struct ctl_verb ctl_rotate = {
    .name = "rotate",
    .usage = "METER --signer 0x...",
    .summary = "give a meter a new signer, from its group's next batch on",
    .rows = ROTATE_ROWS,
    .row_count = AMR_COUNT(ROTATE_ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT | CTL_KEY,
    .run = run_rotate,
};

/* LIST */

static const struct ctl_column COLUMNS[] = {
    {"meter", 10, true},  {"group", 5, true},    {"number", 6, true},
    {"status", 6, false}, {"signer", 42, false}, {"since_block", 11, true},
};

static void print_meter(struct ctl_rows *rows, const struct ctl_meter *meter)
{
    char id[16];
    char group[8];
    char number[8];
    char block[24];
    char signer[ETH_ADDRESS_TEXT];
    snprintf(id, sizeof(id), "%" PRIu32, meter->meter);
    snprintf(group, sizeof(group), "%u", (unsigned)meter_group(meter->meter));
    snprintf(number, sizeof(number), "%u", (unsigned)meter_number(meter->meter));
    snprintf(block, sizeof(block), "%" PRIu64, meter->block);
    ctl_row(rows,
            (const char *[]){id, group, number, meter->status == METER_CLOSED ? "closed" : "active",
                             eth_address_text(signer, &meter->signer), block});
}

static int run_meters(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct ctl_registry registry = {0};
    struct ctl_rows rows;
    enum ctl_format format = config->shared.json ? CTL_JSON : (config->csv ? CTL_CSV : CTL_TABLE);
    int code = ctl_registry_load(&registry, ctl, err) == 0 ? CTL_DONE : CTL_FAILED;
    if (code == CTL_DONE) {
        ctl_rows_begin(&rows, ctl->out, format, COLUMNS, AMR_COUNT(COLUMNS));
        for (size_t i = 0; i < registry.meter_count; i++) {
            if (config->group == 0 || meter_group(registry.meters[i].meter) == config->group)
                print_meter(&rows, &registry.meters[i]);
        }
        ctl_rows_end(&rows);
    }
    ctl_registry_free(&registry);
    return code;
}

static const struct option_row METERS_ROWS[] = {
    OPTION_U32(struct config, group, "group", "0", 0, UINT16_MAX, "only this group; 0: all"),
    OPTION_FLAG(struct config, csv, "csv", "print CSV"),
    CTL_CHAIN_ROWS(struct config),
};

const struct ctl_verb ctl_meters = {
    .name = "meters",
    .usage = "[--group N]",
    .summary = "print the registered meters, from the ledger's events",
    .rows = METERS_ROWS,
    .row_count = AMR_COUNT(METERS_ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run_meters,
};
