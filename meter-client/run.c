#include "meter-client/run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/file.h"
#include "meter-client/agent.h"
#include "meter-client/link.h"
#include "meter-client/meter_identity.h"

#define SECRET_MAX  16384
#define DAY_S       86400u
#define WAIT_MS_MAX 60000
#define READS_MAX   64 /* telegrams handled before the loop looks elsewhere */

enum { POLL_SIGNAL, POLL_BOUNDARY, POLL_LINK, POLL_SOURCE, POLL_COUNT };

/** Everything a running meter has; made in this order, released in reverse. */
struct meter {
    const struct config *config;
    struct clock *clock;
    struct log *log;
    char serial[SERIAL_MAX + 1];
    struct signer *signer;
    struct eip712 domain;
    struct meter_store *store;
    struct source *source;
    struct link *link;
    struct agent *agent;
    bool source_ailing; /* said already */
    int signal_fd;
    int boundary_fd;
};

/* STARTING */

static int find_serial(struct meter *meter, struct err *err)
{
    const struct config *config = meter->config;

    if (!config->serial)
        return identity_serial(meter->serial, config->cert, err);
    if (!serial_valid(config->serial))
        return err_set(err, "serial '%s': want 1 to 32 of A-Z a-z 0-9 . _ -", config->serial);
    memcpy(meter->serial, config->serial, strlen(config->serial) + 1);
    return 0;
}

/** The TLS key, which OpenSSL would take from a file that everybody can read. */
static int check_secret(const char *path, struct err *err)
{
    struct buf data = BUF_INIT;
    int rc = file_read_secret(&data, path, SECRET_MAX, err);

    if (data.len)
        explicit_bzero(data.data, data.len);
    buf_free(&data);
    return rc;
}

static int load_identity(struct meter *meter, struct err *err)
{
    const struct config *config = meter->config;
    struct eth_address contract;

    if (eth_address_parse(&contract, config->contract, err))
        return err_wrap(err, "contract");
    eip712_init(&meter->domain, config->chain_id, &contract);
    if (check_secret(config->key, err))
        return -1;
    meter->signer = signer_load(config->signing_key, err);
    if (!meter->signer || find_serial(meter, err))
        return -1;
    return identity_check(config->cert, meter->serial, signer_address(meter->signer), err);
}

static int open_store(struct meter *meter, struct err *err)
{
    struct meter_store_identity identity = {.meter = meter->config->meter,
                                            .chain_id = meter->domain.chain_id,
                                            .contract = meter->domain.contract,
                                            .signer = *signer_address(meter->signer)};

    memcpy(identity.serial, meter->serial, sizeof(identity.serial));
    return meter_store_open(&meter->store, meter->config->store, &identity, err);
}

static int open_source(struct meter *meter, struct err *err)
{
    const struct config *config = meter->config;
    struct source_config source = {.spec = config->source,
                                   .clock = meter->clock,
                                   .seed = config->seed,
                                   .pv_wp = config->pv_wp,
                                   .speed = config->sim_speed,
                                   .checksum = config->p1_checksum,
                                   .dump_path = config->dump,
                                   .timeout_s = config->source_timeout_s};

    struct registers registers;
    char *state_path = xasprintf("%s.s0", config->store);
    int rc = meter_store_last(meter->store, &source.last, err);

    source.state_path = state_path;
    if (rc == 0)
        rc = meter_store_registers(meter->store, &registers, err);
    if (rc == 0) {
        registers_raw(&registers, &source.last);
        rc = source_open(&meter->source, &source, err);
    }
    free(state_path);
    return rc;
}

static int make_link(struct meter *meter, struct err *err)
{
    const struct config *config = meter->config;
    struct link_config link = {.servers = config->servers,
                               .ca_file = config->ca,
                               .cert_file = config->cert,
                               .key_file = config->key,
                               .serial = meter->serial,
                               .group = meter_group(config->meter),
                               .session = meter_store_session(meter->store),
                               .unix_s = clock_unix_s(meter->clock)};

    return link_new(&meter->link, &link, meter->log, err);
}

static int make_agent(struct meter *meter, struct err *err)
{
    const struct config *config = meter->config;
    struct agent_config agent = {.serial = meter->serial,
                                 .source = source_scheme(meter->source),
                                 .meter = config->meter,
                                 .interval_s = config->interval_s,
                                 .readings_per_report = config->readings_per_report,
                                 .window = config->window,
                                 .ack_timeout_ms = config->ack_timeout_ms,
                                 .sealed_timeout_s = config->sealed_timeout_s,
                                 .telemetry_s = config->telemetry_s,
                                 .max_backlog = config->max_backlog,
                                 .retention_s = config->retention_days * DAY_S,
                                 .count = config->count,
                                 .control = {.operators = config->operators,
                                             .relay_path = config->relay,
                                             .direct = config->direct_reconnect,
                                             .meter = config->meter}};
    struct agent_parts parts = {.store = meter->store,
                                .signer = meter->signer,
                                .domain = &meter->domain,
                                .clock = meter->clock,
                                .log = meter->log,
                                .link = link_for_agent(meter->link)};

    return agent_new(&meter->agent, &agent, &parts, err);
}

/** Signals are blocked before the first thread starts, so that every thread inherits that. */
static int open_descriptors(struct meter *meter, struct err *err)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_errno(err, "block signals");
    meter->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (meter->signal_fd < 0)
        return err_errno(err, "make a signal descriptor");
    meter->boundary_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (meter->boundary_fd < 0)
        return err_errno(err, "make a timer");
    return 0;
}

