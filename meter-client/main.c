/*
 * amr-meter: the meter's side. Verbs: run (the default), init, export; --help tells the rest.
 */
#include <stdio.h>
#include <string.h>

#include "meter-client/export.h"
#include "meter-client/fleet.h"
#include "meter-client/meter_config.h"
#include "meter-client/meter_identity.h"
#include "meter-client/run.h"

static enum exit_code verb_init(const struct config *config, struct err *err)
{
    struct eth_address address;
    char text[ETH_ADDRESS_TEXT];

    if (!config->serial) {
        err_set(err, "option 'serial' is missing");
        return EXIT_USAGE;
    }
    if (identity_init(&address, config->dir, config->serial, err))
        return EXIT_FAILED;
    printf("serial %s\nsigner %s\nrequest %s/%s.csr\n", config->serial,
           eth_address_text(text, &address), config->dir, config->serial);
    return EXIT_OK;
}

static enum exit_code verb_export(const struct config *config, struct err *err)
{
    return export_reports(config->store, stdout, err) ? EXIT_FAILED : EXIT_OK;
}

static const struct {
    const char *name;
    enum exit_code (*run)(const struct config *config, struct err *err);
} VERBS[] = {
    {"run", run_meter},
    {"init", verb_init},
    {"export", verb_export},
};

static enum exit_code run_verb(const char *name, const struct config *config, struct err *err)
{
    for (size_t i = 0; i < AMR_COUNT(VERBS); i++) {
        if (strcmp(VERBS[i].name, name) == 0)
            return VERBS[i].run(config, err);
    }
    err_set(err, "unknown verb '%s': want run, init or export", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct config config = {0};
    struct err err = ERR_INIT;
    struct options *options = config_options(&config);
    enum exit_code code = EXIT_OK;
    int words = 0;

    switch (options_parse(options, &words, argc, argv, &err)) {
    case OPTIONS_RUN:
        if (words > 1) {
            err_set(&err, "too many arguments");
            code = EXIT_USAGE;
            break;
        }
        if (config.fleet && words == 0)
            code = run_fleet(&config, argc, argv, &err);
        else
            code = run_verb(words ? argv[1] : "run", &config, &err);
        break;
    case OPTIONS_EXIT:
        break;
    case OPTIONS_WRONG:
        code = EXIT_USAGE;
        break;
    }
    if (code != EXIT_OK)
        fprintf(stderr, "amr-meter: %s\n", err.text);
    options_free(options);
    return code;
}
