#include "chain-bridge/ctl_init.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain-bridge/pki.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/keystore.h"

#define BROKER_USER "mosquitto"
#define PEM_MAX     65536

/* deploy/mosquitto.conf.in, put here by the build. */
static const char MOSQUITTO_CONF[] = {
#include "mosquitto_conf.inc"
    0};

struct config {
    const char *hosts;
    const char *listen;
    const char *rpc;
    const char *plugin;
    const char *bytecode;
    uint32_t port;
    uint32_t group;
    uint32_t scrypt_log_n;
    bool json;
};

enum { ADMIN, SERVER, OPERATOR, ACCOUNTS };
static const char *const ACCOUNT_NAMES[ACCOUNTS] = {"admin", "server", "operator"};

struct making {
    struct ctl *ctl;
    const struct config *config;
    char *dir;  /* where it will stand */
    char *part; /* where it is made */
    char address[ACCOUNTS][ETH_ADDRESS_TEXT];
    char host[256]; /* the first one */
    char *plugin;
    char *bytecode;
};

/* PLACES */

static int make_folder(const struct making *making, const char *name, unsigned mode,
                       struct err *err)
{
    char *path = xasprintf("%s/%s", making->part, name);
    int result = mkdir(path, mode) == 0 && chmod(path, mode) == 0
                     ? 0
                     : err_errno(err, "making folder '%s'", path);
    free(path);
    return result;
}

static int write_text(const struct making *making, const char *name, unsigned mode,
                      const char *text, struct err *err)
{
    char *path = xasprintf("%s/%s", making->part, name);
    int result = file_create(path, mode, text, strlen(text), err);
    free(path);
    return result;
}

/* The first of these places, seen from this program's own folder, where there is such a file. */
static char *find_beside(const char *const *places, size_t count)
{
    char own[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; slash != NULL && i < count; i++) {
        char *path = xasprintf("%s/%s", own, places[i]);
        char *whole = realpath(path, NULL);
        free(path);
        if (whole != NULL)
            return whole;
    }
    return NULL;
}

/* In an installation, or where it was built. */
static void find_files(struct making *making)
{
    static const char *const PLUGINS[] = {"../lib/amr/amr_broker_plugin.so",
                                          "../broker-plugin/amr_broker_plugin.so"};
    static const char *const CODES[] = {"../share/amr/MeterLedger.bin",
                                        "../../../contracts/out/MeterLedger.bin"};
    const struct config *config = making->config;
    making->plugin =
        config->plugin != NULL ? xstrdup(config->plugin) : find_beside(PLUGINS, AMR_COUNT(PLUGINS));
    making->bytecode =
        config->bytecode != NULL ? xstrdup(config->bytecode) : find_beside(CODES, AMR_COUNT(CODES));
}

/* KEYS */

static int make_passphrase(const struct making *making, const char *name, struct err *err)
{
    uint8_t random[24];
    char text[HEX0X_SIZE(sizeof(random)) + 1];
    char file[40];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_errno(err, "read random bytes");
    hex0x_encode(text, random, sizeof(random));
    text[strlen(text) + 1] = '\0';
    text[strlen(text)] = '\n';
    snprintf(file, sizeof(file), "keys/%s.pass", name);
    int result = write_text(making, file, 0600, text + 2, err);
    explicit_bzero(random, sizeof(random));
    explicit_bzero(text, sizeof(text));
    return result;
}

static int make_account(struct making *making, size_t index, struct err *err)
{
    const char *name = ACCOUNT_NAMES[index];
    char *path = xasprintf("%s/keys/%s.json", making->part, name);
    char *passphrase = xasprintf("%s/keys/%s.pass", making->part, name);
    struct signer *signer = signer_generate(err);
    int result = signer != NULL ? make_passphrase(making, name, err) : -1;
    if (result == 0)
        result = keystore_save(signer, path, passphrase, making->config->scrypt_log_n, err);
    if (result == 0)
        eth_address_text(making->address[index], signer_address(signer));
    signer_free(signer);
    free(passphrase);
    free(path);
    return result;
}

static int make_pki(const struct making *making, struct err *err)
{
    const struct config *config = making->config;
    char *dir = xasprintf("%s/pki", making->part);
    int result = pki_create(dir, "AMR Ledger utility CA", 7300, err);
    struct pki *pki = result == 0 ? pki_open(dir, err) : NULL;
    if (pki == NULL || pki_issue_server(pki, config->hosts, 825, err) != 0 ||
        pki_issue_service(pki, "bridge", "bridge", 825, err) != 0 ||
        pki_issue_service(pki, "staff", "ops", 825, err) != 0)
        result = -1;
    pki_free(pki);
    free(dir);
    return result;
}

/* BROKER */

