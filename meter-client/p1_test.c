#include "meter-client/p1.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/file.h"

struct seen {
    unsigned count;
    struct p1_telegram last;
};

static void on_telegram(void *cookie, const struct p1_telegram *telegram)
{
    struct seen *seen = cookie;

    seen->count++;
    seen->last = *telegram;
}

static uint16_t crc16(const char *text)
{
    uint16_t crc = 0;

    for (; *text; text++) {
        crc ^= (uint8_t)*text;
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    }
    return crc;
}

/** Header, lines (each ended by CR LF), "!" and, with "%X" style, its CRC. */
static char *telegram(const char *lines, const char *crc_format)
{
    char *body = xasprintf("/ABC5TEST\r\n\r\n%s!", lines);
    char crc[8] = "";
    char *whole;

    if (crc_format)
        snprintf(crc, sizeof(crc), strcmp(crc_format, "%X") == 0 ? "%X" : "%04X", crc16(body));
    whole = xasprintf("%s%s\r\n", body, crc);
    free(body);
    return whole;
}

struct result {
    struct seen seen;
    uint64_t faults[P1_FAULT_COUNT];
};

static struct result parsed(const char *data, size_t len, enum p1_checksum checksum)
{
    struct result result;
    struct p1 *p1;

    memset(&result, 0, sizeof(result));
    p1 = p1_new(checksum, on_telegram, &result.seen);
    p1_feed(p1, data, len);
    p1_timeout(p1);
    for (int i = 0; i < P1_FAULT_COUNT; i++)
        result.faults[i] = p1_faults(p1, (enum p1_fault)i);
    p1_free(p1);
    return result;
}

static struct result parsed_lines(const char *lines)
{
    char *text = telegram(lines, "%04X");
    struct result result = parsed(text, strlen(text), P1_CHECKSUM_REQUIRED);

    free(text);
    return result;
}

static void a_telegram_is_read_whole(void **state)
{
    struct result result = parsed_lines("1-3:0.2.8(50)\r\n"
                                        "0-0:1.0.0(190324150519W)\r\n"
                                        "0-0:96.1.1(4530303437)\r\n"
                                        "1-0:1.8.1(000051.775*kWh)\r\n"
                                        "1-0:1.8.2(000003.025*kWh)\r\n"
                                        "1-0:2.8.1(000024.413*kWh)\r\n"
                                        "1-0:2.8.2(000000.001*kWh)\r\n"
                                        "0-0:96.14.0(0001)\r\n"
                                        "1-0:1.7.0(00.335*kW)\r\n"
                                        "1-0:2.7.0(00.010*kW)\r\n"
                                        "1-0:99.97.0(1)(0-0:96.7.19)(180417201458S)(00236*s)\r\n"
                                        "1-0:32.7.0(229.1*V)\r\n");

    (void)state;
    assert_int_equal(result.seen.count, 1);
    assert_int_equal(result.seen.last.import_wh, 54800);
    assert_int_equal(result.seen.last.export_wh, 24414);
    assert_int_equal(result.seen.last.import_w, 335);
    assert_int_equal(result.seen.last.export_w, 10);
    assert_int_equal(result.seen.last.voltage_dv, 2291);
    assert_int_equal(result.seen.last.clock_s, 1553436319);
    assert_string_equal(result.seen.last.serial, "E0047");
}

