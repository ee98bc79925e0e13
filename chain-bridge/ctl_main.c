/*
 * amrctl: the one command line for people. ctl_verbs.c lists the verbs, ctl.h tells how one is made
 * and what the exit codes mean.
 */
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ctl.h"
#include "chain-bridge/ctl_manual.h"
#include "chain-bridge/ctl_verbs.h"
#include "common/buf.h"

static void print_help(FILE *out, const char *word)
{
    fprintf(out, "usage: amrctl VERB [options]\n\n");
    ctl_verbs_print(out, word);
    fprintf(out, "\namrctl help VERB tells more, amrctl man all. Options can also stand in a file "
                 "(--config\nFILE, AMRCTL_CONFIG) or the environment (AMRCTL_RPC=...). Exit codes: "
                 "0 done, 1 failed,\n2 usage, 3 refused (another chain, or no MeterLedger there), "
                 "4 the answer is no,\n5 no answer in time.\n");
}

static int run_parsed(const struct ctl_verb *verb, void *config, int argc, char **argv,
                      struct err *err)
{
    struct ctl ctl = {
        .out = stdout, .notes = stderr, .argc = argc, .argv = argv, .clock = clock_system_new()};
    int code = ctl_open(&ctl, verb, config, err);
    if (code == CTL_DONE)
        code = verb->run(&ctl, config, err);
    ctl_close(&ctl);
    clock_free(ctl.clock);
    if (fflush(stdout) != 0 && code == CTL_DONE)
        code = err_errno(err, "writing to standard output") + 2;
    return code;
}

static int run_verb(const struct ctl_verb *verb, int argc, char **argv)
{
    struct err err = ERR_INIT;
    void *config = xcalloc(1, verb->config_size);
    char *usage = xasprintf("amrctl %s %s\n\n%s", verb->name, verb->usage, verb->summary);
    struct options *options = options_new(verb->rows, verb->row_count, config, "AMRCTL", usage);
    int plain = 0;
    int code = CTL_DONE;
    options_tolerate(options, ctl_option_known);
    switch (options_parse(options, &plain, argc, argv, &err)) {
    case OPTIONS_WRONG:
        code = CTL_USAGE;
        break;
    case OPTIONS_RUN:
        code = run_parsed(verb, config, plain, argv + 1, &err);
        break;
    case OPTIONS_EXIT:
        break;
    }
    if (code != CTL_DONE && err.text[0] != '\0')
        fprintf(stderr, "amrctl %s: %s\n", verb->name, err.text);
    options_free(options);
    free(usage);
    free(config);
    return code;
}

static int help(int argc, char **argv)
{
    int words = 0;
    const struct ctl_verb *verb = ctl_verb_find(argc, argv, &words);
    char help_option[] = "--help";
    char name[] = "amrctl";
    char *arguments[] = {name, help_option, NULL};
    if (verb != NULL)
        return run_verb(verb, 2, arguments);
    print_help(stdout, argc > 0 ? argv[0] : NULL);
    return CTL_DONE;
}

int main(int argc, char **argv)
{
    int words = 0;
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        int code = help(argc > 2 ? argc - 2 : 0, argv + 2);
        return argc < 2 ? CTL_USAGE : code;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("amr-ledger " AMR_VERSION);
        return CTL_DONE;
    }
    if (strcmp(argv[1], "--man") == 0) {
        ctl_manual_print(stdout);
        return CTL_DONE;
    }
    const struct ctl_verb *verb = ctl_verb_find(argc - 1, argv + 1, &words);
    if (verb == NULL) {
        char text[300];
        ctl_verb_complain(text, sizeof(text), argc - 1, argv + 1);
        fprintf(stderr, "amrctl: %s\n", text);
        return CTL_USAGE;
    }
    return run_verb(verb, argc - words, argv + words);
}
