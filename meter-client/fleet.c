#include "meter-client/fleet.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/buf.h"
#include "meter-client/memory.h"

#define SUFFIX      ".conf"
#define EVENTS_MAX  256
#define WAIT_MS_MAX 1000
#define SUMMARY_MS  10000
#define SIGNAL_TAG  UINT64_MAX

struct member {
    struct config config;
    struct options *options; /* owns config's strings */
    struct meter *meter;
};

struct fleet {
    struct clock *clock;
    struct log *log;
    struct member *members;
    uint32_t count;
    int epoll_fd;
    int signal_fd;
    uint64_t summary_ms;
};

/* MAKING */

static int is_bundle(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > strlen(SUFFIX) && strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/** As main does, with the bundle as one more configuration file. */
static int configure(struct member *member, const char *bundle, int argc, char **argv,
                     struct err *err)
{
    char **arguments = xcalloc((size_t)argc + 3, sizeof(*arguments));
    char option[] = "--config";
    char *path = xstrdup(bundle);
    enum options_result result;
    int words = 0;

    arguments[0] = argv[0];
    arguments[1] = option;
    arguments[2] = path;
    memcpy(arguments + 3, argv + 1, ((size_t)argc - 1) * sizeof(*arguments));
    member->options = config_options(&member->config);
    result = options_parse(member->options, &words, argc + 2, arguments, err);
    free(arguments);
    free(path);
    return result == OPTIONS_RUN ? 0 : -1;
}

static enum exit_code add_meter(struct fleet *fleet, const char *bundle, int argc, char **argv,
                                struct err *err)
{
    struct member *member = &fleet->members[fleet->count++];
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = fleet->count - 1};
    enum exit_code code;

    if (configure(member, bundle, argc, argv, err))
        return EXIT_USAGE;
    member->config.seed += fleet->count - 1;
    if (strcmp(member->config.source, "sim") != 0) {
        err_set(err, "a fleet simulates: source '%s' is for one meter", member->config.source);
        return EXIT_USAGE;
    }
    code = meter_new(&member->meter, &member->config, fleet->clock, fleet->log, err);
    if (code != EXIT_OK)
        return code;
    if (epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, meter_link_fd(member->meter), &event)) {
        err_errno(err, "watch a meter");
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static enum exit_code add_meters(struct fleet *fleet, const struct config *config, int argc,
                                 char **argv, struct err *err)
{
    struct dirent **found = NULL;
    int there = scandir(config->dir, &found, is_bundle, alphasort);
    enum exit_code code = EXIT_OK;

    if (there < 0) {
        err_errno(err, "read folder '%s'", config->dir);
        return EXIT_USAGE;
    }
    if ((uint32_t)there < config->fleet) {
        err_set(err, "'%s' holds %d bundles (*.conf), not %u", config->dir, there,
                (unsigned)config->fleet);
        code = EXIT_USAGE;
    }
    for (uint32_t i = 0; i < config->fleet && code == EXIT_OK; i++) {
        char *bundle = xasprintf("%s/%s", config->dir, found[i]->d_name);

        code = add_meter(fleet, bundle, argc, argv, err);
        if (code != EXIT_OK)
            err_wrap(err, "'%s'", bundle);
        free(bundle);
    }
    while (there-- > 0)
        free(found[there]);
    free(found);
    return code;
}

/** A meter takes about six descriptors. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_descriptors(struct fleet *fleet, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = SIGNAL_TAG};
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_errno(err, "block signals");
    fleet->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    fleet->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fleet->epoll_fd < 0 || fleet->signal_fd < 0 ||
        epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, fleet->signal_fd, &event))
        return err_errno(err, "make descriptors");
    return 0;
}

static enum exit_code start(struct fleet *fleet, const struct config *config, int argc, char **argv,
                            struct err *err)
{
    enum log_level level;
    enum exit_code code;

    if (log_level_parse(&level, config->log_level, err))
        return EXIT_USAGE;
    fleet->log = log_new("meter", STDERR_FILENO, level, fleet->clock);
    allow_descriptors();
    if (open_descriptors(fleet, err))
        return EXIT_FAILED;
    fleet->members = xcalloc(config->fleet, sizeof(*fleet->members));
    code = add_meters(fleet, config, argc, argv, err);
    for (uint32_t i = 0; i < fleet->count && code == EXIT_OK; i++) {
        if (meter_start(fleet->members[i].meter, err))
            code = EXIT_FAILED;
    }
    return code;
}

/* RUNNING */

static void summarize(struct fleet *fleet)
{
    struct agent_status sum = {0};
    unsigned connected = 0;

    for (uint32_t i = 0; i < fleet->count; i++) {
        struct agent_status status;

        agent_status(meter_agent(fleet->members[i].meter), &status);
        connected += status.connected ? 1 : 0;
        sum.made += status.made;
        for (int state = 0; state <= REPORT_REJECTED; state++)
            sum.counts.reports[state] += status.counts.reports[state];
    }
    log_info(fleet->log,
             "fleet meters=%" PRIu32 " connected=%u readings=%" PRIu64 " queued=%" PRIu64
             " stored=%" PRIu64 " sealed=%" PRIu64 " rejected=%" PRIu64,
             fleet->count, connected, sum.made, sum.counts.reports[REPORT_QUEUED],
             sum.counts.reports[REPORT_STORED], sum.counts.reports[REPORT_SEALED],
             sum.counts.reports[REPORT_REJECTED]);
    fleet->summary_ms = clock_mono_ms(fleet->clock) + SUMMARY_MS;
}

/** Steps those that something is due for; returns how long none will be. */
static int step_due(struct fleet *fleet)
{
    uint64_t wait_ms = WAIT_MS_MAX;

    for (uint32_t i = 0; i < fleet->count; i++) {
        struct meter *meter = fleet->members[i].meter;
        uint64_t mono_ms = clock_mono_ms(fleet->clock);
        uint64_t unix_ms = clock_unix_ms(fleet->clock);

        if (meter_due_ms(meter) <= mono_ms || meter_boundary_ms(meter) <= unix_ms)
            meter_step(meter);
        if (meter_due_ms(meter) < mono_ms + wait_ms)
            wait_ms = meter_due_ms(meter) > mono_ms ? meter_due_ms(meter) - mono_ms : 0;
        if (meter_boundary_ms(meter) < unix_ms + wait_ms)
            wait_ms = meter_boundary_ms(meter) > unix_ms ? meter_boundary_ms(meter) - unix_ms : 0;
    }
    if (clock_mono_ms(fleet->clock) >= fleet->summary_ms)
        summarize(fleet);
    return (int)wait_ms;
}

static bool all_ended(const struct fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->count; i++) {
        if (meter_end(fleet->members[i].meter) == AGENT_GOES_ON)
            return false;
    }
    return true;
}

