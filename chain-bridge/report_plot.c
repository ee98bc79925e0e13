#include "chain-bridge/report_plot.h"

#include <math.h>
#include <string.h>

#include "chain-bridge/local_time.h"

/* Of the whole drawing and of the plot in it, in its own units. */
#define WIDTH   720.0
#define HEIGHT  170.0
#define LEFT    48.0
#define RIGHT   6.0
#define TOP     10.0
#define BOTTOM  20.0
#define PLOT_W  (WIDTH - LEFT - RIGHT)
#define PLOT_H  (HEIGHT - TOP - BOTTOM)
#define COLUMNS 660
#define DAY_S   86400

struct axis {
    double top; /* of the scale; 0 is at the bottom */
    double step;
    int decimals;
};

/* A scale of two to five round steps. */
static struct axis axis_for(double most)
{
    static const double STEPS[] = {1, 2, 2.5, 5, 10};
    struct axis axis = {1, 0.5, 1};
    if (!(most > 0))
        return axis;
    double power = pow(10, floor(log10(most / 4)));
    for (size_t i = 0; i < AMR_COUNT(STEPS); i++) {
        axis.step = STEPS[i] * power;
        if (axis.step * 4 >= most)
            break;
    }
    axis.top = axis.step * ceil(most / axis.step);
    axis.decimals = 0;
    double step = axis.step;
    while (axis.decimals < 3 && fabs(step - round(step)) > 1e-6) {
        axis.decimals++;
        step *= 10;
    }
    return axis;
}

static double y_of(const struct axis *axis, double value)
{
    return TOP + PLOT_H * (1 - value / axis->top);
}

static double x_of(const struct curve *curve, int64_t time_s)
{
    double whole = (double)curve->count * curve->step_s;
    return LEFT + PLOT_W * (double)(time_s - curve->from_s) / whole;
}

static int64_t end_of(const struct curve *curve)
{
    return curve->from_s + (int64_t)curve->count * curve->step_s;
}

/* THE FRAME */

static void put_frame(struct buf *out, const struct axis *axis, const char *unit, const char *title)
{
    buf_printf(out,
               "<svg class=\"plot\" viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>%s</title>\n",
               WIDTH, HEIGHT, title);
    for (int i = 0; i * axis->step < axis->top * 1.001; i++) {
        double y = y_of(axis, i * axis->step);
        buf_printf(out,
                   "<path class=\"grid\" d=\"M%.0f %.1fH%.0f\"/><text class=\"y\" x=\"%.0f\" "
                   "y=\"%.1f\">%.*f</text>\n",
                   LEFT, y, WIDTH - RIGHT, LEFT - 5, y + 3, axis->decimals, i * axis->step);
    }
    buf_printf(out, "<text class=\"unit\" x=\"2\" y=\"%.0f\">%s</text>\n", TOP + 3, unit);
}

static void put_label(struct buf *out, const struct curve *curve, int64_t time_s, const char *text)
{
    double x = x_of(curve, time_s);
    buf_printf(out, "<path class=\"tick\" d=\"M%.1f %.0fv4\"/>", x, TOP + PLOT_H);
    if (x < WIDTH - 40)
        buf_printf(out, "<text class=\"x\" x=\"%.1f\" y=\"%.0f\">%s</text>\n", x + 2, HEIGHT - 6,
                   text);
}

static void put_hours(struct buf *out, const struct curve *curve)
{
    char text[LOCAL_TIME_TEXT];
    for (int64_t at = curve->from_s; at < end_of(curve); at += 900) {
        local_time_text(text, at);
        int hour = 10 * (text[11] - '0') + text[12] - '0';
        text[16] = '\0';
        if (strcmp(text + 14, "00") == 0 && hour % 3 == 0)
            put_label(out, curve, at, text + 11);
    }
}

/* Hours for a day or two, then days, then weeks, then months. */
static void put_times(struct buf *out, const struct curve *curve)
{
    int64_t days = (end_of(curve) - curve->from_s) / DAY_S;
    char text[LOCAL_TIME_TEXT];
    if (days <= 2) {
        put_hours(out, curve);
        return;
    }
    if (days > 92) {
        for (int64_t at = local_month(curve->from_s, 0); at < end_of(curve);
             at = local_month(at, 1)) {
            if (at >= curve->from_s)
                put_label(out, curve, at, local_month_text(text, at));
        }
        return;
    }
    for (int64_t at = curve->from_s; at < end_of(curve); at = local_day(at, days > 14 ? 7 : 1))
        put_label(out, curve, at, local_date_text(text, at) + 5);
}

/* THE LOAD */

/* What one column of the drawing stands for. */
struct column {
    double import_w;
    double export_w;
    bool measured;
    bool missing;
};

static struct column column_of(const struct curve *curve, size_t from, size_t to)
{
    struct column column = {0, 0, false, false};
    size_t measured = 0;
    for (size_t i = from; i < to; i++) {
        const struct curve_slot *slot = &curve->slots[i];
        if (curve_is_measured(curve, i)) {
            column.import_w += slot->import_wh;
            column.export_w += slot->export_wh;
            measured++;
        } else if ((slot->flags & CURVE_EXPECTED) != 0) {
            column.missing = true;
        }
    }
    column.measured = measured > 0;
    if (measured > 0) {
        double seconds = (double)measured * curve->step_s;
        column.import_w *= 3600 / seconds;
        column.export_w *= 3600 / seconds;
    }
    return column;
}

static size_t take_columns(struct column *columns, const struct curve *curve)
{
    size_t count = curve->count < COLUMNS ? curve->count : COLUMNS;
    for (size_t i = 0; i < count; i++)
        columns[i] = column_of(curve, i * curve->count / count, (i + 1) * curve->count / count);
    return count;
}

