#include "meter-client/iec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/file.h"

struct seen {
    unsigned idents;
    unsigned readouts;
    char ident[IEC_IDENT_MAX + 1];
    struct iec_readout last;
    uint64_t faults[IEC_FAULT_COUNT];
};

static void on_ident(void *cookie, const char *ident)
{
    struct seen *seen = cookie;

    seen->idents++;
    snprintf(seen->ident, sizeof(seen->ident), "%s", ident);
}

static void on_readout(void *cookie, const struct iec_readout *readout)
{
    struct seen *seen = cookie;

    seen->readouts++;
    seen->last = *readout;
}

static struct seen parsed_in(const void *data, size_t len, bool unchecked, size_t piece)
{
    struct seen seen;
    struct iec_handlers handlers = {on_ident, on_readout, &seen};
    struct iec *iec = iec_new(unchecked, &handlers);

    memset(&seen, 0, sizeof(seen));
    for (size_t at = 0; at < len; at += piece)
        iec_feed(iec, (const char *)data + at, len - at < piece ? len - at : piece);
    iec_timeout(iec);
    for (int i = 0; i < IEC_FAULT_COUNT; i++)
        seen.faults[i] = iec_faults(iec, (enum iec_fault)i);
    iec_free(iec);
    return seen;
}

static struct seen parsed(const char *text)
{
    return parsed_in(text, strlen(text), false, strlen(text));
}

/** /ABC5TEST, then the sets framed and with their block check. */
static char *framed(const char *sets)
{
    char *block = xasprintf("%s!\r\n\x03", sets);
    uint8_t bcc = 0;
    char *text;

    for (const char *c = block; *c; c++)
        bcc ^= (uint8_t)*c;
    text = xasprintf("/ABC5TEST\r\n\x02%s%c", block, bcc);
    free(block);
    return text;
}

static void a_framed_readout_is_read_whole(void **state)
{
    char *text = framed("F.F(00)\r\n1-0:0.0.0*255(63355730)\r\n1-0:1.8.0*255(0001234.567*kWh)\r\n"
                        "1-0:1.8.0*01(0000999.000*kWh)\r\n2.8.1(1.5*kWh)2.8.2(2*kWh)\r\n"
                        "1.7.0(00.49*kW)\r\n32.7.0(229.1*V)\r\n1.6.0(3.1*kW)(1703181200)\r\n");

    (void)state;
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct seen seen = parsed_in(text, strlen(text), false, piece);

        assert_int_equal(seen.readouts, 1);
        assert_string_equal(seen.ident, "ABC5TEST");
        assert_int_equal(seen.last.import_wh, 1234567);
        assert_int_equal(seen.last.export_wh, 3500);
        assert_int_equal(seen.last.import_w, 490);
        assert_int_equal(seen.last.voltage_dv, 2291);
        assert_int_equal(seen.last.quality, 0);
        assert_string_equal(seen.last.serial, "63355730");
    }
    free(text);
}

static void a_changed_byte_is_noticed(void **state)
{
    char *text = framed("1.8.0(0001234.567*kWh)\r\n");
    size_t first = (size_t)(strchr(text, 2) - text) + 1;

    (void)state;
    for (size_t i = first; i < strlen(text); i++) {
        struct seen seen;

        text[i] ^= 4;
        seen = parsed(text);
        text[i] ^= 4;
        if (seen.readouts)
            fail_msg("byte %zu", i);
    }
    free(text);
}

static void the_parity_bit_does_not_matter(void **state)
{
    char *text = framed("1.8.0(7*kWh)\r\n");
    size_t len = strlen(text);

    (void)state;
    for (size_t i = 0; i < len; i += 3)
        text[i] = (char)(text[i] | 0x80);
    assert_int_equal(parsed(text).last.import_wh, 7000);
    free(text);
}

static void what_the_head_echoes_is_passed_over(void **state)
{
    struct seen seen = parsed("/?!\r\n/ABC5TEST\r\n\x06"
                              "050\r\n1.8.0(7*kWh)\r\n!\r\n");

    (void)state;
    assert_int_equal(seen.idents, 1);
    assert_int_equal(seen.readouts, 1);
    assert_int_equal(seen.last.import_wh, 7000);
}

static void a_number_without_unit_is_kilowatt_hours(void **state)
{
    (void)state;
    assert_int_equal(parsed("/ABC5T\r\n1.8.0(013925.5*)\r\n!\r\n").last.import_wh, 13925500);
    assert_int_equal(parsed("/ABC5T\r\n1.8.0(013925.5)\r\n!\r\n").last.import_wh, 13925500);
    assert_int_equal(parsed("/ABC5T\r\n1.8.0(1.5*MWh)\r\n!\r\n").last.import_wh, 1500000);
}

static void an_error_register_marks_the_readout(void **state)
{
    (void)state;
    assert_int_equal(parsed("/ABC5T\r\nF.F(0010)\r\n1.8.0(1)\r\n!\r\n").last.quality,
                     QUALITY_METER_ERROR);
}

