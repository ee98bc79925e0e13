#include "common/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"

#define T 1767225600

struct sink {
    const struct record *expected;
    size_t count;
    size_t seen;
};

static int compare(void *cookie, const struct record *record)
{
    struct sink *sink = cookie;

    assert_true(sink->seen < sink->count);
    const struct record *expected = &sink->expected[sink->seen++];
    assert_int_equal(record->meter, expected->meter);
    assert_true(reading_equal(&record->reading, &expected->reading));
    return 0;
}

static void round_trip(const struct record *records, size_t count, struct buf *packed)
{
    struct sink sink = {records, count, 0};
    struct err err = ERR_INIT;

    buf_clear(packed);
    if (records_pack(packed, records, count, &err))
        fail_msg("%s", err.text);
    if (records_unpack(packed->data, packed->len, meter_group(records[0].meter), compare, &sink,
                       &err))
        fail_msg("%s", err.text);
    assert_int_equal(sink.seen, count);
}

static void expect(const struct record *records, size_t count, const char *hex)
{
    struct buf packed = BUF_INIT, text = BUF_INIT;

    round_trip(records, count, &packed);
    hex0x_append(&text, packed.data, packed.len);
    assert_string_equal(buf_str(&text), hex);
    buf_free(&packed);
    buf_free(&text);
}

/* The bytes are those of the packer in JavaScript beside the contract. */
static void the_bytes_are_those_of_the_other_packer(void **state)
{
    const struct record one[] = {{65537, {T, 123456, 0, 0}}};
    const struct record neighbours[] = {{65537, {T, 123456, 0, 0}},
                                        {65538, {T, 70000, 5, 0}},
                                        {65539, {T + 1, 1, READING_WH_MAX, 0}}};
    const struct record many[] = {{65543, {T, 100, 0, 0}},
                                  {65543, {T + 900, 250, 3, 0}},
                                  {65543, {T + 1800, 300, 3, 2}},
                                  {65543, {T + 3400, 300, 3, 0}},
                                  {65545, {T, UINT64_C(1) << 40, 9, 0}}};
    const struct record jumps[] = {{65543, {1000, 100, 0, 0}},
                                   {65543, {2000, 99, 0, 0}},
                                   {65543, {3000, UINT64_C(1) << 33, 0, 0}}};

    const struct record gaps[] = {{65546, {T, 100, 0, 0}},
                                  {65548, {T, 250, 0, 0}},
                                  {65549, {T, 300, 0, 0}},
                                  {65804, {T, 300, 0, 0}},
                                  {66061, {T, 300, 0, 0}}};

    (void)state;
    expect(gaps, 5, "0x016955b90000008404000a00000000640100fa00012cfe012c0401020d0000012c");
    expect(one, 1, "0x016955b90000000801000100000001e240");
    expect(neighbours, 3,
           "0x016955b90000000902000100000001e2400000000111700005170100030000000100017fffffffffff");
    expect(many, 5,
           "0x016955b900038404010007035500640383009600030003830032000002063f00000000000d01000900000"
           "100000000000009");
    expect(jumps, 3,
           "0x01000003e803e8040100070000006414010007000003e800631c010007000007d0000200000000");
}

static uint64_t random_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 20;
}

/* Registers of every width, steps regular or not, readings that fall now and then. */
static size_t random_records(struct record *records, size_t max, uint64_t *state)
{
    size_t count = 0;
    uint32_t meter = 65536 + (uint32_t)(random_number(state) % 100);

    while (count < max && random_number(state) % 50) {
        uint32_t t = T + (uint32_t)(random_number(state) % 3 ? 0 : random_number(state) % 100000);
        uint64_t import_wh = random_number(state) % (UINT64_C(1) << (random_number(state) % 47));
        uint64_t export_wh = random_number(state) % 2 ? 0 : import_wh / 3;
        size_t readings = random_number(state) % 4 ? 1 : 1 + random_number(state) % 300;
        for (size_t i = 0; i < readings && count < max; i++) {
            records[count++] = (struct record){
                meter, {t, import_wh, export_wh, (uint8_t)(random_number(state) % 9 ? 0 : 3)}};
            t += random_number(state) % 5 ? 900 : (uint32_t)(random_number(state) % 90000);
            import_wh = random_number(state) % 40 ? import_wh + random_number(state) % 500
                                                  : random_number(state) % (UINT64_C(1) << 40);
        }
        meter += 1 + (uint32_t)(random_number(state) % 5 ? 0 : random_number(state) % 300);
    }
    return count;
}

static void random_batches_come_back(void **state)
{
    static struct record records[3000];
    struct buf packed = BUF_INIT;
    uint64_t seed = 20261122;

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t count = random_records(records, AMR_COUNT(records), &seed);
        if (count)
            round_trip(records, count, &packed);
    }
    buf_free(&packed);
}