static void put_missing(struct buf *out, const struct column *columns, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && columns[end].missing)
            end++;
        if (end > i)
            buf_printf(out,
                       "<rect class=\"missing\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" "
                       "height=\"%.0f\"/>\n",
                       LEFT + PLOT_W * (double)i / (double)count, TOP,
                       PLOT_W * (double)(end - i) / (double)count, PLOT_H);
        i = end > i ? end : i + 1;
    }
}

/* One run of measured columns as steps; where it is an area, closed along the bottom. */
static size_t put_run(struct buf *out, const struct column *columns, size_t count, size_t i,
                      const struct axis *axis, bool exported)
{
    double begin = LEFT + PLOT_W * (double)i / (double)count;
    buf_printf(out, "M%.1f %.1f", begin,
               exported ? y_of(axis, columns[i].export_w / 1000) : TOP + PLOT_H);
    for (; i < count && columns[i].measured; i++) {
        double value = (exported ? columns[i].export_w : columns[i].import_w) / 1000;
        buf_printf(out, "V%.1fH%.1f", y_of(axis, value),
                   LEFT + PLOT_W * (double)(i + 1) / (double)count);
    }
    if (!exported)
        buf_printf(out, "V%.1fZ", TOP + PLOT_H);
    return i;
}

static void put_curve(struct buf *out, const struct column *columns, size_t count,
                      const struct axis *axis, bool exported)
{
    buf_printf(out, "<path class=\"%s\" d=\"", exported ? "export" : "import");
    for (size_t i = 0; i < count;)
        i = columns[i].measured ? put_run(out, columns, count, i, axis, exported) : i + 1;
    buf_printf(out, "\"/>\n");
}

void report_plot_load(struct buf *out, const struct curve *curve)
{
    struct column columns[COLUMNS];
    size_t count = take_columns(columns, curve);
    double most = 0;
    bool exports = false;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fmax(columns[i].import_w, columns[i].export_w));
        exports = exports || columns[i].export_w > 0;
    }
    struct axis axis = axis_for(most / 1000);
    put_frame(out, &axis, "kW", "mean power over time; hatched: readings are missing");
    put_missing(out, columns, count);
    put_curve(out, columns, count, &axis, false);
    if (exports)
        put_curve(out, columns, count, &axis, true);
    put_times(out, curve);
    buf_printf(out, "</svg>\n");
}

/* THE DAYS */

static void put_bar(struct buf *out, const char *class, double x, double width,
                    const struct axis *axis, double from, double to)
{
    if (to > from)
        buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                   class, x, y_of(axis, to), width, y_of(axis, from) - y_of(axis, to));
}

static void put_day(struct buf *out, const struct curve *curve, const struct axis *axis,
                    int64_t from_s, int64_t to_s, bool exports)
{
    struct curve_sum sum = curve_sum(curve, from_s, to_s);
    double x = x_of(curve, from_s);
    double width = x_of(curve, to_s < end_of(curve) ? to_s : end_of(curve)) - x;
    double bar = (exports ? 0.40 : 0.80) * width;
    double measured = (sum.import_wh - sum.estimated_wh) / 1000;
    if (sum.expected > 0 && sum.measured == 0)
        put_bar(out, "missing", x, width, axis, 0, axis->top);
    put_bar(out, "bar", x + 0.1 * width, bar, axis, 0, measured);
    put_bar(out, "estimated", x + 0.1 * width, bar, axis, measured, sum.import_wh / 1000);
    if (exports)
        put_bar(out, "out", x + 0.5 * width, bar, axis, 0, sum.export_wh / 1000);
    buf_append_u8(out, '\n');
}

void report_plot_days(struct buf *out, const struct curve *curve)
{
    double most = 0;
    bool exports = false;
    for (int64_t at = curve->from_s; at < end_of(curve); at = local_day(at, 1)) {
        struct curve_sum sum = curve_sum(curve, at, local_day(at, 1));
        most = fmax(most, fmax(sum.import_wh, sum.export_wh));
        exports = exports || sum.export_wh > 0;
    }
    struct axis axis = axis_for(most / 1000);
    put_frame(out, &axis, "kWh", "energy a day; hatched: estimated, readings are missing");
    for (int64_t at = curve->from_s; at < end_of(curve); at = local_day(at, 1))
        put_day(out, curve, &axis, at, local_day(at, 1), exports);
    put_times(out, curve);
    buf_printf(out, "</svg>\n");
}

void report_plot_defs(struct buf *out)
{
    buf_printf(
        out,
        "<svg width=\"0\" height=\"0\" style=\"position:absolute\"><defs><pattern id=\"hatch\" "
        "width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
        "<rect width=\"5\" height=\"5\" fill=\"#f4f1ec\"/><path d=\"M0 0V5\" stroke=\"#b9ab97\" "
        "stroke-width=\"1.6\"/></pattern></defs></svg>\n"
        "<style>.plot{display:block;width:100%%;margin:.4em 0}"
        ".plot text{font:9px sans-serif;fill:#555}.plot .y{text-anchor:end}"
        ".plot .grid{stroke:#ddd;stroke-width:.6}.plot .tick{stroke:#999;stroke-width:.8}"
        ".plot .import{fill:#9cc3e6;stroke:#1f6fb2;stroke-width:.8}"
        ".plot .export{fill:none;stroke:#c2570c;stroke-width:1.1}"
        ".plot .bar{fill:#4b8fcb}.plot .out{fill:#de8344}"
        ".plot .missing{fill:url(#hatch)}"
        ".plot .estimated{fill:url(#hatch);stroke:#4b8fcb;stroke-width:.6}</style>\n");
}
