#include "meter-client/source_iec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/options.h"
#include "meter-client/iec.h"
#include "meter-client/port.h"

#define FIRST_BAUD   300
#define PUSH_BAUD    2400
#define EVERY_S      10
#define TIMEOUT_S    60
#define READ_MAX     512
#define REACTION_MS  220  /* the meter's reaction time is 200 ms at most */
#define SWITCH_MS    300  /* six characters of acknowledgement at 300 baud, and a little */
#define IDENT_MS     5000 /* request, reaction of up to 1.5 s and identification at 300 baud */
#define SILENCE_MS   3000
#define READOUT_MS   300000 /* 9 kB at 300 baud */
#define STANDS_MIN_S 15
#define DEVICE_MAX   32
#define SPEEDS_C     7

enum step { IDLE, ASKED, ACKNOWLEDGE, SWITCH, READOUT };

struct iec_source {
    const struct clock *clock;
    struct iec *parser;
    struct port *port;
    enum step step;
    bool push;
    unsigned baud; /* push */
    uint64_t every_ms;
    char device[DEVICE_MAX + 1];
    char wanted;      /* mode C: speed character to acknowledge, or mode B's */
    unsigned slower;  /* steps below the meter's own speed */
    uint64_t next_ms; /* IDLE: the next request */
    uint64_t due_ms;  /* of this step */
    uint64_t end_ms;  /* READOUT: at the latest */
    uint64_t ident_unix_ms;
    uint64_t timeout_ms;
    uint64_t readout_ms; /* the last good one, or the beginning */
    bool fresh;
    uint64_t good;
    uint64_t silences;
    struct measurement measurement;
};

static uint64_t now_ms(const struct iec_source *source)
{
    return clock_mono_ms(source->clock);
}

/* WHAT THE METER SAYS */

static void on_ident(void *cookie, const char *ident)
{
    struct iec_source *source = cookie;
    char speed = strlen(ident) > 3 ? ident[3] : 0;

    source->ident_unix_ms = clock_unix_ms(source->clock);
    source->wanted = 0;
    if (source->step != ASKED)
        return;
    source->wanted = speed;
    source->step = speed >= '0' && speed <= '6' ? ACKNOWLEDGE : SWITCH;
    source->due_ms = source->step == ACKNOWLEDGE ? now_ms(source) + REACTION_MS : 0;
}

static void on_readout(void *cookie, const struct iec_readout *readout)
{
    struct iec_source *source = cookie;
    struct measurement *m = &source->measurement;

    memset(m, 0, sizeof(*m));
    m->unix_ms = source->ident_unix_ms;
    m->import_wh = readout->import_wh;
    m->export_wh = readout->export_wh;
    m->import_w = readout->import_w;
    m->export_w = readout->export_w;
    m->voltage_dv = readout->voltage_dv;
    m->quality = readout->quality;
    m->stands_ms = source->push ? 0 : (uint32_t)source->every_ms + STANDS_MIN_S * 1000;
    memcpy(m->serial, readout->serial, sizeof(m->serial));
    source->fresh = true;
    source->good++;
    source->readout_ms = now_ms(source);
    port_settled(source->port);
}

/* THE STEPS OF A READOUT */

static void wait_for_next(struct iec_source *source)
{
    uint64_t now = now_ms(source);

    source->step = source->push ? READOUT : IDLE;
    while (source->next_ms <= now)
        source->next_ms += source->every_ms;
}

static void begin(struct iec_source *source)
{
    iec_timeout(source->parser);
    source->next_ms = now_ms(source);
    source->readout_ms = source->next_ms;
    source->step = source->push ? READOUT : IDLE;
    source->end_ms = UINT64_MAX;
    source->due_ms = UINT64_MAX;
}

static int ask(struct iec_source *source, struct err *err)
{
    char request[DEVICE_MAX + 8];
    int len = snprintf(request, sizeof(request), "/?%s!\r\n", source->device);

    iec_timeout(source->parser);
    wait_for_next(source);
    if (port_set_baud(source->port, FIRST_BAUD, err) ||
        port_write(source->port, request, (size_t)len, err))
        return -1;
    source->step = ASKED;
    source->due_ms = now_ms(source) + IDENT_MS;
    return 0;
}

