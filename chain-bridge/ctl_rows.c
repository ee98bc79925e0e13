#include "chain-bridge/ctl_rows.h"

#include <string.h>

#include "common/buf.h"
#include "common/json.h"

static void print_cell(const struct ctl_rows *rows, size_t i, const char *text)
{
    const struct ctl_column *column = &rows->columns[i];
    bool last = i + 1 == rows->count;
    if (column->number)
        fprintf(rows->out, "%*s", column->width, text);
    else
        fprintf(rows->out, "%-*s", last ? 0 : column->width, text);
    fputs(last ? "\n" : "  ", rows->out);
}

static void print_title(const struct ctl_rows *rows, size_t i)
{
    char text[64];
    snprintf(text, sizeof(text), "%s", rows->columns[i].name);
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '_')
            *at = ' ';
    }
    print_cell(rows, i, text);
}

static void print_csv_cell(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_json_row(const struct ctl_rows *rows, const char *const *cells)
{
    struct buf line = BUF_INIT;
    for (size_t i = 0; i < rows->count; i++) {
        buf_printf(&line, "%s\"%s\":", i > 0 ? "," : "{", rows->columns[i].name);
        if (rows->columns[i].number)
            buf_printf(&line, "%s", *cells[i] != '\0' && *cells[i] != '-' ? cells[i] : "null");
        else
            json_append_string(&line, cells[i]);
    }
    fprintf(rows->out, "%s%s}", rows->printed > 0 ? ",\n " : "\n ", buf_str(&line));
    buf_free(&line);
}

void ctl_rows_begin(struct ctl_rows *rows, FILE *out, enum ctl_format format,
                    const struct ctl_column *columns, size_t count)
{
    *rows = (struct ctl_rows){out, format, columns, count, 0};
    if (format == CTL_JSON)
        fputc('[', out);
    for (size_t i = 0; i < count && format == CTL_TABLE; i++)
        print_title(rows, i);
    for (size_t i = 0; i < count && format == CTL_CSV; i++)
        fprintf(out, "%s%s", columns[i].name, i + 1 < count ? "," : "\r\n");
}

void ctl_row(struct ctl_rows *rows, const char *const *cells)
{
    if (rows->format == CTL_JSON)
        print_json_row(rows, cells);
    for (size_t i = 0; i < rows->count && rows->format == CTL_TABLE; i++)
        print_cell(rows, i, cells[i]);
    for (size_t i = 0; i < rows->count && rows->format == CTL_CSV; i++) {
        print_csv_cell(rows->out, cells[i]);
        fputs(i + 1 < rows->count ? "," : "\r\n", rows->out);
    }
    rows->printed++;
}

void ctl_rows_end(struct ctl_rows *rows)
{
    if (rows->format == CTL_JSON)
        fputs(rows->printed > 0 ? "\n]\n" : "]\n", rows->out);
}