static int copy_file(const struct making *making, const char *from, const char *to, unsigned mode,
                     struct err *err)
{
    struct buf data = BUF_INIT;
    char *source = xasprintf("%s/%s", making->part, from);
    char *target = xasprintf("%s/%s", making->part, to);
    int result = file_read(&data, source, PEM_MAX, err);
    if (result == 0)
        result = file_create(target, mode, data.data, data.len, err);
    free(target);
    free(source);
    buf_free(&data);
    return result;
}

/* Copies the template, with what stands for each @NAME@. */
static void fill_template(const struct making *making, struct buf *out)
{
    char port[8];
    char group[8];
    snprintf(port, sizeof(port), "%" PRIu32, making->config->port);
    snprintf(group, sizeof(group), "%" PRIu32, making->config->group);
    const struct {
        const char *name;
        const char *value;
        const char *below; /* follows value */
    } rows[] = {
        {"@PORT@ 127.0.0.1", port, NULL},
        {"@PORT@", port, ""},
        {"@PKI@", making->dir, "/broker"},
        {"@STATE@", making->dir, "/broker"},
        {"@GROUP@", group, ""},
        {"@USER@", BROKER_USER, ""},
        {"@PLUGIN@", making->plugin, ""},
        {"@REGISTRY@", making->dir, "/registry/registry.db"},
    };
    for (const char *at = MOSQUITTO_CONF; *at != '\0';) {
        size_t i = 0;
        while (i < AMR_COUNT(rows) && strncmp(at, rows[i].name, strlen(rows[i].name)) != 0)
            i++;
        if (i == AMR_COUNT(rows)) {
            buf_append_u8(out, (uint8_t)*at++);
            continue;
        }
        buf_printf(out, "%s%s%s", rows[i].value, rows[i].below != NULL ? rows[i].below : " ",
                   rows[i].below != NULL ? "" : making->config->listen);
        at += strlen(rows[i].name);
    }
}

/* Started by root, Mosquitto becomes its own user, who must own these files then. */
static int give_to_broker(const struct making *making, struct err *err)
{
    static const char *const NAMES[] = {"", "/ca.crt", "/server.crt", "/server.key",
                                        "/mosquitto.conf"};
    struct passwd entry;
    struct passwd *user = NULL;
    char text[1024];
    if (geteuid() != 0 || getpwnam_r(BROKER_USER, &entry, text, sizeof(text), &user) != 0 ||
        user == NULL)
        return 0;
    for (size_t i = 0; i < AMR_COUNT(NAMES); i++) {
        char *path = xasprintf("%s/broker%s", making->part, NAMES[i]);
        int given = chown(path, user->pw_uid, user->pw_gid);
        if (given != 0)
            err_errno(err, "'%s'", path);
        free(path);
        if (given != 0)
            return -1;
    }
    return 0;
}

static int make_broker(const struct making *making, struct err *err)
{
    struct buf conf = BUF_INIT;
    fill_template(making, &conf);
    int result = copy_file(making, "pki/ca.crt", "broker/ca.crt", 0644, err) != 0 ||
                         copy_file(making, "pki/server.crt", "broker/server.crt", 0644, err) != 0 ||
                         copy_file(making, "pki/server.key", "broker/server.key", 0600, err) != 0 ||
                         write_text(making, "broker/mosquitto.conf", 0644, buf_str(&conf), err) != 0
                     ? -1
                     : give_to_broker(making, err);
    buf_free(&conf);
    return result;
}

/* CONFIGURATIONS */

static int make_confs(const struct making *making, struct err *err)
{
    const struct config *config = making->config;
    const char *dir = making->dir;
    char *shared = xasprintf("group = %" PRIu32 "\nrpc = %s\nservers = ssl://%s:%" PRIu32 "\n"
                             "ca = %s/pki/ca.crt\n",
                             config->group, config->rpc, making->host, config->port, dir);
    char *code =
        making->bytecode != NULL ? xasprintf("bytecode = %s\n", making->bytecode) : xstrdup("");
    char *bridge = xasprintf("# For amr-bridge, written by amrctl init.\n"
                             "include = ledger.conf\n%sclient-id = bridge\n"
                             "cert = %s/pki/bridge.crt\nkey = %s/pki/bridge.key\n"
                             "keystore = %s/keys/server.json\n"
                             "passphrase-file = %s/keys/server.pass\n"
                             "store = %s/bridge/bridge.db\nregistry = %s/registry/registry.db\n",
                             shared, dir, dir, dir, dir, dir, dir);
    char *ctl = xasprintf("# For amrctl as the ledger's admin, written by amrctl init.\n"
                          "include = -ledger.conf\n%s%scert = %s/pki/staff.crt\n"
                          "key = %s/pki/staff.key\npki = %s/pki\ndir = %s/pki\n"
                          "keystore = %s/keys/admin.json\npassphrase-file = %s/keys/admin.pass\n"
                          "store = %s/bridge/bridge.db\nmeters = %s/meters\n",
                          shared, code, dir, dir, dir, dir, dir, dir, dir, dir);
    char *operator= xasprintf("# For amrctl as an operator, who commands meters.\n"
                              "include = amrctl.conf\nkeystore = %s/keys/operator.json\n"
                              "passphrase-file = %s/keys/operator.pass\n",
                              dir, dir);
    int result = write_text(making, "bridge.conf", 0644, bridge, err) != 0 ||
                         write_text(making, "amrctl.conf", 0644, ctl, err) != 0 ||
                         write_text(making, "operator.conf", 0644, operator, err) != 0
                     ? -1
                     : 0;
    free(operator);
    free(ctl);
    free(bridge);
    free(code);
    free(shared);
    return result;
}

