/*
 * amrctl: the one command line for people. Keys, deployment, enrolment, reading back, watching.
 * ctl.h tells how a verb is made; exit codes stand there too.
 */
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ctl.h"
#include "chain-bridge/ctl_deploy.h"
#include "chain-bridge/ctl_enrol.h"
#include "chain-bridge/ctl_key.h"
#include "chain-bridge/ctl_meters.h"
#include "chain-bridge/ctl_pki.h"
#include "chain-bridge/ctl_readings.h"
#include "chain-bridge/ctl_server.h"
#include "chain-bridge/ctl_staff.h"
#include "chain-bridge/ctl_status.h"
#include "chain-bridge/ctl_watch.h"
#include "common/buf.h"

/* In the order of the help. */
static const struct ctl_verb *const VERBS[] = {
    &ctl_pki_init,      &ctl_pki_issue,   &ctl_staff_add, &ctl_staff_remove, &ctl_staff_list,
    &ctl_key_new,       &ctl_key_import,  &ctl_key_show,  &ctl_deploy,       &ctl_server_add,
    &ctl_server_remove, &ctl_server_list, &ctl_enrol,     &ctl_revoke,       &ctl_reopen,
    &ctl_rotate,        &ctl_meters,      &ctl_readings,  &ctl_status,       &ctl_watch,
};

/* A verb has one word or two; ret_words says how many matched. */
static const struct ctl_verb *find_verb(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < AMR_COUNT(VERBS); i++) {
        const char *name = VERBS[i]->name;
        const char *space = strchr(name, ' ');
        size_t first = space != NULL ? (size_t)(space - name) : strlen(name);
        if (strlen(argv[0]) != first || strncmp(argv[0], name, first) != 0)
            continue;
        if (space != NULL && (argc < 2 || strcmp(argv[1], space + 1) != 0))
            continue;
        *ret_words = space != NULL ? 2 : 1;
        return VERBS[i];
    }
    return NULL;
}

/* Verbs that begin with word, or all. */
static void print_verbs(FILE *out, const char *word)
{
    fprintf(out, "usage: amrctl VERB [options]\n\n");
    for (size_t i = 0; i < AMR_COUNT(VERBS); i++) {
        if (word == NULL || strncmp(VERBS[i]->name, word, strlen(word)) == 0)
            fprintf(out, "  %-14s %s\n", VERBS[i]->name, VERBS[i]->summary);
    }
    fprintf(out,
            "\namrctl help VERB tells more. Options can also stand in a file (--config) or the\n"
            "environment (AMRCTL_RPC=...). Exit codes: 0 done, 1 failed, 2 usage, 3 refused\n"
            "(another chain, or no MeterLedger there).\n");
}

static int complain(const char *verb, const struct err *err)
{
    fprintf(stderr, "amrctl %s: %s\n", verb, err->text);
    return CTL_USAGE;
}

static int run_parsed(const struct ctl_verb *verb, void *config, int argc, char **argv,
                      struct err *err)
{
    struct ctl ctl = {.out = stdout, .argc = argc, .argv = argv, .clock = clock_system_new()};
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
        complain(verb->name, &err);
    options_free(options);
    free(usage);
    free(config);
    return code;
}

static int help(int argc, char **argv)
{
    int words = 0;
    const struct ctl_verb *verb = argc > 0 ? find_verb(argc, argv, &words) : NULL;
    char help_option[] = "--help";
    char name[] = "amrctl";
    char *arguments[] = {name, help_option, NULL};
    if (verb != NULL)
        return run_verb(verb, 2, arguments);
    print_verbs(stdout, argc > 0 ? argv[0] : NULL);
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
    const struct ctl_verb *verb = find_verb(argc - 1, argv + 1, &words);
    if (verb == NULL) {
        fprintf(stderr, "amrctl: no verb '%.40s'; amrctl help lists them\n", argv[1]);
        return CTL_USAGE;
    }
    return run_verb(verb, argc - words, argv + words);
}