static enum exit_code loop(struct fleet *fleet, struct err *err)
{
    struct epoll_event events[EVENTS_MAX];
    bool stopping = false;

    fleet->summary_ms = clock_mono_ms(fleet->clock) + SUMMARY_MS;
    while (!stopping && !all_ended(fleet)) {
        int count = epoll_wait(fleet->epoll_fd, events, EVENTS_MAX, step_due(fleet));

        if (count < 0 && errno != EINTR)
            log_broken(fleet->log, "epoll failed: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == SIGNAL_TAG)
                stopping = true;
            else
                meter_step(fleet->members[events[i].data.u64].meter);
        }
    }
    summarize(fleet);
    for (uint32_t i = 0; i < fleet->count; i++) {
        if (meter_end(fleet->members[i].meter) == AGENT_SOME_REJECTED) {
            err_set(err, "some reports were rejected: see 'amr-meter export'");
            return EXIT_FAILED;
        }
    }
    return EXIT_OK;
}

static void release(struct fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].meter)
            meter_leave(fleet->members[i].meter);
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        meter_free(fleet->members[i].meter);
        options_free(fleet->members[i].options);
    }
    free(fleet->members);
    log_free(fleet->log);
    clock_free(fleet->clock);
    if (fleet->signal_fd >= 0)
        close(fleet->signal_fd);
    if (fleet->epoll_fd >= 0)
        close(fleet->epoll_fd);
}

enum exit_code run_fleet(const struct config *config, int argc, char **argv, struct err *err)
{
    struct fleet fleet = {.epoll_fd = -1, .signal_fd = -1};
    enum exit_code code;

    memory_begin();
    fleet.clock = clock_system_new();
    code = start(&fleet, config, argc, argv, err);
    if (code == EXIT_OK) {
        log_info(fleet.log, "started meters=%" PRIu32 " dir=%s", fleet.count, config->dir);
        code = loop(&fleet, err);
        log_info(fleet.log, "stopping");
    }
    release(&fleet);
    return code;
}
