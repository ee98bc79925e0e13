#include "chain-bridge/ctl_enrol.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain-bridge/ctl_bundle.h"
#include "chain-bridge/ctl_registry.h"
#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_tx.h"
#include "chain-bridge/pki.h"
#include "common/file.h"

#define PEM_MAX  65536
#define CONF_MAX 65536
/* A certificate that ends sooner is made anew. */
#define RENEW_DAYS 30

struct config {
    struct ctl_shared shared;
    const char *csr;
    const char *pki;
    const char *servers;
    const char *output;
    const char *meter_dir;
    uint32_t group;
    uint32_t first_meter;
    uint32_t days;
    uint32_t per_transaction;
    bool unproven;
};

static const struct option_row ROWS[] = {
    OPTION_LIST(struct config, csr, "csr", NULL,
                "requests: files, or folders with *.csr; plain arguments do the same"),
    OPTION_U32(struct config, group, "group", "0", 0, UINT16_MAX, "the meters' group, from 1"),
    OPTION_U32(struct config, first_meter, "first-meter", "0", 0, UINT16_MAX,
               "number of the first new meter; 0: the next free one"),
    OPTION_STRING(struct config, pki, "pki", "pki", "folder of the authority (amrctl pki init)"),
    OPTION_LIST(struct config, servers, "servers", "ssl://127.0.0.1:8883",
                "brokers that the meters connect to, in this order"),
    OPTION_STRING(struct config, output, "output", NULL,
                  "folder for certificates and configurations; otherwise each request's own"),
    OPTION_STRING(struct config, meter_dir, "meter-dir", NULL,
                  "folder of these files on the meter, written into its configuration; otherwise "
                  "where they are now"),
    OPTION_U32(struct config, days, "days", "3650", 1, PKI_DAYS_MAX, "validity of certificates"),
    OPTION_U32(struct config, per_transaction, "per-transaction", "300", 1, 1000,
               "meters registered in one transaction"),
    OPTION_FLAG(struct config, unproven, "unproven",
                "also take requests that do not prove who holds the signing key"),
    CTL_CHAIN_ROWS(struct config),
    CTL_KEY_ROWS(struct config),
};

struct applicant {
    char *path;
    struct pki_request request;
    uint32_t meter;
    bool registered;         /* before this run */
    const char *certificate; /* what became of it */
};

struct enrolment {
    struct ctl *ctl;
    const struct config *config;
    struct applicant *list;
    size_t count;
    struct pki *pki;
    struct ctl_registry registry;
};

/* COLLECTING */

static int add_file(struct enrolment *run, const char *path, struct err *err)
{
    struct applicant applicant = {.path = NULL};
    if (pki_request_read(&applicant.request, path, err) != 0)
        return -1;
    if (!applicant.request.proven && !run->config->unproven) {
        pki_request_clear(&applicant.request);
        return err_set(err,
                       "'%s' does not prove that the meter holds its signing key, as amr-meter "
                       "init does: anybody could have made it (--unproven takes it all the same)",
                       path);
    }
    applicant.path = xstrdup(path);
    run->list = xrealloc(run->list, (run->count + 1) * sizeof(*run->list));
    run->list[run->count++] = applicant;
    return 0;
}

static int is_csr(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".csr") == 0;
}