/* What to do next: each line can be typed as it stands. */
static void print_next(const struct making *making, struct buf *out)
{
    const char *dir = making->dir;
    buf_printf(out,
               "export AMRCTL_CONFIG=%s/amrctl.conf\n\n"
               "# A network with fees: first send some ether to\n"
               "#   %s  admin: deploys, lists, enrols\n"
               "#   %s  server: seals readings\n"
               "#   %s  operator: commands meters\n"
               "amrctl deploy --output %s/ledger.conf\n"
               "amrctl server add %s\n"
               "amrctl operator add %s\n\n",
               dir, making->address[ADMIN], making->address[SERVER], making->address[OPERATOR], dir,
               making->address[SERVER], making->address[OPERATOR]);
    buf_printf(out,
               "# Broker and bridge, each in a terminal of its own or as a service:\n"
               "mosquitto -c %s/broker/mosquitto.conf\n"
               "amr-bridge --config %s/bridge.conf\n\n"
               "# A meter makes its own keys; here a simulated one:\n"
               "amr-meter init --dir %s/meters --serial E0001\n"
               "amrctl enrol %s/meters\n"
               "amr-meter run --config %s/meters/E0001.conf --interval-s 10\n\n"
               "amrctl status\namrctl watch\n"
               "amrctl command read E0001 --config %s/operator.conf\n",
               dir, dir, dir, dir, dir, dir);
}

static int make_next(const struct making *making, struct err *err)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "# What to do next, written by amrctl init.\n\n");
    print_next(making, &text);
    int result = write_text(making, "NEXT", 0644, buf_str(&text), err);
    buf_free(&text);
    return result;
}

static void print_json(const struct making *making)
{
    fprintf(making->ctl->out,
            "{\"dir\":\"%s\",\"admin\":\"%s\",\"server\":\"%s\",\"operator\":\"%s\","
            "\"next\":\"%s/NEXT\"}\n",
            making->dir, making->address[ADMIN], making->address[SERVER], making->address[OPERATOR],
            making->dir);
}

static void print_result(const struct making *making)
{
    struct buf next = BUF_INIT;
    const char *dir = making->dir;
    print_next(making, &next);
    fprintf(
        making->ctl->out,
        "%s\n"
        "  pki/           the authority and its certificates. Who has ca.key can admit meters:\n"
        "                 move it to where no network is, once the meters are enrolled\n"
        "  keys/          accounts: admin lists and enrols, server seals, operator commands.\n"
        "                 The passphrases beside them are random and can be read by you alone\n"
        "  broker/        mosquitto.conf with the plugin, for group %" PRIu32 "\n"
        "  bridge.conf    for amr-bridge; its store will be in bridge/\n"
        "  amrctl.conf    for this program as admin; operator.conf as operator\n"
        "  meters/        for requests of meters, and what enrol makes of them\n"
        "  NEXT           what follows here, to be read again\n\n%s",
        dir, making->config->group, buf_str(&next));
    if (making->plugin == NULL || making->bytecode == NULL)
        fprintf(making->ctl->out, "\n%s\n",
                making->bytecode == NULL
                    ? "The compiled contract was not found: give deploy --bytecode FILE."
                    : "");
    buf_free(&next);
}

/* WHOLE */

static int make_all(struct making *making, struct err *err)
{
    if (make_folder(making, "keys", 0700, err) != 0 ||
        make_folder(making, "broker", 0755, err) != 0 ||
        make_folder(making, "registry", 0755, err) != 0 ||
        make_folder(making, "bridge", 0700, err) != 0 ||
        make_folder(making, "meters", 0700, err) != 0 || make_pki(making, err) != 0)
        return -1;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (make_account(making, i, err) != 0)
            return -1;
    }
    if (make_broker(making, err) != 0 || make_confs(making, err) != 0 ||
        make_next(making, err) != 0)
        return -1;
    if (rename(making->part, making->dir) != 0)
        return err_errno(err, "moving '%s' to '%s'", making->part, making->dir);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* An empty folder may stand there; one with anything in it is somebody's. */