static void start_readout(struct iec_source *source)
{
    source->step = READOUT;
    source->due_ms = now_ms(source) + SILENCE_MS;
    source->end_ms = now_ms(source) + READOUT_MS;
}

static char slower_speed(const struct iec_source *source)
{
    unsigned speed = (unsigned)(source->wanted - '0');

    if (!port_is_serial(source->port))
        return '0';
    return (char)('0' + (speed > source->slower ? speed - source->slower : 0));
}

static int acknowledge(struct iec_source *source, struct err *err)
{
    char words[] = {6, '0', 0, '0', '\r', '\n'};

    source->wanted = slower_speed(source);
    words[2] = source->wanted;
    if (port_write(source->port, words, sizeof(words), err))
        return -1;
    source->step = SWITCH;
    source->due_ms = now_ms(source) + SWITCH_MS;
    return 0;
}

static unsigned wanted_baud(char speed)
{
    static const unsigned MODE_C[SPEEDS_C] = {300, 600, 1200, 2400, 4800, 9600, 19200};

    if (speed >= '0' && speed < '0' + SPEEDS_C)
        return MODE_C[speed - '0'];
    if (speed >= 'A' && speed < 'A' + SPEEDS_C - 1)
        return MODE_C[speed - 'A' + 1];
    return FIRST_BAUD; /* mode A */
}

static int change_speed(struct iec_source *source, struct err *err)
{
    start_readout(source);
    if (wanted_baud(source->wanted) == FIRST_BAUD)
        return 0;
    return port_set_baud(source->port, wanted_baud(source->wanted), err);
}

/** The meter stopped talking: what came may be enough, else the next try is slower. */
static void give_up(struct iec_source *source)
{
    if (!source->push && !iec_inside(source->parser))
        source->silences++; /* not a byte: the parser has nothing to count */
    iec_timeout(source->parser);
    if (!source->fresh && source->step == READOUT)
        source->slower = (source->slower + 1) % SPEEDS_C;
    wait_for_next(source);
    source->due_ms = UINT64_MAX;
    source->end_ms = UINT64_MAX;
}

static int step(struct iec_source *source, struct err *err)
{
    uint64_t now = now_ms(source);

    if (source->step == IDLE)
        return now >= source->next_ms ? ask(source, err) : 0;
    if (now < source->due_ms && now < source->end_ms)
        return 0;
    if (source->step == ACKNOWLEDGE)
        return acknowledge(source, err);
    if (source->step == SWITCH)
        return change_speed(source, err);
    give_up(source);
    return 0;
}

/* THE SOURCE */

static int read_port(struct iec_source *source, struct err *err)
{
    while (!source->fresh) {
        char bytes[READ_MAX];
        ssize_t got = port_read(source->port, bytes, sizeof(bytes), err);

        if (got < 0 || port_fd(source->port) < 0)
            begin(source);
        if (got <= 0)
            return (int)got;
        iec_feed(source->parser, bytes, (size_t)got);
        if (source->step == READOUT)
            source->due_ms = now_ms(source) + SILENCE_MS;
    }
    if (!source->push)
        wait_for_next(source);
    return 0;
}

static int check_silence(struct iec_source *source, struct err *err)
{
    if (port_fd(source->port) < 0 || now_ms(source) < source->readout_ms + source->timeout_ms)
        return 0;
    err_set(err, "no readout from '%s' for %u s", port_name(source->port),
            (unsigned)(source->timeout_ms / 1000));
    port_reopen_later(source->port);
    begin(source);
    return -1;
}