static int add_folder(struct enrolment *run, const char *path, struct err *err)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_csr, alphasort);
    int result = count > 0 ? 0 : err_set(err, "no *.csr in folder '%s'", path);
    for (int i = 0; i < count; i++) {
        char *file = xasprintf("%s/%s", path, entries[i]->d_name);
        if (result == 0)
            result = add_file(run, file, err);
        free(file);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int add_path(struct enrolment *run, const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return err_errno(err, "request '%s'", path);
    return S_ISDIR(info.st_mode) ? add_folder(run, path, err) : add_file(run, path, err);
}

static int by_serial(const void *a, const void *b)
{
    const struct applicant *first = a;
    const struct applicant *second = b;
    return strverscmp(first->request.serial, second->request.serial);
}

static int by_signer(const void *a, const void *b)
{
    const struct applicant *first = a;
    const struct applicant *second = b;
    return memcmp(first->request.signer.b, second->request.signer.b, 20);
}

/* Ends sorted by serial, as the ids are given. */
static int check_twins(struct enrolment *run, struct err *err)
{
    qsort(run->list, run->count, sizeof(*run->list), by_signer);
    for (size_t i = 1; i < run->count; i++) {
        if (by_signer(&run->list[i - 1], &run->list[i]) == 0)
            return err_set(err, "'%s' and '%s' have the same signing key", run->list[i - 1].path,
                           run->list[i].path);
    }
    qsort(run->list, run->count, sizeof(*run->list), by_serial);
    for (size_t i = 1; i < run->count; i++) {
        if (strcmp(run->list[i - 1].request.serial, run->list[i].request.serial) == 0)
            return err_set(err, "'%s' and '%s' have the same serial", run->list[i - 1].path,
                           run->list[i].path);
    }
    return 0;
}

static int collect(struct enrolment *run, struct err *err)
{
    const char *list = run->config->csr;
    for (int i = 0; i < run->ctl->argc; i++) {
        if (add_path(run, run->ctl->argv[i], err) != 0)
            return -1;
    }
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ",");
        char *path = xasprintf("%.*s", (int)len, list);
        int result = add_path(run, path, err);
        free(path);
        if (result != 0)
            return -1;
        list += len + (list[len] == ',');
    }
    if (run->count == 0)
        return err_set(err, "which meters? give requests (*.csr) or a folder of them");
    return check_twins(run, err);
}

/* REGISTERING */

/* Where this serial's certificate and configuration go; the caller frees it. */
static char *folder_of(const struct enrolment *run, const struct applicant *applicant,
                       struct err *err)
{
    const char *given = run->config->output;
    const char *slash = strrchr(applicant->path, '/');
    char *named = given != NULL ? xstrdup(given)
                  : slash != NULL
                      ? xasprintf("%.*s", (int)(slash - applicant->path), applicant->path)
                      : xstrdup(".");
    char *folder = realpath(*named != '\0' ? named : "/", NULL);
    if (folder == NULL)
        err_errno(err, "folder '%s'", named);
    free(named);
    return folder;
}

/* The same serial with another signing key is a rotation, not one more meter. */
static int check_new(const struct enrolment *run, const struct applicant *applicant,
                     struct err *err)
{
    char contract[ETH_ADDRESS_TEXT];
    char signer[ETH_ADDRESS_TEXT];
    uint32_t meter = 0;
    bool known = false;
    char *folder = folder_of(run, applicant, err);
    eth_address_text(contract, &run->ctl->contract);
    int result = folder != NULL ? ctl_bundle_meter(&meter, &known, folder,
                                                   applicant->request.serial, contract, err)
                                : -1;
    free(folder);
    const struct ctl_meter *other = known ? ctl_registry_find(&run->registry, meter) : NULL;
    if (result == 0 && other != NULL && other->status == METER_ACTIVE)
        return err_set(err,
                       "'%s': %s is meter %" PRIu32 " already, with another signing key: first "
                       "'amrctl rotate %" PRIu32 " --signer %s', then enrol again",
                       applicant->path, applicant->request.serial, meter, meter,
                       eth_address_text(signer, &applicant->request.signer));
    return result;
}

static int assign_ids(struct enrolment *run, struct err *err)
{
    uint16_t group = (uint16_t)run->config->group;
    uint32_t next = run->config->first_meter != 0 ? run->config->first_meter
                                                  : ctl_registry_next_number(&run->registry, group);
    for (size_t i = 0; i < run->count; i++) {
        struct applicant *applicant = &run->list[i];
        const struct ctl_meter *known =
            ctl_registry_find_signer(&run->registry, group, &applicant->request.signer);
        if (known != NULL && known->status == METER_CLOSED)
            return err_set(err,
                           "'%s': its signer belongs to the closed meter %" PRIu32
                           " (amrctl reopen brings that back)",
                           applicant->path, known->meter);
        applicant->registered = known != NULL;
        if (known == NULL && check_new(run, applicant, err) != 0)
            return -1;
        if (known == NULL && next > UINT16_MAX)
            return err_set(err, "group %u has no room for %zu more meters", (unsigned)group,
                           run->count - i);
        applicant->meter = known != NULL ? known->meter : (uint32_t)group << 16 | next++;
    }
    return 0;
}

