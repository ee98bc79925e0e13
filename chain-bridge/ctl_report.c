#include "chain-bridge/ctl_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/audit_batch.h"
#include "chain-bridge/ctl_logs.h"
#include "chain-bridge/ctl_serials.h"
#include "chain-bridge/local_time.h"
#include "chain-bridge/report_page.h"
#include "common/file.h"

#define STEP_DEFAULT_S 900
#define DAY_S          86400

struct config {
    struct ctl_shared shared;
    struct ctl_logs_config logs;
    const char *serials;
    const char *from;
    const char *to;
    const char *zone;
    const char *html;
    uint32_t group;
    uint32_t interval_s;
    bool csv;
};

static const struct option_row ROWS[] = {
    OPTION_STRING(
        struct config, from, "from", NULL,
        "first day (2026-03-01) of the report; otherwise the last 7 days or 12 months that "
        "have readings"),
    OPTION_STRING(struct config, to, "to", NULL, "last day, itself included"),
    OPTION_STRING(struct config, zone, "tz", NULL,
                  "time zone of days and months (Europe/Berlin, UTC); otherwise the machine's"),
    OPTION_U32(struct config, group, "group", "0", 0, UINT16_MAX, "only this group; 0: all"),
    OPTION_U32(struct config, interval_s, "interval-s", "0", 0, DAY_S,
               "seconds between readings; 0: what most of them have"),
    OPTION_STRING(struct config, html, "html", NULL,
                  "write a page with plots, for screen and A4 paper, to this file"),
    OPTION_FLAG(struct config, csv, "csv", "print CSV"),
    CTL_SERIALS_ROW(struct config),
    CTL_LOGS_ROWS(struct config),
    CTL_CHAIN_ROWS(struct config),
};

struct making {
    struct ctl *ctl;
    const struct config *config;
    struct ctl_logs *logs;
    const struct ctl_serials *serials;
    struct audit_scope scope;
    struct audit_ledger *ledger;
    struct history *history;
    struct energy_report report;
    int64_t from_s;
    int64_t to_s;
    uint32_t first_s; /* the earliest and the latest reading in scope */
    uint32_t last_s;
    uint32_t step_s; /* candidate of the vote */
    uint64_t votes;
};

/* FIRST PASS: WHO THERE IS, AND HOW OFTEN THEY MEASURE */

/* Boyer and Moore's vote: the difference that most readings have, where one has the majority. */
static void vote(struct making *making, uint32_t difference)
{
    if (making->votes == 0)
        making->step_s = difference;
    if (making->step_s == difference)
        making->votes++;
    else
        making->votes--;
}

static int survey_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct making *making = cookie;
    uint32_t meter = 0;
    uint32_t before_s = 0;
    (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        if (batch->reasons[i] != 0 || !audit_scope_has(&making->scope, record->meter))
            continue;
        if (record->meter != meter) {
            const struct audit_meter *known = audit_ledger_meter(making->ledger, record->meter);
            before_s = known != NULL ? known->last.timestamp_s : 0;
            meter = record->meter;
        }
        if (before_s != 0)
            vote(making, record->reading.timestamp_s - before_s);
        before_s = record->reading.timestamp_s;
        making->last_s = before_s > making->last_s ? before_s : making->last_s;
        if (making->first_s == 0 || before_s < making->first_s)
            making->first_s = before_s;
    }
    audit_ledger_batch(making->ledger, batch, NULL);
    return 0;
}

static int survey_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                        struct err *err)
{
    struct making *making = cookie;
    if (history_event(making->history, event, log, err) != 0)
        return -1;
    return audit_ledger_event(making->ledger, event, err);
}

static int survey(struct making *making, struct err *err)
{
    making->ledger = audit_ledger_new();
    making->history = history_new(survey_batch, making);
    int result = ctl_logs_each(making->logs, NULL, 0, survey_event, making, err);
    if (result == 0)
        result = history_end(making->history, err);
    history_free(making->history);
    if (result == 0 && making->last_s == 0)
        result = err_set(err, "the ledger has no reading of these meters");
    return result;
}

/* THE CALENDAR */

