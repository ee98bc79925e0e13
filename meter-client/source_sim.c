#include "meter-client/source_sim.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "meter-client/household.h"

#define WMS_PER_WH      UINT64_C(3600000)
#define STEP_MS         60000
#define CATCH_UP_MS     (UINT64_C(400) * 86400 * 1000)
#define FIRST_WH_SPREAD 20000000

struct sim {
    const struct clock *clock;
    struct household household;
    uint32_t speed;
    uint64_t wall_ms;    /* integrated up to here */
    uint64_t virtual_ms; /* the same moment in the household's own, perhaps faster, time */
    uint64_t import_wms;
    uint64_t export_wms;
    uint64_t measured_ms;
};

static void *sim_open(const char *address, const struct source_config *config, struct err *err)
{
    struct sim *sim;

    if (address) {
        err_set(err, "takes no address");
        return NULL;
    }
    sim = xcalloc(1, sizeof(*sim));
    sim->clock = config->clock;
    sim->household.seed = config->seed;
    sim->household.pv_wp = config->pv_wp;
    sim->speed = config->speed ? config->speed : 1;
    sim->wall_ms = clock_unix_ms(config->clock);
    if (config->last.timestamp_s) {
        sim->import_wms = config->last.import_wh * WMS_PER_WH;
        sim->export_wms = config->last.export_wh * WMS_PER_WH;
        sim->wall_ms = (uint64_t)config->last.timestamp_s * 1000;
    } else {
        sim->import_wms = config->seed * 7919 % FIRST_WH_SPREAD * WMS_PER_WH;
    }
    sim->virtual_ms = sim->wall_ms;
    return sim;
}

static void sim_close(void *self)
{
    free(self);
}

static void integrate(struct sim *sim, uint64_t until_ms)
{
    while (sim->virtual_ms < until_ms) {
        uint64_t step_ms = STEP_MS - sim->virtual_ms % STEP_MS;
        uint64_t unix_s = sim->virtual_ms / 1000;
        uint64_t load_w = household_load_w(&sim->household, unix_s);
        uint64_t pv_w = household_pv_w(&sim->household, unix_s);

        if (step_ms > until_ms - sim->virtual_ms)
            step_ms = until_ms - sim->virtual_ms;
        if (load_w >= pv_w)
            sim->import_wms += (load_w - pv_w) * step_ms;
        else
            sim->export_wms += (pv_w - load_w) * step_ms;
        sim->virtual_ms += step_ms;
    }
}

/** A clock that was set back stops the registers until it has caught up; they never fall. */
static int sim_read(void *self, struct measurement *ret_measurement, struct err *err)
{
    struct sim *sim = self;
    uint64_t now_ms = clock_unix_ms(sim->clock);
    uint64_t passed_ms = now_ms > sim->wall_ms ? now_ms - sim->wall_ms : 0;
    struct measurement *m = ret_measurement;
    uint64_t unix_s;
    uint32_t load_w;
    uint32_t pv_w;

    (void)err;
    if (now_ms == sim->measured_ms)
        return 0;
    if (passed_ms > CATCH_UP_MS)
        passed_ms = CATCH_UP_MS;
    integrate(sim, sim->virtual_ms + passed_ms * sim->speed);
    if (passed_ms > 0)
        sim->wall_ms = now_ms;
    sim->measured_ms = now_ms;
    unix_s = sim->virtual_ms / 1000;
    load_w = household_load_w(&sim->household, unix_s);
    pv_w = household_pv_w(&sim->household, unix_s);
    memset(m, 0, sizeof(*m));
    m->unix_ms = now_ms;
    m->import_wh = sim->import_wms / WMS_PER_WH;
    m->export_wh = sim->export_wms / WMS_PER_WH;
    m->import_w = load_w > pv_w ? load_w - pv_w : 0;
    m->export_w = pv_w > load_w ? pv_w - load_w : 0;
    m->voltage_dv = household_voltage_dv(&sim->household, unix_s);
    return 1;
}

static int sim_fd(const void *self)
{
    (void)self;
    return -1;
}

static short sim_events(const void *self)
{
    (void)self;
    return 0;
}

static uint64_t sim_due_ms(const void *self)
{
    (void)self;
    return UINT64_MAX;
}

static struct source_counters sim_counters(const void *self)
{
    (void)self;
    return (struct source_counters){0};
}

static const struct source_kind SIM = {
    .scheme = "sim",
    .open = sim_open,
    .close = sim_close,
    .fd = sim_fd,
    .events = sim_events,
    .due_ms = sim_due_ms,
    .read = sim_read,
    .counters = sim_counters,
};

const struct source_kind *source_sim_kind(void)
{
    return &SIM;
}
