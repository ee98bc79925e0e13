/*
 * amr-bridge: takes the group's reports from MQTT, keeps them, seals them on the chain.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chain-bridge/archive_reader.h"
#include "chain-bridge/bridge.h"
#include "chain-bridge/rebuild_command.h"
#include "chain-bridge/reload.h"
#include "chain-bridge/sd_notify.h"
#include "common/payload.h"

static void reload(struct bridge *bridge, const struct reload *again)
{
    sd_notify_state("RELOADING=1");
    if (reload_config(again) > 0)
        bridge_retune(bridge);
    sd_notify_state("READY=1");
}

/* Until SIGTERM or SIGINT; a tick a second. */
static void wait_for_end(struct bridge *bridge, const sigset_t *signals, const struct reload *again)
{
    struct log *log = again->log;
    const struct timespec second = {.tv_sec = 1};
    for (;;) {
        int got = sigtimedwait(signals, NULL, &second);
        if (got == SIGTERM || got == SIGINT) {
            sd_notify_state("STOPPING=1");
            log_info(log, "ending signal=%d", got);
            return;
        }
        if (got == SIGHUP)
            reload(bridge, again);
        bridge_tick(bridge);
        sd_notify_state("WATCHDOG=1");
    }
}

static void block_signals(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    sigaddset(ret_signals, SIGHUP);
    sigaddset(ret_signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, ret_signals, NULL); /* before any thread: they inherit it */
}

static int run(const struct reload *again, const struct clock *clock)
{
    const struct config *config = again->config;
    struct log *log = again->log;
    struct err err = ERR_INIT;
    struct bridge *bridge = NULL;
    sigset_t signals;
    block_signals(&signals);
    enum bridge_exit code = bridge_new(&bridge, config, clock, log, &err);
    if (code == BRIDGE_OK)
        code = bridge_start(bridge, &err);
    if (code == BRIDGE_OK) {
        sd_notify_state("READY=1");
        wait_for_end(bridge, &signals, again);
    } else {
        log_unusual(log, "amr-bridge does not start: %s", err.text);
    }
    bridge_free(bridge);
    if (code == BRIDGE_OK)
        log_info(log, "ended");
    return (int)code;
}

static int rebuild(const struct config *config, const struct clock *clock, struct log *log)
{
    struct err err = ERR_INIT;
    return (int)rebuild_command(config, clock, log, &err);
}

static void print_archived(struct buf *line, const struct archived *archived)
{
    char root[ETH_HASH_TEXT], hash[ETH_HASH_TEXT], leaf[ETH_HASH_TEXT];
    const struct archived_batch *batch = &archived->batch;
    printf("{\"batch\":\"%s\",\"tx\":\"%s\",\"block\":%llu,\"number\":%llu,",
           eth_hash_text(root, &batch->root), eth_hash_text(hash, &batch->transaction),
           (unsigned long long)batch->block, (unsigned long long)batch->number);
    if (archived->kind == ARCHIVED_LEAF) {
        printf("\"leaf\":\"%s\"}\n", eth_hash_text(leaf, &archived->leaf));
        return;
    }
    buf_clear(line);
    payload_report_print(line, &archived->report);
    printf("\"report\":%s}\n", buf_str(line));
}

static int print_all(const char *path, struct err *err)
{
    struct archive_reader *reader = NULL;
    struct archived archived;
    struct buf line = BUF_INIT;
    if (archive_reader_open(&reader, path, err) < 0)
        return -1;
    int got;
    while ((got = archive_reader_next(reader, &archived, err)) == 1)
        print_archived(&line, &archived);
    if (got == 0 && archive_reader_torn(reader))
        got = err_set(err, "archive '%s': the last %llu bytes are no whole entry", path,
                      (unsigned long long)archive_reader_torn(reader));
    archive_reader_close(reader);
    buf_free(&line);
    return got;
}

static int print_archive(const struct config *config)
{
    struct err err = ERR_INIT;
    if (print_all(config->archive_path, &err) == 0)
        return BRIDGE_OK;
    fprintf(stderr, "amr-bridge: %s\n", err.text);
    return BRIDGE_FAILED;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct config config = {0};
    struct options *options = config_options(&config);
    enum options_result parsed = config_read(options, &config, argc, argv, &err);
    int code = BRIDGE_OK;
    if (parsed == OPTIONS_WRONG) {
        fprintf(stderr, "amr-bridge: %s\n", err.text);
        code = BRIDGE_USAGE;
    } else if (parsed == OPTIONS_RUN && config.print_archive) {
        code = print_archive(&config);
    } else if (parsed == OPTIONS_RUN) {
        struct clock *clock = clock_system_new();
        struct log *log = log_new("bridge", STDERR_FILENO, config.log_min, clock);
        struct reload again = {options, &config, argc, argv, log};
        code = config.rebuild ? rebuild(&config, clock, log) : run(&again, clock);
        log_free(log);
        clock_free(clock);
    }
    options_free(options);
    return code;
}
