/*
 * config.h: the options of amr-bridge: one row each, and what cannot be said in a row.
 */
#ifndef AMR_BRIDGE_CONFIG_H
#define AMR_BRIDGE_CONFIG_H

#include "common/eth.h"
#include "common/log.h"
#include "common/options.h"

struct config {
    const char *servers;
    const char *client_id;
    const char *ca;
    const char *cert;
    const char *key;
    uint32_t group;
    const char *store;
    const char *archive;
    bool print_archive;
    bool rebuild;
    const char *rebuild_from;
    uint32_t keep_sealed_h;
    const char *registry;
    const char *rpc;
    const char *rpc_ca;
    uint32_t rpc_timeout_ms;
    uint64_t chain_id;
    const char *contract;
    uint64_t start_block;
    const char *keystore;
    const char *passphrase_file;
    uint32_t batch_readings;
    uint32_t batch_age_ms;
    uint32_t batch_bytes;
    uint64_t gas_limit;
    uint32_t window;
    bool adopt_nonces;
    uint32_t tip_mwei;
    uint32_t max_fee_gwei;
    const char *finality;
    uint32_t poll_ms;
    uint32_t rebroadcast_ms;
    uint32_t raise_ms;
    uint32_t check_ms;
    uint32_t workers;
    uint32_t queue_reports;
    uint32_t commit_reports;
    uint32_t gap_wait_s;
    uint32_t future_tolerance_s;
    uint32_t min_free_mib;
    uint32_t quarantine_rows;
    const char *log_level;
    const char *ready_file;
    const char *web_listen;
    const char *web_cert;
    const char *web_key;
    const char *web_staff;
    const char *web_host;
    const char *web_origins;
    const char *web_verify_origins;
    uint32_t web_interval_s;
    uint32_t web_late_s;
    uint32_t web_silent_s;
    uint32_t web_target_percent;
    const char *operator_keystore;
    const char *operator_passphrase_file;
    /* Derived by config_check: */
    struct eth_address contract_address;
    uint32_t confirmations; /* 0: the `finalized` tag */
    char archive_path[1024];
    enum log_level log_min;
};

/** The rows, for a target of struct config. */
struct options *config_options(struct config *config) AMR_NODISCARD;
/** Reads all sources; OPTIONS_RUN only with a configuration that makes sense. */
enum options_result config_read(struct options *options, struct config *config, int argc,
                                char **argv, struct err *err);
/** Fills in archive_path, all that --print-archive needs. */
int config_archive(struct config *config, struct err *err) AMR_NODISCARD;
/** Everything needed is there and makes sense; fills in what is derived. */
int config_check(struct config *config, struct err *err) AMR_NODISCARD;

#endif
