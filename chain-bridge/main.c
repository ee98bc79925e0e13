/*
 * amr-bridge: takes the group's reports from MQTT, keeps them, seals them on the chain.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chain-bridge/archive.h"
#include "chain-bridge/bridge.h"
#include "chain-bridge/sd_notify.h"

/* Until SIGTERM or SIGINT; a tick a second. */
static void wait_for_end(struct bridge *bridge, const sigset_t *signals, struct log *log)
{
    const struct timespec second = {.tv_sec = 1};
    for (;;) {
        int got = sigtimedwait(signals, NULL, &second);
        if (got == SIGTERM || got == SIGINT) {
            sd_notify_state("STOPPING=1");
            log_info(log, "ending signal=%d", got);
            return;
        }
        bridge_tick(bridge);
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

static int run(const struct config *config, const struct clock *clock, struct log *log)
{
    struct err err = ERR_INIT;
    struct bridge *bridge = NULL;
    sigset_t signals;
    block_signals(&signals);
    enum bridge_exit code = bridge_new(&bridge, config, clock, log, &err);
    if (code == BRIDGE_OK)
        code = bridge_start(bridge, &err);
    if (code == BRIDGE_OK)
        wait_for_end(bridge, &signals, log);
    else
        log_unusual(log, "amr-bridge does not start: %s", err.text);
    bridge_free(bridge);
    if (code == BRIDGE_OK)
        log_info(log, "ended");
    return (int)code;
}

static void print_report(void *cookie, const struct archived_report *archived)
{
    char root[ETH_HASH_TEXT], hash[ETH_HASH_TEXT];
    struct buf *line = cookie;
    buf_clear(line);
    payload_report_print(line, &archived->report);
    printf("{\"batch\":\"%s\",\"tx\":\"%s\",\"block\":%llu,\"number\":%llu,\"report\":%s}\n",
           eth_hash_text(root, &archived->batch.root), eth_hash_text(hash, &archived->batch.hash),
           (unsigned long long)archived->batch.block, (unsigned long long)archived->batch.number,
           buf_str(line));
}

static int print_archive(const struct config *config)
{
    struct err err = ERR_INIT;
    struct buf line = BUF_INIT;
    int result = archive_read(config->archive_path, print_report, &line, &err);
    buf_free(&line);
    if (result < 0)
        fprintf(stderr, "amr-bridge: %s\n", err.text);
    return result < 0 ? BRIDGE_FAILED : BRIDGE_OK;
}

/* OPTIONS_RUN only with a configuration that makes sense. */
static enum options_result read_config(struct options *options, struct config *config, int argc,
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

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct config config = {0};
    struct options *options = config_options(&config);
    enum options_result parsed = read_config(options, &config, argc, argv, &err);
    int code = BRIDGE_OK;
    if (parsed == OPTIONS_WRONG) {
        fprintf(stderr, "amr-bridge: %s\n", err.text);
        code = BRIDGE_USAGE;
    } else if (parsed == OPTIONS_RUN && config.print_archive) {
        code = print_archive(&config);
    } else if (parsed == OPTIONS_RUN) {
        struct clock *clock = clock_system_new();
        struct log *log = log_new("bridge", STDERR_FILENO, config.log_min, clock);
        code = run(&config, clock, log);
        log_free(log);
        clock_free(clock);
    }
    options_free(options);
    return code;
}