/** Sweden: totals and reactive energy, no tariffs, no version, no serial. */
static void a_swedish_telegram_is_read(void **state)
{
    struct result result = parsed_lines("0-0:1.0.0(250615134510S)\r\n"
                                        "1-0:1.8.0(00018402.733*kWh)\r\n"
                                        "1-0:2.8.0(00000951.020*kWh)\r\n"
                                        "1-0:3.8.0(00000021.988*kVArh)\r\n"
                                        "1-0:4.8.0(00001020.971*kVArh)\r\n"
                                        "1-0:1.7.0(0000.000*kW)\r\n"
                                        "1-0:2.7.0(0002.417*kW)\r\n"
                                        "1-0:3.7.0(0000.000*kVAr)\r\n"
                                        "1-0:4.7.0(0000.309*kVAr)\r\n"
                                        "1-0:21.7.0(0000.000*kW)\r\n"
                                        "1-0:22.7.0(0000.801*kW)\r\n"
                                        "1-0:32.7.0(236.3*V)\r\n"
                                        "1-0:52.7.0(236.1*V)\r\n"
                                        "1-0:31.7.0(003.4*A)\r\n");

    (void)state;
    assert_int_equal(result.seen.count, 1);
    assert_int_equal(result.seen.last.import_wh, 18402733);
    assert_int_equal(result.seen.last.export_wh, 951020);
    assert_int_equal(result.seen.last.import_w, 0);
    assert_int_equal(result.seen.last.export_w, 2417);
    assert_int_equal(result.seen.last.voltage_dv, 2363);
    assert_int_equal(result.seen.last.clock_s, 1749987910);
    assert_string_equal(result.seen.last.serial, "");
}

#define BELGIAN_LINES                                                                              \
    "0-0:96.1.4(50221)\r\n"                                                                        \
    "0-0:96.1.1(3153414739393938383737)\r\n"                                                       \
    "0-0:1.0.0(250105081000W)\r\n"                                                                 \
    "1-0:1.8.1(000402.118*kWh)\r\n"                                                                \
    "1-0:1.8.2(000311.007*kWh)\r\n"                                                                \
    "1-0:2.8.1(000020.500*kWh)\r\n"                                                                \
    "1-0:2.8.2(000004.250*kWh)\r\n"                                                                \
    "0-0:96.14.0(0001)\r\n"                                                                        \
    "1-0:1.4.0(00.771*kW)\r\n"                                                                     \
    "1-0:1.6.0(250103181500W)(04.120*kW)\r\n"                                                      \
    "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(241201000000W)(241119184500W)(05.011*kW)"                 \
    "(250101000000W)(241224173000W)(06.250*kW)\r\n"                                                \
    "1-0:1.7.0(00.512*kW)\r\n"                                                                     \
    "1-0:2.7.0(00.000*kW)\r\n"                                                                     \
    "1-0:32.7.0(231.0*V)\r\n"                                                                      \
    "0-0:96.3.10(1)\r\n"                                                                           \
    "0-0:17.0.0(999.9*kW)\r\n"                                                                     \
    "1-0:31.4.0(999*A)\r\n"                                                                        \
    "0-0:96.13.0()\r\n"                                                                            \
    "0-1:24.1.0(003)\r\n"                                                                          \
    "0-1:24.2.3(250105080500W)(00112.384*m3)\r\n"

/** Belgium: tariffs, the quarter hour's demand and the months' peaks, which are no registers. */
static void a_belgian_telegram_is_read_and_wants_its_checksum(void **state)
{
    static const char NAKED[] = "/AMR5\\BELGIAN\r\n\r\n" BELGIAN_LINES "!\r\n";
    struct result result = parsed_lines(BELGIAN_LINES);

    (void)state;
    assert_int_equal(result.seen.count, 1);
    assert_int_equal(result.seen.last.import_wh, 713125);
    assert_int_equal(result.seen.last.export_wh, 24750);
    assert_int_equal(result.seen.last.import_w, 512);
    assert_int_equal(result.seen.last.clock_s, 1736061000);
    assert_string_equal(result.seen.last.serial, "1SAG9998877");
    result = parsed(NAKED, sizeof(NAKED) - 1, P1_CHECKSUM_AUTO);
    assert_int_equal(result.seen.count, 0);
    assert_int_equal(result.faults[P1_FAULT_CRC], 1);
}

