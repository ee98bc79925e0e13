#include "chain-bridge/web_metrics.h"

#include <stdio.h>

#include "chain-bridge/alarm_log.h"
#include "common/json_out.h"

enum { ALLOWED_LAG_S = 300 };

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* status.h says what each counts; only the names differ, as Prometheus has them. */
static const struct {
    const char *name;
    const char *type;
    const char *help;
    enum status_number number;
} NUMBERS[] = {
    {"amr_brokers_connected", "gauge", "Brokers that the bridge is connected to.", STATUS_BROKERS},
    {"amr_messages_received_total", "counter", "MQTT messages taken.", STATUS_RECEIVED},
    {"amr_messages_shed_total", "counter", "Messages dropped for want of room; meters send again.",
     STATUS_SHED},
    {"amr_reports_repeated_total", "counter", "Known reports received again.", STATUS_REPEATED},
    {"amr_reports_stored", "gauge", "Reports ever stored and not rejected.", STATUS_STORED},
    {"amr_reports_sealed", "gauge", "Reports ever sealed.", STATUS_SEALED},
    {"amr_reports_rejected", "gauge", "Authentic reports ever rejected.", STATUS_REJECTED},
    {"amr_quarantine_rows", "gauge", "Refused messages kept for inspection.", STATUS_QUARANTINED},
    {"amr_backlog_reports", "gauge", "Reports stored and not sealed.", STATUS_BACKLOG},
    {"amr_backlog_oldest_seconds", "gauge", "Age of the oldest report that waits for a batch.",
     STATUS_OLDEST_S},
    {"amr_batches_sealed_total", "counter", "Batches sealed.", STATUS_BATCHES},
    {"amr_transactions_in_flight", "gauge", "Transactions that are not final.", STATUS_IN_FLIGHT},
    {"amr_fee_bumps_total", "counter", "Transactions sent again with higher fees.", STATUS_BUMPS},
    {"amr_reorgs_total", "counter", "Batches put back by a reorganisation.", STATUS_REORGS},
    {"amr_reverts_total", "counter", "Batches that reverted.", STATUS_REVERTS},
    {"amr_chain_head_block", "gauge", "Newest block seen.", STATUS_HEAD},
    {"amr_base_fee_wei", "gauge", "Base fee of the newest block.", STATUS_BASE_FEE_WEI},
};

static void put_meters(struct buf *out, const struct live_totals *totals)
{
    head(out, "amr_meters", "gauge", "Registered meters of the group by state.");
    for (unsigned i = 0; i <= LIVE_CLOSED; i++)
        buf_printf(out, "amr_meters{state=\"%s\"} %u\n", live_status_text((enum live_status)i),
                   (unsigned)totals->status[i]);
    head(out, "amr_meters_online", "gauge", "Meters whose state topic says online.");
    buf_printf(out, "amr_meters_online %u\n", (unsigned)totals->online);
    head(out, "amr_interval_expected", "gauge", "Meters due in the last interval.");
    buf_printf(out, "amr_interval_expected %u\n", (unsigned)totals->interval_expected);
    head(out, "amr_interval_read", "gauge", "Meters read in the last interval that is due.");
    buf_printf(out, "amr_interval_read %u\n", (unsigned)totals->interval_read);
    head(out, "amr_day_expected", "gauge", "Intervals due in the last 24 h, all meters.");
    buf_printf(out, "amr_day_expected %llu\n", (unsigned long long)totals->day_expected);
    head(out, "amr_day_read", "gauge", "Intervals read in the last 24 h, all meters.");
    buf_printf(out, "amr_day_read %llu\n", (unsigned long long)totals->day_read);
    head(out, "amr_load_watts", "gauge", "Import minus export of all meters heard of lately.");
    buf_printf(out, "amr_load_watts %lld\n", (long long)totals->load_w);
    head(out, "amr_readings_stored_per_second", "gauge", "Mean over 10 s.");
    buf_printf(out, "amr_readings_stored_per_second %.1f\n", totals->readings_per_s);
}