static void regular_profiles_are_small(void **state)
{
    static struct record records[96 * 100];
    struct buf packed = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(records); i++) {
        uint32_t quarter = (uint32_t)(i % 96);
        records[i] = (struct record){65536 + (uint32_t)(i / 96),
                                     {T + 900 * quarter, 5000000 + 150 * quarter, 0, 0}};
    }
    round_trip(records, AMR_COUNT(records), &packed);
    assert_true(packed.len < 2 * AMR_COUNT(records) + 600);
    buf_free(&packed);
}

static void what_cannot_be_packed_is_refused(void **state)
{
    const struct record unsorted[] = {{65538, {T, 0, 0, 0}}, {65537, {T, 0, 0, 0}}};
    const struct record groups[] = {{65537, {T, 0, 0, 0}}, {131073, {T, 0, 0, 0}}};
    const struct record wide[] = {{65537, {T, READING_WH_MAX + 1, 0, 0}}};
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(records_pack(&out, unsorted, 2, &err), -1);
    assert_int_equal(records_pack(&out, groups, 2, &err), -1);
    assert_int_equal(records_pack(&out, wide, 1, &err), -1);
    assert_int_equal(records_pack(&out, wide, 0, &err), -1);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

static int ignore(void *cookie, const struct record *record)
{
    (void)record;
    return cookie != NULL;
}

static void expect_malformed(const char *hex, const char *words)
{
    struct buf data = BUF_INIT;
    struct err err = ERR_INIT;

    assert_int_equal(hex_decode_append(&data, 100, hex, strlen(hex), NULL), 0);
    assert_int_equal(records_unpack(data.data, data.len, 1, ignore, NULL, &err), -1);
    if (strcmp(err.text, words) != 0)
        fail_msg("'%s' is not '%s'", err.text, words);
    buf_free(&data);
}

static void every_break_of_the_format_is_told_with_its_place(void **state)
{
    (void)state;
    expect_malformed("", "malformed records at byte 0");
    expect_malformed("02695538000000100100010000ff", "malformed records at byte 0");
    expect_malformed("0169553800000004010001", "malformed records at byte 0");
    /* no meters, no shape, only gaps, a gap for further items, time code 3, a number past the last,
     * a cut item */
    expect_malformed("01695538000000040000010000", "malformed records at byte 7");
    expect_malformed("01695538000000000100010000", "malformed records at byte 7");
    expect_malformed("0169553800000080010001000000", "malformed records at byte 7");
    expect_malformed("01695538000000840100010084000000", "malformed records at byte 7");
    expect_malformed("0169553800000030010001000000000000000000", "malformed records at byte 7");
    expect_malformed("01695538000000040100010000ff", "malformed records at byte 7");
    expect_malformed("016955380000000402ffff000000010002", "malformed records at byte 7");
    /* further items without a shape, with u48, without a step */
    expect_malformed("0169553800000004010001010000010001", "malformed records at byte 7");
    expect_malformed("01695538000000040100010107000100000000000100", "malformed records at byte 7");
    expect_malformed("016955380000000401000101040001"
                     "0001",
                     "malformed records at byte 7");
    /* a shape for further items that are not there; a second block cut short */
    expect_malformed("01695538000000040100010004"
                     "0001",
                     "malformed records at byte 7");
    expect_malformed("01695538000000040100010000"
                     "0001"
                     "0401",
                     "malformed records at byte 15");
    /* a gap beyond the last number */
    expect_malformed("016955380000008402fffe00000000010100010000", "malformed records at byte 16");
    /* 2^47 Wh */
    expect_malformed("016955380000000c0100010000800000000000", "malformed records at byte 13");
}

static void a_callback_can_end_it(void **state)
{
    const struct record one[] = {{65537, {T, 123456, 0, 0}}};
    struct buf packed = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(records_pack(&packed, one, 1, NULL), 0);
    assert_int_equal(records_unpack(packed.data, packed.len, 1, ignore, &err, &err), -1);
    assert_string_equal(err.text, "");
    buf_free(&packed);
}

static void gas_bounds_grow_with_every_part(void **state)
{
    struct records_gas small = records_gas(1, 1, 30), large = records_gas(1000, 1000, 14000);

    (void)state;
    assert_true(small.expected < 150000);
    assert_true(large.expected > 5000000 && large.expected < 1 << 24);
    assert_true(large.limit > large.expected);
    assert_true(records_gas(1, 1, 120000).expected >= 40 * 120000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_other_packer),
        cmocka_unit_test(random_batches_come_back),
        cmocka_unit_test(regular_profiles_are_small),
        cmocka_unit_test(what_cannot_be_packed_is_refused),
        cmocka_unit_test(every_break_of_the_format_is_told_with_its_place),
        cmocka_unit_test(a_callback_can_end_it),
        cmocka_unit_test(gas_bounds_grow_with_every_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
