#include "meter-client/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/test_dir.h"

static void what_is_read_is_dumped_and_the_dump_is_bounded(void **state)
{
    char *path = test_path(*state, "port");
    char *dump_path = test_path(*state, "dump");
    char *address = xasprintf("file://%s", path);
    size_t len = PORT_DUMP_MAX + 100;
    char *data = xmalloc(len);
    struct clock *clock = clock_manual_new(1);
    struct port_config config = {
        .address = address, .clock = clock, .line = {.baud = 9600}, .dump_path = dump_path};
    struct port *port = NULL;
    struct buf dump = BUF_INIT;
    char bytes[512];

    memset(data, 'x', len);
    memcpy(data + len - 3, "end", 3);
    assert_int_equal(file_create(path, 0600, data, len, NULL), 0);
    assert_int_equal(port_new(&port, &config, NULL), 0);
    assert_int_equal(port_work(port, NULL), 1);
    while (port_read(port, bytes, sizeof(bytes), NULL) > 0)
        continue;
    port_free(port);
    assert_int_equal(file_read_secret(&dump, dump_path, PORT_DUMP_MAX, NULL), 0);
    assert_int_equal(dump.len, 100);
    assert_memory_equal(dump.data + 97, "end", 3);
    buf_free(&dump);
    clock_free(clock);
    free(data);
    free(address);
    free(dump_path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_dumped_and_the_dump_is_bounded),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
