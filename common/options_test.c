#include "common/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/test_dir.h"

struct config {
    const char *store;
    const char *rpc;
    uint32_t window;
    uint64_t chain_id;
    bool verbose;
};

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, store, "store", NULL, "path of the store"),
    OPTION_LIST(struct config, rpc, "rpc", "ws://127.0.0.1:8545", "endpoints in order"),
    OPTION_U32(struct config, window, "window", "4", 1, 16, "transactions in flight"),
    OPTION_U64(struct config, chain_id, "chain-id", "0", 0, UINT64_MAX, "chain id"),
    OPTION_FLAG(struct config, verbose, "verbose", "say more"),
};

/* argv[0] is put in front; returns what options_parse says. */
static enum options_result parse(struct options *options, int *ret_argc, struct err *err,
                                 char **words)
{
    char *argv[16] = {(char *)"test"};
    int argc = 1;

    while (words[argc - 1] && argc < 15) {
        argv[argc] = words[argc - 1];
        argc++;
    }
    enum options_result result = options_parse(options, ret_argc, argc, argv, err);
    for (int i = 1; result == OPTIONS_RUN && i <= *ret_argc; i++)
        words[i - 1] = argv[i];
    return result;
}

static struct options *fresh(struct config *config)
{
    memset(config, 0xa5, sizeof(*config)); /* what an uninitialised struct may hold */
    return options_new(ROWS, AMR_COUNT(ROWS), config, "AMR_TEST", "test [options]");
}

static void defaults_stand_until_something_beats_them(void **state)
{
    struct config config;
    struct options *options = fresh(&config);

    (void)state;
    assert_null(config.store);
    assert_string_equal(config.rpc, "ws://127.0.0.1:8545");
    assert_int_equal(config.window, 4);
    assert_false(config.verbose);
    options_free(options);
    options_free(NULL);
}

static void the_command_line_beats_environment_beats_file_beats_default(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *path = test_path(*state, "a.conf");
    const char text[] = "# a comment\n\n window = 2\nchain-id=31337\nstore = /from/file\n"
                        "verbose = yes\n";
    char *words[] = {(char *)"--config", path, (char *)"verb", (char *)"--store=/from/line", NULL};
    int argc = 0;

    assert_int_equal(file_create(path, 0600, text, strlen(text), NULL), 0);
    setenv("AMR_TEST_CHAIN_ID", "5", 1);
    setenv("AMR_TEST_STORE", "/from/environment", 1);
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_RUN);
    unsetenv("AMR_TEST_CHAIN_ID");
    unsetenv("AMR_TEST_STORE");
    assert_int_equal(argc, 1);
    assert_string_equal(words[0], "verb");
    assert_int_equal(config.window, 2);
    assert_int_equal(config.chain_id, 5);
    assert_string_equal(config.store, "/from/line");
    assert_true(config.verbose);
    options_free(options);
    free(path);
}

static void expect_wrong(char **words, const char *text)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    int argc;

    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_WRONG);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
    options_free(options);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    char *path = test_path(*state, "b.conf");
    const char text[] = "window = 2\nwindwo = 3\n";
    char *in_file[] = {(char *)"--config", path, NULL};
    char *unknown[] = {(char *)"--frobnicate", NULL};
    char *range[] = {(char *)"--window", (char *)"17", NULL};
    char *number[] = {(char *)"--window=4x", NULL};
    char *flag[] = {(char *)"--verbose=maybe", NULL};
    char *missing[] = {(char *)"--store", NULL};
    char *no_file[] = {(char *)"--config", (char *)"/does/not/exist", NULL};

    assert_int_equal(file_create(path, 0600, text, strlen(text), NULL), 0);
    expect_wrong(in_file, "b.conf:2: unknown option 'windwo'");
    expect_wrong(unknown, "unknown option --frobnicate");
    expect_wrong(range, "command line: window: 17 is not within 1..16");
    expect_wrong(number, "'4x' is not a whole number");
    expect_wrong(flag, "neither true nor false");
    expect_wrong(missing, "--store needs a value");
    expect_wrong(no_file, "/does/not/exist");
    free(path);
}

static void a_list_grows_within_one_origin_and_is_replaced_by_the_next(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *words[] = {(char *)"--rpc", (char *)"ws://a", (char *)"--rpc", (char *)"ws://b", NULL};
    int argc;

    (void)state;
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_RUN);
    assert_string_equal(config.rpc, "ws://a,ws://b");
    options_free(options);
}

static void a_dump_is_a_valid_file_that_tells_origins(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *text = NULL;
    size_t len = 0;

    (void)state;
    assert_int_equal(options_set(options, "window", "9", "mosquitto.conf", &err), 0);
    FILE *out = open_memstream(&text, &len);
    options_dump(options, out);
    fclose(out);
    assert_non_null(strstr(text, "# mosquitto.conf\nwindow = 9\n"));
    assert_non_null(strstr(text, "# not set\n# store =\n"));
    free(text);
    options_free(options);
}

static void help_lists_every_row(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    char *text = NULL;
    size_t len = 0;

    (void)state;
    FILE *out = open_memstream(&text, &len);
    options_help(options, out);
    fclose(out);
    for (size_t i = 0; i < AMR_COUNT(ROWS); i++)
        assert_non_null(strstr(text, ROWS[i].name));
    assert_non_null(strstr(text, "(default 4)"));
    free(text);
    options_free(options);
}

