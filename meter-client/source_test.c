#include "meter-client/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void an_unknown_or_incomplete_source_is_refused(void **state)
{
    static const struct {
        const char *spec;
        const char *text;
    } CASES[] = {
        {"", "want sim or p1:, iec: or s0:ADDRESS"},
        {"simulated", "want sim or p1:, iec: or s0:ADDRESS"},
        {"si", "want sim or p1:, iec: or s0:ADDRESS"},
        {"sim:1", "takes no address"},
        {"p1", "want tcp://host:port, file"},
        {"p1:", "want tcp://host:port, file"},
        {"p1:relative", "want tcp://host:port, file"},
        {"p1:tcp://host", "want tcp://host:port"},
        {"p1:tcp://:1", "want tcp://host:port"},
        {"p1:tcp://host:", "want tcp://host:port"},
    };

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct source_config config = {.spec = CASES[i].spec};
        struct source *source = NULL;
        struct err err = ERR_INIT;

        assert_int_equal(source_open(&source, &config, &err), -1);
        if (!strstr(err.text, CASES[i].text))
            fail_msg("'%s' lacks '%s'", err.text, CASES[i].text);
    }
}

static void an_unknown_checksum_mode_is_refused(void **state)
{
    struct source_config config = {.spec = "p1:/dev/null", .checksum = "maybe"};
    struct source *source = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(source_open(&source, &config, &err), -1);
    assert_non_null(strstr(err.text, "auto, required or none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_or_incomplete_source_is_refused),
        cmocka_unit_test(an_unknown_checksum_mode_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
