#include "chain-bridge/ctl_pki.h"

#include <string.h>

#include "chain-bridge/pki.h"

struct config {
    const char *dir;
    const char *name;
    const char *role;
    const char *hosts;
    uint32_t days;
    uint32_t ca_days;
    bool json;
};

#define DIR_ROW                                                                                    \
    OPTION_STRING(struct config, dir, "dir", "pki", "folder of the authority"),                    \
        OPTION_FLAG(struct config, json, "json", "print JSON")

static const struct option_row INIT_ROWS[] = {
    DIR_ROW,
    OPTION_STRING(struct config, name, "name", "AMR Ledger utility CA", "the authority's name"),
    OPTION_LIST(struct config, hosts, "host", "localhost,127.0.0.1",
                "names and addresses by which clients reach the broker"),
    OPTION_U32(struct config, days, "days", "825", 1, PKI_DAYS_MAX,
               "validity of the broker's certificate"),
    OPTION_U32(struct config, ca_days, "ca-days", "7300", 1, PKI_DAYS_MAX,
               "validity of the authority"),
};

static int run_init(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    if (pki_create(config->dir, config->name, config->ca_days, err) != 0)
        return CTL_FAILED;
    struct pki *pki = pki_open(config->dir, err);
    int result = pki != NULL ? pki_issue_server(pki, config->hosts, config->days, err) : -1;
    pki_free(pki);
    if (result != 0)
        return CTL_FAILED;
    if (config->json) {
        fprintf(ctl->out,
                "{\"ca\":\"%s/ca.crt\",\"cert\":\"%s/server.crt\",\"key\":\"%s/server.key\"}\n",
                config->dir, config->dir, config->dir);
        return CTL_DONE;
    }
    fprintf(ctl->out,
            "%s/ca.crt      the authority: give it to broker, bridge and meters\n"
            "%s/ca.key      its key: keep it offline; who has it can admit meters\n"
            "%s/server.crt  the broker's certificate, for %s\n"
            "%s/server.key  its key\n",
            config->dir, config->dir, config->dir, config->hosts, config->dir);
    return CTL_DONE;
}

const struct ctl_verb ctl_pki_init = {
    .name = "pki init",
    .usage = "[--dir DIR] [--host NAME,ADDRESS]",
    .summary = "make the utility's certificate authority and the broker's certificate",
    .rows = INIT_ROWS,
    .row_count = AMR_COUNT(INIT_ROWS),
    .config_size = sizeof(struct config),
    .run = run_init,
};

static const struct option_row ISSUE_ROWS[] = {
    DIR_ROW,
    OPTION_STRING(struct config, role, "role", NULL, "bridge, ops or broker"),
    OPTION_STRING(struct config, name, "name", NULL,
                  "common name, which is also the MQTT client id; files are named after it"),
    OPTION_LIST(struct config, hosts, "host", "localhost,127.0.0.1",
                "broker: names and addresses by which clients reach it"),
    OPTION_U32(struct config, days, "days", "825", 1, PKI_DAYS_MAX, "validity"),
};

static int run_issue(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    bool broker = config->role != NULL && strcmp(config->role, "broker") == 0;
    if (config->role == NULL || (config->name == NULL) != broker) {
        err_set(err, "give --role bridge|ops and --name NAME, or --role broker and --host NAME");
        return CTL_USAGE;
    }
    struct pki *pki = pki_open(config->dir, err);
    int result = -1;
    if (pki != NULL)
        result = broker ? pki_issue_server(pki, config->hosts, config->days, err)
                        : pki_issue_service(pki, config->name, config->role, config->days, err);
    pki_free(pki);
    if (result != 0)
        return CTL_FAILED;
    const char *name = broker ? "server" : config->name;
    if (config->json)
        fprintf(ctl->out, "{\"cert\":\"%s/%s.crt\",\"key\":\"%s/%s.key\"}\n", config->dir,
                config->name, config->dir, config->name);
    else
        fprintf(ctl->out, "%s/%s.crt  certificate\n%s/%s.key  key\n", config->dir, name,
                config->dir, name);
    return CTL_DONE;
}

const struct ctl_verb ctl_pki_issue = {
    .name = "pki issue",
    .usage = "--role bridge|ops|broker [--name NAME] [--host NAME]",
    .summary = "issue a certificate and key for a bridge, staff, or the broker anew",
    .rows = ISSUE_ROWS,
    .row_count = AMR_COUNT(ISSUE_ROWS),
    .config_size = sizeof(struct config),
    .run = run_issue,
};
