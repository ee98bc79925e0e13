#include "chain-bridge/config.h"

#include <stdio.h>
#include <string.h>

/* geth and Besu refuse transactions above 128 KiB; 1 KiB is left for what is around the data. */
#define BATCH_BYTES_MAX "130048"

static const struct option_row ROWS[] = {
    OPTION_LIST(struct config, servers, "servers", "ssl://localhost:8883",
                "MQTT brokers of the group, all of them used: ssl://host:port,..."),
    OPTION_STRING(struct config, client_id, "client-id", "bridge",
                  "MQTT client id: the certificate's common name"),
    OPTION_STRING(struct config, ca, "ca", NULL, "PEM file of the CA that signs the brokers"),
    OPTION_STRING(struct config, cert, "cert", NULL, "PEM file of the client certificate"),
    OPTION_STRING(struct config, key, "key", NULL, "PEM file of its key, mode 0600"),
    OPTION_U32(struct config, group, "group", "1", 1, 65535, "the group this server serves"),
    OPTION_STRING(struct config, store, "store", "bridge.db", "file of the bridge's store"),
    OPTION_STRING(struct config, archive, "archive", NULL,
                  "file of all sealed reports with their signatures (default: STORE.archive)"),
    OPTION_FLAG(struct config, print_archive, "print-archive",
                "check the archive, print its reports as JSON, one a line, and end"),
    OPTION_FLAG(struct config, rebuild, "rebuild",
                "make a lost store anew from the chain and archives, and end"),
    OPTION_LIST(struct config, rebuild_from, "rebuild-from", NULL,
                "archives, or exports of amr-meter, to rebuild from (default: the archive)"),
    OPTION_U32_LIVE(
        struct config, keep_sealed_h, "keep-sealed-h", "0", 0, 876000,
        "hours after which what has ended (archived reports, their batches and transactions, "
        "refused reports) leaves the store; 0: never"),
    OPTION_STRING(struct config, registry, "registry", "registry.db",
                  "file of the registry, which the broker plugin reads"),
    OPTION_LIST(struct config, rpc, "rpc", "ws://127.0.0.1:8545",
                "Ethereum nodes in order of preference: ws(s):// or http(s)://"),
    OPTION_STRING(struct config, rpc_ca, "rpc-ca", NULL,
                  "PEM file of the CA of the nodes; none: the system's"),
    OPTION_U32(struct config, rpc_timeout_ms, "rpc-timeout-ms", "4000", 100, 60000,
               "how long one call to a node may take"),
    OPTION_U64(struct config, chain_id, "chain-id", "0", 0, UINT64_MAX >> 1,
               "chain id of the network; required"),
    OPTION_STRING(struct config, contract, "contract", NULL, "address of MeterLedger; required"),
    OPTION_U64(struct config, start_block, "start-block", "0", 0, UINT64_MAX >> 1,
               "block of the contract's creation, or one before it"),
    OPTION_STRING(struct config, keystore, "keystore", NULL,
                  "Web3 Secret Storage file of the server's account; required"),
    OPTION_STRING(struct config, passphrase_file, "passphrase-file", NULL,
                  "file with the keystore's passphrase, mode 0600; required"),
    OPTION_U32_LIVE(struct config, batch_readings, "batch-readings", "4000", 1, 10000,
                    "seal a batch when it has this many readings"),
    OPTION_U32_LIVE(struct config, batch_age_ms, "batch-age-ms", "2000", 0, 86400000,
                    "seal a batch when its oldest report is this old"),
    OPTION_U32_LIVE(struct config, batch_bytes, "batch-bytes", BATCH_BYTES_MAX, 1024, 130048,
                    "bytes of a transaction's data at most"),
    OPTION_U64_LIVE(
        struct config, gas_limit, "gas-limit", "16777216", 100000, 1000000000,
        "gas of a transaction at most (EIP-7825 allows 2^24); the block's limit counts, too"),
    OPTION_U32_LIVE(struct config, window, "window", "4", 1, 16, "transactions in flight at most"),
    OPTION_FLAG(struct config, adopt_nonces, "adopt-nonces",
                "go on after somebody else used this account's key: nonces that others took are "
                "given up, and what had them is submitted again"),
    OPTION_U32_LIVE(struct config, tip_mwei, "tip-mwei", "1000", 0, 1000000000,
                    "first priority fee per gas, in millions of wei (1000: 1 gwei)"),
    OPTION_U32_LIVE(struct config, max_fee_gwei, "max-fee-gwei", "500", 0, 1000000000,
                    "fee per gas that is never exceeded; 0: a network without fees"),
    OPTION_STRING_LIVE(
        struct config, finality, "finality", "1",
        "when a block is final: a number of confirmations, or `finalized` (the node's tag)"),
    OPTION_U32_LIVE(struct config, poll_ms, "poll-ms", "1000", 50, 60000,
                    "how often the chain is looked at, new heads aside"),
    OPTION_U32_LIVE(struct config, rebroadcast_ms, "rebroadcast-ms", "10000", 100, 600000,
                    "a transaction not in a block is sent again after this time"),
    OPTION_U32_LIVE(struct config, raise_ms, "raise-ms", "60000", 1000, 3600000,
                    "a transaction not in a block gets higher fees after this time and 3 blocks"),
    OPTION_U32_LIVE(struct config, check_ms, "check-ms", "30000", 1000, 3600000,
                    "how often contract, server list and balance are checked"),
    OPTION_U32(struct config, workers, "workers", "2", 1, 64, "threads that verify signatures"),
    OPTION_U32(struct config, queue_reports, "queue-reports", "20000", 1, 1000000,
               "reports waiting in memory at most; more are shed without receipt"),
    OPTION_U32(struct config, commit_reports, "commit-reports", "500", 1, 10000,
               "reports in one commit at most"),
    OPTION_U32_LIVE(
        struct config, gap_wait_s, "gap-wait-s", "7200", 0, 604800,
        "how long a report waits for missing ones before it where the meter does not answer "
        "for them: longer than its sealed-timeout-s, for what comes later is refused"),
    OPTION_U32(struct config, future_tolerance_s, "future-tolerance-s", "300", 0, 900,
               "how far a timestamp may be ahead of this clock"),
    OPTION_U32_LIVE(struct config, min_free_mib, "min-free-mib", "64", 0, 1048576,
                    "below this free disk space nothing is accepted; 0: no floor"),
    OPTION_U32_LIVE(struct config, quarantine_rows, "quarantine-rows", "100000", 1, 100000000,
                    "refused messages kept at most"),
    OPTION_STRING_LIVE(struct config, log_level, "log-level", "info",
                       "lowest level logged: debug, info, unusual, broken"),
    OPTION_STRING(struct config, ready_file, "ready-file", NULL,
                  "file made when broker and chain were reached for the first time"),
    OPTION_STRING(struct config, web_listen, "web-listen", "",
                  "ADDRESS:PORT of dashboard and API, such as 127.0.0.1:8080; empty: none"),
    OPTION_STRING(struct config, web_cert, "web-cert", NULL,
                  "PEM certificate chain for browsers; required unless web-listen is loopback"),
    OPTION_STRING(struct config, web_key, "web-key", NULL, "PEM file of its key, mode 0600"),
    OPTION_STRING(struct config, web_staff, "web-staff", NULL,
                  "staff file (amrctl staff): who may log in; the broker's may be used"),
    OPTION_STRING(struct config, web_host, "web-host", "",
                  "name that browsers know this server by, beside localhost"),
    OPTION_LIST(struct config, web_origins, "web-origins", NULL,
                "other origins whose pages and requests are trusted, such as https://ops.example: "
                "a proxy's name"),
    OPTION_LIST(struct config, web_verify_origins, "web-verify-origins",
                "http://127.0.0.1:*,http://localhost:*",
                "origins of Ethereum nodes that the page may ask to verify a reading"),
    OPTION_U32(struct config, web_interval_s, "web-interval-s", "900", 1, 86400,
               "seconds between readings that are expected: columns of the heat map, and of meters "
               "that did not say theirs"),
    OPTION_U32(struct config, web_late_s, "web-late-s", "0", 0, 604800,
               "a reading that comes so long after its time is late; 0: an interval, at least 10"),
    OPTION_U32(struct config, web_silent_s, "web-silent-s", "0", 0, 31536000,
               "a meter without a reading for so long is silent; 0: four intervals more than late"),
    OPTION_U32(struct config, web_target_percent, "web-target-percent", "98", 0, 100,
               "read success that is aimed at"),
    OPTION_STRING(struct config, operator_keystore, "operator-keystore", NULL,
                  "keystore of an operator whose key signs what operators order on the dashboard; "
                  "none: they sign by a wallet"),
    OPTION_STRING(struct config, operator_passphrase_file, "operator-passphrase-file", NULL,
                  "file with its passphrase, mode 0600"),
};