static int register_run(struct enrolment *run, uint32_t first, const struct eth_address *signers,
                        size_t count, struct err *err)
{
    struct ctl_tx_result result;
    struct buf data = BUF_INIT;
    ledger_register_meters(&data, first, signers, count);
    int code = ctl_tx_run(run->ctl, &run->config->shared, &result, &run->ctl->contract, data.data,
                          data.len, err);
    buf_free(&data);
    if (code != CTL_DONE)
        return err_wrap(err, "registering %zu meters from %" PRIu32 " on", count, first);
    fprintf(stderr,
            "registered %zu meters from %" PRIu32 " on, block %" PRIu64 ", %" PRIu64 " gas\n",
            count, first, result.receipt.block, result.receipt.gas_used);
    return 0;
}

/* The new ids are consecutive in the order of the list, so runs of them go together. */
static int register_all(struct enrolment *run, struct err *err)
{
    size_t max = run->config->per_transaction;
    struct eth_address *signers = xcalloc(max, sizeof(*signers));
    size_t count = 0;
    uint32_t first = 0;
    int result = 0;
    for (size_t i = 0; i < run->count && result == 0; i++) {
        if (run->list[i].registered)
            continue;
        if (count == 0)
            first = run->list[i].meter;
        signers[count++] = run->list[i].request.signer;
        if (count == max) {
            result = register_run(run, first, signers, count, err);
            count = 0;
        }
    }
    if (count > 0 && result == 0)
        result = register_run(run, first, signers, count, err);
    free(signers);
    return result;
}

/* BUNDLES */

static int write_if_other(const char *path, const struct buf *data, struct err *err)
{
    struct buf before = BUF_INIT;
    bool same = file_read(&before, path, PEM_MAX, NULL) == 0 && before.len == data->len &&
                memcmp(before.data, data->data, data->len) == 0;
    buf_free(&before);
    return same ? 0 : file_replace(path, 0644, data->data, data->len, err);
}

static int copy_ca(const struct enrolment *run, const char *folder, struct err *err)
{
    struct buf pem = BUF_INIT;
    char *from = xasprintf("%s/ca.crt", run->config->pki);
    char *to = xasprintf("%s/ca.crt", folder);
    int result = file_read(&pem, from, PEM_MAX, err);
    if (result == 0)
        result = write_if_other(to, &pem, err);
    free(to);
    free(from);
    buf_free(&pem);
    return result;
}

/* Whose commands the meter obeys: the ledger's operators of now. */
static void print_operators(struct buf *out, const struct ctl_registry *registry)
{
    const char *before = "operators = ";
    for (size_t i = 0; i < registry->account_count; i++) {
        const struct ctl_account *account = &registry->accounts[i];
        char address[ETH_ADDRESS_TEXT];
        if (account->role != CTL_OPERATOR || !account->listed)
            continue;
        buf_printf(out, "%s%s", before, eth_address_text(address, &account->address));
        before = ",";
    }
    if (*before == ',')
        buf_append_u8(out, '\n');
}

static void print_conf(struct buf *out, const struct enrolment *run,
                       const struct applicant *applicant, const char *folder)
{
    const char *serial = applicant->request.serial;
    char contract[ETH_ADDRESS_TEXT];
    buf_printf(out,
               "# Meter %s, written by amrctl enrol. For amr-meter.\n"
               "servers = %s\nca = %s/%s.conf\ncert = %s/%s.conf\nkey = %s/%s.key\n"
               "signing-key = %s/%s.signing-key\nserial = %s\nmeter = %" PRIu32
               "\ngroup = %u\nchain-id = %" PRIu64 "\ncontract = %s\nstore = %s/%s.db\n",
               serial, run->config->servers, folder, serial, folder, serial, folder, serial, folder,
               serial, serial, applicant->meter, (unsigned)meter_group(applicant->meter),
               run->ctl->chain_id, eth_address_text(contract, &run->ctl->contract), folder, serial);
    print_operators(out, &run->registry);
}

/* The meter's certificate and the authority's stand in the bundle itself: one file to carry. */
static int append_certificates(struct buf *out, const struct enrolment *run, const char *cert_path,
                               struct err *err)
{
    char *ca_path = xasprintf("%s/ca.crt", run->config->pki);
    buf_printf(out, "\n");
    int result = file_read(out, cert_path, PEM_MAX, err);
    if (result == 0)
        result = file_read(out, ca_path, PEM_MAX, err);
    free(ca_path);
    return result;
}

