/* Logs, blocks and receipts as a node may send them: JSON, then the contract's events. */
#include <stddef.h>
#include <stdint.h>

#include "chain-bridge/chain_rpc.h"
#include "chain-bridge/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf bytes = BUF_INIT;
    struct chain_log log;
    struct chain_block block;
    struct chain_receipt receipt;
    struct ledger_event event;
    json_t *value = json_loadb((const char *)data, len, JSON_ALLOW_NUL, NULL);
    if (chain_rpc_log_parse(&log, &bytes, value, NULL) == 0 &&
        ledger_event_decode(&event, &log, NULL) == 0) {
        for (size_t i = 0; i < ledger_signer_count(&event); i++)
            (void)ledger_signer(&event, i);
    }
    (void)!chain_rpc_block_parse(&block, value, NULL);
    (void)!chain_rpc_receipt_parse(&receipt, value, NULL);
    json_decref(value);
    buf_free(&bytes);
    return 0;
}
