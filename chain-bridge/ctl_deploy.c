#include "chain-bridge/ctl_deploy.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "chain-bridge/ctl_tx.h"
#include "common/abi.h"
#include "common/file.h"
#include "common/hex.h"

/* EIP-3860: init code above 48 KiB is refused by every network since Shanghai. */
#define INIT_CODE_MAX 49152

struct config {
    struct ctl_shared shared;
    const char *bytecode;
    const char *admin;
    const char *output;
};

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, bytecode, "bytecode", "contracts/out/MeterLedger.bin",
                  "the compiled contract: hexadecimal creation code"),
    OPTION_STRING(struct config, admin, "admin", NULL,
                  "the ledger's admin; otherwise the account that deploys"),
    OPTION_STRING(struct config, output, "output", "ledger.conf",
                  "configuration file to write: chain-id, contract, start-block"),
    CTL_CHAIN_ROWS(struct config),
    CTL_KEY_ROWS(struct config),
};

static int read_code(struct buf *ret_code, const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    int result = file_read(&text, path, 2 * INIT_CODE_MAX + 16, err);
    while (result == 0 && text.len > 0 && strchr(" \r\n", text.data[text.len - 1]) != NULL)
        text.len--;
    if (result == 0)
        result = hex_decode_append(ret_code, INIT_CODE_MAX, (char *)text.data, text.len, err);
    if (result == 0 && ret_code->len == 0)
        result = err_set(err, "it is empty");
    buf_free(&text);
    return result == 0 ? 0 : err_wrap(err, "contract '%s'", path);
}

static int take_admin(struct eth_address *ret_admin, const struct ctl *ctl,
                      const struct config *config, struct err *err)
{
    *ret_admin = *signer_address(ctl->signer);
    if (config->admin == NULL)
        return 0;
    return eth_address_parse(ret_admin, config->admin, err) != 0 ? err_wrap(err, "admin") : 0;
}

static int write_conf(const struct ctl *ctl, const struct config *config,
                      const struct chain_receipt *receipt, struct err *err)
{
    struct buf text = BUF_INIT;
    char address[ETH_ADDRESS_TEXT];
    buf_printf(&text,
               "# MeterLedger, written by amrctl deploy. For amr-bridge, amr-meter and amrctl.\n"
               "chain-id = %" PRIu64 "\ncontract = %s\nstart-block = %" PRIu64 "\n",
               ctl->chain_id, eth_address_text(address, &receipt->contract), receipt->block);
    int result = file_create(config->output, 0644, text.data, text.len, err);
    buf_free(&text);
    if (result != 0)
        return err_wrap(err, "the ledger stands at %s, block %" PRIu64 ", but", address,
                        receipt->block);
    return 0;
}

static void print_result(const struct ctl *ctl, const struct config *config,
                         const struct ctl_tx_result *result)
{
    char address[ETH_ADDRESS_TEXT];
    char hash[ETH_HASH_TEXT];
    eth_address_text(address, &result->receipt.contract);
    eth_hash_text(hash, &result->hash);
    if (config->shared.json)
        fprintf(ctl->out,
                "{\"contract\":\"%s\",\"chain_id\":%" PRIu64 ",\"block\":%" PRIu64
                ",\"transaction\":\"%s\",\"gas\":%" PRIu64 ",\"config\":\"%s\"}\n",
                address, ctl->chain_id, result->receipt.block, hash, result->receipt.gas_used,
                config->output);
    else
        fprintf(ctl->out,
                "MeterLedger %s on chain %" PRIu64 ", block %" PRIu64 ", %" PRIu64
                " gas\ntransaction %s\nwritten to %s: give it with --config\n",
                address, ctl->chain_id, result->receipt.block, result->receipt.gas_used, hash,
                config->output);
}

static int deploy(struct ctl *ctl, const struct config *config, struct buf *code, struct err *err)
{
    struct ctl_tx_result result;
    struct eth_address admin;
    if (read_code(code, config->bytecode, err) != 0 || take_admin(&admin, ctl, config, err) != 0)
        return CTL_USAGE;
    abi_address(code, &admin);
    int sent = ctl_tx_run(ctl, &config->shared, &result, NULL, code->data, code->len, err);
    if (sent != CTL_DONE)
        return sent;
    if (ledger_probe(ctl->chain, &result.receipt.contract, ctl->chain_id, err) != CHAIN_OK ||
        write_conf(ctl, config, &result.receipt, err) != 0)
        return CTL_FAILED;
    print_result(ctl, config, &result);
    return CTL_DONE;
}

/* Looked at before anything is paid for. */
static int run(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct buf code = BUF_INIT;
    if (access(config->output, F_OK) == 0) {
        err_set(err, "'%s' is there already: another ledger's? move it away or give --output",
                config->output);
        return CTL_USAGE;
    }
    int result = deploy(ctl, config, &code, err);
    buf_free(&code);
    return result;
}

const struct ctl_verb ctl_deploy = {
    .name = "deploy",
    .usage = "--keystore FILE --passphrase-file FILE [--bytecode FILE] [--output ledger.conf]",
    .summary = "put a new MeterLedger on the chain",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_KEY,
    .run = run,
};
