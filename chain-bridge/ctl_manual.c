#include "chain-bridge/ctl_manual.h"

#include <string.h>

#include "chain-bridge/ctl_verbs.h"
#include "common/manual.h"

struct config {
    bool json; /* never given */
};

struct shared_only {
    struct ctl_shared shared;
};

static const struct option_row SHARED[] = {CTL_CHAIN_ROWS(struct shared_only),
                                           CTL_KEY_ROWS(struct shared_only)};

static bool is_shared(const char *name)
{
    for (size_t i = 0; i < AMR_COUNT(SHARED); i++) {
        if (strcmp(SHARED[i].name, name) == 0)
            return true;
    }
    return false;
}

/* The options that this verb alone has, and a word on the others. */
static void print_verb(FILE *out, const struct ctl_verb *verb)
{
    manual_item(out, verb->name, verb->usage, verb->summary);
    fputs(".RS\n", out);
    for (size_t i = 0; i < verb->row_count; i++) {
        if (!is_shared(verb->rows[i].name))
            manual_rows(out, &verb->rows[i], 1);
    }
    fputs(".RE\n", out);
}

void ctl_manual_print(FILE *out)
{
    static const struct manual MANUAL = {
        .program = "amrctl",
        .section = "1",
        .summary = "set up, operate and audit an AMR Ledger",
        .synopsis = "amrctl VERB [option]... [argument]...\namrctl help [VERB]",
        .description =
            "The one command line for people: operators, integrators and auditors. The daemons "
            "never need it. It works from the chain alone where it can; where it talks to a broker "
            "(--servers) or reads a bridge's store (--store), it says more.\n\n"
            "With --json every verb prints JSON: one value, or for what takes a while an object a "
            "line. NO_COLOR turns colours off.",
        .env_prefix = "AMRCTL",
        .more_exits = ctl_verbs_exits,
        .see_also = "amr-bridge(8), amr-meter(8), mosquitto(8)",
    };
    const struct ctl_section *section;
    manual_begin(out, &MANUAL);
    for (size_t s = 0; (section = ctl_section_at(s)) != NULL; s++) {
        manual_section(out, section->title);
        for (size_t i = 0; i < section->count; i++)
            print_verb(out, section->verbs[i]);
    }
    manual_section(out, "COMMON OPTIONS");
    manual_paragraph(out, "Verbs that ask the chain take all of these but the last two, which "
                          "those take that send a transaction.");
    manual_rows(out, SHARED, AMR_COUNT(SHARED));
    manual_end(out, &MANUAL);
}

static int run(struct ctl *ctl, void *config, struct err *err)
{
    (void)config;
    (void)err;
    ctl_manual_print(ctl->out);
    return CTL_DONE;
}

const struct ctl_verb ctl_manual = {
    .name = "man",
    .usage = "| man -l -",
    .summary = "print this program's manual page, as roff",
    .config_size = sizeof(struct config),
    .run = run,
};
