#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "chain-bridge/ctl_screen.h"

#define NOW_MS UINT64_C(1767225700000)

static void say(struct board *board, const char *topic, const char *payload)
{
    board_message(board, topic, payload, strlen(payload), NOW_MS);
}

static void fill(struct board *board, int meters)
{
    char topic[64];
    char payload[512];
    char sig[131];
    memset(sig, '1', sizeof(sig));
    memcpy(sig + 128, "1b", 3);
    for (int i = 1; i <= meters; i++) {
        snprintf(topic, sizeof(topic), "amr/v1/1/M%d/reading", i);
        snprintf(payload, sizeof(payload),
                 "{\"v\":1,\"meter\":%d,\"sequence\":7,\"readings\":[{\"t\":1767225600,"
                 "\"import_wh\":1234567,\"export_wh\":0,\"quality\":0}],\"sig\":\"0x%s\"}",
                 65536 + i, sig);
        say(board, topic, payload);
        snprintf(topic, sizeof(topic), "amr/v1/1/M%d/state", i);
        say(board, topic, i == 3 ? "{\"online\":false}" : "{\"online\":true}");
    }
    for (int i = 1; i <= 8; i++) {
        snprintf(payload, sizeof(payload),
                 "{\"number\":%d,\"block\":9,\"readings\":4,\"reports\":4,\"gas_used\":100000,"
                 "\"age_ms\":1500,\"tx\":\"0xfeed\"}",
                 i);
        say(board, "amr/v1/1/server/batch", payload);
        say(board, "amr/v1/1/server/alarm",
            "{\"cause\":\"signature\",\"serial\":\"M3\",\"text\":\"\\u001b[2J\\u0007bad\"}");
    }
    say(board, "amr/v1/1/server/state/bridge",
        "{\"state\":\"online\",\"stored\":12,\"sealed\":10,\"backlog\":2,\"oldest_s\":3,"
        "\"head\":99,\"paused\":\"the node is away\"}");
}

/* Lines, and the visible width of the widest; fails on control characters that are not ours. */
static void measure(const char *text, unsigned *ret_lines, unsigned *ret_width)
{
    unsigned width = 0;
    *ret_lines = 1;
    *ret_width = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\x1b') {
            assert_int_equal(at[1], '[');
            at += 2 + strspn(at + 2, "0123456789;?");
            assert_non_null(strchr("HJKm", *at));
        } else if (*at == '\n') {
            (*ret_lines)++;
            width = 0;
        } else if (*at != '\r' && (*at & 0xc0) != 0x80) {
            assert_true((unsigned char)*at >= ' ' && *at != 0x7f);
            width++;
        }
        *ret_width = width > *ret_width ? width : *ret_width;
    }
}

static void a_drawing_fits_every_window(void **state)
{
    (void)state;
    for (int meters = 0; meters <= 60; meters += 20) {
        struct board *board = board_new(1);
        fill(board, meters);
        for (unsigned width = 20; width <= 160; width += 7) {
            for (unsigned height = 8; height <= 70; height += 3) {
                struct screen_view view = {width, height, true, height % 2 == 0, NOW_MS};
                struct buf out = BUF_INIT;
                unsigned lines;
                unsigned columns;
                screen_draw(board, &out, &view);
                measure(buf_str(&out), &lines, &columns);
                if (lines > height || columns > width)
                    fail_msg("%u x %u for a window of %u x %u", columns, lines, width, height);
                buf_free(&out);
            }
        }
        board_free(board);
    }
}

static void what_happened_is_on_the_screen(void **state)
{
    (void)state;
    struct board *board = board_new(1);
    struct screen_view view = {140, 50, false, false, NOW_MS};
    struct buf out = BUF_INIT;
    fill(board, 3);
    screen_draw(board, &out, &view);
    assert_non_null(strstr(buf_str(&out), "1234.567"));
    assert_non_null(strstr(buf_str(&out), "25,000"));
    assert_non_null(strstr(buf_str(&out), "0xfeed"));
    assert_non_null(strstr(buf_str(&out), " *      65537 M1 "));
    assert_non_null(strstr(buf_str(&out), "paused: the node is away"));
    assert_non_null(strstr(buf_str(&out), "signature  M3  ?[2J?bad"));
    buf_free(&out);
    board_free(board);
}

static void of_many_meters_those_in_trouble_come_first(void **state)
{
    (void)state;
    struct board *board = board_new(1);
    struct screen_view view = {100, 26, false, false, NOW_MS};
    struct buf out = BUF_INIT;
    fill(board, 60);
    screen_draw(board, &out, &view);
    assert_non_null(strstr(buf_str(&out), " x      65539 M3 "));
    assert_non_null(strstr(buf_str(&out), "more"));
    buf_free(&out);
    board_free(board);
}

static void messages_that_do_not_belong_are_passed_over(void **state)
{
    (void)state;
    struct board *board = board_new(1);
    struct buf out = BUF_INIT;
    say(board, "amr/v1/2/M1/state", "{\"online\":true}");
    say(board, "amr/v1/1/server/batch", "{\"number\":-1,\"readings\":\"x\"}");
    say(board, "amr/v1/1/server/state/broker", "{\"rejected\":7}");
    say(board, "amr/v1/1/server/alarm", "[");
    say(board, "nonsense", "{}");
    board_tell(board, &out);
    assert_int_equal(out.len, 0);
    buf_free(&out);
    board_free(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drawing_fits_every_window),
        cmocka_unit_test(what_happened_is_on_the_screen),
        cmocka_unit_test(of_many_meters_those_in_trouble_come_first),
        cmocka_unit_test(messages_that_do_not_belong_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
