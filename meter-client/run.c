#include "meter-client/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "meter-client/display.h"
#include "meter-client/mains.h"
#include "meter-client/memory.h"

#define WAIT_MS_MAX   60000
#define TRIM_FIRST_MS 10000
#define TRIM_EVERY_MS 600000

enum {
    POLL_SIGNAL,
    POLL_BOUNDARY,
    POLL_LINK,
    POLL_SOURCE,
    POLL_MAINS,
    POLL_DISPLAY,
    POLL_COUNT = POLL_DISPLAY + DISPLAY_FDS
};

/** The process around one meter. */
struct runner {
    struct clock *clock;
    struct log *log;
    struct meter *meter;
    struct display *display;
    struct mains *mains;
    bool power_signal; /* SIGPWR said that power is away */
    uint64_t trim_ms;  /* when memory is given back next */
    int null_fd;       /* -1: the log goes to standard error */
    int signal_fd;
    int boundary_fd;
};

/** Signals are blocked before the first thread starts, so that every thread inherits that. */
static int open_descriptors(struct runner *runner, struct err *err)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGPWR);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_errno(err, "block signals");
    runner->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (runner->signal_fd < 0)
        return err_errno(err, "make a signal descriptor");
    runner->boundary_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    return runner->boundary_fd < 0 ? err_errno(err, "make a timer") : 0;
}

static void show_error(void *cookie, const char *line)
{
    struct runner *runner = cookie;

    if (runner->display)
        display_error(runner->display, line);
}

/** Lines would tear a display in the same terminal apart: there they go to the display only. */
static int log_descriptor(struct runner *runner, const struct config *config)
{
    if (config->display && strstr(config->display, "terminal") && isatty(STDERR_FILENO))
        runner->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return runner->null_fd >= 0 ? runner->null_fd : STDERR_FILENO;
}

static enum exit_code start(struct runner *runner, const struct config *config, struct err *err)
{
    enum log_level level;
    enum exit_code code;

    if (log_level_parse(&level, config->log_level, err))
        return EXIT_USAGE;
    runner->log = log_new("meter", log_descriptor(runner, config), level, runner->clock);
    log_also(runner->log, LOG_LEVEL_UNUSUAL, show_error, runner);
    code = meter_new(&runner->meter, config, runner->clock, runner->log, err);
    if (code != EXIT_OK)
        return code;
    if (display_new(&runner->display, config->display, meter_serial(runner->meter), runner->clock,
                    err) ||
        mains_new(&runner->mains, config->mains, runner->clock, err))
        return EXIT_USAGE;
    if (open_descriptors(runner, err) || meter_start(runner->meter, err))
        return EXIT_FAILED;
    return EXIT_OK;
}

/** The kernel wakes us at the boundary by the wall clock, and also when that clock is set. */
static void set_boundary(struct runner *runner)
{
    uint64_t due_ms = meter_boundary_ms(runner->meter);
    struct itimerspec due = {.it_value = {.tv_sec = (time_t)(due_ms / 1000),
                                          .tv_nsec = (long)(due_ms % 1000) * 1000000}};

    timerfd_settime(runner->boundary_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &due, NULL);
}

static int wait_ms(const struct runner *runner)
{
    uint64_t now_ms = clock_mono_ms(runner->clock);
    uint64_t due_ms = meter_due_ms(runner->meter);

    uint64_t display_ms = display_due_ms(runner->display);

    if (runner->trim_ms < due_ms)
        due_ms = runner->trim_ms;
    if (display_ms < due_ms)
        due_ms = display_ms;
    if (mains_due_ms(runner->mains) < due_ms)
        due_ms = mains_due_ms(runner->mains);
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms < WAIT_MS_MAX ? (int)(due_ms - now_ms) : WAIT_MS_MAX;
}

static void drain_descriptor(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof(count)) > 0)
        continue;
}