struct options *config_options(struct config *config)
{
    return options_new(
        ROWS, AMR_COUNT(ROWS), config, "AMR_BRIDGE",
        "amr-bridge --config FILE [OPTION]...\n       amr-bridge --print-archive [--archive FILE]"
        "\n\n"
        "take a group's meter reports from its brokers and seal them on the chain"
        "\n\n"
        "Every report is checked, committed to disk and then acknowledged. Batches "
        "of\nreports go to the MeterLedger contract, one transaction each, and are "
        "followed\nuntil they are final. SIGTERM and SIGINT end it; what is under "
        "way goes on at the\nnext start.");
}

static int check_finality(struct config *config, struct err *err)
{
    uint64_t confirmations;
    if (strcmp(config->finality, "finalized") == 0) {
        config->confirmations = 0;
        return 0;
    }
    if (parse_u64(&confirmations, config->finality, 1, 10000, err) < 0)
        return err_wrap(err, "finality '%s' is neither a number of confirmations nor `finalized`",
                        config->finality);
    config->confirmations = (uint32_t)confirmations;
    return 0;
}

int config_archive(struct config *config, struct err *err)
{
    const char *path = config->archive ? config->archive : config->store;
    const char *ending = config->archive ? "" : ".archive";
    int len = snprintf(config->archive_path, sizeof(config->archive_path), "%s%s", path, ending);
    if (len < 0 || (size_t)len >= sizeof(config->archive_path))
        return err_set(err, "archive: the path is too long");
    return 0;
}

