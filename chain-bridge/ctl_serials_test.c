#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/ctl_serials.h"
#include "common/file.h"
#include "common/test_dir.h"

static char *put(void **state, const char *name, const char *text)
{
    char *path = test_path(*state, name);
    assert_int_equal(file_replace(path, 0644, text, strlen(text), NULL), 0);
    return path;
}

static void expect(const struct ctl_serials *serials, const char *text, uint32_t wanted)
{
    uint32_t meter = 0;
    assert_int_equal(ctl_serials_meter(serials, &meter, text, NULL), 0);
    assert_int_equal(meter, wanted);
}

static void bundles_of_enrol_tell_serial_and_meter(void **state)
{
    char *first = put(state, "E-01.conf", "# Meter E-01\nserial = E-01\nmeter = 65537\n");
    char *second = put(state, "E-02.conf", "meter = 65538\ngroup = 1\nserial = E-02\n");
    char *other = put(state, "ledger.conf", "chain-id = 1\n");
    struct ctl_serials *serials = ctl_serials_load(*state, NULL);
    assert_non_null(serials);
    expect(serials, "E-01", 65537);
    expect(serials, "E-02", 65538);
    expect(serials, "1/2", 65538);
    assert_string_equal(ctl_serials_name(serials, 65538), "E-02");
    assert_null(ctl_serials_name(serials, 65539));
    ctl_serials_free(serials);
    unlink(first);
    unlink(second);
    unlink(other);
    free(first);
    free(second);
    free(other);
}

static void a_table_may_be_csv_or_json(void **state)
{
    char *csv = put(state, "table.csv", "serial,meter\r\nE-01,1/1\r\n\r\n70000,65538,x\r\n");
    char *json = put(state, "table.json",
                     "[{\"serial\":\"E-03\",\"meter\":65539,\"state\":\"new\"},"
                     "{\"serial\":\"E-01\",\"meter\":65537}]");
    char *both = xasprintf("%s,%s", csv, json);
    struct ctl_serials *serials = ctl_serials_load(both, NULL);
    assert_non_null(serials);
    expect(serials, "E-01", 65537);
    expect(serials, "E-03", 65539);
    expect(serials, "70000", 65538); /* a serial of digits is still a serial */
    expect(serials, "70001", 70001);
    ctl_serials_free(serials);
    free(both);
    free(json);
    free(csv);
}

static void expect_refusal(void **state, const char *text, const char *words)
{
    struct err err = ERR_INIT;
    char *path = put(state, "bad", text);
    assert_null(ctl_serials_load(path, &err));
    assert_non_null(strstr(err.text, words));
    free(path);
}

static void contradictions_and_nonsense_are_refused(void **state)
{
    struct err err = ERR_INIT;
    expect_refusal(state, "A,65537\nA,65538\n", "serial A is given for meters 65537 and 65538");
    expect_refusal(state, "A,65537\nB,65537\n", "meter 65537 is given for serials A and B");
    expect_refusal(state, "A 65537\n", "line 1");
    expect_refusal(state, "A,65537\nB,5\n", "line 2");
    expect_refusal(state, "{\"serial\":1}", "array");
    expect_refusal(state, "[{\"serial\":\"A\"}]", "object 1");
    assert_null(ctl_serials_load("/nowhere/at/all", &err));
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

static void an_unknown_serial_says_what_to_give(void **state)
{
    struct err err = ERR_INIT;
    uint32_t meter = 7;
    struct ctl_serials *serials = ctl_serials_load(NULL, NULL);
    (void)state;
    assert_int_equal(ctl_serials_meter(serials, &meter, "E-01", &err), -1);
    assert_non_null(strstr(err.text, "--serials"));
    assert_int_equal(meter, 7);
    ctl_serials_free(serials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundles_of_enrol_tell_serial_and_meter),
        cmocka_unit_test(a_table_may_be_csv_or_json),
        cmocka_unit_test(contradictions_and_nonsense_are_refused),
        cmocka_unit_test(an_unknown_serial_says_what_to_give),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
