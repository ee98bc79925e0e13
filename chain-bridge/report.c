#include "chain-bridge/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/local_time.h"

void report_clear(struct energy_report *report)
{
    for (size_t i = 0; i < report->line_count; i++)
        curve_clear(&report->lines[i].curve);
    free(report->lines);
    free(report->periods);
    memset(report, 0, sizeof(*report));
}

void report_periods(struct energy_report *report, int64_t from_s, int64_t to_s)
{
    int64_t at = report->monthly ? local_month(from_s, 0) : local_day(from_s, 0);
    while (at < to_s) {
        int64_t next = report->monthly ? local_month(at, 1) : local_day(at, 1);
        struct report_period period = {.from_s = at, .to_s = next};
        char text[LOCAL_TIME_TEXT];
        (report->monthly ? local_month_text : local_date_text)(text, at);
        snprintf(period.name, sizeof(period.name), "%.15s", text);
        report->periods =
            xrealloc(report->periods, (report->period_count + 1) * sizeof(*report->periods));
        report->periods[report->period_count++] = period;
        at = next;
    }
}

void report_name(char *text, size_t size, const struct report_line *line)
{
    if (line->meter == 0)
        snprintf(text, size, "Group %u", (unsigned)line->group);
    else if (line->serial != NULL)
        snprintf(text, size, "%s", line->serial);
    else
        snprintf(text, size, "Meter %" PRIu32, line->meter);
}

struct curve_sum report_sum(const struct energy_report *report, const struct report_line *line,
                            const struct report_period *period)
{
    struct curve_sum sum = curve_sum(&line->curve, period->from_s, period->to_s);
    if (line->meter != 0)
        return sum;
    sum.expected = sum.measured = sum.substituted = sum.doubtful = 0;
    for (size_t i = 0; i < report->line_count; i++) {
        const struct report_line *other = &report->lines[i];
        if (other->meter == 0 || other->group != line->group)
            continue;
        struct curve_sum own = curve_sum(&other->curve, period->from_s, period->to_s);
        sum.expected += own.expected;
        sum.measured += own.measured;
        sum.substituted += own.substituted;
        sum.doubtful += own.doubtful;
    }
    return sum;
}

static const struct ctl_column COLUMNS[] = {
    {"period", 10, false},         {"group", 5, true},    {"meter", 10, true},
    {"serial", 12, false},         {"hours", 5, true},    {"import_kwh", 12, true},
    {"export_kwh", 12, true},      {"peak_kw", 9, true},  {"peak_at", 23, false},
    {"intervals", 9, true},        {"missing", 7, true},  {"substituted", 11, true},
    {"substituted_pct", 15, true}, {"doubtful", 8, true}, {"estimated_kwh", 13, true},
};

static void print_row(const struct energy_report *report, struct ctl_rows *rows,
                      const struct report_line *line, const struct report_period *period)
{
    struct curve_sum sum = report_sum(report, line, period);
    char cells[AMR_COUNT(COLUMNS)][LOCAL_TIME_TEXT] = {{0}};
    const char *texts[AMR_COUNT(COLUMNS)];
    double share = sum.measured > 0 ? 100.0 * (double)sum.substituted / (double)sum.measured : 0;
    for (size_t i = 0; i < AMR_COUNT(COLUMNS); i++)
        texts[i] = cells[i];
    texts[0] = period->name;
    snprintf(cells[1], sizeof(cells[1]), "%u", (unsigned)line->group);
    snprintf(cells[2], sizeof(cells[2]), line->meter != 0 ? "%" PRIu32 : "-", line->meter);
    texts[3] = line->meter == 0 ? "all" : (line->serial != NULL ? line->serial : "-");
    snprintf(cells[4], sizeof(cells[4]), "%g", (double)(period->to_s - period->from_s) / 3600);
    snprintf(cells[5], sizeof(cells[5]), "%.3f", sum.import_wh / 1000);
    snprintf(cells[6], sizeof(cells[6]), "%.3f", sum.export_wh / 1000);
    snprintf(cells[7], sizeof(cells[7]), "%.3f", sum.peak_w / 1000);
    if (sum.peak_w > 0)
        local_time_text(cells[8], sum.peak_s);
    else
        snprintf(cells[8], sizeof(cells[8]), "-");
    snprintf(cells[9], sizeof(cells[9]), "%" PRIu64, sum.expected);
    snprintf(cells[10], sizeof(cells[10]), "%" PRIu64, sum.expected - sum.measured);
    snprintf(cells[11], sizeof(cells[11]), "%" PRIu64, sum.substituted);
    snprintf(cells[12], sizeof(cells[12]), "%.1f", share);
    snprintf(cells[13], sizeof(cells[13]), "%" PRIu64, sum.doubtful);
    snprintf(cells[14], sizeof(cells[14]), "%.3f", sum.estimated_wh / 1000);
    ctl_row(rows, texts);
}

void report_rows(const struct energy_report *report, FILE *out, enum ctl_format format)
{
    struct ctl_rows rows;
    ctl_rows_begin(&rows, out, format, COLUMNS, AMR_COUNT(COLUMNS));
    for (size_t i = 0; i < report->line_count; i++) {
        for (size_t j = 0; j < report->period_count; j++)
            print_row(report, &rows, &report->lines[i], &report->periods[j]);
    }
    ctl_rows_end(&rows);
}
