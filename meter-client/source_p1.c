#include "meter-client/source_p1.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "meter-client/p1.h"
#include "meter-client/port.h"

#define PARTIAL_MS  5000 /* a telegram is sent within a second, or two at 9600 baud */
#define TIMEOUT_S   60
#define READ_MAX    1024
#define SLOW_SUFFIX ",9600"

struct p1_source {
    const struct clock *clock;
    struct p1 *parser;
    struct port *port;
    uint64_t timeout_ms;
    uint64_t heard_ms;    /* the last byte, or the opening */
    uint64_t telegram_ms; /* the last telegram, or the opening */
    bool partial;         /* bytes came since the last silence */
    bool fresh;           /* measurement is not handed out yet */
    uint64_t good;
    uint64_t silences;
    struct measurement measurement;
};

static void on_telegram(void *cookie, const struct p1_telegram *telegram)
{
    struct p1_source *source = cookie;
    struct measurement *m = &source->measurement;

    memset(m, 0, sizeof(*m));
    m->unix_ms = clock_unix_ms(source->clock);
    m->clock_s = telegram->clock_s;
    m->import_wh = telegram->import_wh;
    m->export_wh = telegram->export_wh;
    m->import_w = telegram->import_w;
    m->export_w = telegram->export_w;
    m->voltage_dv = telegram->voltage_dv;
    memcpy(m->serial, telegram->serial, sizeof(m->serial));
    source->fresh = true;
    source->good++;
    source->telegram_ms = clock_mono_ms(source->clock);
    port_settled(source->port);
}

/** The port was opened, or lost: what is there of a telegram has no rest. */
static void begin(struct p1_source *source)
{
    source->heard_ms = clock_mono_ms(source->clock);
    source->telegram_ms = source->heard_ms;
    source->partial = false;
    p1_timeout(source->parser);
}

/** Reads until a telegram is whole or nothing more is there. */
static int read_port(struct p1_source *source, struct err *err)
{
    while (!source->fresh) {
        char bytes[READ_MAX];
        ssize_t got = port_read(source->port, bytes, sizeof(bytes), err);

        if (got < 0 || port_fd(source->port) < 0)
            begin(source);
        if (got <= 0)
            return (int)got;
        source->heard_ms = clock_mono_ms(source->clock);
        source->partial = true;
        p1_feed(source->parser, bytes, (size_t)got);
    }
    return 0;
}

static int check_silence(struct p1_source *source, struct err *err)
{
    uint64_t now_ms = clock_mono_ms(source->clock);

    if (source->partial && now_ms >= source->heard_ms + PARTIAL_MS) {
        source->partial = false;
        p1_timeout(source->parser);
    }
    if (port_fd(source->port) >= 0 && now_ms >= source->telegram_ms + source->timeout_ms) {
        source->silences++;
        err_set(err, "no telegram from '%s' for %u s", port_name(source->port),
                (unsigned)(source->timeout_ms / 1000));
        port_reopen_later(source->port);
        begin(source);
        return -1;
    }
    return 0;
}

static int p1_read(void *self, struct measurement *ret_measurement, struct err *err)
{
    struct p1_source *source = self;
    bool closed = port_fd(source->port) < 0;
    int result = 0;

    if (!source->fresh) {
        result = port_work(source->port, err);
        if (closed && port_fd(source->port) >= 0)
            begin(source);
        if (result > 0)
            result = read_port(source, err);
        if (result == 0 && !source->fresh)
            result = check_silence(source, err);
    }
    if (source->fresh) {
        source->fresh = false;
        *ret_measurement = source->measurement;
        return 1;
    }
    return result;
}

/** PATH,9600 is the 9600 7E1 of DSMR 2.2 and 3.0. */
static int make_port(struct p1_source *source, const char *address, const char *dump_path,
                     struct err *err)
{
    struct port_config config = {
        .clock = source->clock, .line = {.baud = 115200}, .dump_path = dump_path};
    char *path = xstrdup(address ? address : "");
    size_t len = strlen(path);
    int rc;

    if (path[0] == '/' && len > strlen(SLOW_SUFFIX) &&
        strcmp(path + len - strlen(SLOW_SUFFIX), SLOW_SUFFIX) == 0) {
        path[len - strlen(SLOW_SUFFIX)] = 0;
        config.line = (struct port_line){9600, true};
    }
    config.address = path;
    rc = port_new(&source->port, &config, err);
    free(path);
    return rc;
}

static int parse_checksum(enum p1_checksum *ret_checksum, const char *text, struct err *err)
{
    static const char *const NAMES[] = {"auto", "required", "none"};

    for (size_t i = 0; i < AMR_COUNT(NAMES); i++) {
        if (!text || strcmp(text, NAMES[i]) == 0) {
            *ret_checksum = text ? (enum p1_checksum)i : P1_CHECKSUM_AUTO;
            return 0;
        }
    }
    return err_set(err, "checksum '%s': want auto, required or none", text);
}

static void p1_close(void *self)
{
    struct p1_source *source = self;

    port_free(source->port);
    p1_free(source->parser);
    free(source);
}

static void *p1_open(const char *address, const struct source_config *config, struct err *err)
{
    struct p1_source *source = xcalloc(1, sizeof(*source));
    enum p1_checksum checksum = P1_CHECKSUM_AUTO;

    source->clock = config->clock;
    source->timeout_ms = (config->timeout_s ? config->timeout_s : TIMEOUT_S) * UINT64_C(1000);
    if (make_port(source, address, config->dump_path, err) ||
        parse_checksum(&checksum, config->checksum, err)) {
        p1_close(source);
        return NULL;
    }
    source->parser = p1_new(checksum, on_telegram, source);
    return source;
}

static int p1_fd(const void *self)
{
    return port_fd(((const struct p1_source *)self)->port);
}

static short p1_events(const void *self)
{
    return port_events(((const struct p1_source *)self)->port);
}

static uint64_t p1_due_ms(const void *self)
{
    const struct p1_source *source = self;
    uint64_t due_ms = source->telegram_ms + source->timeout_ms;

    if (source->fresh)
        return 0;
    if (port_fd(source->port) < 0)
        return port_due_ms(source->port);
    if (source->partial && source->heard_ms + PARTIAL_MS < due_ms)
        due_ms = source->heard_ms + PARTIAL_MS;
    return due_ms;
}

static struct source_counters p1_counters(const void *self)
{
    const struct p1_source *source = self;

    return (struct source_counters){
        .good = source->good,
        .no_start = p1_faults(source->parser, P1_FAULT_NO_START),
        .crc = p1_faults(source->parser, P1_FAULT_CRC),
        .overlong = p1_faults(source->parser, P1_FAULT_OVERLONG),
        .timeout = p1_faults(source->parser, P1_FAULT_TIMEOUT) + source->silences,
        .value = p1_faults(source->parser, P1_FAULT_VALUE),
        .reopened = port_reopened(source->port),
    };
}

static const struct source_kind P1 = {
    .scheme = "p1",
    .open = p1_open,
    .close = p1_close,
    .fd = p1_fd,
    .events = p1_events,
    .due_ms = p1_due_ms,
    .read = p1_read,
    .counters = p1_counters,
};

const struct source_kind *source_p1_kind(void)
{
    return &P1;
}
