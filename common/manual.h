/*
 * manual.h: a program's manual page, from the tables that its options come from.
 *
 * Prints roff for man(1): manual_begin, then any of the parts in between, then manual_end. All
 * texts are plain: what roff would take for its own is escaped. One thread a stream.
 * Source: man-pages(7), groff_man(7).
 */
#ifndef AMR_COMMON_MANUAL_H
#define AMR_COMMON_MANUAL_H

#include "common/options.h"

struct manual {
    const char *program;           /* "amr-bridge" */
    const char *section;           /* "1" commands, "8" daemons */
    const char *summary;           /* what it does, in one line */
    const char *synopsis;          /* a line a form */
    const char *description;       /* paragraphs, a blank line between two; NULL: none */
    const char *env_prefix;        /* NULL: takes nothing from the environment */
    void (*more_exits)(FILE *out); /* items for exit codes of its own; NULL: none */
    const char *see_also;          /* "amrctl(1), amr-meter(8)" */
};

/** Head, NAME, SYNOPSIS, DESCRIPTION. */
void manual_begin(FILE *out, const struct manual *manual);
void manual_section(FILE *out, const char *title);
void manual_subsection(FILE *out, const char *title);
void manual_paragraph(FILE *out, const char *text);
/** A term in bold, with more of it in italics, and what it means. */
void manual_item(FILE *out, const char *term, const char *more, const char *text);
/** An item for each option. */
void manual_rows(FILE *out, const struct option_row *rows, size_t count);
/** What every program of ours shares: general options, FILES, ENVIRONMENT, EXIT STATUS. */
void manual_end(FILE *out, const struct manual *manual);

#endif