static int take_range(struct making *making, struct err *err)
{
    const struct config *config = making->config;
    bool monthly = making->report.monthly;
    int64_t last = (int64_t)making->last_s - 1; /* what was used until midnight is of that day */
    making->to_s = monthly ? local_month(last, 1) : local_day(last, 1);
    if (config->to != NULL) {
        if (local_date_parse(&making->to_s, config->to, err) != 0)
            return err_wrap(err, "to");
        making->to_s = local_day(making->to_s, 1);
    }
    making->from_s = monthly ? local_month(making->to_s - 1, -11) : local_day(making->to_s - 1, -6);
    if (making->from_s < local_day(making->first_s, 0))
        making->from_s = local_day(making->first_s, 0);
    if (config->from != NULL && local_date_parse(&making->from_s, config->from, err) != 0)
        return err_wrap(err, "from");
    if (making->from_s >= making->to_s)
        return err_set(err, "from is after to");
    return 0;
}

static int take_step(struct making *making, struct err *err)
{
    uint32_t step = making->config->interval_s;
    if (step == 0)
        step = making->votes > 0 ? making->step_s : STEP_DEFAULT_S;
    if (step == 0 || DAY_S % step != 0)
        return err_set(err, "intervals of %" PRIu32 " s do not divide a day: give --interval-s",
                       step);
    making->report.step_s = step;
    return 0;
}

/* THE LINES */

static struct report_line *add_line(struct making *making, uint16_t group, uint32_t meter)
{
    struct energy_report *report = &making->report;
    report->lines = xrealloc(report->lines, (report->line_count + 1) * sizeof(*report->lines));
    struct report_line *line = &report->lines[report->line_count++];
    *line = (struct report_line){.group = group, .meter = meter};
    return line;
}

static void add_lines(struct making *making)
{
    const struct audit_meter *meter;
    uint32_t id = 0;
    uint16_t group = 0;
    while ((meter = audit_ledger_next(making->ledger, &id)) != NULL) {
        if (!audit_scope_has(&making->scope, id) || meter->readings == 0)
            continue;
        if (meter_group(id) != group && making->scope.meter == 0)
            add_line(making, meter_group(id), 0);
        group = meter_group(id);
        add_line(making, group, id)->serial = ctl_serials_name(making->serials, id);
    }
}

static int make_curves(struct making *making, struct err *err)
{
    struct energy_report *report = &making->report;
    report_periods(report, making->from_s, making->to_s);
    int64_t from = report->periods[0].from_s;
    int64_t to = report->periods[report->period_count - 1].to_s;
    uint64_t slots = (uint64_t)(to - from) / report->step_s * report->line_count;
    if (slots > REPORT_SLOTS_MAX)
        return err_set(err,
                       "%" PRIu64 " intervals in one report: choose fewer days (--from, --to) or "
                       "meters",
                       slots);
    for (size_t i = 0; i < report->line_count; i++)
        curve_init(&report->lines[i].curve, from, to, report->step_s);
    return 0;
}

static struct report_line *find_line(struct energy_report *report, uint32_t meter)
{
    size_t low = 0;
    size_t high = report->line_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct report_line *line = &report->lines[middle];
        uint32_t key = line->meter != 0 ? line->meter : (uint32_t)line->group << 16;
        if (key == meter)
            return &report->lines[middle];
        if (key < meter)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* SECOND PASS: THE READINGS */

static int fill_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct making *making = cookie;
    struct report_line *line = NULL;
    (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        if (batch->reasons[i] != 0 || !audit_scope_has(&making->scope, record->meter))
            continue;
        if (line == NULL || line->meter != record->meter)
            line = find_line(&making->report, record->meter);
        if (line != NULL)
            curve_add(&line->curve, &record->reading);
    }
    return 0;
}

static int fill(struct making *making, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_BATCH_SUBMITTED, LEDGER_READING_REJECTED};
    struct history *history = history_new(fill_batch, making);
    int result = ctl_logs_each(making->logs, KINDS, AMR_COUNT(KINDS), history_event, history, err);
    if (result == 0)
        result = history_end(history, err);
    history_free(history);
    return result;
}

/* What is due: from the first reading on, until the meter was closed, an interval after it is
 * over. Then groups are summed up. */
