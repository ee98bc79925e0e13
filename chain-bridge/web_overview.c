#include "chain-bridge/web_overview.h"

#include <stdio.h>

#include "chain-bridge/alarm_log.h"
#include "common/json_out.h"

struct overview {
    const struct web_context *context;
    const struct live_totals *totals;
    struct buf *out;
    struct err *err;
};

static uint64_t number(const struct overview *view, enum status_number which)
{
    return status_get(view->context->shared->status, which);
}

static int put_meters(const struct overview *view, const char *name)
{
    const uint32_t *status = view->totals->status;
    json_put_object(view->out, name);
    json_put_uint(view->out, "total",
                  (uint64_t)status[LIVE_REPORTING] + status[LIVE_LATE] + status[LIVE_SILENT] +
                      status[LIVE_NEVER]);
    json_put_uint(view->out, "reporting", status[LIVE_REPORTING]);
    json_put_uint(view->out, "late", status[LIVE_LATE]);
    json_put_uint(view->out, "silent", status[LIVE_SILENT]);
    json_put_uint(view->out, "never", status[LIVE_NEVER]);
    json_put_uint(view->out, "closed", status[LIVE_CLOSED]);
    json_put_uint(view->out, "online", view->totals->online);
    json_put_end_object(view->out);
    return 0;
}

static void put_share(const struct overview *view, const char *name, uint32_t columns,
                      uint64_t read, uint64_t expected)
{
    uint64_t step_s = grid_step(web_live_grid(view->context->shared->live));
    uint64_t end = ((uint64_t)view->totals->due_column + 1) * step_s;
    json_put_object(view->out, name);
    json_put_uint(view->out, "start_t", end - columns * step_s);
    json_put_uint(view->out, "end_t", end);
    json_put_uint(view->out, "read", read);
    json_put_uint(view->out, "expected", expected);
    json_put_end_object(view->out);
}

static int put_interval(const struct overview *view, const char *name)
{
    const struct live_totals *totals = view->totals;
    put_share(view, name, 1, totals->interval_read, totals->interval_expected);
    return 0;
}

static int put_day(const struct overview *view, const char *name)
{
    const struct live_totals *totals = view->totals;
    put_share(view, name, totals->day_columns, totals->day_read, totals->day_expected);
    return 0;
}

static int put_target(const struct overview *view, const char *name)
{
    json_put_uint(view->out, name, view->context->shared->target_percent);
    return 0;
}

static int put_load(const struct overview *view, const char *name)
{
    json_put_int(view->out, name, view->totals->load_w);
    return 0;
}

static int put_load_meters(const struct overview *view, const char *name)
{
    json_put_uint(view->out, name, view->totals->load_meters);
    return 0;
}

static int put_rate(const struct overview *view, const char *name)
{
    json_put_tenths(view->out, name, (int64_t)(view->totals->readings_per_s * 10));
    return 0;
}

static int put_backlog(const struct overview *view, const char *name)
{
    const struct web_shared *shared = view->context->shared;
    uint64_t backlog = number(view, STATUS_BACKLOG), sealed = number(view, STATUS_SEALED);
    uint64_t seconds = clock_unix_s(shared->clock) - shared->started_s;
    uint64_t since = sealed > shared->sealed_at_start ? sealed - shared->sealed_at_start : 0;
    json_put_object(view->out, name);
    json_put_uint(view->out, "reports", backlog);
    json_put_uint(view->out, "oldest_s", number(view, STATUS_OLDEST_S));
    if (backlog == 0 || (seconds > 0 && since > 0))
        json_put_uint(view->out, "drain_s", backlog == 0 ? 0 : backlog * seconds / since);
    else
        json_put_null(view->out, "drain_s");
    json_put_end_object(view->out);
    return 0;
}

static int put_chain(const struct overview *view, const char *name)
{
    char paused[200];
    struct status *status = view->context->shared->status;
    status_paused(status, paused, sizeof(paused));
    json_put_object(view->out, name);
    json_put_bool(view->out, "reached", number(view, STATUS_HEAD) > 0);
    json_put_uint(view->out, "head", number(view, STATUS_HEAD));
    json_put_uint(view->out, "lag_s", web_live_head_age_s(view->context->shared->live));
    json_put_uint(view->out, "registry_block", number(view, STATUS_REGISTRY_BLOCK));
    json_put_uint(view->out, "base_fee_wei", number(view, STATUS_BASE_FEE_WEI));
    json_put_uint(view->out, "balance_gwei", number(view, STATUS_BALANCE_GWEI));
    json_put_uint(view->out, "in_flight", number(view, STATUS_IN_FLIGHT));
    json_put_text(view->out, "paused", paused);
    json_put_uint(view->out, "batches", number(view, STATUS_BATCHES));
    json_put_uint(view->out, "bumps", number(view, STATUS_BUMPS));
    json_put_uint(view->out, "reorgs", number(view, STATUS_REORGS));
    json_put_uint(view->out, "reverts", number(view, STATUS_REVERTS));
    json_put_end_object(view->out);
    return 0;
}