static void registers_are_exact_in_every_notation(void **state)
{
    static const struct {
        const char *lines;
        bool good;
        uint64_t import_wh;
    } CASES[] = {
        {"1-0:1.8.0(12345.678*kWh)\r\n", true, 12345678},
        {"1-0:1.8.0(012345678*Wh)\r\n", true, 12345678},
        {"1-0:1.8.0(012345678*wh)\r\n", true, 12345678},
        {"1-0:1.8.0(0.001*kWh)\r\n", true, 1},
        {"1-0:1.8.0(7*kWh)\r\n", true, 7000},
        {"1-0:1.8.0(7.5*kWh)\r\n", true, 7500},
        {"1-0:1.8.0(7.123999*kWh)\r\n", true, 7123},
        {"1-0:1.8.0*255(7.123*kWh)\r\n", true, 7123},
        {"1-0:1.8.0(99*kWh)\r\n1-0:1.8.1(1*kWh)\r\n1-0:1.8.2(2*kWh)\r\n", true, 99000},
        {"1-0:1.8.1(1*kWh)\r\n1-0:1.8.2(2*kWh)\r\n1-0:1.8.3(3*kWh)\r\n", true, 6000},
        {"1-0:1.8.0(140737488355327*Wh)\r\n", true, READING_WH_MAX},
        {"1-0:1.8.0(140737488355328*Wh)\r\n", false, 0},
        {"1-0:1.8.1(140737488355327*Wh)\r\n1-0:1.8.2(1*Wh)\r\n", false, 0},
        {"1-0:1.8.0(99999999999999999999999999999999*kWh)\r\n", false, 0},
        {"1-0:1.8.0(1.2.3*kWh)\r\n", false, 0},
        {"1-0:1.8.0(-1*kWh)\r\n", false, 0},
        {"1-0:1.8.0(.5*kWh)\r\n", false, 0},
        {"1-0:1.8.0(*kWh)\r\n", false, 0},
        {"1-0:1.8.0(12 *kWh)\r\n", false, 0},
        {"1-0:1.8.0(12)\r\n", false, 0},
        {"1-0:1.8.0(12*kVArh)\r\n", false, 0},
        {"1-0:1.8.0(12*kWh\r\n", false, 0},
        {"1-0:1.8.0(1*kWh)\r\n1-0:1.8.0(1*kWh)\r\n", false, 0},
        {"1-0:1.8.0(1*kWh)\r\n1-0:2.8.0(x*kWh)\r\n", false, 0},
        {"1-0:2.8.0(1*kWh)\r\n", false, 0},
        {"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct result result = parsed_lines(CASES[i].lines);

        if (result.seen.count != CASES[i].good || result.faults[P1_FAULT_VALUE] != !CASES[i].good ||
            result.seen.last.import_wh != CASES[i].import_wh)
            fail_msg("case %zu: %s", i, CASES[i].lines);
    }
}

static void a_short_checksum_is_a_checksum(void **state)
{
    (void)state;
    /* Search for lines whose CRC begins with zeros: meters then print fewer digits. */
    for (unsigned i = 0, found = 0; found < 3; i++) {
        char *lines = xasprintf("1-0:1.8.0(%u*Wh)\r\n", i);
        char *text = telegram(lines, "%X");
        size_t digits = strlen(strrchr(text, '!')) - 3;
        struct result result = parsed(text, strlen(text), P1_CHECKSUM_REQUIRED);

        assert_int_equal(result.seen.count, 1);
        assert_int_equal(result.seen.last.import_wh, i);
        found += digits < 4;
        free(text);
        free(lines);
    }
}

static void a_changed_byte_is_noticed(void **state)
{
    char *text = telegram("1-0:1.8.0(123*Wh)\r\n", "%04X");
    size_t body = (size_t)(strchr(text, '!') - text);

    (void)state;
    for (size_t i = 0; i < body; i++) {
        struct result result;

        text[i] ^= 1;
        result = parsed(text, strlen(text), P1_CHECKSUM_AUTO);
        text[i] ^= 1;
        assert_int_equal(result.seen.count, 0);
    }
    free(text);
}

static void a_missing_checksum_is_judged_by_mode(void **state)
{
    char *old = telegram("1-0:1.8.0(1*Wh)\r\n", NULL);
    char *new = telegram("1-3:0.2.8(42)\r\n1-0:1.8.0(1*Wh)\r\n", NULL);
    char *with = telegram("1-0:1.8.0(1*Wh)\r\n", "%04X");
    char *both = xasprintf("%s%s", with, old);

    (void)state;
    assert_int_equal(parsed(old, strlen(old), P1_CHECKSUM_AUTO).seen.count, 1);
    assert_int_equal(parsed(old, strlen(old), P1_CHECKSUM_REQUIRED).seen.count, 0);
    assert_int_equal(parsed(new, strlen(new), P1_CHECKSUM_AUTO).seen.count, 0);
    assert_int_equal(parsed(new, strlen(new), P1_CHECKSUM_NONE).seen.count, 1);
    assert_int_equal(parsed(both, strlen(both), P1_CHECKSUM_AUTO).seen.count, 1);
    assert_int_equal(parsed(both, strlen(both), P1_CHECKSUM_AUTO).faults[P1_FAULT_CRC], 1);
    free(old);
    free(new);
    free(with);
    free(both);
}

static void faults_are_counted_by_cause(void **state)
{
    char *good = telegram("1-0:1.8.0(1*Wh)\r\n", "%04X");
    char *from_middle = xasprintf("8.0(1*Wh)\r\n!1234\r\n%s", good);
    char *cut = xasprintf("/ABC5TEST\r\n\r\n1-0:1.8.0(\r\n%s", good);
    char *partial = xasprintf("%s/ABC5TEST\r\n\r\n1-0:1", good);
    char *filler = xasprintf("%*s", P1_TELEGRAM_MAX, "x");
    char *overlong = xasprintf("/ABC5TEST\r\n\r\n%s\r\n!0000\r\n%s", filler, good);
    const struct {
        const char *text;
        enum p1_fault fault;
    } cases[] = {{from_middle, P1_FAULT_NO_START},
                 {cut, P1_FAULT_CRC},
                 {partial, P1_FAULT_TIMEOUT},
                 {overlong, P1_FAULT_OVERLONG}};

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(cases); i++) {
        struct result result = parsed(cases[i].text, strlen(cases[i].text), P1_CHECKSUM_AUTO);

        assert_int_equal(result.seen.count, 1);
        for (int fault = 0; fault < P1_FAULT_COUNT; fault++)
            assert_int_equal(result.faults[fault], fault == (int)cases[i].fault);
    }
    free(good);
    free(from_middle);
    free(cut);
    free(partial);
    free(filler);
    free(overlong);
}

