#include "chain-bridge/ctl_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/keystore.h"

struct config {
    const char *keystore;
    const char *passphrase_file;
    const char *secret_file;
    const char *new_passphrase_file;
    uint32_t scrypt_log_n;
    bool json;
};

#define FILE_ROWS                                                                                  \
    OPTION_STRING(struct config, keystore, "keystore", NULL, "Web3 key file (version 3)"),         \
        OPTION_STRING(struct config, passphrase_file, "passphrase-file", NULL,                     \
                      "file with its passphrase, readable by its owner only"),                     \
        OPTION_FLAG(struct config, json, "json", "print JSON")

#define SCRYPT_ROW                                                                                 \
    OPTION_U32(struct config, scrypt_log_n, "scrypt-log-n", "17", 12, 20,                          \
               "cost of guessing the passphrase, as a power of two")

static int check_files(const struct config *config, struct err *err)
{
    if (config->keystore != NULL && config->passphrase_file != NULL)
        return CTL_DONE;
    err_set(err, "give --keystore FILE and --passphrase-file FILE");
    return CTL_USAGE;
}

static int print_address(struct ctl *ctl, const struct config *config, const struct signer *signer)
{
    char text[ETH_ADDRESS_TEXT];
    eth_address_text(text, signer_address(signer));
    fprintf(ctl->out, config->json ? "{\"address\":\"%s\"}\n" : "%s\n", text);
    return CTL_DONE;
}

static int save(struct ctl *ctl, const struct config *config, struct signer *signer,
                struct err *err)
{
    int code = CTL_FAILED;
    if (signer != NULL && keystore_save(signer, config->keystore, config->passphrase_file,
                                        config->scrypt_log_n, err) == 0)
        code = print_address(ctl, config, signer);
    signer_free(signer);
    return code;
}

static int run_new(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    int code = check_files(config, err);
    return code != CTL_DONE ? code : save(ctl, config, signer_generate(err), err);
}

static int run_import(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    int code = check_files(config, err);
    if (code != CTL_DONE)
        return code;
    if (config->secret_file == NULL) {
        err_set(err, "give --secret-file FILE, holding 0x and 64 digits, mode 0600");
        return CTL_USAGE;
    }
    return save(ctl, config, signer_load(config->secret_file, err), err);
}

static int run_show(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    int code = check_files(config, err);
    if (code != CTL_DONE)
        return code;
    struct signer *signer = keystore_load(config->keystore, config->passphrase_file, err);
    code = signer != NULL ? print_address(ctl, config, signer) : CTL_FAILED;
    signer_free(signer);
    return code;
}

static const struct option_row NEW_ROWS[] = {FILE_ROWS, SCRYPT_ROW};

const struct ctl_verb ctl_key_new = {
    .name = "key new",
    .usage = "--keystore FILE --passphrase-file FILE",
    .summary = "make an Ethereum key; prints its address",
    .rows = NEW_ROWS,
    .row_count = AMR_COUNT(NEW_ROWS),
    .config_size = sizeof(struct config),
    .run = run_new,
};

static const struct option_row IMPORT_ROWS[] = {
    FILE_ROWS, SCRYPT_ROW,
    OPTION_STRING(struct config, secret_file, "secret-file", NULL,
                  "file with the secret: 0x and 64 digits, mode 0600")};

const struct ctl_verb ctl_key_import = {
    .name = "key import",
    .usage = "--secret-file FILE --keystore FILE --passphrase-file FILE",
    .summary = "put an existing key into a key file; prints its address",
    .rows = IMPORT_ROWS,
    .row_count = AMR_COUNT(IMPORT_ROWS),
    .config_size = sizeof(struct config),
    .run = run_import,
};

static const struct option_row SHOW_ROWS[] = {FILE_ROWS};

const struct ctl_verb ctl_key_show = {
    .name = "key show",
    .usage = "--keystore FILE --passphrase-file FILE",
    .summary = "print a key file's address",
    .rows = SHOW_ROWS,
    .row_count = AMR_COUNT(SHOW_ROWS),
    .config_size = sizeof(struct config),
    .run = run_show,
};

/* PASSPHRASE */

/* The new file is written and opened again beside the old one before it takes its place. */
static int replace(const struct config *config, const struct signer *signer, struct err *err)
{
    char *beside = xasprintf("%s.new", config->keystore);
    struct signer *again = NULL;
    int result = -1;
    if (access(beside, F_OK) == 0)
        err_set(err,
                "'%s' is left from a change that was interrupted; the old passphrase is still "
                "the right one: remove it and try again",
                beside);
    else if (keystore_save(signer, beside, config->new_passphrase_file, config->scrypt_log_n,
                           err) == 0)
        again = keystore_load(beside, config->new_passphrase_file, err);
    if (again != NULL && !eth_address_equal(signer_address(again), signer_address(signer)))
        err_set(err, "'%s' does not hold the same key", beside);
    else if (again != NULL && rename(beside, config->keystore) != 0)
        err_errno(err, "moving '%s' to '%s'", beside, config->keystore);
    else if (again != NULL)
        result = 0;
    signer_free(again);
    free(beside);
    return result;
}

static int run_passphrase(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    int code = check_files(config, err);
    if (code != CTL_DONE)
        return code;
    if (config->new_passphrase_file == NULL) {
        err_set(err, "give --new-passphrase-file FILE, readable by its owner only");
        return CTL_USAGE;
    }
    struct signer *signer = keystore_load(config->keystore, config->passphrase_file, err);
    code = signer != NULL && replace(config, signer, err) == 0 ? print_address(ctl, config, signer)
                                                               : CTL_FAILED;
    signer_free(signer);
    return code;
}

static const struct option_row PASSPHRASE_ROWS[] = {
    FILE_ROWS, SCRYPT_ROW,
    OPTION_STRING(struct config, new_passphrase_file, "new-passphrase-file", NULL,
                  "file with the new passphrase, readable by its owner only")};

const struct ctl_verb ctl_key_passphrase = {
    .name = "key passphrase",
    .usage = "--keystore FILE --passphrase-file FILE --new-passphrase-file FILE",
    .summary = "change a key file's passphrase",
    .rows = PASSPHRASE_ROWS,
    .row_count = AMR_COUNT(PASSPHRASE_ROWS),
    .config_size = sizeof(struct config),
    .run = run_passphrase,
};