static void confirm(struct runner *runner)
{
    struct err err = ERR_INIT;

    if (agent_confirm(meter_agent(runner->meter), &err))
        log_unusual(runner->log, "confirmation is not kept: %s", err.text);
}

/**
 * SIGUSR1 is the person at the meter who confirms a reconnection, SIGPWR says that mains power is
 * away (and, once more, that it is back); other signals end us.
 */
static bool take_signals(struct runner *runner)
{
    struct signalfd_siginfo info;

    while (read(runner->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGPWR)
            runner->power_signal = !runner->power_signal;
        else if (info.ssi_signo == SIGUSR1)
            confirm(runner);
        else
            return false;
    }
    return true;
}

/** False when asked to end. */
static bool wait_for_something(struct runner *runner)
{
    struct pollfd fds[POLL_COUNT] = {
        [POLL_SIGNAL] = {.fd = runner->signal_fd, .events = POLLIN},
        [POLL_BOUNDARY] = {.fd = runner->boundary_fd, .events = POLLIN},
        [POLL_LINK] = {.fd = meter_link_fd(runner->meter), .events = POLLIN},
        [POLL_SOURCE] = {.fd = meter_source_fd(runner->meter),
                         .events = meter_source_events(runner->meter)},
        [POLL_MAINS] = {.fd = mains_fd(runner->mains), .events = POLLPRI},
    };

    display_poll(runner->display, &fds[POLL_DISPLAY]);
    set_boundary(runner);
    if (poll(fds, POLL_COUNT, wait_ms(runner)) < 0 && errno != EINTR)
        log_broken(runner->log, "poll failed: %s", strerror(errno));
    if (fds[POLL_BOUNDARY].revents)
        drain_descriptor(runner->boundary_fd);
    if ((fds[POLL_SIGNAL].revents & POLLIN) && !take_signals(runner))
        return false;
    agent_power(meter_agent(runner->meter),
                mains_away(runner->mains, fds[POLL_MAINS].revents & POLLPRI) ||
                    runner->power_signal);
    return true;
}

static void trim(struct runner *runner)
{
    uint64_t now_ms = clock_mono_ms(runner->clock);

    if (now_ms < runner->trim_ms)
        return;
    memory_trim();
    runner->trim_ms = now_ms + TRIM_EVERY_MS;
}

static enum exit_code loop(struct runner *runner, struct err *err)
{
    runner->trim_ms = clock_mono_ms(runner->clock) + TRIM_FIRST_MS;
    while (wait_for_something(runner)) {
        meter_step(runner->meter);
        if (display_work(runner->display, meter_agent(runner->meter), runner->log))
            confirm(runner);
        trim(runner);
        if (meter_end(runner->meter) != AGENT_GOES_ON)
            break;
    }
    if (meter_end(runner->meter) != AGENT_SOME_REJECTED)
        return EXIT_OK;
    err_set(err, "some reports were rejected: see 'amr-meter export'");
    return EXIT_FAILED;
}

static void release(struct runner *runner)
{
    const int fds[] = {runner->null_fd, runner->signal_fd, runner->boundary_fd};

    display_free(runner->display);
    runner->display = NULL;
    mains_free(runner->mains);
    meter_free(runner->meter);
    log_free(runner->log);
    clock_free(runner->clock);
    for (size_t i = 0; i < AMR_COUNT(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

enum exit_code run_meter(const struct config *config, struct err *err)
{
    struct runner runner = {.null_fd = -1, .signal_fd = -1, .boundary_fd = -1};
    enum exit_code code;

    memory_begin();
    runner.clock = clock_system_new();
    code = start(&runner, config, err);
    if (code == EXIT_OK) {
        log_info(runner.log, "started serial=%s meter=%" PRIu32 " source=%s session=%" PRIu32,
                 meter_serial(runner.meter), config->meter, config->source,
                 meter_session(runner.meter));
        code = loop(&runner, err);
        log_info(runner.log, "stopping");
    }
    release(&runner);
    return code;
}