static int put_brokers(const struct overview *view, const char *name)
{
    json_put_uint(view->out, name, number(view, STATUS_BROKERS));
    return 0;
}

static int put_received(const struct overview *view, const char *name)
{
    json_put_uint(view->out, name, number(view, STATUS_RECEIVED));
    return 0;
}

static int put_shed(const struct overview *view, const char *name)
{
    json_put_uint(view->out, name, number(view, STATUS_SHED));
    return 0;
}

static int put_quarantined(const struct overview *view, const char *name)
{
    json_put_uint(view->out, name, number(view, STATUS_QUARANTINED));
    return 0;
}

static int put_alarms(const struct overview *view, const char *name)
{
    struct alarm_counts counts;
    if (alarm_log_counts(store_db(view->context->store), &counts, view->err) < 0)
        return -1;
    json_put_uint(view->out, name, counts.open);
    return 0;
}

static int put_dropped(const struct overview *view, const char *name)
{
    json_put_uint(view->out, name, web_live_dropped(view->context->shared->live));
    return 0;
}

static const struct {
    const char *name;
    int (*put)(const struct overview *view, const char *name);
} MEMBERS[] = {
    {"meters", put_meters},           {"interval", put_interval},  {"day", put_day},
    {"target_percent", put_target},   {"load_w", put_load},        {"load_meters", put_load_meters},
    {"readings_per_s", put_rate},     {"backlog", put_backlog},    {"chain", put_chain},
    {"brokers", put_brokers},         {"received", put_received},  {"shed", put_shed},
    {"quarantined", put_quarantined}, {"alarms_open", put_alarms}, {"dropped", put_dropped}};

const char *web_overview_name(size_t member)
{
    return member < AMR_COUNT(MEMBERS) ? MEMBERS[member].name : NULL;
}

int web_overview_member(const struct web_context *context, const struct live_totals *totals,
                        struct buf *out, size_t member, struct err *err)
{
    struct overview view = {.context = context, .totals = totals, .out = out, .err = err};
    return MEMBERS[member].put(&view, MEMBERS[member].name);
}

int web_get_overview(const struct web_call *call, struct err *err)
{
    struct live_totals totals;
    struct buf *out = &call->response->body;
    web_live_totals(call->context->shared->live, &totals);
    json_put_object(out, NULL);
    json_put_uint(out, "t", clock_unix_ms(call->context->shared->clock));
    for (size_t i = 0; i < AMR_COUNT(MEMBERS); i++)
        if (web_overview_member(call->context, &totals, out, i, err) < 0)
            return -1;
    json_put_end_object(out);
    return 0;
}

static void put_column(struct buf *out, const struct grid_load *load, uint64_t wh, uint32_t step_s)
{
    if (load->meters == 0)
        json_put_null(out, NULL);
    else
        json_put_uint(out, NULL, wh * 3600 / step_s);
}

int web_get_load(const struct web_call *call, struct err *err)
{
    struct web_live *live = call->context->shared->live;
    const struct grid *grid = web_live_grid(live);
    struct live_totals totals;
    struct buf *out = &call->response->body;
    uint32_t step_s = grid_step(grid);
    (void)err;
    web_live_totals(live, &totals);
    uint32_t first = totals.due_column + 1 - totals.day_columns;
    json_put_object(out, NULL);
    json_put_uint(out, "start_t", (uint64_t)first * step_s);
    json_put_uint(out, "step_s", step_s);
    const char *const keys[] = {"import_w", "export_w", "meters"};
    for (size_t key = 0; key < AMR_COUNT(keys); key++) {
        json_put_array(out, keys[key]);
        for (uint32_t column = first; column <= totals.due_column; column++) {
            struct grid_load load = web_live_load(live, column);
            if (key == 2)
                json_put_uint(out, NULL, load.meters);
            else
                put_column(out, &load, key == 0 ? load.import_wh : load.export_wh, step_s);
        }
        json_put_end_array(out);
    }
    json_put_end_object(out);
    return 0;
}
