#include "meter-client/export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/test_dir.h"
#include "meter-client/meter_store_reports.h"

static const struct meter_store_identity IDENTITY = {
    .serial = "M1", .meter = 65537, .chain_id = 31337, .contract = {{1}}, .signer = {{2}}};

static void add_report(struct meter_store *store)
{
    struct report report = {.meter = 65537, .count = 1, .signature = {{[64] = 27}}};

    report.sequence = meter_store_next_sequence(store);
    report.readings[0].timestamp_s = report.sequence * 10;
    assert_int_equal(meter_store_add_report(store, &report, NULL), 0);
}

static void apply(struct meter_store *store, struct receipt receipt)
{
    uint64_t changed;

    receipt.meter = 65537;
    receipt.last = receipt.first;
    assert_int_equal(meter_store_apply(store, &changed, &receipt, 5, NULL), 0);
    assert_int_equal(changed, 1);
}

static void every_report_is_a_line_of_json_also_while_the_store_is_open(void **state)
{
    static const char *const STATES[] = {"sealed", "rejected", "stored", "queued"};
    char *path = test_path(*state, "export.db");
    struct meter_store *store = NULL;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    char *rest = NULL;
    unsigned count = 0;

    assert_int_equal(meter_store_open(&store, path, &IDENTITY, NULL), 0);
    for (int i = 0; i < 4; i++)
        add_report(store);
    apply(store, (struct receipt){.status = RECEIPT_SEALED, .first = 1, .block = 77});
    apply(store, (struct receipt){.status = RECEIPT_REJECTED, .first = 2, .cause = CAUSE_ROLLBACK});
    apply(store, (struct receipt){.status = RECEIPT_STORED, .first = 3});
    assert_int_equal(export_reports(path, out, NULL), 0);
    fclose(out);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *value = json_parse(line, strlen(line), NULL);

        assert_non_null(value);
        assert_string_equal(json_string_value(json_object_get(value, "state")), STATES[count]);
        assert_true(json_is_object(json_object_get(value, "report")));
        assert_int_equal(json_object_get(value, "tx") != NULL, count == 0);
        assert_int_equal(json_object_get(value, "cause") != NULL, count == 1);
        json_decref(value);
        count++;
    }
    assert_int_equal(count, 4);
    free(text);
    meter_store_close(store);
    free(path);
}

static void a_store_that_is_not_there_is_told(void **state)
{
    char *path = test_path(*state, "none.db");
    struct err err = ERR_INIT;

    assert_int_equal(export_reports(path, stdout, &err), -1);
    assert_non_null(strstr(err.text, path));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_report_is_a_line_of_json_also_while_the_store_is_open),
        cmocka_unit_test(a_store_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