static int check_place(const struct making *making, struct err *err)
{
    struct stat info;
    if (stat(making->part, &info) == 0)
        return err_set(err,
                       "'%s' is left from an init that was interrupted (or still runs); nothing "
                       "uses it: rm -r it, then try again",
                       making->part);
    if (rmdir(making->dir) == 0 || errno == ENOENT)
        return 0;
    return err_set(err,
                   "'%s' exists and is not empty: nothing of it was touched. NEXT in it tells how "
                   "to go on, where init made it; else name another folder",
                   making->dir);
}

static int place(struct making *making, const char *name, struct err *err)
{
    char *copy = xstrdup(name);
    while (strlen(copy) > 1 && copy[strlen(copy) - 1] == '/')
        copy[strlen(copy) - 1] = '\0';
    char *slash = strrchr(copy, '/');
    const char *last = slash != NULL ? slash + 1 : copy;
    char *parent = slash == NULL ? xstrdup(".") : xasprintf("%.*s", (int)(slash - copy + 1), copy);
    char *whole = realpath(parent, NULL);
    int result = 0;
    if (whole == NULL)
        result = err_errno(err, "folder '%s'", parent);
    else if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0 ||
             strpbrk(whole, " \n\"\\") != NULL || strpbrk(last, " \n\"\\") != NULL)
        result = err_set(err,
                         "'%s' cannot be that folder: no blanks or quotes, and a name of its "
                         "own",
                         name);
    else
        making->dir = xasprintf("%s/%s", strcmp(whole, "/") == 0 ? "" : whole, last);
    free(whole);
    free(parent);
    free(copy);
    if (result != 0)
        return -1;
    making->part = xasprintf("%s.part", making->dir);
    return check_place(making, err);
}

static int make(struct making *making, struct err *err)
{
    find_files(making);
    if (making->plugin == NULL) {
        err_set(err, "where is amr_broker_plugin.so? give --plugin FILE");
        return CTL_USAGE;
    }
    snprintf(making->host, sizeof(making->host), "%.*s", (int)strcspn(making->config->hosts, ","),
             making->config->hosts);
    if (mkdir(making->part, 0711) != 0 || chmod(making->part, 0711) != 0) {
        err_errno(err, "making folder '%s'", making->part);
        return CTL_FAILED;
    }
    if (make_all(making, err) == 0)
        return CTL_DONE;
    (void)nftw(making->part, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return CTL_FAILED;
}

static int run(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct making making = {.ctl = ctl, .config = config};
    if (ctl->argc != 1) {
        err_set(err, "give the folder to make, such as ./amr");
        return CTL_USAGE;
    }
    int code = place(&making, ctl->argv[0], err) == 0 ? make(&making, err) : CTL_FAILED;
    if (code == CTL_DONE && config->json)
        print_json(&making);
    else if (code == CTL_DONE)
        print_result(&making);
    free(making.dir);
    free(making.part);
    free(making.plugin);
    free(making.bytecode);
    return code;
}

static const struct option_row ROWS[] = {
    OPTION_LIST(struct config, hosts, "host", "localhost,127.0.0.1",
                "names and addresses by which meters reach the broker; the first is used here"),
    OPTION_STRING(struct config, listen, "listen", "127.0.0.1",
                  "address that the broker listens on: 0.0.0.0 for meters elsewhere"),
    OPTION_U32(struct config, port, "port", "8883", 1, 65535, "the broker's port"),
    OPTION_U32(struct config, group, "group", "1", 1, UINT16_MAX, "the group of meters"),
    OPTION_LIST(struct config, rpc, "rpc", "ws://127.0.0.1:8545",
                "Ethereum nodes: ws, wss, http or https URLs"),
    OPTION_STRING(struct config, plugin, "plugin", NULL,
                  "amr_broker_plugin.so; otherwise where it is installed or built"),
    OPTION_STRING(struct config, bytecode, "bytecode", NULL,
                  "the compiled contract; otherwise where it is installed or built"),
    OPTION_U32(struct config, scrypt_log_n, "scrypt-log-n", "17", 12, 20,
               "cost of guessing a passphrase, as a power of two"),
    OPTION_FLAG(struct config, json, "json", "print JSON"),
};

const struct ctl_verb ctl_init = {
    .name = "init",
    .usage = "DIR [--group N] [--host NAME,ADDRESS] [--rpc URL]",
    .summary = "make all that a server needs: certificates, accounts, configurations",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .run = run,
};
