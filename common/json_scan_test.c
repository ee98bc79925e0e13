#include "common/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CELLS 3

struct cell {
    uint8_t small;
    uint64_t large;
};

struct row {
    uint16_t number;
    uint32_t count;
    struct cell cells[CELLS];
    uint8_t bytes[2];
};

static const struct scan_row CELL_ROWS[] = {
    SCAN_UINT(struct cell, small, "s", 1, 200),
    SCAN_UINT(struct cell, large, "l", 0, INT64_MAX),
};
static const struct scan_row ROWS[] = {
    SCAN_CONSTANT("v", 1),
    SCAN_UINT(struct row, number, "n", 0, 1000),
    SCAN_ARRAY(struct row, cells, count, "cells", 1, CELLS, CELL_ROWS),
    SCAN_HEX(struct row, bytes, "x"),
};

#define GOOD "{\"v\":1,\"n\":7,\"cells\":[{\"s\":9,\"l\":9223372036854775807}],\"x\":\"0xAb0f\"}"

static int scan(struct row *ret_row, const char *text, struct err *err)
{
    /* Behind it there is nothing that may be read: valgrind and ASan watch. */
    size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    int result = json_scan(ret_row, ROWS, AMR_COUNT(ROWS), copy, len, err);
    free(copy);
    return result;
}

static void an_object_fills_the_struct(void **state)
{
    struct row row = {0};

    (void)state;
    assert_int_equal(scan(&row, GOOD, NULL), 0);
    assert_int_equal(row.number, 7);
    assert_int_equal(row.count, 1);
    assert_int_equal(row.cells[0].small, 9);
    assert_true(row.cells[0].large == INT64_MAX);
    assert_memory_equal(row.bytes, "\xab\x0f", 2);
}

static void order_white_space_and_escapes_are_free(void **state)
{
    static const char *const texts[] = {
        " {\n\t\"x\" : \"0xab0f\" ,\r \"cells\" : [ { \"l\" : 5 , \"s\" : 9 } ] , \"n\":7,\"v\":1 "
        "} \n",
        "{\"\\u0076\":1,\"n\":7,\"cells\":[{\"s\":9,\"l\":-0}],\"x\":\"\\u0030x\\u0061b\\u0030F\"}",
    };
    struct row row;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(texts); i++) {
        row = (struct row){0};
        assert_int_equal(scan(&row, texts[i], NULL), 0);
        assert_int_equal(row.number, 7);
        assert_int_equal(row.cells[0].small, 9);
        assert_memory_equal(row.bytes, "\xab\x0f", 2);
    }
}

static void whatever_is_cut_off_is_refused(void **state)
{
    struct row row;
    char text[sizeof(GOOD)] = GOOD;

    (void)state;
    for (size_t len = sizeof(GOOD) - 1; len-- > 0;) {
        text[len] = '\0';
        assert_int_equal(scan(&row, text, NULL), -1);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "not JSON"},
        {"nonsense", "not JSON"},
        {"[]", "not a JSON object"},
        {"{}", "'v' is missing"},
        {GOOD "x", "not JSON: the end expected"},
        {"{\"v\":2}", "'v' is not within 1..1"},
        {"{\"v\":1.0}", "'v' is not a whole number"},
        {"{\"v\":1e0}", "'v' is not a whole number"},
        {"{\"v\":true}", "'v' is not a whole number"},
        {"{\"v\":\"1\"}", "'v' is not a whole number"},
        {"{\"v\":01}", "leading zeros"},
        {"{\"v\":- 1}", "'v' is not a whole number"},
        {"{\"n\":-1}", "'n' is not within"},
        {"{\"n\":1001}", "'n' is not within"},
        {"{\"n\":18446744073709551617}", "'n' is not within"},
        {"{\"n\":1,\"n\":1}", "duplicate key 'n'"},
        {"{\"n\":1,}", "a key expected"},
        {"{\"n\":1 \"v\":1}", "',' or '}' expected"},
        {"{\"n\" 1}", "':' expected"},
        {"{n:1}", "a key expected"},
        {"{\"n\\q\":1}", "a character expected"},
        {"{\"n\n\":1}", "a character expected"},
        {"{\"m\\u00e4\\u0000\":1}", "unknown key 'm?"},
        {"{\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\":1}", "unknown key"},
        {"{\"cells\":{}}", "'cells' is not an array of 1 to 3"},
        {"{\"cells\":[]}", "'cells' is not an array of 1 to 3"},
        {"{\"cells\":[7]}", "cells[0]: not a JSON object"},
        {"{\"cells\":[{\"s\":1,\"l\":1},]}", "cells[1]: not a JSON object"},
        {"{\"cells\":[{\"s\":1,\"l\":1},{\"s\":0}]}", "cells[1]: 's' is not within 1..200"},
        {"{\"cells\":[{\"s\":1,\"l\":1},{\"s\":1,\"l\":1},{\"s\":1,\"l\":1},{\"s\":1,\"l\":1}]}",
         "'cells' is not an array"},
        {"{\"x\":7}", "'x' is not a string"},
        {"{\"x\":\"\"}", "without 0x"},
        {"{\"x\":\"0Xabcd\"}", "without 0x"},
        {"{\"x\":\"0xabc\"}", "'x' does not hold 4 hexadecimal digits"},
        {"{\"x\":\"0xabcg\"}", "'x' does not hold 4 hexadecimal digits"},
        {"{\"x\":\"0xabcde\"}", "'x' holds more than 4 hexadecimal digits"},
    };
    struct row row;
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(cases); i++) {
        assert_int_equal(scan(&row, cases[i].text, &err), -1);
        if (!strstr(err.text, cases[i].words))
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_fills_the_struct),
        cmocka_unit_test(order_white_space_and_escapes_are_free),
        cmocka_unit_test(whatever_is_cut_off_is_refused),
        cmocka_unit_test(what_is_wrong_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
