/* Against a Mosquitto of its own, with a second client that hears what goes out. */
#include "chain-bridge/outlet.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"

enum { KEPT = 200, DEADLINE_S = 20 };

struct world {
    pid_t broker;
    char server[64];
    struct clock *clock;
    struct log *log;
    struct status *status;
    struct outlet *outlet;
    struct mqtt *listener;
    pthread_mutex_t lock; /* of what follows */
    char *topics[KEPT];
    char *payloads[KEPT];
    size_t count;
    size_t taken; /* messages that the outlet handed on */
    bool listening;
};

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void quiet(void *cookie, enum log_level level, const char *line)
{
    (void)cookie;
    (void)line;
    assert_int_not_equal(level, LOG_LEVEL_BROKEN);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void start_broker(struct world *world)
{
    char port[16], name[] = "mosquitto", option[] = "-p";
    char *argv[] = {name, option, port, NULL};
    char *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    int number = free_port();
    snprintf(port, sizeof(port), "%d", number);
    snprintf(world->server, sizeof(world->server), "tcp://127.0.0.1:%d", number);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    assert_int_equal(
        posix_spawn(&world->broker, "/usr/sbin/mosquitto", &actions, NULL, argv, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
}

static void on_connected(void *cookie, const char *server)
{
    struct world *world = cookie;
    (void)server;
    pthread_mutex_lock(&world->lock);
    world->listening = true;
    pthread_mutex_unlock(&world->lock);
}

static void on_heard(void *cookie, const char *topic, const void *payload, size_t len,
                     bool retained)
{
    struct world *world = cookie;
    (void)retained;
    pthread_mutex_lock(&world->lock);
    if (world->count < KEPT) {
        world->topics[world->count] = xstrdup(topic);
        char *text = xcalloc(1, len + 1);
        memcpy(text, payload, len);
        world->payloads[world->count++] = text;
    }
    pthread_mutex_unlock(&world->lock);
}

static void on_message(void *cookie, const char *topic, const void *payload, size_t len)
{
    struct world *world = cookie;
    (void)topic;
    (void)payload;
    (void)len;
    pthread_mutex_lock(&world->lock);
    world->taken++;
    pthread_mutex_unlock(&world->lock);
}

static struct mqtt *connect_listener(struct world *world)
{
    static const char *const FILTERS[] = {"amr/v1/7/#"};
    struct mqtt_config config = {.servers = world->server,
                                 .client_id = "listener",
                                 .filters = FILTERS,
                                 .filter_count = 1,
                                 .keepalive_s = 30,
                                 .retry_min_ms = 20,
                                 .retry_max_ms = 100};
    struct mqtt_handlers handlers = {
        .on_connected = on_connected, .on_message = on_heard, .cookie = world};
    struct mqtt *mqtt = mqtt_new(&config, &handlers, NULL);
    assert_non_null(mqtt);
    assert_int_equal(mqtt_start(mqtt, NULL), 0);
    return mqtt;
}

static bool is_listening(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    bool listening = world->listening;
    pthread_mutex_unlock(&world->lock);
    return listening;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    pthread_mutex_init(&world->lock, NULL);
    start_broker(world);
    world->clock = clock_manual_new(UINT64_C(1767225600000));
    world->log = log_new_sink(LOG_LEVEL_INFO, quiet, NULL);
    world->status = status_new();
    struct outlet_config config = {.servers = world->server,
                                   .client_id = "bridge",
                                   .group = 7,
                                   .clock = world->clock,
                                   .status = world->status,
                                   .log = world->log};
    world->outlet = outlet_new(&config, NULL);
    assert_non_null(world->outlet);
    world->listener = connect_listener(world);
    time_t deadline = time(NULL) + DEADLINE_S;
    while (!is_listening(world) && time(NULL) < deadline)
        nap();
    assert_true(is_listening(world));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    outlet_stop(world->outlet);
    outlet_free(world->outlet);
    mqtt_stop(world->listener, 1000);
    mqtt_free(world->listener);
    kill(world->broker, SIGKILL);
    waitpid(world->broker, NULL, 0);
    for (size_t i = 0; i < world->count; i++) {
        free(world->topics[i]);
        free(world->payloads[i]);
    }
    status_free(world->status);
    log_free(world->log);
    clock_free(world->clock);
    pthread_mutex_destroy(&world->lock);
    free(world);
    return 0;
}

static void start(struct world *world)
{
    assert_int_equal(outlet_start(world->outlet, on_message, world, NULL), 0);
    time_t deadline = time(NULL) + DEADLINE_S;
    while (status_get(world->status, STATUS_BROKERS) == 0 && time(NULL) < deadline)
        nap();
    assert_int_equal(status_get(world->status, STATUS_BROKERS), 1);
}

/* How many messages with that in topic and payload came. */
static size_t heard(struct world *world, const char *topic, const char *words)
{
    size_t count = 0;
    pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < world->count; i++)
        count += strstr(world->topics[i], topic) && strstr(world->payloads[i], words);
    pthread_mutex_unlock(&world->lock);
    return count;
}

static void expect(struct world *world, const char *topic, const char *words, size_t count)
{
    time_t deadline = time(NULL) + DEADLINE_S;
    while (heard(world, topic, words) < count && time(NULL) < deadline)
        nap();
    assert_int_equal(heard(world, topic, words), count);
}

static void tell_alarm(struct world *world, const char *cause, const char *text)
{
    struct notices notices = outlet_notices(world->outlet);
    struct alarm alarm = {.cause = cause, .text = text};
    notices.alarm(notices.cookie, &alarm);
}

static void a_receipt_goes_to_its_meter(void **state)
{
    struct world *world = *state;
    struct notices notices = outlet_notices(world->outlet);
    struct receipt receipt = {.status = RECEIPT_STORED, .meter = 458753, .first = 4, .last = 6};
    start(world);
    notices.receipt(notices.cookie, "M-01", &receipt);
    expect(world, "amr/v1/7/M-01/receipt", "\"first\":4,\"last\":6", 1);
}

static void a_batch_is_told_to_staff(void **state)
{
    struct world *world = *state;
    struct notices notices = outlet_notices(world->outlet);
    struct batch_notice batch = {.number = 12, .reports = 3, .readings = 9};
    start(world);
    notices.batch(notices.cookie, &batch);
    expect(world, "amr/v1/7/server/batch", "\"number\":12", 1);
}

static void alarms_wait_for_a_broker(void **state)
{
    struct world *world = *state;
    tell_alarm(world, "chain-away", "nobody answers");
    start(world);
    outlet_tick(world->outlet);
    expect(world, "amr/v1/7/server/alarm", "nobody answers", 1);
}

static void a_flood_of_one_cause_is_held_back_and_counted(void **state)
{
    struct world *world = *state;
    start(world);
    for (int i = 0; i < 100; i++)
        tell_alarm(world, "rollback", "one of many");
    tell_alarm(world, "chain-away", "another");
    outlet_tick(world->outlet);
    expect(world, "server/alarm", "another", 1); /* a cause does not hold back others */
    size_t shown = heard(world, "server/alarm", "\"rollback\"");
    assert_true(shown >= 1 && shown < 100);
    clock_advance_ms(world->clock, 60000);
    tell_alarm(world, "rollback", "later");
    outlet_tick(world->outlet);
    expect(world, "server/alarm", "later", 1);
    char held[32];
    snprintf(held, sizeof(held), "%zu", 100 - shown);
    assert_int_equal(heard(world, "server/alarm", held), 1);
}

static void the_state_is_told_when_it_changed(void **state)
{
    struct world *world = *state;
    start(world);
    outlet_tick(world->outlet);
    expect(world, "server/state/bridge", "\"online\"", 1);
    status_set(world->status, STATUS_STORED, 42);
    clock_advance_ms(world->clock, 1000);
    outlet_tick(world->outlet);
    expect(world, "server/state/bridge", "\"stored\":42", 1);
}

static void reports_are_handed_on_and_other_topics_not(void **state)
{
    struct world *world = *state;
    start(world);
    assert_int_equal(
        mqtt_publish(world->listener, "amr/v1/7/M-01/telemetry", "{}", 2, 1, false, 0, NULL), 0);
    assert_int_equal(
        mqtt_publish(world->listener, "amr/v1/7/M-01/reading", "{}", 2, 1, false, 0, NULL), 0);
    time_t deadline = time(NULL) + DEADLINE_S;
    size_t taken = 0;
    while (taken == 0 && time(NULL) < deadline) {
        nap();
        pthread_mutex_lock(&world->lock);
        taken = world->taken;
        pthread_mutex_unlock(&world->lock);
    }
    assert_int_equal(taken, 1);
}

static void a_server_that_is_no_url_is_refused(void **state)
{
    struct world *world = *state;
    struct outlet_config config = {.servers = "broker.example",
                                   .client_id = "bridge",
                                   .group = 7,
                                   .clock = world->clock,
                                   .status = world->status,
                                   .log = world->log};
    struct err err = ERR_INIT;
    assert_null(outlet_new(&config, &err));
    assert_non_null(strstr(err.text, "broker.example"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_receipt_goes_to_its_meter),
        TEST(a_batch_is_told_to_staff),
        TEST(alarms_wait_for_a_broker),
        TEST(a_flood_of_one_cause_is_held_back_and_counted),
        TEST(the_state_is_told_when_it_changed),
        TEST(reports_are_handed_on_and_other_topics_not),
        TEST(a_server_that_is_no_url_is_refused),
    };
    if (access("/usr/sbin/mosquitto", X_OK) != 0) {
        fprintf(stderr, "there is no /usr/sbin/mosquitto: nothing is tested\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
