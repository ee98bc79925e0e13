#include "meter-client/meter_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/test_dir.h"

static const char BUNDLE[] = "# as amrctl enrol writes it\n"
                             "servers = ssl://127.0.0.1:8883\n"
                             "ca = /pki/ca.crt\n"
                             "cert = /pki/M1.crt\n"
                             "key = /pki/M1.key\n"
                             "signing-key = /pki/M1.signing-key\n"
                             "serial = M1\n"
                             "meter = 65537\n"
                             "group = 1\n"
                             "chain-id = 31337\n"
                             "contract = 0x5FbDB2315678afecb367f032d93F642f64180aa3\n"
                             "store = /var/M1.db\n"
                             "source = sim\n"
                             "interval-s = 2\n";

static void a_bundle_is_all_a_meter_needs(void **state)
{
    char *path = test_path(*state, "M1.conf");
    char program[] = "amr-meter";
    char verb[] = "run";
    char option[] = "--config";
    char *argv[] = {program, verb, option, path, NULL};
    struct config config = {0};
    struct options *options = config_options(&config);
    struct err err = ERR_INIT;
    int words = 0;

    assert_int_equal(file_create(path, 0600, BUNDLE, strlen(BUNDLE), NULL), 0);
    if (options_parse(options, &words, 4, argv, &err) != OPTIONS_RUN)
        fail_msg("%s", err.text);
    assert_int_equal(words, 1);
    assert_string_equal(argv[1], "run");
    assert_int_equal(config_check(&config, &err), 0);
    assert_int_equal(config.meter, 65537);
    assert_int_equal(config.interval_s, 2);
    assert_int_equal(config.readings_per_report, 1);
    assert_string_equal(config.serial, "M1");
    options_free(options);
    free(path);
}

static void what_is_missing_or_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        const char *text;
    } CASES[] = {
        {"meter", "0", "'meter' is missing"},
        {"meter", "1", "want group << 16 | number"},
        {"meter", "65536", "want group << 16 | number"},
        {"meter", "131073", "is of group 2, not 1"},
        {"chain-id", "0", "'chain-id' is missing"},
    };

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct config config = {0};
        struct options *options = config_options(&config);
        struct err err = ERR_INIT;

        assert_int_equal(config_check(&config, &err), -1);
        assert_string_equal(err.text, "option 'servers' is missing");
        config = (struct config){.servers = "ssl://a:1",
                                 .cert = "c",
                                 .key = "k",
                                 .signing_key = "s",
                                 .meter = 65537,
                                 .group = 1,
                                 .chain_id = 1,
                                 .contract = "0x"};
        assert_int_equal(config_check(&config, &err), 0);
        assert_int_equal(options_set(options, CASES[i].name, CASES[i].value, "test", &err), 0);
        assert_int_equal(config_check(&config, &err), -1);
        if (!strstr(err.text, CASES[i].text))
            fail_msg("'%s' lacks '%s'", err.text, CASES[i].text);
        options_free(options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_is_all_a_meter_needs),
        cmocka_unit_test(what_is_missing_or_does_not_fit_is_named),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