/* What a person changed in an older one is kept beside it. */
static int write_conf(const char *path, const struct buf *conf, struct err *err)
{
    struct buf before = BUF_INIT;
    char *old = xasprintf("%s.old", path);
    bool there = access(path, F_OK) == 0;
    int result = there ? file_read(&before, path, CONF_MAX, err) : 0;
    bool same = there && before.len == conf->len && memcmp(before.data, conf->data, conf->len) == 0;
    if (result == 0 && there && !same)
        result = rename(path, old) == 0 ? 0 : err_errno(err, "'%s'", old);
    if (result == 0 && there && !same)
        fprintf(stderr, "%s is written anew; what it was is in %s\n", path, old);
    if (result == 0 && !same)
        result = file_create(path, 0644, conf->data, conf->len, err);
    free(old);
    buf_free(&before);
    return result;
}

static int write_cert(const struct enrolment *run, struct applicant *applicant, const char *path,
                      struct err *err)
{
    bool there = access(path, F_OK) == 0;
    if (there && pki_meter_fits(run->pki, &applicant->request, path, RENEW_DAYS)) {
        applicant->certificate = "kept";
        return 0;
    }
    applicant->certificate = there ? "renewed" : "new";
    return pki_issue_meter(run->pki, &applicant->request, path, run->config->days, err);
}

static int write_bundle(const struct enrolment *run, struct applicant *applicant, struct err *err)
{
    struct buf conf = BUF_INIT;
    char *folder = folder_of(run, applicant, err);
    if (folder == NULL)
        return -1;
    char *cert_path = xasprintf("%s/%s.crt", folder, applicant->request.serial);
    char *conf_path = xasprintf("%s/%s.conf", folder, applicant->request.serial);
    int result = copy_ca(run, folder, err);
    print_conf(&conf, run, applicant,
               run->config->meter_dir != NULL ? run->config->meter_dir : folder);
    if (result == 0)
        result = write_cert(run, applicant, cert_path, err);
    if (result == 0)
        result = append_certificates(&conf, run, cert_path, err);
    if (result == 0)
        result = write_conf(conf_path, &conf, err);
    free(conf_path);
    free(cert_path);
    free(folder);
    buf_free(&conf);
    return result;
}

static const struct ctl_column COLUMNS[] = {
    {"serial", 20, false}, {"meter", 10, true},        {"signer", 42, false},
    {"state", 5, false},   {"certificate", 11, false},
};

static int write_bundles(struct enrolment *run, struct err *err)
{
    struct ctl_rows rows;
    int result = 0;
    ctl_rows_begin(&rows, run->ctl->out, run->config->shared.json ? CTL_JSON : CTL_TABLE, COLUMNS,
                   AMR_COUNT(COLUMNS));
    for (size_t i = 0; i < run->count && result == 0; i++) {
        struct applicant *applicant = &run->list[i];
        char meter[16];
        char signer[ETH_ADDRESS_TEXT];
        snprintf(meter, sizeof(meter), "%" PRIu32, applicant->meter);
        eth_address_text(signer, &applicant->request.signer);
        result = write_bundle(run, applicant, err);
        if (result == 0)
            ctl_row(&rows, (const char *[]){applicant->request.serial, meter, signer,
                                            applicant->registered ? "known" : "new",
                                            applicant->certificate});
    }
    ctl_rows_end(&rows);
    return result;
}

/* WHOLE */

static int enrol(struct enrolment *run, struct err *err)
{
    if (run->config->group == 0) {
        err_set(err, "give --group, the group of these meters");
        return CTL_USAGE;
    }
    if (collect(run, err) != 0)
        return CTL_USAGE;
    run->pki = pki_open(run->config->pki, err);
    if (run->pki == NULL)
        return CTL_USAGE;
    if (ctl_registry_load(&run->registry, run->ctl, err) != 0 || assign_ids(run, err) != 0 ||
        register_all(run, err) != 0 || write_bundles(run, err) != 0)
        return CTL_FAILED;
    return CTL_DONE;
}

static int run_enrol(struct ctl *ctl, void *config, struct err *err)
{
    struct enrolment run = {.ctl = ctl, .config = config};
    int code = enrol(&run, err);
    for (size_t i = 0; i < run.count; i++) {
        pki_request_clear(&run.list[i].request);
        free(run.list[i].path);
    }
    free(run.list);
    pki_free(run.pki);
    ctl_registry_free(&run.registry);
    return code;
}

const struct ctl_verb ctl_enrol = {
    .name = "enrol",
    .usage = "--group N --pki DIR --servers URL,... CSR|FOLDER...",
    .summary = "register meters on chain and issue their certificates and configurations",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT | CTL_KEY,
    .run = run_enrol,
};
