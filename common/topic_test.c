#include "common/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void every_kind_comes_back_as_it_was_written(void **state)
{
    char text[TOPIC_MAX];
    struct topic topic;

    (void)state;
    for (unsigned kind = TOPIC_BIRTH; kind <= TOPIC_SERVER_ALARM; kind++) {
        const char *serial = kind < TOPIC_SERVER_BROKER ? "E0044.7_a-B" : NULL;
        topic_format(text, 65535, serial, (enum topic_kind)kind);
        assert_int_equal(topic_parse(&topic, text), 0);
        assert_int_equal(topic.group, 65535);
        assert_int_equal(topic.kind, kind);
        assert_string_equal(topic.serial, serial ? serial : "");
    }
    assert_string_equal(topic_format(text, 1, "M1", TOPIC_COMMAND_ACK), "amr/v1/1/M1/command-ack");
}

static void anything_else_is_no_topic_of_ours(void **state)
{
    static const char *const wrong[] = {"",
                                        "amr/v1",
                                        "amr/v1/",
                                        "amr/v1/1",
                                        "amr/v1/1/",
                                        "amr/v1/1/M1",
                                        "amr/v1/1/M1/",
                                        "amr/v1/1/M1/readings",
                                        "amr/v1/1/M1/reading/",
                                        "amr/v1/1/M1/reading/x",
                                        "amr/v1/0/M1/reading",
                                        "amr/v1/01/M1/reading",
                                        "amr/v1/65536/M1/reading",
                                        "amr/v1/-1/M1/reading",
                                        "amr/v1/1//reading",
                                        "amr/v1/1/+/reading",
                                        "amr/v1/1/#",
                                        "amr/v1/1/M 1/reading",
                                        "amr/v2/1/M1/reading",
                                        "/amr/v1/1/M1/reading",
                                        "amr/v1/1/server/reading",
                                        "amr/v1/1/M1/alarm",
                                        "amr/v1/1/M1/state/broker",
                                        "amr/v1/1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/reading"};
    struct topic topic;

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(wrong); i++)
        assert_int_equal(topic_parse(&topic, wrong[i]), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back_as_it_was_written),
        cmocka_unit_test(anything_else_is_no_topic_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
