#include "chain-bridge/report_blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct report sample(uint32_t count)
{
    struct report report = {.meter = 65537, .sequence = 3, .count = count};
    for (uint32_t i = 0; i < count; i++)
        report.readings[i] =
            (struct reading){1767225600 + i * 900, READING_WH_MAX - 96 * 300 + i * 300,
                             (uint64_t)i << 30, (uint8_t)(i % 8)};
    memset(report.signature.b, 0x5a, sizeof(report.signature.b));
    report.signature.b[64] = 27;
    return report;
}

static void what_is_encoded_is_decoded(void **state)
{
    static const uint32_t COUNTS[] = {1, 2, 4, 95, 96};
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(COUNTS); i++) {
        struct report report = sample(COUNTS[i]), got;
        struct buf blob = BUF_INIT;
        report_blob_encode(&blob, &report);
        assert_int_equal(report_blob_decode(&got, 65537, 3, blob.data, blob.len, NULL), 0);
        assert_true(report_equal(&report, &got));
        buf_free(&blob);
    }
}

static void a_single_reading_is_small(void **state)
{
    struct report report = sample(1);
    struct buf blob = BUF_INIT;
    (void)state;
    report_blob_encode(&blob, &report);
    assert_in_range(blob.len, 65, 84);
    buf_free(&blob);
}

static void every_cut_or_addition_is_refused(void **state)
{
    struct report report = sample(4), got;
    struct buf blob = BUF_INIT;
    (void)state;
    report_blob_encode(&blob, &report);
    for (size_t len = 0; len < blob.len; len++) {
        uint8_t *cut = malloc(len + 1); /* of this size, so that valgrind sees a step too far */
        memcpy(cut, blob.data, len);
        assert_int_equal(report_blob_decode(&got, 65537, 3, cut, len, NULL), -1);
        free(cut);
    }
    buf_append_u8(&blob, 0);
    assert_int_equal(report_blob_decode(&got, 65537, 3, blob.data, blob.len, NULL), -1);
    blob.data[0] = 2;
    assert_int_equal(report_blob_decode(&got, 65537, 3, blob.data, blob.len - 1, NULL), -1);
    buf_free(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(a_single_reading_is_small),
        cmocka_unit_test(every_cut_or_addition_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
