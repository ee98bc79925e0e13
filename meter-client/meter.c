#include "meter-client/meter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "meter-client/link.h"
#include "meter-client/meter_identity.h"
#include "meter-client/meter_store_reports.h"

#define SECRET_MAX 16384
#define DAY_S      86400u
#define READS_MAX  64 /* telegrams handled before the loop looks elsewhere */

/** Made in this order, released in reverse. */
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

/** A key that others can read is refused before anything is made; OpenSSL would take it. */
static int check_secrets(const struct config *config, struct err *err)
{
    const char *const paths[] = {config->key, config->signing_key};
    struct buf data = BUF_INIT;
    int rc = 0;

    for (size_t i = 0; i < AMR_COUNT(paths) && rc == 0; i++) {
        rc = file_read_secret(&data, paths[i], SECRET_MAX, err);
        if (data.len)
            explicit_bzero(data.data, data.len);
        buf_clear(&data);
    }
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
                               .unix_s = clock_unix_s(meter->clock),
                               .failback_s = config->failback_s,
                               .clock = meter->clock};

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
                                 .require_sync = config->require_sync,
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

enum exit_code meter_new(struct meter **ret_meter, const struct config *config, struct clock *clock,
                         struct log *log, struct err *err)
{
    struct meter *meter = xcalloc(1, sizeof(*meter));
    enum exit_code code = EXIT_OK;

    meter->config = config;
    meter->clock = clock;
    meter->log = log;
    if (config_check(config, err))
        code = EXIT_USAGE;
    else if (check_secrets(config, err))
        code = EXIT_REFUSED;
    else if (load_identity(meter, err))
        code = EXIT_USAGE;
    else if (open_store(meter, err))
        code = EXIT_REFUSED;
    else if (open_source(meter, err) || make_link(meter, err))
        code = EXIT_USAGE;
    else if (make_agent(meter, err))
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        *ret_meter = meter;
    else
        meter_free(meter);
    return code;
}

void meter_leave(struct meter *meter)
{
    if (meter->agent)
        agent_leave(meter->agent);
    if (meter->link)
        link_leave(meter->link);
}

void meter_free(struct meter *meter)
{
    if (!meter)
        return;
    meter_leave(meter);
    if (meter->link)
        link_stop(meter->link);
    agent_free(meter->agent);
    link_free(meter->link);
    source_close(meter->source);
    meter_store_close(meter->store);
    signer_free(meter->signer);
    free(meter);
}

int meter_start(struct meter *meter, struct err *err)
{
    return link_start(meter->link, err);
}

/* RUNNING */

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

void meter_step(struct meter *meter)
{
    link_drain(meter->link, meter->agent);
    read_source(meter);
    agent_tick(meter->agent);
}

int meter_link_fd(const struct meter *meter)
{
    return link_fd(meter->link);
}

int meter_source_fd(const struct meter *meter)
{
    return source_fd(meter->source);
}

short meter_source_events(const struct meter *meter)
{
    return source_events(meter->source);
}

uint64_t meter_due_ms(const struct meter *meter)
{
    uint64_t due_ms = agent_due_ms(meter->agent);
    uint64_t source_ms = source_due_ms(meter->source);

    uint64_t link_ms = link_due_ms(meter->link);

    if (link_ms < due_ms)
        due_ms = link_ms;
    return source_ms < due_ms ? source_ms : due_ms;
}

uint64_t meter_boundary_ms(const struct meter *meter)
{
    return agent_boundary_ms(meter->agent);
}

enum agent_end meter_end(const struct meter *meter)
{
    return agent_end(meter->agent);
}

struct agent *meter_agent(struct meter *meter)
{
    return meter->agent;
}

const char *meter_serial(const struct meter *meter)
{
    return meter->serial;
}

uint32_t meter_session(const struct meter *meter)
{
    return meter_store_session(meter->store);
}