int config_check(struct config *config, struct err *err)
{
    const struct {
        const char *name;
        const char *value;
    } required[] = {{"contract", config->contract},
                    {"keystore", config->keystore},
                    {"passphrase-file", config->passphrase_file},
                    {"finality", config->finality},
                    {"log-level", config->log_level}};
    for (size_t i = 0; i < AMR_COUNT(required); i++)
        if (!required[i].value || !required[i].value[0])
            return err_set(err, "option %s is required", required[i].name);
    if (config->chain_id == 0)
        return err_set(err, "option chain-id is required");
    if (eth_address_parse(&config->contract_address, config->contract, err) < 0)
        return err_wrap(err, "contract");
    if (log_level_parse(&config->log_min, config->log_level, err) < 0)
        return err_wrap(err, "log-level");
    if (config_archive(config, err) < 0)
        return -1;
    return check_finality(config, err);
}

enum options_result config_read(struct options *options, struct config *config, int argc,
                                char **argv, struct err *err)
{
    int left = 0;
    enum options_result parsed = options_parse(options, &left, argc, argv, err);
    if (parsed != OPTIONS_RUN)
        return parsed;
    if (left > 0) {
        err_set(err, "unexpected argument '%s'", argv[1]);
        return OPTIONS_WRONG;
    }
    int checked = config->print_archive ? config_archive(config, err) : config_check(config, err);
    return checked < 0 ? OPTIONS_WRONG : OPTIONS_RUN;
}