static void faults_are_counted_by_cause(void **state)
{
    char *good = framed("1.8.0(1*kWh)\r\n");
    char *filler = xasprintf("/ABC5T\r\n\x02%*s", IEC_READOUT_MAX, "x");
    char *overlong = xasprintf("%s%s", filler, good);
    char *from_middle = xasprintf("8.0(1*kWh)\r\n!\r\n%s", good);
    char *cut = xasprintf("/ABC5T\r\n\x02"
                          "1.8.0(2*kWh)\r\n%s",
                          good);
    char *partial = xasprintf("%s/ABC5T\r\n\x02"
                              "1.8.0(",
                              good);
    char *no_check = xasprintf("%s/ABC5T\r\n\x02"
                               "1.8.0(2*kWh)\r\n!\r\n",
                               good);
    char *useless = xasprintf("%s/ABC5T\r\n6.8(1*MWh)\r\n!\r\n", good);
    char *twice = xasprintf("%s/ABC5T\r\n1.8.0(1)\r\n1.8.0(2)\r\n!\r\n", good);
    const struct {
        const char *text;
        enum iec_fault fault;
    } cases[] = {{overlong, IEC_FAULT_OVERLONG}, {from_middle, IEC_FAULT_NO_START},
                 {cut, IEC_FAULT_BCC},           {partial, IEC_FAULT_TIMEOUT},
                 {no_check, IEC_FAULT_BCC},      {useless, IEC_FAULT_VALUE},
                 {twice, IEC_FAULT_VALUE}};

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(cases); i++) {
        struct seen seen = parsed(cases[i].text);

        if (seen.readouts != 1 || seen.last.import_wh != 1000)
            fail_msg("case %zu: %u readouts", i, seen.readouts);
        for (int fault = 0; fault < IEC_FAULT_COUNT; fault++)
            assert_int_equal(seen.faults[fault], fault == (int)cases[i].fault);
    }
    free(good);
    free(filler);
    free(overlong);
    free(from_middle);
    free(cut);
    free(partial);
    free(no_check);
    free(useless);
    free(twice);
}

/* Readouts of real meters, where they are at hand: what SOURCES.txt says of each. */

static char *telegram_dir(void)
{
    const char *shared = getenv("AMR_SHARED");
    const char *source = getenv("AMR_SOURCE_DIR");

    if (shared)
        return xasprintf("%s/data/telegrams", shared);
    return xasprintf("%s/../shared/data/telegrams", source ? source : ".");
}

static void real_readouts_are_judged_as_documented(void **state)
{
    static const struct {
        const char *name;
        bool unchecked; /* its publisher cut the block check off */
        unsigned readouts;
        enum iec_fault fault; /* where there is no readout */
        uint64_t import_wh;
        uint64_t export_wh;
    } FILES[] = {
        {"d0-iskra-mt174-d0.txt", false, 1, IEC_FAULT_COUNT, 0, 0},
        {"d0-actaris-ace3000-modeE.txt", true, 1, IEC_FAULT_COUNT, 285400, 120100},
        {"d0-actaris-ace3000-modeE.txt", false, 0, IEC_FAULT_BCC, 0, 0},
        {"d0-elster-els5-ack.txt", true, 1, IEC_FAULT_COUNT, 285400, 120100},
        {"d0-itron-em214.txt", true, 1, IEC_FAULT_COUNT, 22108700, 10452000},
        {"d0-siemens-s2-wr5-heat.txt", false, 0, IEC_FAULT_VALUE, 0, 0},
        {"d0-lgz-zmd410-d0.txt", false, 0, IEC_FAULT_BCC, 0, 0},
        {"easymeter-q3db1024-d0.txt", false, 1, IEC_FAULT_COUNT, 52185782, 19949322},
    };
    char *dir = telegram_dir();

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(FILES); i++) {
        char *path = xasprintf("%s/%s", dir, FILES[i].name);
        struct buf data = BUF_INIT;
        struct seen seen;

        if (file_read(&data, path, 1 << 20, NULL)) {
            free(path);
            free(dir);
            skip();
            return;
        }
        seen = parsed_in(data.data, data.len, FILES[i].unchecked, 7);
        if (seen.readouts != FILES[i].readouts ||
            (seen.readouts == 0 && seen.faults[FILES[i].fault] != 1))
            fail_msg("%s: %u readouts", FILES[i].name, seen.readouts);
        if (FILES[i].import_wh) {
            assert_int_equal(seen.last.import_wh, FILES[i].import_wh);
            assert_int_equal(seen.last.export_wh, FILES[i].export_wh);
        }
        buf_free(&data);
        free(path);
    }
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_framed_readout_is_read_whole),
        cmocka_unit_test(a_changed_byte_is_noticed),
        cmocka_unit_test(the_parity_bit_does_not_matter),
        cmocka_unit_test(what_the_head_echoes_is_passed_over),
        cmocka_unit_test(a_number_without_unit_is_kilowatt_hours),
        cmocka_unit_test(an_error_register_marks_the_readout),
        cmocka_unit_test(faults_are_counted_by_cause),
        cmocka_unit_test(real_readouts_are_judged_as_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