static int put_rest(const struct web_shared *shared, struct buf *out, struct store *store,
                    struct err *err)
{
    struct alarm_counts counts;
    char paused[200];
    if (alarm_log_counts(store_db(store), &counts, err) < 0)
        return -1;
    status_paused(shared->status, paused, sizeof(paused));
    head(out, "amr_alarms_open", "gauge", "Alarm groups that nobody acknowledged.");
    buf_printf(out, "amr_alarms_open %llu\n", (unsigned long long)counts.open);
    head(out, "amr_submitting", "gauge", "1 while batches are submitted, 0 while that is paused.");
    buf_printf(out, "amr_submitting %d\n", paused[0] == '\0');
    head(out, "amr_chain_head_age_seconds", "gauge", "Since the head last moved.");
    buf_printf(out, "amr_chain_head_age_seconds %llu\n",
               (unsigned long long)web_live_head_age_s(shared->live));
    head(out, "amr_balance_ether", "gauge", "Of the server's account.");
    buf_printf(out, "amr_balance_ether %.9f\n",
               (double)status_get(shared->status, STATUS_BALANCE_GWEI) / 1e9);
    head(out, "amr_target_ratio", "gauge", "Read success that is aimed at.");
    buf_printf(out, "amr_target_ratio %.2f\n", shared->target_percent / 100.0);
    head(out, "amr_live_dropped_total", "counter",
         "Messages that the dashboard's model had no room for.");
    buf_printf(out, "amr_live_dropped_total %llu\n",
               (unsigned long long)web_live_dropped(shared->live));
    head(out, "amr_build_info", "gauge", "Constant 1.");
    buf_printf(out, "amr_build_info{version=\"%s\",group=\"%u\"} 1\n", AMR_VERSION,
               (unsigned)shared->group);
    head(out, "amr_start_time_seconds", "gauge", "Unix time of the bridge's start.");
    buf_printf(out, "amr_start_time_seconds %llu\n", (unsigned long long)shared->started_s);
    return 0;
}

int web_get_metrics(const struct web_call *call, struct err *err)
{
    const struct web_shared *shared = call->context->shared;
    struct buf *out = &call->response->body;
    struct live_totals totals;
    if (!shared->loopback && call->who.name[0] == '\0') {
        web_problem(call->response, 401, "send a token");
        return 0;
    }
    call->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    web_live_totals(shared->live, &totals);
    put_meters(out, &totals);
    for (size_t i = 0; i < AMR_COUNT(NUMBERS); i++) {
        head(out, NUMBERS[i].name, NUMBERS[i].type, NUMBERS[i].help);
        buf_printf(out, "%s %llu\n", NUMBERS[i].name,
                   (unsigned long long)status_get(shared->status, NUMBERS[i].number));
    }
    return put_rest(shared, out, call->context->store, err);
}

/* --- health ---------------------------------------------------------------------------------- */

struct health {
    struct buf *out;
    bool ok;
};

static void check(struct health *health, const char *name, bool ok, const char *text)
{
    json_put_object(health->out, NULL);
    json_put_text(health->out, "name", name);
    json_put_bool(health->out, "ok", ok);
    json_put_text(health->out, "text", text);
    json_put_end_object(health->out);
    health->ok = health->ok && ok;
}

static void begin(struct health *health, const struct web_call *call)
{
    health->out = &call->response->body;
    health->ok = true;
    json_put_object(health->out, NULL);
    json_put_array(health->out, "checks");
}

static int finish(const struct health *health, const struct web_call *call)
{
    json_put_end_array(health->out);
    json_put_bool(health->out, "ok", health->ok);
    json_put_end_object(health->out);
    call->response->status = health->ok ? 200 : 503;
    return 0;
}

static void check_store(struct health *health, const struct web_call *call)
{
    struct alarm_counts counts;
    struct err err = ERR_INIT;
    int got = alarm_log_counts(store_db(call->context->store), &counts, &err);
    check(health, "store", got == 0, got == 0 ? "readable" : err.text);
}

int web_get_health(const struct web_call *call, struct err *err)
{
    struct health health;
    (void)err;
    begin(&health, call);
    check_store(&health, call);
    return finish(&health, call);
}

int web_get_ready(const struct web_call *call, struct err *err)
{
    const struct web_shared *shared = call->context->shared;
    struct health health;
    char text[200];
    (void)err;
    uint64_t brokers = status_get(shared->status, STATUS_BROKERS);
    uint64_t age_s = web_live_head_age_s(shared->live);
    begin(&health, call);
    check_store(&health, call);
    snprintf(text, sizeof(text), "%llu connected", (unsigned long long)brokers);
    check(&health, "broker", brokers > 0, text);
    bool moves = status_get(shared->status, STATUS_HEAD) > 0 && age_s < ALLOWED_LAG_S;
    snprintf(text, sizeof(text), "head %llu, moved %llu s ago",
             (unsigned long long)status_get(shared->status, STATUS_HEAD),
             (unsigned long long)age_s);
    check(&health, "chain", moves, text);
    status_paused(shared->status, text, sizeof(text));
    check(&health, "submitting", text[0] == '\0', text);
    return finish(&health, call);
}