static void the_pieces_of_the_stream_do_not_matter(void **state)
{
    char *text = telegram("1-0:1.8.0(1*Wh)\r\n", "%04X");
    size_t len = strlen(text);

    (void)state;
    for (size_t piece = 1; piece <= len; piece++) {
        struct seen seen = {0};
        struct p1 *p1 = p1_new(P1_CHECKSUM_REQUIRED, on_telegram, &seen);

        for (size_t at = 0; at < len; at += piece)
            p1_feed(p1, text + at, at + piece <= len ? piece : len - at);
        assert_int_equal(seen.count, 1);
        p1_free(p1);
    }
    free(text);
}

static void an_unusable_clock_or_serial_is_left_out(void **state)
{
    static const char *const CLOCKS[] = {"190324150519",  "190324150519X", "191324150519W",
                                         "19032415051 W", "190324240000W", ""};
    static const char *const SERIALS[] = {"453", "00", "4520", "45zz", ""};

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CLOCKS); i++) {
        char *lines = xasprintf("0-0:1.0.0(%s)\r\n1-0:1.8.0(1*Wh)\r\n", CLOCKS[i]);
        struct result result = parsed_lines(lines);

        assert_int_equal(result.seen.count, 1);
        assert_int_equal(result.seen.last.clock_s, 0);
        free(lines);
    }
    for (size_t i = 0; i < AMR_COUNT(SERIALS); i++) {
        char *lines = xasprintf("0-0:96.1.1(%s)\r\n1-0:1.8.0(1*Wh)\r\n", SERIALS[i]);
        struct result result = parsed_lines(lines);

        assert_int_equal(result.seen.count, 1);
        assert_string_equal(result.seen.last.serial, "");
        free(lines);
    }
}

