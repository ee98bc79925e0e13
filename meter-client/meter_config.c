#include "meter-client/meter_config.h"

#include <stddef.h>

static const struct option_row ROWS[] = {
    OPTION_LIST(struct config, servers, "servers", NULL, "ssl://host:port of the group's brokers"),
    OPTION_U32(struct config, failback_s, "failback-s", "300", 0, 86400,
               "on another server than the first: seconds between looks whether that is back; "
               "0: stay"),
    OPTION_STRING(struct config, ca, "ca", NULL, "PEM file of the CA that signed the brokers"),
    OPTION_STRING(struct config, cert, "cert", NULL, "PEM certificate of this meter"),
    OPTION_STRING(struct config, key, "key", NULL, "PEM key of the certificate, mode 0600"),
    OPTION_STRING(struct config, signing_key, "signing-key", NULL,
                  "secp256k1 key that signs reports, mode 0600"),
    OPTION_STRING(struct config, serial, "serial", NULL, "serial; default: CN of the certificate"),
    OPTION_U32(struct config, meter, "meter", "0", 0, UINT32_MAX, "meter id: group << 16 | number"),
    OPTION_U32(struct config, group, "group", "0", 0, UINT16_MAX,
               "group; default: that of the meter id"),
    OPTION_U64(struct config, chain_id, "chain-id", "0", 0, UINT64_MAX >> 1, "chain id"),
    OPTION_STRING(struct config, contract, "contract", NULL, "address of MeterLedger"),
    OPTION_STRING(struct config, store, "store", "meter.db", "SQLite file of the meter"),
    OPTION_STRING(struct config, source, "source", "sim",
                  "sim, p1:PORT, iec:PORT[,push][,baud=N][,every=S][,device=ID] or "
                  "s0:/dev/gpiochipN:LINE[,imp=N][,start=WH]; PORT is tcp://host:port, /dev/tty... "
                  "or file://path"),
    OPTION_U32(struct config, interval_s, "interval-s", "900", 1, 86400,
               "seconds between readings, on wall-clock boundaries"),
    OPTION_U32(struct config, readings_per_report, "readings-per-report", "1", 1,
               REPORT_READINGS_MAX, "readings that are signed as one report"),
    OPTION_U64(struct config, seed, "seed", "1", 0, UINT64_MAX >> 1, "which simulated household"),
    OPTION_U32(struct config, pv_wp, "pv-wp", "0", 0, 100000,
               "sim: photovoltaics in watt peak, 0 for none"),
    OPTION_U32(struct config, sim_speed, "sim-speed", "1", 1, 100000,
               "sim: energy flows this many times faster"),
    OPTION_STRING(struct config, p1_checksum, "p1-checksum", "auto",
                  "also iec; auto, required or none"),
    OPTION_U32(struct config, source_timeout_s, "source-timeout-s", "60", 5, 86400,
               "p1, iec: reopen the port after so long without a telegram"),
    OPTION_U32(struct config, count, "count", "0", 0, UINT32_MAX,
               "make so many readings, wait until all are sealed and exit; 0: no end"),
    OPTION_U32(struct config, window, "window", "64", 1, 10000,
               "reports sent without a receipt yet"),
    OPTION_U32(struct config, ack_timeout_ms, "ack-timeout-ms", "10000", 100, 3600000,
               "send again what has no stored receipt after so long, doubled each time"),
    OPTION_U32(struct config, sealed_timeout_s, "sealed-timeout-s", "3600", 1, 31536000,
               "send again what has no sealed receipt after so long"),
    OPTION_U32(struct config, telemetry_s, "telemetry-s", "10", 0, 86400,
               "seconds between telemetry messages, 0 for none"),
    OPTION_U32(struct config, max_backlog, "max-backlog", "1000000", 1, UINT32_MAX,
               "readings not sealed above which no more are made"),
    OPTION_U32(struct config, retention_days, "retention-days", "400", 1, 36500,
               "keep sealed and rejected reports so long, for export"),
    OPTION_LIST(struct config, operators, "operators", NULL,
                "addresses whose signed commands are obeyed; none: no commands"),
    OPTION_STRING(struct config, relay, "relay", NULL,
                  "file that takes and tells 0 (open) or 1 (closed), such as a GPIO in sysfs"),
    OPTION_LIST(struct config, display, "display", NULL,
                "4x20 displays: terminal, lcdproc://host:port (LCDd's port is 13666), or both"),
    OPTION_STRING(struct config, mains, "mains", NULL,
                  "file that tells 1 while mains power is there and 0 while not, such as a GPIO in "
                  "sysfs; SIGPWR says so, too"),
    OPTION_FLAG(struct config, require_sync, "require-sync",
                "mark readings as unsure while the kernel's clock is not synchronised (NTP, PTP)"),
    OPTION_STRING(struct config, dump, "dump", NULL,
                  "p1, iec: write what the port says to this file, for support"),
    OPTION_FLAG(struct config, direct_reconnect, "direct-reconnect",
                "a remote reconnection closes the relay without a person (SIGUSR1) confirming"),
    OPTION_STRING(struct config, log_level, "log-level", "info", "debug, info, unusual or broken"),
    OPTION_U32(struct config, fleet, "fleet", "0", 0, 10000,
               "so many simulated meters in this process, by the first bundles in dir; 0: one"),
    OPTION_STRING(struct config, dir, "dir", ".",
                  "init: where the files go; fleet: where the bundles are"),
};

struct options *config_options(struct config *config)
{
    return options_new(ROWS, AMR_COUNT(ROWS), config, "AMR_METER",
                       "amr-meter [run] [--config FILE] [options]\n"
                       "       amr-meter --fleet N --dir DIR [options]\n"
                       "       amr-meter init --dir DIR --serial SERIAL\n"
                       "       amr-meter export --store FILE\n\n"
                       "read a meter, sign its readings and keep them until they are sealed\n\n"
                       "init makes the meter's keys and the request for its certificate. run "
                       "measures,\nsigns, stores and sends. export prints the store's reports as "
                       "JSON, one a line.");
}

int config_check(const struct config *config, struct err *err)
{
    const struct {
        const char *name;
        bool given;
    } needed[] = {
        {"servers", config->servers != NULL},   {"cert", config->cert != NULL},
        {"key", config->key != NULL},           {"signing-key", config->signing_key != NULL},
        {"meter", config->meter != 0},          {"chain-id", config->chain_id != 0},
        {"contract", config->contract != NULL},
    };

    for (size_t i = 0; i < AMR_COUNT(needed); i++) {
        if (!needed[i].given)
            return err_set(err, "option '%s' is missing", needed[i].name);
    }
    if (meter_group(config->meter) == 0 || meter_number(config->meter) == 0)
        return err_set(err, "meter %u: want group << 16 | number, both above 0",
                       (unsigned)config->meter);
    if (config->group && config->group != meter_group(config->meter))
        return err_set(err, "meter %u is of group %u, not %u", (unsigned)config->meter,
                       (unsigned)meter_group(config->meter), (unsigned)config->group);
    return 0;
}
