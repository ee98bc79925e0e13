#include "chain-bridge/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/attr.h"

#define CONTRACT "0x5FbDB2315678afecb367f032d93F642f64180aa3"
#define REQUIRED                                                                                   \
    "--chain-id=31337", "--contract=" CONTRACT, "--keystore=k.json", "--passphrase-file=k.pass"

/* Reads these arguments; the texts of config are valid until the caller frees options. */
static enum options_result read_args(struct config *config, struct options **ret_options,
                                     struct err *err, const char *const *args, size_t count)
{
    static char program[] = "amr-bridge";
    char *argv[40] = {program};
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = strdup(args[i]);
    char *copies[40];
    memcpy(copies, argv, sizeof(copies));
    *ret_options = config_options(config);
    enum options_result result = config_read(*ret_options, config, (int)count + 1, argv, err);
    for (size_t i = 0; i < count; i++)
        free(copies[i + 1]);
    return result;
}

static void expect_wrong(const char *const *args, size_t count, const char *words)
{
    struct config config;
    struct options *options;
    struct err err = ERR_INIT;
    assert_int_equal(read_args(&config, &options, &err, args, count), OPTIONS_WRONG);
    if (!strstr(err.text, words))
        fail_msg("'%s' is not in '%s'", words, err.text);
    options_free(options);
}

#define EXPECT_WRONG(words, ...)                                                                   \
    do {                                                                                           \
        const char *const args_[] = {__VA_ARGS__};                                                 \
        expect_wrong(args_, AMR_COUNT(args_), words);                                              \
    } while (0)

static void what_is_required_is_enough(void **state)
{
    const char *const args[] = {REQUIRED};
    struct config config;
    struct options *options;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(read_args(&config, &options, &err, args, AMR_COUNT(args)), OPTIONS_RUN);
    assert_int_equal(config.chain_id, 31337);
    assert_int_equal(config.contract_address.b[0], 0x5f);
    assert_int_equal(config.confirmations, 1);
    assert_string_equal(config.archive_path, "bridge.db.archive");
    assert_true(config.window >= 1 && config.window <= 16);
    assert_int_equal(config.gas_limit, 1 << 24);
    options_free(options);
}

static void what_is_missing_is_named(void **state)
{
    static const char *const NAMES[] = {"chain-id", "contract", "keystore", "passphrase-file"};
    const char *const all[] = {REQUIRED};
    (void)state;
    for (size_t left_out = 0; left_out < AMR_COUNT(all); left_out++) {
        const char *args[AMR_COUNT(all) - 1];
        for (size_t i = 0, at = 0; i < AMR_COUNT(all); i++)
            if (i != left_out)
                args[at++] = all[i];
        expect_wrong(args, AMR_COUNT(args), NAMES[left_out]);
    }
}

static void finality_is_a_number_of_blocks_or_the_tag(void **state)
{
    const char *const args[] = {REQUIRED, "--finality=finalized"};
    struct config config;
    struct options *options;
    (void)state;
    assert_int_equal(read_args(&config, &options, NULL, args, AMR_COUNT(args)), OPTIONS_RUN);
    assert_int_equal(config.confirmations, 0);
    options_free(options);
    EXPECT_WRONG("finality", REQUIRED, "--finality=0");
    EXPECT_WRONG("finality", REQUIRED, "--finality=safe");
    EXPECT_WRONG("finality", REQUIRED, "--finality=");
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    EXPECT_WRONG("window", REQUIRED, "--window=17");
    EXPECT_WRONG("window", REQUIRED, "--window=0");
    EXPECT_WRONG("batch-bytes", REQUIRED, "--batch-bytes=131072");
    EXPECT_WRONG("group", REQUIRED, "--group=65536");
    EXPECT_WRONG("poll-ms", REQUIRED, "--poll-ms=1e3");
    EXPECT_WRONG("log-level", REQUIRED, "--log-level=loud");
}

static void a_contract_with_a_wrong_checksum_is_refused(void **state)
{
    (void)state;
    EXPECT_WRONG("contract", "--chain-id=1", "--keystore=k", "--passphrase-file=p",
                 "--contract=0x5fbDB2315678afecb367f032d93F642f64180aa3");
}

static void unknown_options_and_words_are_refused(void **state)
{
    (void)state;
    EXPECT_WRONG("colour", REQUIRED, "--colour=blue");
    EXPECT_WRONG("unexpected argument 'run'", REQUIRED, "run");
}

static void printing_an_archive_needs_nothing_else(void **state)
{
    const char *const args[] = {"--print-archive", "--archive=old.archive"};
    struct config config;
    struct options *options;
    (void)state;
    assert_int_equal(read_args(&config, &options, NULL, args, AMR_COUNT(args)), OPTIONS_RUN);
    assert_string_equal(config.archive_path, "old.archive");
    options_free(options);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    char option[1200];
    (void)state;
    int len = snprintf(option, sizeof(option), "--store=");
    memset(option + len, 'x', 1100);
    option[len + 1100] = '\0';
    EXPECT_WRONG("too long", REQUIRED, option);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_required_is_enough),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(finality_is_a_number_of_blocks_or_the_tag),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(a_contract_with_a_wrong_checksum_is_refused),
        cmocka_unit_test(unknown_options_and_words_are_refused),
        cmocka_unit_test(printing_an_archive_needs_nothing_else),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
