#include "meter-client/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "meter-client/messages.h"

#define NOW_S 1767225600u /* midnight UTC */

static struct screen_view usual_view(void)
{
    struct screen_view view = {.serial = "E0001", .now_s = NOW_S};
    struct agent_status *status = &view.status;

    setenv("TZ", "UTC", 1);
    tzset();
    status->measurement = (struct measurement){.unix_ms = NOW_S * UINT64_C(1000),
                                               .import_wh = 4711019,
                                               .export_wh = 4600,
                                               .import_w = 412,
                                               .voltage_dv = 2304};
    status->last =
        (struct reading){.timestamp_s = NOW_S - 900, .import_wh = 4711000, .export_wh = 4600};
    status->connected = true;
    status->control = CONTROL_CONNECTED;
    status->counts.reports[REPORT_SEALED] = 11;
    return view;
}

static void expect(enum screen screen, const struct screen_view *view, const char *const lines[4])
{
    struct screen_rows rows;

    screen_render(&rows, screen, view);
    for (int i = 0; i < SCREEN_ROWS; i++) {
        assert_int_equal(strlen(rows.row[i]), SCREEN_COLUMNS);
        if (strncmp(rows.row[i], lines[i], strlen(lines[i])) != 0)
            fail_msg("line %d is '%s', not '%s'", i, rows.row[i], lines[i]);
    }
}

static void every_screen_says_what_it_is_for(void **state)
{
    static const char *const WANTED[SCREEN_COUNT][4] = {
        {"E0001       00:00:00", "now     4711.019 kWh", "read    4711.000 kWh",
         "at 23:45:00     good"},
        {"Power       00:00:00", "import         412 W", "voltage      230.4 V", "   "},
        {"Export      00:00:00", "now        4.600 kWh", "read       4.600 kWh", "   "},
        {"Online      00:00:00", "reports sealed    11", "reports waiting    0",
         "all is sealed       "},
        {"Relay       00:00:00", "connected           ", "   ", "   "},
        {"No alarm    00:00:00", "nothing went wrong  ", "   ", "   "},
    };
    struct screen_view view = usual_view();

    (void)state;
    for (enum screen screen = 0; screen < SCREEN_COUNT; screen++)
        expect(screen, &view, WANTED[screen]);
}

static void a_meter_in_trouble_says_so(void **state)
{
    static const char *const SILENT[] = {"E0001", "source is silent", "no reading yet", " "};
    static const char *const OFFLINE[] = {"OFFLINE", "reports sealed", "reports waiting    5",
                                          "oldest since      2h"};
    static const char *const READY[] = {"Relay", "READY TO CONNECT", "Is all switched off?",
                                        "Then press OK"};
    static const char *const ALARM[] = {"ALARM", "store silent", "store fails, trying",
                                        "again: disk is full"};
    struct screen_view view = usual_view();

    (void)state;
    view.status.measurement.unix_ms = 0;
    view.status.last.timestamp_s = 0;
    view.status.connected = false;
    view.status.counts.reports[REPORT_QUEUED] = 5;
    view.status.counts.oldest_s = NOW_S - 7300;
    view.status.control = CONTROL_READY;
    view.status.alarms = ALARM_STORE | ALARM_SILENT;
    view.error_s = NOW_S - 60;
    snprintf(view.error, sizeof(view.error), "store fails, trying again: disk is full, or so");
    expect(SCREEN_READING, &view, SILENT);
    expect(SCREEN_LINK, &view, OFFLINE);
    expect(SCREEN_RELAY, &view, READY);
    expect(SCREEN_TROUBLE, &view, ALARM);
}

static void nothing_overflows_a_line(void **state)
{
    struct screen_view view = usual_view();
    struct screen_rows rows;

    (void)state;
    view.serial = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    view.status.measurement.import_wh = UINT64_MAX;
    view.status.measurement.export_wh = UINT64_MAX;
    view.status.measurement.export_w = UINT32_MAX;
    view.status.last.import_wh = UINT64_MAX;
    view.status.alarms = (1u << ALARM_COUNT) - 1;
    view.status.counts.oldest_s = 1;
    for (int i = 0; i < 4; i++)
        view.status.counts.reports[i] = UINT64_MAX;
    view.error_s = 1;
    memset(view.error, 0x7f, sizeof(view.error) - 1);
    for (enum screen screen = 0; screen < SCREEN_COUNT; screen++) {
        screen_render(&rows, screen, &view);
        for (int i = 0; i < SCREEN_ROWS; i++) {
            assert_int_equal(strlen(rows.row[i]), SCREEN_COLUMNS);
            for (const char *c = rows.row[i]; *c; c++)
                assert_true(*c >= ' ' && *c < 0x7f);
        }
    }
}

static void a_key_goes_through_all_screens(void **state)
{
    enum screen screen = SCREEN_READING;

    (void)state;
    for (int i = 0; i < SCREEN_COUNT; i++) {
        enum screen next = screen_after(screen, KEY_NEXT);

        assert_int_equal(screen_after(next, KEY_BACK), screen);
        assert_int_equal(screen_after(next, KEY_CONFIRM), next);
        screen = next;
    }
    assert_int_equal(screen, SCREEN_READING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen_says_what_it_is_for),
        cmocka_unit_test(a_meter_in_trouble_says_so),
        cmocka_unit_test(nothing_overflows_a_line),
        cmocka_unit_test(a_key_goes_through_all_screens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