static void summer_and_winter_time_become_utc(void **state)
{
    struct result winter = parsed_lines("0-0:1.0.0(240229120000W)\r\n1-0:1.8.0(1*Wh)\r\n");
    struct result summer = parsed_lines("0-0:1.0.0(240701120000S)\r\n1-0:1.8.0(1*Wh)\r\n");

    (void)state;
    assert_int_equal(winter.seen.last.clock_s, 1709204400);
    assert_int_equal(summer.seen.last.clock_s, 1719828000);
}

/* Telegrams of real meters, where they are at hand: SOURCES.txt says what must hold of each. */

static char *telegram_dir(void)
{
    const char *shared = getenv("AMR_SHARED");
    const char *source = getenv("AMR_SOURCE_DIR");

    if (shared)
        return xasprintf("%s/data/telegrams", shared);
    return xasprintf("%s/../shared/data/telegrams", source ? source : ".");
}

static bool is_p1(const char *name)
{
    return strncmp(name, "d0-", 3) != 0 && strstr(name, "-d0.") == NULL;
}

static void check_file(const char *dir, const char *name, const char *verdict)
{
    char *path = xasprintf("%s/%s", dir, name);
    struct buf data = BUF_INIT;
    struct err err = ERR_INIT;
    struct result result;
    unsigned want = strstr(verdict, "FAILS") ? 0 : 1;

    if (file_read(&data, path, 1 << 20, &err))
        fail_msg("%s", err.text);
    if (strstr(verdict, "566 of 566"))
        want = 566;
    result = parsed((const char *)data.data, data.len, P1_CHECKSUM_AUTO);
    if (!strstr(buf_str(&data), "1-0:1.8.")) { /* a heat meter's: whole, but nothing for us */
        assert_int_equal(result.faults[P1_FAULT_VALUE], want);
        want = 0;
        result.faults[P1_FAULT_CRC] = 1 - result.faults[P1_FAULT_CRC];
    }
    if (result.seen.count != want || (want == 0 && result.faults[P1_FAULT_CRC] != 1))
        fail_msg("%s: %u telegrams, want %u; crc %u value %u overlong %u", name, result.seen.count,
                 want, (unsigned)result.faults[P1_FAULT_CRC],
                 (unsigned)result.faults[P1_FAULT_VALUE],
                 (unsigned)result.faults[P1_FAULT_OVERLONG]);
    if (want && result.seen.count && result.seen.last.import_wh == 0)
        fail_msg("%s: no import register", name);
    buf_free(&data);
    free(path);
}

static void real_telegrams_are_judged_as_documented(void **state)
{
    char *dir = telegram_dir();
    char *sources_path = xasprintf("%s/SOURCES.txt", dir);
    struct buf sources = BUF_INIT;
    unsigned checked = 0;
    char *rest = NULL;
    char *text;

    (void)state;
    if (file_read(&sources, sources_path, 1 << 20, NULL)) {
        print_message("no real telegrams in '%s': skipped\n", dir);
        free(dir);
        free(sources_path);
        skip();
        return;
    }
    text = xstrdup(buf_str(&sources));
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *name_end = strstr(line, ".txt |");

        if (line[0] == '#' || !name_end)
            continue;
        name_end[4] = 0;
        if (!is_p1(line))
            continue;
        check_file(dir, line, name_end + 6);
        checked++;
    }
    print_message("%u files of real telegrams\n", checked);
    assert_true(checked > 20);
    free(text);
    buf_free(&sources);
    free(sources_path);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_telegram_is_read_whole),
        cmocka_unit_test(a_swedish_telegram_is_read),
        cmocka_unit_test(a_belgian_telegram_is_read_and_wants_its_checksum),
        cmocka_unit_test(registers_are_exact_in_every_notation),
        cmocka_unit_test(a_short_checksum_is_a_checksum),
        cmocka_unit_test(a_changed_byte_is_noticed),
        cmocka_unit_test(a_missing_checksum_is_judged_by_mode),
        cmocka_unit_test(faults_are_counted_by_cause),
        cmocka_unit_test(the_pieces_of_the_stream_do_not_matter),
        cmocka_unit_test(an_unusable_clock_or_serial_is_left_out),
        cmocka_unit_test(summer_and_winter_time_become_utc),
        cmocka_unit_test(real_telegrams_are_judged_as_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