static void numbers_are_whole_and_within_their_range(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_int_equal(parse_u64(&value, "18446744073709551615", 0, UINT64_MAX, NULL), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(parse_u64(&value, "18446744073709551616", 0, UINT64_MAX, NULL), -1);
    assert_int_equal(parse_u64(&value, "", 0, 9, NULL), -1);
    assert_int_equal(parse_u64(&value, "-1", 0, 9, NULL), -1);
    assert_int_equal(parse_u64(&value, " 1", 0, 9, NULL), -1);
    assert_int_equal(parse_u64(&value, "0x1", 0, 9, NULL), -1);
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(file_replace(path, 0600, text, strlen(text), NULL), 0);
}

static void a_file_includes_others_from_its_own_folder(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *path = test_path(*state, "outer.conf");
    char *inner = test_path(*state, "inner.conf");
    char *words[] = {(char *)"--config", path, NULL};
    int argc = 0;

    write_file(path, "window = 2\ninclude = inner.conf\ninclude = -missing.conf\nchain-id = 7\n");
    write_file(inner, "window = 3\nchain-id = 6\n");
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_RUN);
    assert_int_equal(config.window, 3);
    assert_int_equal(config.chain_id, 7);
    options_free(options);
    free(path);
    free(inner);
}

static void an_included_file_that_is_missing_or_includes_itself_is_refused(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *path = test_path(*state, "a.conf");
    char *circle = test_path(*state, "b.conf");
    char *words[] = {(char *)"--config", path, NULL};
    int argc = 0;

    write_file(path, "include = missing.conf\n");
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_WRONG);
    assert_non_null(strstr(err.text, "a.conf:1"));
    assert_non_null(strstr(err.text, "missing.conf"));
    write_file(circle, "include = b.conf\ninclude = b.conf\n");
    words[1] = circle;
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_WRONG);
    assert_non_null(strstr(err.text, "do they include each other?"));
    options_free(options);
    free(path);
    free(circle);
}

static void certificates_in_a_file_are_passed_over(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *path = test_path(*state, "bundle.conf");
    char *words[] = {(char *)"--config", path, NULL};
    int argc = 0;

    write_file(path, "window = 2\n-----BEGIN CERTIFICATE-----\nwindow = 9\nAA==\n"
                     "-----END CERTIFICATE-----\nchain-id = 7\n");
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_RUN);
    assert_int_equal(config.window, 2);
    assert_int_equal(config.chain_id, 7);
    write_file(path, "-----BEGIN CERTIFICATE-----\nwindow = 9\n");
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_WRONG);
    assert_non_null(strstr(err.text, "no end"));
    options_free(options);
    free(path);
}

static bool known_elsewhere(const char *name)
{
    return strcmp(name, "group") == 0;
}

static void a_file_may_hold_names_that_others_know_and_the_command_line_may_not(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *path = test_path(*state, "a.conf");
    char *words[] = {(char *)"--config", path, NULL};
    char *line[] = {(char *)"--group", (char *)"4", NULL};
    int argc = 0;

    options_tolerate(options, known_elsewhere);
    write_file(path, "group = 4\nwindow = 5\n");
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_RUN);
    assert_int_equal(config.window, 5);
    assert_int_equal(parse(options, &argc, &err, line), OPTIONS_WRONG);
    options_free(options);
    free(path);
}

static void the_environment_names_a_file_and_a_slip_is_told(void **state)
{
    struct config config;
    struct options *options = fresh(&config);
    struct err err = ERR_INIT;
    char *path = test_path(*state, "a.conf");
    char *words[] = {NULL};
    char *slip[] = {(char *)"--windwo", (char *)"4", NULL};
    int argc = 0;

    write_file(path, "window = 6\n");
    setenv("AMR_TEST_CONFIG", path, 1);
    assert_int_equal(parse(options, &argc, &err, words), OPTIONS_RUN);
    assert_int_equal(config.window, 6);
    unsetenv("AMR_TEST_CONFIG");
    assert_int_equal(parse(options, &argc, &err, slip), OPTIONS_WRONG);
    assert_non_null(strstr(err.text, "--windwo, see --help (did you mean 'window'?)"));
    options_free(options);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stand_until_something_beats_them),
        cmocka_unit_test(the_command_line_beats_environment_beats_file_beats_default),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(a_list_grows_within_one_origin_and_is_replaced_by_the_next),
        cmocka_unit_test(a_dump_is_a_valid_file_that_tells_origins),
        cmocka_unit_test(help_lists_every_row),
        cmocka_unit_test(numbers_are_whole_and_within_their_range),
        cmocka_unit_test(a_file_includes_others_from_its_own_folder),
        cmocka_unit_test(certificates_in_a_file_are_passed_over),
        cmocka_unit_test(an_included_file_that_is_missing_or_includes_itself_is_refused),
        cmocka_unit_test(a_file_may_hold_names_that_others_know_and_the_command_line_may_not),
        cmocka_unit_test(the_environment_names_a_file_and_a_slip_is_told),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