static enum exit_code start(struct meter *meter, struct err *err)
{
    enum log_level level;

    if (log_level_parse(&level, meter->config->log_level, err) || config_check(meter->config, err))
        return EXIT_USAGE;
    meter->log = log_new("meter", STDERR_FILENO, level, meter->clock);
    if (load_identity(meter, err))
        return EXIT_USAGE;
    if (open_store(meter, err))
        return EXIT_REFUSED;
    if (open_source(meter, err) || make_link(meter, err))
        return EXIT_USAGE;
    if (make_agent(meter, err) || open_descriptors(meter, err) || link_start(meter->link, err))
        return EXIT_FAILED;
    return EXIT_OK;
}

/* RUNNING */

/** The kernel wakes us at the boundary by the wall clock, and also when that clock is set. */
static void set_boundary(struct meter *meter)
{
    uint64_t due_ms = agent_boundary_ms(meter->agent);
    struct itimerspec due = {.it_value = {.tv_sec = (time_t)(due_ms / 1000),
                                          .tv_nsec = (long)(due_ms % 1000) * 1000000}};

    timerfd_settime(meter->boundary_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &due, NULL);
}

static int wait_ms(const struct meter *meter)
{
    uint64_t now_ms = clock_mono_ms(meter->clock);
    uint64_t due_ms = agent_due_ms(meter->agent);
    uint64_t source_ms = source_due_ms(meter->source);

    if (source_ms < due_ms)
        due_ms = source_ms;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms < WAIT_MS_MAX ? (int)(due_ms - now_ms) : WAIT_MS_MAX;
}

static void read_source(struct meter *meter)
{
    struct measurement measurement;
    struct source_counters counters;
    struct err err = ERR_INIT;
    int got = 1;

    for (int i = 0; i < READS_MAX && got > 0; i++) {
        got = source_read(meter->source, &measurement, &err);
        if (got > 0) {
            agent_measured(meter->agent, &measurement);
            meter->source_ailing = false;
        }
    }
    if (got < 0 && !meter->source_ailing) {
        log_unusual(meter->log, "source fails, trying again: %s", err.text);
        meter->source_ailing = true;
    }
    counters = source_counters(meter->source);
    agent_set_source_counters(meter->agent, &counters);
}

static void drain_descriptor(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof(count)) > 0)
        continue;
}

/** SIGUSR1 is the person at the meter who confirms a reconnection; other signals end us. */
static bool confirmed(struct meter *meter)
{
    struct signalfd_siginfo info;
    struct err err = ERR_INIT;

    while (read(meter->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGUSR1)
            return false;
        if (agent_confirm(meter->agent, &err))
            log_unusual(meter->log, "confirmation is not kept: %s", err.text);
    }
    return true;
}

/** False when asked to end. */
static bool wait_for_something(struct meter *meter)
{
    struct pollfd fds[POLL_COUNT] = {
        [POLL_SIGNAL] = {.fd = meter->signal_fd, .events = POLLIN},
        [POLL_BOUNDARY] = {.fd = meter->boundary_fd, .events = POLLIN},
        [POLL_LINK] = {.fd = link_fd(meter->link), .events = POLLIN},
        [POLL_SOURCE] = {.fd = source_fd(meter->source), .events = source_events(meter->source)},
    };

    set_boundary(meter);
    if (poll(fds, POLL_COUNT, wait_ms(meter)) < 0 && errno != EINTR)
        log_broken(meter->log, "poll failed: %s", strerror(errno));
    if (fds[POLL_BOUNDARY].revents)
        drain_descriptor(meter->boundary_fd);
    return !(fds[POLL_SIGNAL].revents & POLLIN) || confirmed(meter);
}

static enum exit_code finish(const struct meter *meter, struct err *err)
{
    if (agent_end(meter->agent) != AGENT_SOME_REJECTED)
        return EXIT_OK;
    err_set(err, "some reports were rejected: see 'amr-meter export'");
    return EXIT_FAILED;
}

static enum exit_code loop(struct meter *meter, struct err *err)
{
    while (wait_for_something(meter)) {
        link_drain(meter->link, meter->agent);
        read_source(meter);
        if (agent_tick(meter->agent, err))
            return EXIT_FAILED;
        if (agent_end(meter->agent) != AGENT_GOES_ON)
            break;
    }
    return finish(meter, err);
}

static void release(struct meter *meter)
{
    if (meter->agent)
        agent_leave(meter->agent);
    if (meter->link)
        link_stop(meter->link);
    agent_free(meter->agent);
    link_free(meter->link);
    source_close(meter->source);
    meter_store_close(meter->store);
    signer_free(meter->signer);
    log_free(meter->log);
    clock_free(meter->clock);
    if (meter->signal_fd >= 0)
        close(meter->signal_fd);
    if (meter->boundary_fd >= 0)
        close(meter->boundary_fd);
}

enum exit_code run_meter(const struct config *config, struct err *err)
{
    struct meter meter = {.config = config, .signal_fd = -1, .boundary_fd = -1};
    enum exit_code code;

    meter.clock = clock_system_new();
    code = start(&meter, err);
    if (code == EXIT_OK) {
        log_info(meter.log, "started serial=%s meter=%" PRIu32 " source=%s session=%" PRIu32,
                 meter.serial, config->meter, config->source, meter_store_session(meter.store));
        code = loop(&meter, err);
        log_info(meter.log, "stopping");
    }
    release(&meter);
    return code;
}
