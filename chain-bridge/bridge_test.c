/* The bridge put together: what it opens, what it refuses to start with, and that it ends. */
#include "chain-bridge/bridge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "chain-bridge/store.h"
#include "common/attr.h"
#include "common/file.h"
#include "common/keystore.h"
#include "common/test_dir.h"

#define CONTRACT "0x5FbDB2315678afecb367f032d93F642f64180aa3"

struct world {
    void *dir; /* test_dir.h */
    struct config config;
    struct options *options;
    struct clock *clock;
    struct log *log;
    struct eth_address account;
    struct bridge *bridge;
    struct err err;
};

static void quiet(void *cookie, enum log_level level, const char *line)
{
    (void)cookie;
    (void)line;
    assert_int_not_equal(level, LOG_LEVEL_BROKEN);
}

static void set(struct world *world, const char *name, const char *value)
{
    assert_int_equal(options_set(world->options, name, value, "test", NULL), 0);
}

static void set_path(struct world *world, const char *option, const char *name)
{
    char *path = test_path(world->dir, name);
    set(world, option, path);
    free(path);
}

/* The server's key, as amrctl makes it. */
static void make_key(struct world *world)
{
    struct signer *signer = signer_generate(NULL);
    char *keystore = test_path(world->dir, "key.json");
    char *passphrase = test_path(world->dir, "key.pass");
    assert_non_null(signer);
    assert_int_equal(file_create(passphrase, 0600, "secret\n", 7, NULL), 0);
    assert_int_equal(keystore_save(signer, keystore, passphrase, 10, NULL), 0);
    world->account = *signer_address(signer);
    signer_free(signer);
    free(keystore);
    free(passphrase);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_int_equal(test_dir_setup(&world->dir), 0);
    world->clock = clock_system_new();
    world->log = log_new_sink(LOG_LEVEL_INFO, quiet, NULL);
    world->options = config_options(&world->config);
    make_key(world);
    set(world, "chain-id", "31337");
    set(world, "contract", CONTRACT);
    set(world, "servers", "tcp://127.0.0.1:1");
    set(world, "rpc", "ws://127.0.0.1:1");
    set(world, "rpc-timeout-ms", "300");
    set_path(world, "keystore", "key.json");
    set_path(world, "passphrase-file", "key.pass");
    set_path(world, "store", "bridge.db");
    set_path(world, "registry", "registry.db");
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    bridge_free(world->bridge);
    options_free(world->options);
    log_free(world->log);
    clock_free(world->clock);
    test_dir_teardown(&world->dir);
    free(world);
    return 0;
}

static enum bridge_exit open_bridge(struct world *world)
{
    assert_int_equal(config_check(&world->config, &world->err), 0);
    return bridge_new(&world->bridge, &world->config, world->clock, world->log, &world->err);
}

static void it_starts_without_a_node_and_a_broker_and_ends_when_told(void **state)
{
    struct world *world = *state;
    struct stat file;
    assert_int_equal(open_bridge(world), BRIDGE_OK);
    assert_int_equal(bridge_start(world->bridge, &world->err), BRIDGE_OK);
    bridge_tick(world->bridge);
    uint64_t from_ms = clock_mono_ms(world->clock);
    bridge_free(world->bridge);
    world->bridge = NULL;
    assert_true(clock_mono_ms(world->clock) - from_ms < 5000);
    assert_int_equal(stat(world->config.store, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(open_bridge(world), BRIDGE_OK); /* and again */
}

static void a_second_one_with_the_same_key_is_refused_whatever_its_store(void **state)
{
    struct world *world = *state;
    struct bridge *second = NULL;
    assert_int_equal(open_bridge(world), BRIDGE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bridge_new(&second, &world->config, world->clock, world->log, &world->err),
                         BRIDGE_REFUSED);
        assert_non_null(strstr(world->err.text, "another amr-bridge uses account"));
        set_path(world, "store", "other.db");
        set_path(world, "registry", "other-registry.db");
        assert_int_equal(config_check(&world->config, &world->err), 0);
    }
}

static void the_store_of_another_account_is_refused(void **state)
{
    struct world *world = *state;
    struct store *store = NULL;
    struct store_identity other = {.chain_id = 31337, .account = {{1}}};
    assert_int_equal(config_check(&world->config, NULL), 0);
    other.contract = world->config.contract_address;
    assert_int_equal(store_open(&store, world->config.store, &other, NULL), 0);
    store_close(store);
    assert_int_equal(open_bridge(world), BRIDGE_REFUSED);
    assert_non_null(strstr(world->err.text, "was made for account"));
}

static void a_wrong_passphrase_is_told_and_nothing_made(void **state)
{
    struct world *world = *state;
    struct stat file;
    char *path = test_path(world->dir, "wrong.pass");
    assert_int_equal(file_create(path, 0600, "guess\n", 6, NULL), 0);
    set_path(world, "passphrase-file", "wrong.pass");
    assert_int_equal(open_bridge(world), BRIDGE_USAGE);
    assert_non_null(strstr(world->err.text, "passphrase"));
    assert_null(strstr(world->err.text, "guess"));
    assert_int_equal(stat(world->config.store, &file), -1);
    free(path);
}

static void a_passphrase_that_others_can_read_is_refused(void **state)
{
    struct world *world = *state;
    char *path = test_path(world->dir, "key.pass");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(open_bridge(world), BRIDGE_USAGE);
    assert_non_null(strstr(world->err.text, path));
    free(path);
}

static void a_node_url_that_is_none_is_told(void **state)
{
    struct world *world = *state;
    set(world, "rpc", "node.example");
    assert_int_equal(open_bridge(world), BRIDGE_USAGE);
    assert_non_null(strstr(world->err.text, "ws://"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_starts_without_a_node_and_a_broker_and_ends_when_told),
        TEST(a_second_one_with_the_same_key_is_refused_whatever_its_store),
        TEST(the_store_of_another_account_is_refused),
        TEST(a_wrong_passphrase_is_told_and_nothing_made),
        TEST(a_passphrase_that_others_can_read_is_refused),
        TEST(a_node_url_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
