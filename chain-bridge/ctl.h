/*
 * ctl.h: what the verbs of amrctl share.
 *
 * A verb is a row: name, usage, options and a function. ctl_main.c finds it, parses its options
 * into a fresh config and opens what it needs; the verb's function does its work, prints to out
 * and returns an exit code, with err set where that is not 0. One thread.
 *
 * Exit codes: 0 done; 1 failed at work; 2 wrong usage or configuration; 3 refused: the node serves
 * another chain, or the contract is no MeterLedger of this version; 4 the answer is no (a meter did
 * not obey, a proof does not hold); 5 no answer in time: what was begun may still happen; 6
 * incomplete: nothing is wrong, but something that was to be checked is missing.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_H
#define AMR_CHAIN_BRIDGE_CTL_H

#include <stdio.h>

#include "chain-bridge/chain.h"
#include "chain-bridge/ledger.h"
#include "common/clock.h"
#include "common/options.h"
#include "common/signer.h"

enum ctl_exit {
    CTL_DONE = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_REFUSED = 3,
    CTL_NO = 4,
    CTL_LATE = 5,
    CTL_INCOMPLETE = 6
};

enum ctl_needs {
    CTL_NOTHING = 0,
    CTL_CHAIN = 1,    /* the config begins with a struct ctl_shared, its rows with the CTL_ROWS */
    CTL_CONTRACT = 2, /* and a MeterLedger stands there */
    CTL_KEY = 4       /* and the keystore is open */
};

struct ctl_shared {
    const char *rpc;
    const char *rpc_ca;
    uint64_t chain_id;
    const char *contract;
    uint64_t start_block;
    const char *keystore;
    const char *passphrase_file;
    uint32_t timeout_s;
    uint32_t raise_s;
    uint64_t max_fee_gwei;
    bool replace;
    bool json;
};

#define CTL_CHAIN_ROWS(config)                                                                     \
    OPTION_LIST(config, shared.rpc, "rpc", "ws://127.0.0.1:8545",                                  \
                "nodes to ask, in this order: ws, wss, http or https URLs"),                       \
        OPTION_STRING(config, shared.rpc_ca, "rpc-ca", NULL,                                       \
                      "CA certificates (PEM) for wss and https nodes; else the system's"),         \
        OPTION_U64(config, shared.chain_id, "chain-id", "0", 0, UINT64_MAX,                        \
                   "refuse nodes of any other chain; 0: take the node's"),                         \
        OPTION_STRING(config, shared.contract, "contract", NULL,                                   \
                      "address of the MeterLedger (amrctl deploy writes it to ledger.conf)"),      \
        OPTION_U64(config, shared.start_block, "start-block", "0", 0, UINT64_MAX - 8,              \
                   "block of the ledger's deployment: events are read from there on"),             \
        OPTION_FLAG(config, shared.json, "json", "print JSON")

#define CTL_KEY_ROWS(config)                                                                       \
    OPTION_STRING(config, shared.keystore, "keystore", NULL,                                       \
                  "key file of the account that sends the transactions"),                          \
        OPTION_STRING(config, shared.passphrase_file, "passphrase-file", NULL,                     \
                      "file with its passphrase, readable by its owner only"),                     \
        OPTION_U32(config, shared.timeout_s, "timeout-s", "120", 1, 86400,                         \
                   "wait so long for a transaction to get into a block"),                          \
        OPTION_U32(config, shared.raise_s, "raise-s", "15", 1, 86400,                              \
                   "offer more for a transaction after so long without a block"),                  \
        OPTION_U64(config, shared.max_fee_gwei, "max-fee-gwei", "500", 0, 1000000000,              \
                   "fee a gas that is never exceeded; 0: a network without fees"),                 \
        OPTION_FLAG(config, shared.replace, "replace",                                             \
                    "take the place of this account's oldest transaction that waits")

struct ctl {
    struct chain *chain;
    uint64_t chain_id;
    struct eth_address contract;
    uint64_t start_block;
    struct signer *signer;
    struct clock *clock;
    FILE *out;
    FILE *notes; /* what people want to see meanwhile; NULL: nobody */
    int argc;    /* arguments that are no options, from argv[0] on */
    char **argv;
};

struct ctl_verb {
    const char *name;    /* "pki init" */
    const char *usage;   /* what follows the name */
    const char *summary; /* one line */
    const struct option_row *rows;
    size_t row_count;
    size_t config_size;
    unsigned needs;
    int (*run)(struct ctl *ctl, void *config, struct err *err);
};

/** Opens what verb needs; an exit code. */
int ctl_open(struct ctl *ctl, const struct ctl_verb *verb, const struct ctl_shared *shared,
             struct err *err) AMR_NODISCARD;
void ctl_close(struct ctl *ctl);

/** "65537" or "1/1" (group/number). */
int ctl_meter_parse(uint32_t *ret_meter, const char *text, struct err *err) AMR_NODISCARD;
/** Unix seconds, "2026-01-02" or "2026-01-02T03:04[:05][Z]", UTC. */
int ctl_time_parse(uint32_t *ret_unix_s, const char *text, struct err *err) AMR_NODISCARD;
#define CTL_TIME_TEXT 21
/** "2026-01-02T03:04:05Z", "-" for 0; returns text. */
char *ctl_time_text(char text[CTL_TIME_TEXT], uint32_t unix_s);

/** Logs of some kinds of event from start_block to the latest block, decoded, in order. */
typedef int ctl_event_fn(void *cookie, const struct ledger_event *event,
                         const struct chain_log *log, struct err *err);
int ctl_events(struct ctl *ctl, const enum ledger_event_kind *kinds, size_t count,
               ctl_event_fn *on_event, void *cookie, struct err *err) AMR_NODISCARD;

#endif
