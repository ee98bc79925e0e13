#include "chain-bridge/report_page.h"

#include <inttypes.h>
#include <string.h>

#include "chain-bridge/local_time.h"
#include "chain-bridge/report_plot.h"

#define LOAD_DAYS_MAX 62 /* a load curve of more days is a blot */

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            buf_printf(out, "&#%d;", *text);
        else
            buf_append_u8(out, (uint8_t)*text);
    }
}

static void put_head(struct buf *out, const struct energy_report *report)
{
    buf_printf(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    put_escaped(out, report->title);
    buf_printf(
        out, "</title>\n<style>@page{size:A4;margin:14mm 15mm}"
             "body{font:10.5pt/1.45 "
             "system-ui,sans-serif;color:#1c1c1c;max-width:190mm;margin:1.5em auto;"
             "padding:0 1em}h1{font-size:19pt;margin:0 0 .1em}h2{font-size:13.5pt;margin:0 0 .2em;"
             "border-bottom:1.5px solid #1f6fb2;padding-bottom:.15em}p{margin:.3em 0}"
             ".facts,.note{color:#555;font-size:9pt}.facts{margin-bottom:1.6em}"
             "section{margin:0 0 1.8em;break-inside:avoid}"
             "table{border-collapse:collapse;width:100%%;font-size:9pt;"
             "font-variant-numeric:tabular-nums}"
             "th,td{padding:.18em .5em;text-align:right;border-bottom:.5px solid "
             "#ddd;white-space:nowrap}"
             "th{font-weight:600;color:#444;border-bottom:1px solid #888;vertical-align:bottom}"
             "td:first-child,th:first-child{text-align:left;padding-left:0}"
             "tfoot td{font-weight:600;border-top:1px solid #888;border-bottom:0}"
             "thead{display:table-header-group}tr{break-inside:avoid}"
             ".bad{color:#b00020;font-weight:600}"
             ".key{display:inline-block;width:1.1em;height:.7em;margin:0 .3em 0 1em}"
             "@media print{body{margin:0;padding:0;max-width:none;"
             "print-color-adjust:exact;-webkit-print-color-adjust:exact}}</style></head><body>\n");
    report_plot_defs(out);
}

static void put_facts(struct buf *out, const struct energy_report *report)
{
    char contract[ETH_ADDRESS_TEXT];
    char made[LOCAL_TIME_TEXT];
    const struct report_period *last = &report->periods[report->period_count - 1];
    char to[LOCAL_TIME_TEXT];
    buf_printf(out, "<h1>");
    put_escaped(out, report->title);
    buf_printf(out, "</h1>\n<p>%s to %s, time zone ", report->periods[0].name,
               report->monthly ? last->name : local_date_text(to, last->from_s));
    put_escaped(out, report->zone);
    buf_printf(
        out,
        ", intervals of %g minutes</p>\n<p class=\"facts\">From the events of ledger %s on "
        "chain %" PRIu64 " up to block %" PRIu64 "; made %s.<br>"
        "<span class=\"key\" style=\"background:#4b8fcb;margin-left:0\"></span>import"
        "<span class=\"key\" style=\"background:#de8344\"></span>export"
        "<svg class=\"key\"><rect width=\"30\" height=\"30\" fill=\"url(#hatch)\"/></svg>"
        "readings are missing; energy there is estimated: spread evenly between the readings "
        "around</p>\n",
        (double)report->step_s / 60, eth_address_text(contract, &report->contract),
        report->chain_id, report->head, local_time_text(made, report->made_s));
}

static void put_sum(struct buf *out, const char *name, const struct curve_sum *sum)
{
    char peak[LOCAL_TIME_TEXT] = "";
    uint64_t missing = sum->expected - sum->measured;
    if (sum->peak_w > 0) {
        local_time_text(peak, sum->peak_s);
        peak[16] = '\0';
    }
    buf_printf(out,
               "<tr><td>%s<td>%.3f<td>%.3f<td>%.3f<td>%s<td>%" PRIu64 "<td%s>%" PRIu64 "<td>%.1f"
               "<td>%.3f</tr>\n",
               name, sum->import_wh / 1000, sum->export_wh / 1000, sum->peak_w / 1000, peak,
               sum->expected, missing > 0 ? " class=\"bad\"" : "", missing,
               sum->measured > 0 ? 100.0 * (double)sum->substituted / (double)sum->measured : 0,
               sum->estimated_wh / 1000);
}

static void put_table_head(struct buf *out, const char *first)
{
    buf_printf(out,
               "<table><thead><tr><th>%s<th>Import<br>kWh<th>Export<br>kWh<th>Peak<br>kW<th>at"
               "<th>Intervals<th>Missing<th>Substituted<br>%%<th>Estimated<br>kWh</tr></thead>"
               "<tbody>\n",
               first);
}

/* All periods of the report as one. */
static struct report_period whole(const struct energy_report *report)
{
    return (struct report_period){report->periods[0].from_s,
                                  report->periods[report->period_count - 1].to_s, "Total"};
}

static void put_line(struct buf *out, const struct energy_report *report,
                     const struct report_line *line)
{
    struct report_period all = whole(report);
    struct curve_sum total = report_sum(report, line, &all);
    char name[64];
    report_name(name, sizeof(name), line);
    buf_printf(out, "<section><h2>");
    put_escaped(out, name);
    buf_printf(out, "</h2>\n");
    if (line->meter != 0)
        buf_printf(out, "<p class=\"note\">Meter id %" PRIu32 ", group %u</p>\n", line->meter,
                   (unsigned)line->group);
    else
        buf_printf(out, "<p class=\"note\">%zu meters; peaks of all of them together</p>\n",
                   line->meters);
    if (all.to_s - all.from_s <= LOAD_DAYS_MAX * (int64_t)86400)
        report_plot_load(out, &line->curve);
    if (all.to_s - all.from_s > 2 * (int64_t)86400)
        report_plot_days(out, &line->curve);
    put_table_head(out, report->monthly ? "Month" : "Day");
    for (size_t i = 0; i < report->period_count; i++) {
        struct curve_sum sum = report_sum(report, line, &report->periods[i]);
        put_sum(out, report->periods[i].name, &sum);
    }
    buf_printf(out, "</tbody>");
    if (report->period_count > 1) {
        buf_printf(out, "<tfoot>");
        put_sum(out, "Total", &total);
        buf_printf(out, "</tfoot>");
    }
    buf_printf(out, "</table></section>\n");
}

/* The meters of a group, one a row. */
static void put_members(struct buf *out, const struct energy_report *report,
                        const struct report_line *group)
{
    struct report_period all = whole(report);
    buf_printf(out, "<section style=\"break-inside:auto\"><h2>Meters of group %u</h2>\n",
               (unsigned)group->group);
    put_table_head(out, "Meter");
    for (size_t i = 0; i < report->line_count; i++) {
        const struct report_line *line = &report->lines[i];
        char name[64];
        if (line->meter == 0 || line->group != group->group)
            continue;
        struct curve_sum sum = report_sum(report, line, &all);
        report_name(name, sizeof(name), line);
        put_sum(out, name, &sum);
    }
    buf_printf(out, "</tbody></table></section>\n");
}

void report_page(struct buf *out, const struct energy_report *report)
{
    put_head(out, report);
    put_facts(out, report);
    for (size_t i = 0; i < report->line_count; i++) {
        put_line(out, report, &report->lines[i]);
        if (report->lines[i].meter == 0)
            put_members(out, report, &report->lines[i]);
    }
    buf_printf(out, "<p class=\"note\">The ledger's events hold every reading. That meters signed "
                    "them, <b>amrctl verify</b> checks against an archive of their reports.</p>\n"
                    "</body></html>\n");
}