static int iec_read(void *self, struct measurement *ret_measurement, struct err *err)
{
    struct iec_source *source = self;
    bool closed = port_fd(source->port) < 0;
    int result = port_work(source->port, err);

    if (closed && port_fd(source->port) >= 0)
        begin(source);
    if (result > 0) {
        result = read_port(source, err);
        if (result == 0 && !source->fresh && port_fd(source->port) >= 0)
            result = step(source, err);
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

/* OPENING */

static int take_option(struct iec_source *source, const char *word, struct port_config *port,
                       struct err *err)
{
    uint64_t number = 0;

    if (strcmp(word, "push") == 0) {
        source->push = true;
    } else if (strcmp(word, "8n1") == 0) {
        port->line.seven_even = false;
    } else if (strncmp(word, "baud=", 5) == 0) {
        if (parse_u64(&number, word + 5, FIRST_BAUD, 115200, err))
            return err_wrap(err, "baud");
        source->baud = (unsigned)number;
    } else if (strncmp(word, "every=", 6) == 0) {
        if (parse_u64(&number, word + 6, 1, 86400, err))
            return err_wrap(err, "every");
        source->every_ms = number * 1000;
    } else if (strncmp(word, "device=", 7) == 0 && strlen(word + 7) <= DEVICE_MAX &&
               serial_valid(word + 7)) {
        memcpy(source->device, word + 7, strlen(word + 7) + 1);
    } else {
        return err_set(err, "'%s': want push, 8n1, baud=N, every=S or device=ID", word);
    }
    return 0;
}

static int make_port(struct iec_source *source, const char *address, const char *dump_path,
                     struct err *err)
{
    struct port_config config = {
        .clock = source->clock, .line = {.seven_even = true}, .dump_path = dump_path};
    char *text = xstrdup(address ? address : "");
    char *rest = NULL;
    int rc = 0;

    config.address = strtok_r(text, ",", &rest);
    for (char *word = strtok_r(NULL, ",", &rest); word && rc == 0;
         word = strtok_r(NULL, ",", &rest))
        rc = take_option(source, word, &config, err);
    if (config.address && strncmp(config.address, "file://", 7) == 0)
        source->push = true;
    config.write = !source->push;
    config.line.baud = source->push ? source->baud : FIRST_BAUD;
    if (rc == 0)
        rc = port_new(&source->port, &config, err);
    free(text);
    return rc;
}

static void iec_close(void *self)
{
    struct iec_source *source = self;

    port_free(source->port);
    iec_free(source->parser);
    free(source);
}

static void *iec_open(const char *address, const struct source_config *config, struct err *err)
{
    struct iec_source *source = xcalloc(1, sizeof(*source));
    struct iec_handlers handlers = {on_ident, on_readout, source};

    source->clock = config->clock;
    source->baud = PUSH_BAUD;
    source->every_ms = EVERY_S * 1000;
    source->parser = iec_new(config->checksum && strcmp(config->checksum, "none") == 0, &handlers);
    if (make_port(source, address, config->dump_path, err)) {
        iec_close(source);
        return NULL;
    }
    source->timeout_ms = (config->timeout_s ? config->timeout_s : TIMEOUT_S) * UINT64_C(1000);
    source->timeout_ms += source->push ? 0 : 2 * source->every_ms;
    begin(source);
    return source;
}

static int iec_fd(const void *self)
{
    return port_fd(((const struct iec_source *)self)->port);
}

static short iec_events(const void *self)
{
    return port_events(((const struct iec_source *)self)->port);
}

static uint64_t iec_due_ms(const void *self)
{
    const struct iec_source *source = self;
    uint64_t due_ms = source->readout_ms + source->timeout_ms;
    uint64_t step_ms = source->step == IDLE ? source->next_ms : source->due_ms;

    if (source->fresh)
        return 0;
    if (port_fd(source->port) < 0)
        return port_due_ms(source->port);
    if (step_ms < due_ms)
        due_ms = step_ms;
    return source->end_ms < due_ms && source->step == READOUT ? source->end_ms : due_ms;
}

static struct source_counters iec_counters(const void *self)
{
    const struct iec_source *source = self;

    return (struct source_counters){
        .good = source->good,
        .no_start = iec_faults(source->parser, IEC_FAULT_NO_START),
        .crc = iec_faults(source->parser, IEC_FAULT_BCC),
        .overlong = iec_faults(source->parser, IEC_FAULT_OVERLONG),
        .timeout = iec_faults(source->parser, IEC_FAULT_TIMEOUT) + source->silences,
        .value = iec_faults(source->parser, IEC_FAULT_VALUE),
        .reopened = port_reopened(source->port),
    };
}

static const struct source_kind IEC = {
    .scheme = "iec",
    .open = iec_open,
    .close = iec_close,
    .fd = iec_fd,
    .events = iec_events,
    .due_ms = iec_due_ms,
    .read = iec_read,
    .counters = iec_counters,
};

const struct source_kind *source_iec_kind(void)
{
    return &IEC;
}
