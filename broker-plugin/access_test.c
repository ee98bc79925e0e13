#include "broker-plugin/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/attr.h"

static const struct identity METER = {.role = ROLE_METER, .name = "M1"};
static const struct identity BRIDGE = {.role = ROLE_BRIDGE, .name = "b"};
static const struct identity STAFF = {.role = ROLE_OPS, .name = "alice"};

struct row {
    const char *topic;
    bool allowed;
};

static void check(const struct identity *who, enum access_action action, bool retain,
                  const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct access_request request = {who, action, rows[i].topic, retain};
        const char *why = access_check(1, &request);
        if ((why == NULL) != rows[i].allowed)
            fail_msg("%s action %d retain %d topic %s: %s", role_text(who->role), (int)action,
                     (int)retain, rows[i].topic, why ? why : "allowed");
    }
}

#define CHECK(who, action, retain, ...)                                                            \
    do {                                                                                           \
        static const struct row ROWS[] = {__VA_ARGS__};                                            \
        check(&(who), action, retain, ROWS, AMR_COUNT(ROWS));                                      \
    } while (0)

static void a_meter_publishes_its_own_topics_only(void **state)
{
    (void)state;
    CHECK(METER, ACCESS_WRITE, false, {"amr/v1/1/M1/birth", true}, {"amr/v1/1/M1/state", true},
          {"amr/v1/1/M1/reading", true}, {"amr/v1/1/M1/event", true},
          {"amr/v1/1/M1/telemetry", true}, {"amr/v1/1/M1/command-ack", true},
          {"amr/v1/1/M1/backlog", true}, {"amr/v1/1/M1/command", false},
          {"amr/v1/1/M1/receipt", false}, {"amr/v1/1/M2/reading", false},
          {"amr/v1/1/m1/reading", false}, {"amr/v1/2/M1/reading", false},
          {"amr/v1/1/M1/reading/x", false}, {"amr/v1/1//reading", false},
          {"amr/v1/01/M1/reading", false}, {"/amr/v1/1/M1/reading", false},
          {"amr/v1/1/server/alarm", false}, {"amr/v1/1/server/batch", false},
          {"amr/v1/1/server/state/broker", false}, {"$SYS/broker/uptime", false},
          {"$CONTROL/dynamic-security/v1", false}, {"", false});
}

static void a_meter_retains_birth_and_state_only(void **state)
{
    (void)state;
    CHECK(METER, ACCESS_WRITE, true, {"amr/v1/1/M1/birth", true}, {"amr/v1/1/M1/state", true},
          {"amr/v1/1/M1/reading", false}, {"amr/v1/1/M1/event", false},
          {"amr/v1/1/M1/telemetry", false}, {"amr/v1/1/M1/command-ack", false},
          {"amr/v1/1/M1/backlog", false});
}

static void a_meters_will_goes_to_state_only(void **state)
{
    (void)state;
    CHECK(METER, ACCESS_WILL, true, {"amr/v1/1/M1/state", true}, {"amr/v1/1/M1/birth", false},
          {"amr/v1/1/M2/state", false});
    CHECK(METER, ACCESS_WILL, false, {"amr/v1/1/M1/state", true}, {"amr/v1/1/M1/reading", false},
          {"amr/v1/1/M1/event", false});
}

static void a_meter_hears_its_own_commands_and_receipts_only(void **state)
{
    (void)state;
    static const enum access_action ACTIONS[] = {ACCESS_READ, ACCESS_SUBSCRIBE};
    for (size_t i = 0; i < AMR_COUNT(ACTIONS); i++)
        CHECK(METER, ACTIONS[i], false, {"amr/v1/1/M1/command", true},
              {"amr/v1/1/M1/receipt", true}, {"amr/v1/1/M1/reading", false},
              {"amr/v1/1/M2/command", false}, {"amr/v1/1/M2/receipt", false},
              {"amr/v1/2/M1/receipt", false}, {"amr/v1/1/server/alarm", false},
              {"amr/v1/1/M1/+", false}, {"amr/v1/1/+/receipt", false}, {"amr/v1/1/M1/#", false},
              {"#", false}, {"+/#", false}, {"$SYS/#", false},
              {"$share/x/amr/v1/1/M1/receipt", false});
}