static void finish_lines(struct making *making)
{
    struct energy_report *report = &making->report;
    struct report_line *group = NULL;
    int64_t now = (int64_t)clock_unix_s(making->ctl->clock) - report->step_s;
    for (size_t i = 0; i < report->line_count; i++) {
        struct report_line *line = &report->lines[i];
        if (line->meter == 0) {
            group = line;
            continue;
        }
        const struct audit_meter *meter = audit_ledger_meter(making->ledger, line->meter);
        int64_t first = (int64_t)meter->first.timestamp_s + report->step_s - 1;
        curve_expect(&line->curve, first, meter->closed ? meter->last.timestamp_s : now);
        if (group == NULL)
            continue;
        curve_join(&group->curve, &line->curve);
        group->meters++;
    }
}

/* PRINTING */

static int write_page(const struct making *making, struct err *err)
{
    struct buf page = BUF_INIT;
    report_page(&page, &making->report);
    int result = file_replace(making->config->html, 0644, page.data, page.len, err);
    buf_free(&page);
    return result;
}

static int print(const struct making *making, struct err *err)
{
    const struct config *config = making->config;
    if (config->html != NULL && write_page(making, err) != 0)
        return -1;
    if (config->shared.json || config->csv)
        report_rows(&making->report, making->ctl->out, config->shared.json ? CTL_JSON : CTL_CSV);
    else if (config->html == NULL)
        report_rows(&making->report, making->ctl->out, CTL_TABLE);
    return 0;
}

/* WHOLE */

static int make(struct making *making, struct err *err)
{
    struct ctl_progress *progress = ctl_progress_new(making->ctl->clock);
    int code = CTL_FAILED;
    making->logs = ctl_logs_open(making->ctl, &making->config->logs, progress, err);
    if (making->logs != NULL && survey(making, err) == 0) {
        making->report.head = ctl_logs_head(making->logs)->number;
        add_lines(making);
        code = take_range(making, err) == 0 && take_step(making, err) == 0 &&
                       make_curves(making, err) == 0
                   ? CTL_DONE
                   : CTL_USAGE;
    }
    if (code == CTL_DONE) {
        code = fill(making, err) == 0 ? CTL_DONE : CTL_FAILED;
        finish_lines(making);
    }
    if (code == CTL_DONE && print(making, err) != 0)
        code = CTL_FAILED;
    report_clear(&making->report);
    audit_ledger_free(making->ledger);
    ctl_logs_close(making->logs);
    ctl_progress_free(progress);
    return code;
}

static int take_scope(struct making *making, struct err *err)
{
    const struct ctl *ctl = making->ctl;
    making->scope.group = (uint16_t)making->config->group;
    if (ctl->argc > 1)
        return err_set(err, "one meter, or all of a group (--group)");
    if (ctl->argc == 0 || strcmp(ctl->argv[0], "all") == 0)
        return 0;
    making->scope.group = 0;
    return ctl_serials_meter(making->serials, &making->scope.meter, ctl->argv[0], err);
}

static int run(struct ctl *ctl, const struct config *config, bool monthly, struct err *err)
{
    struct ctl_serials *serials = ctl_serials_load(config->serials, err);
    struct making making = {.ctl = ctl, .config = config, .serials = serials};
    int code = CTL_USAGE;
    making.report = (struct energy_report){
        .title = monthly ? "Monthly energy report" : "Daily energy report",
        .zone = config->zone != NULL ? config->zone : "of the machine",
        .monthly = monthly,
        .chain_id = ctl->chain_id,
        .contract = ctl->contract,
        .made_s = clock_unix_s(ctl->clock),
    };
    if (serials != NULL && take_scope(&making, err) == 0 && local_time_zone(config->zone, err) == 0)
        code = make(&making, err);
    ctl_serials_free(serials);
    return code;
}

static int run_daily(struct ctl *ctl, void *config, struct err *err)
{
    return run(ctl, config, false, err);
}

static int run_monthly(struct ctl *ctl, void *config, struct err *err)
{
    return run(ctl, config, true, err);
}

const struct ctl_verb ctl_report_daily = {
    .name = "report daily",
    .usage = "[SERIAL|METER|all] [--from DAY] [--to DAY] [--tz ZONE] [--html FILE]",
    .summary = "energy, peak and missing intervals of meters and groups, day by day",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run_daily,
};

const struct ctl_verb ctl_report_monthly = {
    .name = "report monthly",
    .usage = "[SERIAL|METER|all] [--from DAY] [--to DAY] [--tz ZONE] [--html FILE]",
    .summary = "the same, month by month",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run_monthly,
};
