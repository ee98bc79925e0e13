#include "common/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/test_dir.h"

static const struct eth_address CONTRACT = {{0xc0}};

static struct registry *writer(const char *path)
{
    struct registry *registry = NULL;
    struct err err = ERR_INIT;

    if (registry_open_writer(&registry, path, 31337, &CONTRACT, &err))
        fail_msg("%s", err.text);
    return registry;
}

static void put(struct registry *registry, uint32_t meter, enum meter_status status, uint8_t signer)
{
    struct registry_meter row = {meter, status, {{signer}}};

    assert_int_equal(registry_put(registry, &row, NULL), 0);
}

struct seen {
    uint32_t meters[8];
    size_t count;
};

static void on_meter(void *cookie, const struct registry_meter *meter)
{
    struct seen *seen = cookie;

    assert_true(seen->count < AMR_COUNT(seen->meters));
    seen->meters[seen->count++] = meter->meter;
}

static void what_the_bridge_writes_a_reader_finds(void **state)
{
    char *path = test_path(*state, "a.db");
    struct registry *bridge = writer(path), *plugin;
    struct registry_meter found;
    struct registry_head head;

    assert_int_equal(registry_begin(bridge, NULL), 0);
    put(bridge, 65537, METER_ACTIVE, 1);
    put(bridge, 65538, METER_CLOSED, 2);
    assert_int_equal(registry_end(bridge, 99, NULL), 0);
    assert_int_equal(registry_open_reader(&plugin, path, NULL), 0);
    assert_int_equal(registry_find(plugin, &found, 65538, NULL), 0);
    assert_int_equal(found.status, METER_CLOSED);
    assert_int_equal(found.signer.b[0], 2);
    assert_int_equal(registry_find(plugin, &found, 7, NULL), 0);
    assert_int_equal(found.status, METER_UNKNOWN);
    assert_int_equal(registry_head(plugin, &head, NULL), 0);
    assert_int_equal(head.chain_id, 31337);
    assert_int_equal(head.block, 99);
    assert_int_equal(head.revision, 2);
    assert_true(eth_address_equal(&head.contract, &CONTRACT));
    registry_close(plugin);
    registry_close(bridge);
    registry_close(NULL);
    free(path);
}

static void a_reader_fetches_only_what_changed(void **state)
{
    char *path = test_path(*state, "b.db");
    struct registry *bridge = writer(path), *plugin;
    struct registry_head head;
    struct seen seen = {{0}, 0};
    bool changed;

    assert_int_equal(registry_begin(bridge, NULL), 0);
    put(bridge, 65537, METER_ACTIVE, 1);
    put(bridge, 65538, METER_ACTIVE, 2);
    assert_int_equal(registry_end(bridge, 1, NULL), 0);
    assert_int_equal(registry_open_reader(&plugin, path, NULL), 0);
    assert_int_equal(registry_changed(plugin, &changed, NULL), 0);
    assert_true(changed);
    assert_int_equal(registry_head(plugin, &head, NULL), 0);
    assert_int_equal(registry_changed(plugin, &changed, NULL), 0);
    assert_false(changed);
    assert_int_equal(registry_begin(bridge, NULL), 0);
    put(bridge, 65537, METER_CLOSED, 1);
    assert_int_equal(registry_end(bridge, 2, NULL), 0);
    assert_int_equal(registry_changed(plugin, &changed, NULL), 0);
    assert_true(changed);
    assert_int_equal(registry_each(plugin, head.revision, on_meter, &seen, NULL), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.meters[0], 65537);
    assert_int_equal(registry_each(plugin, 0, on_meter, &seen, NULL), 0);
    assert_int_equal(seen.count, 3);
    registry_close(plugin);
    registry_close(bridge);
    free(path);
}

static void an_aborted_change_is_never_seen(void **state)
{
    char *path = test_path(*state, "c.db");
    struct registry *bridge = writer(path);
    struct registry_meter found;
    struct registry_head head;

    assert_int_equal(registry_begin(bridge, NULL), 0);
    put(bridge, 65537, METER_ACTIVE, 1);
    registry_abort(bridge);
    assert_int_equal(registry_find(bridge, &found, 65537, NULL), 0);
    assert_int_equal(found.status, METER_UNKNOWN);
    assert_int_equal(registry_begin(bridge, NULL), 0);
    put(bridge, 65540, METER_ACTIVE, 1);
    assert_int_equal(registry_end(bridge, 3, NULL), 0);
    assert_int_equal(registry_head(bridge, &head, NULL), 0);
    assert_int_equal(head.revision, 1);
    registry_close(bridge);
    free(path);
}

static void a_file_of_another_chain_or_contract_is_refused(void **state)
{
    char *path = test_path(*state, "d.db");
    struct eth_address other = {{0xc1}};
    struct registry *registry;
    struct err err = ERR_INIT;

    registry_close(writer(path));
    assert_int_equal(registry_open_writer(&registry, path, 1, &CONTRACT, &err), -1);
    assert_non_null(strstr(err.text, "chain 31337"));
    assert_int_equal(registry_open_writer(&registry, path, 31337, &other, &err), -1);
    registry_close(writer(path));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_bridge_writes_a_reader_finds),
        cmocka_unit_test(a_reader_fetches_only_what_changed),
        cmocka_unit_test(an_aborted_change_is_never_seen),
        cmocka_unit_test(a_file_of_another_chain_or_contract_is_refused),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
