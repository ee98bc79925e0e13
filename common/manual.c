#include "common/manual.h"

#include <ctype.h>
#include <string.h>

/* At the start of a line a dot or quote would begin a request; a hyphen is to be copied as one. */
static void print_text(FILE *out, const char *text, size_t len)
{
    bool starts = true;
    for (size_t i = 0; i < len; i++) {
        if (starts && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", out);
        starts = text[i] == '\n';
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

static void print_all(FILE *out, const char *text)
{
    print_text(out, text, strlen(text));
}

/* Lines stay lines. */
static void print_synopsis(FILE *out, const char *text)
{
    fputs(".nf\n", out);
    while (*text != '\0') {
        while (*text == ' ')
            text++;
        size_t len = strcspn(text, "\n");
        print_text(out, text, len);
        fputc('\n', out);
        text += len + (text[len] == '\n');
    }
    fputs(".fi\n", out);
}

void manual_section(FILE *out, const char *title)
{
    fputs(".SH ", out);
    print_all(out, title);
    fputc('\n', out);
}

void manual_subsection(FILE *out, const char *title)
{
    fputs(".SS ", out);
    print_all(out, title);
    fputc('\n', out);
}

void manual_paragraph(FILE *out, const char *text)
{
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        size_t len = end != NULL ? (size_t)(end - text) : strlen(text);
        fputs(".PP\n", out);
        print_text(out, text, len);
        fputc('\n', out);
        text += len + (end != NULL ? 2 : 0);
    }
}

void manual_item(FILE *out, const char *term, const char *more, const char *text)
{
    fputs(".TP\n\\fB", out);
    print_all(out, term);
    fputs("\\fP", out);
    if (more != NULL && *more != '\0') {
        fputs(" \\fI", out);
        print_all(out, more);
        fputs("\\fP", out);
    }
    fputc('\n', out);
    print_all(out, text);
    fputc('\n', out);
}

void manual_rows(FILE *out, const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char term[80];
        bool told = rows[i].fallback != NULL && rows[i].fallback[0] != '\0' &&
                    rows[i].type != OPTION_TYPE_FLAG;
        snprintf(term, sizeof(term), "--%s", rows[i].name);
        manual_item(out, term, option_value_word(rows[i].type), rows[i].help);
        if (told) {
            fputs("(default \\fB", out);
            print_all(out, rows[i].fallback);
            fputs("\\fP)\n", out);
        }
    }
}

void manual_begin(FILE *out, const struct manual *manual)
{
    fputs(".TH ", out);
    for (const char *at = manual->program; *at != '\0'; at++) {
        char upper = (char)toupper((unsigned char)*at);
        print_text(out, &upper, 1);
    }
    fprintf(out, " %s \"\" \"amr-ledger %s\" \"AMR Ledger\"\n", manual->section, AMR_VERSION);
    manual_section(out, "NAME");
    print_all(out, manual->program);
    fputs(" \\- ", out);
    print_all(out, manual->summary);
    fputc('\n', out);
    manual_section(out, "SYNOPSIS");
    print_synopsis(out, manual->synopsis);
    if (manual->description != NULL) {
        manual_section(out, "DESCRIPTION");
        manual_paragraph(out, manual->description);
    }
}

static void print_general(FILE *out)
{
    manual_section(out, "GENERAL OPTIONS");
    manual_item(out, "--config", "FILE",
                "read `name = value` lines from FILE; several are read in order");
    manual_item(out, "--dump-config", NULL, "print every option, its value and where it came from");
    manual_item(out, "--help", NULL, "print the options");
    manual_item(out, "--man", NULL, "print this page, as roff");
    manual_item(out, "--version", NULL, "print the version");
}

static void print_environment(FILE *out, const char *prefix)
{
    char name[64];
    manual_section(out, "ENVIRONMENT");
    snprintf(name, sizeof(name), "%s_NAME", prefix);
    manual_item(out, name, NULL,
                "an option: in capitals, with underscores for hyphens. Later beats earlier in the "
                "order default, file, environment, command line.");
    snprintf(name, sizeof(name), "%s_CONFIG", prefix);
    manual_item(out, name, NULL, "a configuration file that is read before those of --config");
}

void manual_end(FILE *out, const struct manual *manual)
{
    print_general(out);
    manual_section(out, "FILES");
    manual_paragraph(out,
                     "Configuration files hold `name = value` lines and # comments. "
                     "`include = FILE` reads another file at that place, named from the folder of "
                     "the first; `include = -FILE` passes it over where there is none.");
    if (manual->env_prefix != NULL)
        print_environment(out, manual->env_prefix);
    manual_section(out, "EXIT STATUS");
    manual_item(out, "0", NULL, "done");
    manual_item(out, "1", NULL, "failed at work");
    manual_item(out, "2", NULL, "wrong usage or configuration");
    manual_item(out, "3", NULL,
                "refused: a store in use or of another chain, the wrong chain or contract, a key "
                "that others can read");
    if (manual->more_exits != NULL)
        manual->more_exits(out);
    if (manual->see_also != NULL) {
        manual_section(out, "SEE ALSO");
        manual_paragraph(out, manual->see_also);
    }
}