static void the_bridge_hears_every_meter_of_its_group(void **state)
{
    (void)state;
    CHECK(BRIDGE, ACCESS_SUBSCRIBE, false, {"amr/v1/1/+/birth", true}, {"amr/v1/1/+/state", true},
          {"amr/v1/1/+/reading", true}, {"amr/v1/1/+/event", true}, {"amr/v1/1/+/telemetry", true},
          {"amr/v1/1/+/command-ack", true}, {"amr/v1/1/+/backlog", true},
          {"amr/v1/1/M7/reading", true}, {"amr/v1/1/server/state/broker", true},
          {"amr/v1/1/server/alarm", true}, {"$share/pool/amr/v1/1/+/reading", true},
          {"amr/v1/1/+/receipt", false}, {"amr/v1/1/+/command", false},
          {"amr/v1/2/+/reading", false}, {"amr/v1/+/+/reading", false}, {"amr/v1/1/#", false},
          {"amr/v1/1/+/+", false}, {"#", false}, {"$SYS/#", false},
          {"$share/amr/v1/1/+/reading", false}, {"$share//amr/v1/1/+/reading", false},
          {"$share/p", false}, {"$share/a+/amr/v1/1/+/reading", false},
          {"$share/pool/amr/v1/2/+/reading", false});
    CHECK(BRIDGE, ACCESS_READ, false, {"amr/v1/1/M1/reading", true}, {"amr/v1/1/M1/birth", true},
          {"amr/v1/2/M1/reading", false}, {"amr/v1/1/M1/command", false},
          {"amr/v1/1/+/reading", false});
}

static void the_bridge_publishes_receipts_commands_and_its_own_state(void **state)
{
    (void)state;
    CHECK(BRIDGE, ACCESS_WRITE, false, {"amr/v1/1/M1/receipt", true}, {"amr/v1/1/M1/command", true},
          {"amr/v1/1/server/state/bridge", true}, {"amr/v1/1/server/batch", true},
          {"amr/v1/1/server/alarm", true}, {"amr/v1/1/server/state/broker", false},
          {"amr/v1/1/M1/reading", false}, {"amr/v1/2/M1/receipt", false},
          {"amr/v1/1/+/receipt", false});
    CHECK(BRIDGE, ACCESS_WRITE, true, {"amr/v1/1/server/state/bridge", true},
          {"amr/v1/1/M1/receipt", false}, {"amr/v1/1/M1/command", false},
          {"amr/v1/1/server/batch", false}, {"amr/v1/1/server/alarm", false});
    CHECK(BRIDGE, ACCESS_WILL, true, {"amr/v1/1/server/state/bridge", true},
          {"amr/v1/1/server/alarm", false}, {"amr/v1/1/M1/command", false});
}

static void staff_hear_their_group_and_publish_nothing(void **state)
{
    (void)state;
    CHECK(STAFF, ACCESS_SUBSCRIBE, false, {"amr/v1/1/#", true}, {"amr/v1/1/+/command", true},
          {"amr/v1/1/M1/reading", true}, {"amr/v1/1/server/#", true}, {"$SYS/#", true},
          {"$SYS/broker/uptime", true}, {"amr/v1/2/#", false}, {"amr/v1/11/#", false},
          {"amr/v1/#", false}, {"amr/v1/+/M1/reading", false}, {"#", false}, {"$CONTROL/#", false},
          {"$share/x/amr/v1/1/#", false});
    CHECK(STAFF, ACCESS_READ, false, {"amr/v1/1/M1/command", true}, {"amr/v1/1/server/alarm", true},
          {"amr/v1/2/M1/reading", false});
    CHECK(STAFF, ACCESS_WRITE, false, {"amr/v1/1/M1/command", false},
          {"amr/v1/1/server/alarm", false}, {"$SYS/x", false});
    CHECK(STAFF, ACCESS_WILL, false, {"amr/v1/1/M1/state", false});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_meter_publishes_its_own_topics_only),
        cmocka_unit_test(a_meter_retains_birth_and_state_only),
        cmocka_unit_test(a_meters_will_goes_to_state_only),
        cmocka_unit_test(a_meter_hears_its_own_commands_and_receipts_only),
        cmocka_unit_test(the_bridge_hears_every_meter_of_its_group),
        cmocka_unit_test(the_bridge_publishes_receipts_commands_and_its_own_state),
        cmocka_unit_test(staff_hear_their_group_and_publish_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
