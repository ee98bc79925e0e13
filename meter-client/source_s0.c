#include "meter-client/source_s0.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/gpio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/options.h"

#define DEFAULT_IMP   1000
#define IMP_MAX       1000000
#define DEBOUNCE_US   5000
#define SAVE_MS       60000
#define LOOK_MS       1000 /* at a file, which cannot be polled */
#define FADE_MS       300000
#define WH_PER_KWH    1000
#define WMS_PER_KWH   UINT64_C(3600000000)
#define STATE_MAX     128
#define STATE_VERSION 1
#define EVENTS_MAX    16
#define FILE_PREFIX   "file://"

struct s0 {
    const struct clock *clock;
    char *state_path; /* NULL: none */
    char *path;
    uint32_t line;
    bool gpio;
    int fd;
    uint32_t imp;
    uint64_t base_wh; /* register when pulses was 0 */
    uint64_t pulses;
    uint64_t saved; /* pulses in the file */
    uint64_t save_due_ms;
    uint64_t pulse_ms; /* the last one; 0: none yet */
    uint64_t gap_ms;   /* between the last two */
    uint64_t told_ms;
};

static uint64_t register_wh(const struct s0 *s0)
{
    return s0->base_wh + s0->pulses * WH_PER_KWH / s0->imp;
}

/* STATE */

static int save(struct s0 *s0, struct err *err)
{
    char text[STATE_MAX];
    int len = snprintf(text, sizeof(text), "%d %" PRIu64 " %" PRIu64 " %" PRIu32 "\n",
                       STATE_VERSION, s0->base_wh, s0->pulses, s0->imp);

    s0->save_due_ms = UINT64_MAX;
    if (!s0->state_path || s0->saved == s0->pulses)
        return 0;
    if (file_replace(s0->state_path, 0600, text, (size_t)len, err)) {
        s0->save_due_ms = clock_mono_ms(s0->clock) + SAVE_MS;
        return err_wrap(err, "keep the pulse count");
    }
    s0->saved = s0->pulses;
    return 0;
}

/** Four numbers on one line: version, base_wh, pulses, imp. */
static int parse_state(struct s0 *s0, char *text, struct err *err)
{
    static const uint64_t MAX[] = {STATE_VERSION, READING_WH_MAX, READING_WH_MAX, IMP_MAX};
    uint64_t number[AMR_COUNT(MAX)] = {0};
    size_t len = strlen(text);
    size_t count = 0;
    char *rest = NULL;
    uint32_t imp;

    if (len == 0 || text[len - 1] != '\n')
        return err_set(err, "'%s' holds no pulse count", s0->state_path);
    text[len - 1] = 0;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (count == AMR_COUNT(MAX) || parse_u64(&number[count], word, 0, MAX[count], NULL))
            return err_set(err, "'%s' holds no pulse count", s0->state_path);
        count++;
    }
    imp = (uint32_t)number[3];
    if (number[0] != STATE_VERSION || imp == 0)
        return err_set(err, "'%s' holds no pulse count", s0->state_path);
    s0->base_wh = number[1];
    s0->pulses = number[2];
    if (imp != s0->imp) { /* another constant from here on */
        s0->base_wh += s0->pulses * WH_PER_KWH / imp;
        s0->pulses = 0;
    }
    s0->saved = s0->pulses;
    return 0;
}

/** The file may be missing or behind, but the register never stands below the last reading. */
static int restore(struct s0 *s0, const struct source_config *config, uint64_t start_wh,
                   struct err *err)
{
    struct buf text = BUF_INIT;
    char *line;
    int rc = 0;

    s0->base_wh = start_wh;
    if (s0->state_path && access(s0->state_path, F_OK) == 0) {
        rc = file_read(&text, s0->state_path, STATE_MAX - 1, err);
        line = xstrdup(buf_str(&text));
        if (rc == 0)
            rc = parse_state(s0, line, err);
        free(line);
        buf_free(&text);
    }
    if (rc == 0 && config->last.timestamp_s && register_wh(s0) < config->last.import_wh)
        s0->base_wh += config->last.import_wh - register_wh(s0);
    return rc;
}

/* PULSES */

static void add_pulses(struct s0 *s0, uint64_t count)
{
    uint64_t now_ms = clock_mono_ms(s0->clock);

    if (count == 0)
        return;
    if (s0->pulse_ms)
        s0->gap_ms = (now_ms - s0->pulse_ms) / count;
    s0->pulse_ms = now_ms ? now_ms : 1;
    s0->pulses += count;
    if (s0->save_due_ms == UINT64_MAX)
        s0->save_due_ms = now_ms + SAVE_MS;
}

/** From the last two pulses; less when the next one is late. */
static uint32_t power_w(const struct s0 *s0)
{
    uint64_t since_ms = clock_mono_ms(s0->clock) - s0->pulse_ms;
    uint64_t gap_ms = since_ms > s0->gap_ms ? since_ms : s0->gap_ms;

    if (s0->gap_ms == 0 || since_ms > FADE_MS)
        return 0;
    return (uint32_t)(WMS_PER_KWH / s0->imp / gap_ms);
}

static int read_gpio(struct s0 *s0, struct err *err)
{
    struct gpio_v2_line_event events[EVENTS_MAX];
    ssize_t got;

    while ((got = read(s0->fd, events, sizeof(events))) > 0)
        add_pulses(s0, (uint64_t)got / sizeof(events[0]));
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        return err_errno(err, "read '%s' line %" PRIu32, s0->path, s0->line);
    return 0;
}

