#include "chain-bridge/reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char path[64];
    char log_text[4096];
    struct log *log;
    struct config config;
    struct options *options;
    char words[2][16];
    char *argv[4];
};

static void keep_line(void *cookie, enum log_level level, const char *line)
{
    struct world *world = cookie;
    size_t len = strlen(world->log_text);
    (void)level;
    snprintf(world->log_text + len, sizeof(world->log_text) - len, "%s\n", line);
}

static void write_conf(struct world *world, const char *more)
{
    FILE *file = fopen(world->path, "w");
    assert_non_null(file);
    fprintf(file,
            "chain-id = 31337\ncontract = 0x1111111111111111111111111111111111111111\n"
            "keystore = k\npassphrase-file = p\n%s",
            more);
    fclose(file);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct err err = ERR_INIT;
    snprintf(world->path, sizeof(world->path), "/tmp/amr-reload-%d.conf", (int)getpid());
    world->log = log_new_sink(LOG_LEVEL_DEBUG, keep_line, world);
    write_conf(world, "batch-age-ms = 2000\nstore = a.db\n");
    snprintf(world->words[0], sizeof(world->words[0]), "amr-bridge");
    snprintf(world->words[1], sizeof(world->words[1]), "--config");
    world->argv[0] = world->words[0];
    world->argv[1] = world->words[1];
    world->argv[2] = world->path;
    world->options = config_options(&world->config);
    assert_int_equal(config_read(world->options, &world->config, 3, world->argv, &err),
                     OPTIONS_RUN);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    options_free(world->options);
    log_free(world->log);
    unlink(world->path);
    free(world);
    return 0;
}

static int again(struct world *world)
{
    struct reload reload = {world->options, &world->config, 3, world->argv, world->log};
    return reload_config(&reload);
}

static void live_options_are_taken_over(void **state)
{
    struct world *world = *state;
    write_conf(world,
               "batch-age-ms = 500\nfinality = finalized\nlog-level = debug\nstore = a.db\n");
    assert_int_equal(again(world), 3);
    assert_int_equal(world->config.batch_age_ms, 500);
    assert_int_equal(world->config.confirmations, 0);
    assert_int_equal(world->config.log_min, LOG_LEVEL_DEBUG);
    assert_non_null(strstr(world->log_text, "batch-age-ms is \"500\", was \"2000\""));
}

static void what_needs_a_restart_stays_and_is_named(void **state)
{
    struct world *world = *state;
    write_conf(world, "batch-age-ms = 2000\nstore = b.db\n");
    assert_int_equal(again(world), 0);
    assert_string_equal(world->config.store, "a.db");
    assert_non_null(strstr(world->log_text, "store stays \"a.db\" until a restart"));
}

static void a_bad_file_changes_nothing(void **state)
{
    struct world *world = *state;
    write_conf(world, "batch-age-ms = 500\nwindow = 99\n");
    assert_int_equal(again(world), -1);
    assert_int_equal(world->config.batch_age_ms, 2000);
    assert_non_null(strstr(world->log_text, "the old configuration stays"));
    assert_non_null(strstr(world->log_text, "window"));
}

static void an_option_that_is_gone_has_its_default_again(void **state)
{
    struct world *world = *state;
    write_conf(world, "batch-age-ms = 700\nwindow = 2\nstore = a.db\n");
    assert_int_equal(again(world), 2);
    write_conf(world, "store = a.db\n");
    assert_int_equal(again(world), 2);
    assert_int_equal(world->config.batch_age_ms, 2000);
    assert_int_equal(world->config.window, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(live_options_are_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_needs_a_restart_stays_and_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_file_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_option_that_is_gone_has_its_default_again, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
