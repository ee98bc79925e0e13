/*
 * ctl_rows.h: rows for people and for programs: an aligned table, CSV (RFC 4180) or JSON.
 *
 * Rows are printed as they come, so memory stays flat however many there are.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_ROWS_H
#define AMR_CHAIN_BRIDGE_CTL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum ctl_format { CTL_TABLE, CTL_CSV, CTL_JSON };

struct ctl_column {
    const char *name; /* JSON key and CSV heading; in the table with spaces for underscores */
    int width;        /* of the table's column */
    bool number;      /* right-aligned; bare in JSON */
};

struct ctl_rows {
    FILE *out;
    enum ctl_format format;
    const struct ctl_column *columns;
    size_t count;
    size_t printed;
};

void ctl_rows_begin(struct ctl_rows *rows, FILE *out, enum ctl_format format,
                    const struct ctl_column *columns, size_t count);
/** One text a column. */
void ctl_row(struct ctl_rows *rows, const char *const *cells);
void ctl_rows_end(struct ctl_rows *rows);

#endif