static int read_file(struct s0 *s0, struct err *err)
{
    char bytes[256];
    uint64_t count = 0;
    ssize_t got;

    while ((got = read(s0->fd, bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            count += bytes[i] == '\n' ? 1 : 0;
    }
    add_pulses(s0, count);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        return err_errno(err, "read '%s'", s0->path);
    return 0;
}

static int s0_read(void *self, struct measurement *ret_measurement, struct err *err)
{
    struct s0 *s0 = self;
    struct measurement *m = ret_measurement;
    uint64_t now_ms = clock_unix_ms(s0->clock);

    if (s0->gpio ? read_gpio(s0, err) : read_file(s0, err))
        return -1;
    if (clock_mono_ms(s0->clock) >= s0->save_due_ms && save(s0, err))
        return -1;
    if (now_ms == s0->told_ms)
        return 0;
    s0->told_ms = now_ms;
    memset(m, 0, sizeof(*m));
    m->unix_ms = now_ms;
    m->import_wh = register_wh(s0);
    m->import_w = power_w(s0);
    return 1;
}

/* OPENING */

static int request_line(struct s0 *s0, struct err *err)
{
    struct gpio_v2_line_request request;
    int chip = open(s0->path, O_RDONLY | O_CLOEXEC);

    if (chip < 0)
        return err_errno(err, "open '%s'", s0->path);
    memset(&request, 0, sizeof(request));
    request.offsets[0] = s0->line;
    request.num_lines = 1;
    snprintf(request.consumer, sizeof(request.consumer), "amr-meter");
    request.config.flags =
        GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_FALLING | GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
    request.config.num_attrs = 1;
    request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_DEBOUNCE;
    request.config.attrs[0].attr.debounce_period_us = DEBOUNCE_US;
    request.config.attrs[0].mask = 1;
    if (ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request)) {
        err_errno(err, "ask '%s' for line %" PRIu32, s0->path, s0->line);
        close(chip);
        return -1;
    }
    close(chip);
    s0->fd = request.fd;
    if (fcntl(s0->fd, F_SETFL, O_NONBLOCK) || fcntl(s0->fd, F_SETFD, FD_CLOEXEC))
        return err_errno(err, "set up '%s'", s0->path);
    return 0;
}

static int open_device(struct s0 *s0, struct err *err)
{
    if (s0->gpio)
        return request_line(s0, err);
    /* For writing too: a FIFO whose writers come and go then has no end. */
    s0->fd = open(s0->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    return s0->fd < 0 ? err_errno(err, "open '%s'", s0->path) : 0;
}

static int parse_device(struct s0 *s0, const char *text, struct err *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t line;

    if (strncmp(text, FILE_PREFIX, strlen(FILE_PREFIX)) == 0) {
        s0->path = xstrdup(text + strlen(FILE_PREFIX));
        return 0;
    }
    if (text[0] != '/' || !colon || parse_u64(&line, colon + 1, 0, UINT32_MAX, NULL))
        return err_set(err, "want /dev/gpiochipN:LINE or file://PATH");
    s0->gpio = true;
    s0->line = (uint32_t)line;
    s0->path = xasprintf("%.*s", (int)(colon - text), text);
    return 0;
}

static int take_option(struct s0 *s0, uint64_t *start_wh, const char *word, struct err *err)
{
    uint64_t imp;

    if (strncmp(word, "imp=", 4) == 0) {
        if (parse_u64(&imp, word + 4, 1, IMP_MAX, err))
            return err_wrap(err, "imp");
        s0->imp = (uint32_t)imp;
        return 0;
    }
    if (strncmp(word, "start=", 6) == 0)
        return parse_u64(start_wh, word + 6, 0, READING_WH_MAX, err);
    return err_set(err, "'%s': want imp=N or start=WH", word);
}

static int parse_address(struct s0 *s0, uint64_t *start_wh, const char *address, struct err *err)
{
    char *text = xstrdup(address ? address : "");
    char *rest = NULL;
    char *word = strtok_r(text, ",", &rest);
    int rc = parse_device(s0, word ? word : "", err);

    while (rc == 0 && (word = strtok_r(NULL, ",", &rest)))
        rc = take_option(s0, start_wh, word, err);
    free(text);
    return rc;
}

static void s0_close(void *self)
{
    struct s0 *s0 = self;

    if (s0->fd >= 0) {
        (void)save(s0, NULL);
        close(s0->fd);
    }
    free(s0->state_path);
    free(s0->path);
    free(s0);
}

static void *s0_open(const char *address, const struct source_config *config, struct err *err)
{
    struct s0 *s0 = xcalloc(1, sizeof(*s0));
    uint64_t start_wh = 0;

    s0->fd = -1;
    s0->clock = config->clock;
    s0->imp = DEFAULT_IMP;
    s0->save_due_ms = UINT64_MAX;
    s0->state_path = config->state_path ? xstrdup(config->state_path) : NULL;
    if (parse_address(s0, &start_wh, address, err) || restore(s0, config, start_wh, err) ||
        open_device(s0, err)) {
        s0_close(s0);
        return NULL;
    }
    return s0;
}

static int s0_fd(const void *self)
{
    const struct s0 *s0 = self;

    return s0->gpio ? s0->fd : -1;
}

static short s0_events(const void *self)
{
    (void)self;
    return POLLIN;
}

static uint64_t s0_due_ms(const void *self)
{
    const struct s0 *s0 = self;

    return s0->gpio ? s0->save_due_ms : clock_mono_ms(s0->clock) + LOOK_MS;
}

static struct source_counters s0_counters(const void *self)
{
    return (struct source_counters){.good = ((const struct s0 *)self)->pulses};
}

static const struct source_kind S0 = {
    .scheme = "s0",
    .open = s0_open,
    .close = s0_close,
    .fd = s0_fd,
    .events = s0_events,
    .due_ms = s0_due_ms,
    .read = s0_read,
    .counters = s0_counters,
};

const struct source_kind *source_s0_kind(void)
{
    return &S0;
}
