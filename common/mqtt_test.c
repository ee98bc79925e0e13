#include "common/mqtt.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/attr.h"
#include "common/buf.h"
#include "common/file.h"

#define DEADLINE_S 60
#define TAGS       64
#define PATH_SIZE  96

/* A broker of its own for each test, in a directory of its own. */

struct broker {
    char directory[64];
    char config[PATH_SIZE];
    char server[64];
    int port;
    bool tls;
    pid_t pid;
};

static const char *broker_path(void)
{
    static const char *const PATHS[] = {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"};

    for (size_t i = 0; i < AMR_COUNT(PATHS); i++) {
        if (access(PATHS[i], X_OK) == 0)
            return PATHS[i];
    }
    return NULL;
}

static int bound_socket(int port, int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static bool listening(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return rc == 0;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static char *in_directory(const struct broker *broker, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", broker->directory, name);
    return path;
}

static void broker_start(struct broker *broker)
{
    char name[] = "mosquitto";
    char option[] = "-c";
    char *argv[] = {name, option, broker->config, NULL};
    char *environment[] = {NULL};
    char output[PATH_SIZE];
    posix_spawn_file_actions_t actions;
    time_t deadline = time(NULL) + DEADLINE_S;

    in_directory(broker, "mosquitto.log", output);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    assert_int_equal(posix_spawn(&broker->pid, broker_path(), &actions, NULL, argv, environment),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    while (!listening(broker->port) && time(NULL) < deadline)
        nap();
    assert_true(listening(broker->port));
}

static void broker_kill(struct broker *broker)
{
    if (broker->pid > 0) {
        kill(broker->pid, SIGKILL);
        waitpid(broker->pid, NULL, 0);
    }
    broker->pid = 0;
}

static void write_file(const char *path, unsigned mode, const char *text)
{
    assert_int_equal(file_create(path, mode, text, strlen(text), NULL), 0);
}

/** One self-signed certificate for `address` serves as CA, server and client. */
static void make_certificate(const struct broker *broker, const char *address)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    X509V3_CTX context;
    X509_EXTENSION *extension;
    char san[64];
    char path[PATH_SIZE];
    FILE *file;

    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    snprintf(san, sizeof(san), "IP:%s", address);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, san);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x509, key, EVP_sha256());
    file = fopen(in_directory(broker, "cert.pem", path), "w");
    PEM_write_X509(file, x509);
    fclose(file);
    file = fopen(in_directory(broker, "key.pem", path), "w");
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void broker_make(struct broker *broker, const char *extra, const char *tls_address)
{
    char text[1024];
    int fd;

    memset(broker, 0, sizeof(*broker));
    if (!broker_path()) {
        print_message("mosquitto is not installed: skipped\n");
        skip();
    }
    snprintf(broker->directory, sizeof(broker->directory), "/tmp/amr-mqtt-test-XXXXXX");
    assert_non_null(mkdtemp(broker->directory));
    fd = bound_socket(0, &broker->port);
    close(fd);
    broker->tls = tls_address != NULL;
    snprintf(broker->server, sizeof(broker->server), "%s://127.0.0.1:%d",
             tls_address ? "ssl" : "tcp", broker->port);
    snprintf(text, sizeof(text), "user root\nlistener %d 127.0.0.1\nallow_anonymous true\n%s",
             broker->port, extra);
    if (tls_address) {
        size_t len = strlen(text);

        make_certificate(broker, tls_address);
        snprintf(text + len, sizeof(text) - len,
                 "cafile %s/cert.pem\ncertfile %s/cert.pem\nkeyfile %s/key.pem\n"
                 "require_certificate true\n",
                 broker->directory, broker->directory, broker->directory);
    }
    in_directory(broker, "mosquitto.conf", broker->config);
    write_file(broker->config, 0600, text);
    broker_start(broker);
}

static void broker_free(struct broker *broker)
{
    static const char *const FILES[] = {"mosquitto.conf", "mosquitto.log", "cert.pem",
                                        "key.pem",        "password",      "users"};
    char path[PATH_SIZE];

    broker_kill(broker);
    for (size_t i = 0; i < AMR_COUNT(FILES); i++)
        unlink(in_directory(broker, FILES[i], path));
    rmdir(broker->directory);
}

/* What the handlers saw. */

struct seen {
    pthread_mutex_t lock;
    unsigned connects;
    unsigned disconnects;
    char server[64];
    char text[300];
    unsigned messages;
    char topic[80];
    char payload[80];
    bool retained;
    unsigned published;
    unsigned failed;
    int reason[TAGS];
};

static void saw_connected(void *cookie, const char *server)
{
    struct seen *seen = cookie;

    pthread_mutex_lock(&seen->lock);
    seen->connects++;
    snprintf(seen->server, sizeof(seen->server), "%s", server);
    pthread_mutex_unlock(&seen->lock);
}

static void saw_disconnected(void *cookie, const char *text)
{
    struct seen *seen = cookie;

    pthread_mutex_lock(&seen->lock);
    seen->disconnects++;
    snprintf(seen->text, sizeof(seen->text), "%s", text);
    pthread_mutex_unlock(&seen->lock);
}

static void saw_message(void *cookie, const char *topic, const void *payload, size_t len,
                        bool retained)
{
    struct seen *seen = cookie;

    pthread_mutex_lock(&seen->lock);
    seen->messages++;
    snprintf(seen->topic, sizeof(seen->topic), "%s", topic);
    snprintf(seen->payload, sizeof(seen->payload), "%.*s", (int)len, (const char *)payload);
    seen->retained = retained;
    pthread_mutex_unlock(&seen->lock);
}

static void saw_published(void *cookie, uint64_t tag, int reason)
{
    struct seen *seen = cookie;

    pthread_mutex_lock(&seen->lock);
    seen->reason[tag % TAGS] = reason;
    seen->published += reason >= 0 && reason < 0x80;
    seen->failed += reason < 0 || reason >= 0x80;
    pthread_mutex_unlock(&seen->lock);
}

static unsigned counted(struct seen *seen, const unsigned *counter)
{
    unsigned value;

    pthread_mutex_lock(&seen->lock);
    value = *counter;
    pthread_mutex_unlock(&seen->lock);
    return value;
}

static void wait_for(struct seen *seen, const unsigned *counter, unsigned at_least)
{
    time_t deadline = time(NULL) + DEADLINE_S;

    while (counted(seen, counter) < at_least && time(NULL) < deadline)
        nap();
    if (counted(seen, counter) < at_least)
        fail_msg("waited in vain: count %u, want %u; last text '%s'", counted(seen, counter),
                 at_least, seen->text);
}

static struct mqtt *client_start(struct seen *seen, const struct mqtt_config *config)
{
    struct mqtt_handlers handlers = {saw_connected, saw_disconnected, saw_message, saw_published,
                                     seen};
    struct err err = ERR_INIT;
    struct mqtt *mqtt;

    memset(seen, 0, sizeof(*seen));
    pthread_mutex_init(&seen->lock, NULL);
    mqtt = mqtt_new(config, &handlers, &err);
    if (!mqtt)
        fail_msg("%s", err.text);
    assert_int_equal(mqtt_start(mqtt, &err), 0);
    return mqtt;
}

static struct mqtt_config config_for(const struct broker *broker, const char *client_id)
{
    struct mqtt_config config = {.servers = broker->server,
                                 .client_id = client_id,
                                 .keepalive_s = 30,
                                 .retry_min_ms = 20,
                                 .retry_max_ms = 200};

    return config;
}

static void a_message_reaches_a_subscriber(void **state)
{
    static const char *const FILTERS[] = {"a/+", "b"};
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;

    (void)state;
    broker_make(&broker, "", NULL);
    config = config_for(&broker, "one");
    config.filters = FILTERS;
    config.filter_count = AMR_COUNT(FILTERS);
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.connects, 1);
    assert_string_equal(seen.server, broker.server);
    assert_true(mqtt_connected(mqtt));
    assert_int_equal(mqtt_publish(mqtt, "a/x", "hello", 5, 1, false, 7, NULL), 0);
    wait_for(&seen, &seen.messages, 1);
    wait_for(&seen, &seen.published, 1);
    assert_string_equal(seen.topic, "a/x");
    assert_string_equal(seen.payload, "hello");
    assert_int_equal(seen.reason[7], 0);
    mqtt_stop(mqtt, 1000);
    assert_false(mqtt_connected(mqtt));
    assert_int_equal(mqtt_publish(mqtt, "a/x", "hello", 5, 1, false, 8, NULL), -1);
    mqtt_free(mqtt);
    broker_free(&broker);
}

static void proxies_of_the_environment_are_not_for_brokers(void **state)
{
    static const char *const PROXIES[] = {"", "http://127.0.0.1:1"};
    struct broker broker;
    struct seen seen;

    (void)state;
    broker_make(&broker, "", NULL);
    for (size_t i = 0; i < AMR_COUNT(PROXIES); i++) {
        setenv("http_proxy", PROXIES[i], 1);
        setenv("https_proxy", PROXIES[i], 1);
        struct mqtt_config config = config_for(&broker, "direct");
        struct mqtt *mqtt = client_start(&seen, &config);
        wait_for(&seen, &seen.connects, 1);
        mqtt_stop(mqtt, 1000);
        mqtt_free(mqtt);
    }
    broker_free(&broker);
}

static void a_lost_broker_is_found_again_and_subscribed_again(void **state)
{
    static const char *const FILTERS[] = {"a"};
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;

    (void)state;
    broker_make(&broker, "", NULL);
    config = config_for(&broker, "one");
    config.filters = FILTERS;
    config.filter_count = AMR_COUNT(FILTERS);
    config.session_expiry_s = 3600;
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.connects, 1);
    broker_kill(&broker);
    wait_for(&seen, &seen.disconnects, 2);
    assert_int_equal(mqtt_publish(mqtt, "a", "x", 1, 1, false, 1, NULL), -1);
    broker_start(&broker);
    wait_for(&seen, &seen.connects, 2);
    assert_int_equal(mqtt_publish(mqtt, "a", "x", 1, 1, false, 2, NULL), 0);
    wait_for(&seen, &seen.messages, 1);
    mqtt_free(mqtt);
    broker_free(&broker);
}

static void what_was_not_acknowledged_is_reported_when_the_connection_breaks(void **state)
{
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;

    (void)state;
    broker_make(&broker, "", NULL);
    config = config_for(&broker, "one");
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.connects, 1);
    kill(broker.pid, SIGSTOP);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(mqtt_publish(mqtt, "a", "x", 1, 1, false, i, NULL), 0);
    broker_kill(&broker);
    wait_for(&seen, &seen.failed, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(seen.reason[i], -1);
    mqtt_free(mqtt);
    broker_free(&broker);
}

static void the_second_server_is_used_where_the_first_is_away(void **state)
{
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;
    char servers[128];
    int dead_port;
    int dead;

    (void)state;
    broker_make(&broker, "", NULL);
    dead = bound_socket(0, &dead_port); /* bound, not listening: refuses */
    snprintf(servers, sizeof(servers), "tcp://127.0.0.1:%d, %s", dead_port, broker.server);
    config = config_for(&broker, "one");
    config.servers = servers;
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.connects, 1);
    assert_string_equal(seen.server, broker.server);
    assert_int_equal(seen.disconnects, 1);
    mqtt_reconnect(mqtt); /* tries the first at once, and comes back */
    wait_for(&seen, &seen.connects, 2);
    assert_int_equal(seen.disconnects, 3);
    mqtt_free(mqtt);
    close(dead);
    broker_free(&broker);
}

static void a_will_is_published_unless_the_client_says_goodbye(void **state)
{
    static const char *const FILTERS[] = {"will"};
    struct broker broker;
    struct seen watcher_saw;
    struct seen seen;
    struct mqtt *watcher;
    struct mqtt *mqtt;
    struct mqtt_config config;
    struct mqtt_config dying;

    (void)state;
    broker_make(&broker, "", NULL);
    config = config_for(&broker, "watcher");
    config.filters = FILTERS;
    config.filter_count = 1;
    watcher = client_start(&watcher_saw, &config);
    wait_for(&watcher_saw, &watcher_saw.connects, 1);
    dying = config_for(&broker, "dying");
    dying.will_topic = "will";
    dying.will_payload = "gone";
    mqtt = client_start(&seen, &dying);
    wait_for(&seen, &seen.connects, 1);
    mqtt_stop(mqtt, 2000);
    mqtt_free(mqtt);
    mqtt = client_start(&seen, &dying);
    wait_for(&seen, &seen.connects, 1);
    assert_int_equal(counted(&watcher_saw, &watcher_saw.messages), 0);
    /* The same client id again: the broker drops the first one, whose Will goes out. */
    dying.will_topic = NULL;
    {
        struct seen thief_saw;
        struct mqtt *thief = client_start(&thief_saw, &dying);

        wait_for(&watcher_saw, &watcher_saw.messages, 1);
        assert_string_equal(watcher_saw.payload, "gone");
        wait_for(&seen, &seen.disconnects, 1);
        mqtt_stop(mqtt, 0);
        mqtt_free(thief);
    }
    mqtt_free(mqtt);
    mqtt_free(watcher);
    broker_free(&broker);
}

static void more_messages_than_the_broker_takes_at_once_go_through_quickly(void **state)
{
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;
    struct timespec start;
    struct timespec end;

    (void)state;
    broker_make(&broker, "max_inflight_messages 20\n", NULL);
    config = config_for(&broker, "one");
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.connects, 1);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(mqtt_publish(mqtt, "a", "x", 1, 1, false, i, NULL), 0);
    wait_for(&seen, &seen.published, 500);
    clock_gettime(CLOCK_MONOTONIC, &end);
    print_message("500 messages through a window of 20 in %.2f s\n",
                  (double)(end.tv_sec - start.tv_sec) +
                      (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    mqtt_free(mqtt);
    broker_free(&broker);
}

static void tls_with_a_client_certificate_works(void **state)
{
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;
    char cert[PATH_SIZE];
    char key[PATH_SIZE];

    (void)state;
    broker_make(&broker, "", "127.0.0.1");
    config = config_for(&broker, "one");
    config.ca_file = in_directory(&broker, "cert.pem", cert);
    config.cert_file = cert;
    config.key_file = in_directory(&broker, "key.pem", key);
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.connects, 1);
    mqtt_free(mqtt);
    config.cert_file = NULL;
    config.key_file = NULL;
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.disconnects, 1);
    assert_int_equal(counted(&seen, &seen.connects), 0);
    mqtt_free(mqtt);
    broker_free(&broker);
}

static void a_server_whose_certificate_names_another_address_is_refused(void **state)
{
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;
    char cert[PATH_SIZE];
    char key[PATH_SIZE];

    (void)state;
    broker_make(&broker, "", "127.0.0.2");
    config = config_for(&broker, "one");
    config.ca_file = in_directory(&broker, "cert.pem", cert);
    config.cert_file = cert;
    config.key_file = in_directory(&broker, "key.pem", key);
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.disconnects, 2);
    assert_int_equal(counted(&seen, &seen.connects), 0);
    mqtt_free(mqtt);
    broker_free(&broker);
}

static void a_wrong_password_is_told_in_words(void **state)
{
    struct broker broker;
    struct seen seen;
    struct mqtt *mqtt;
    struct mqtt_config config;
    char password[PATH_SIZE];

    (void)state;
    broker_make(&broker, "allow_anonymous false\n", NULL);
    config = config_for(&broker, "one");
    write_file(in_directory(&broker, "password", password), 0600, "secret\n");
    config.username = "somebody";
    config.password_file = password;
    mqtt = client_start(&seen, &config);
    wait_for(&seen, &seen.disconnects, 1);
    assert_string_equal(seen.text, "connect failed: Not authorized");
    mqtt_free(mqtt);
    broker_free(&broker);
}

static void a_configuration_that_cannot_work_is_refused(void **state)
{
    static const struct {
        struct mqtt_config config;
        const char *text;
    } CASES[] = {
        {{.servers = ""}, "no MQTT server given"},
        {{.servers = "http://a:1"}, "want ssl://host:port"},
        {{.servers = "tcp://a"}, "want ssl://host:port"},
        {{.servers = "tcp://:1883"}, "want ssl://host:port"},
        {{.servers = "tcp://a:0"}, "want ssl://host:port"},
        {{.servers = "tcp://a:1x"}, "want ssl://host:port"},
        {{.servers = "ssl://a:8883"}, "needs the file of the CA"},
        {{.servers = "ssl://a:8883", .ca_file = "/nonexistent"}, "/nonexistent"},
        {{.servers = "tcp://a:1", .key_file = "/nonexistent"}, "go together"},
        {{.servers = "tcp://a:1", .password_file = "/nonexistent"}, "/nonexistent"},
    };
    struct mqtt_handlers handlers = {0};

    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct mqtt_config config = CASES[i].config;
        struct err err = ERR_INIT;

        config.client_id = "one";
        assert_null(mqtt_new(&config, &handlers, &err));
        if (!strstr(err.text, CASES[i].text))
            fail_msg("case %zu: '%s' lacks '%s'", i, err.text, CASES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reaches_a_subscriber),
        cmocka_unit_test(proxies_of_the_environment_are_not_for_brokers),
        cmocka_unit_test(a_lost_broker_is_found_again_and_subscribed_again),
        cmocka_unit_test(what_was_not_acknowledged_is_reported_when_the_connection_breaks),
        cmocka_unit_test(the_second_server_is_used_where_the_first_is_away),
        cmocka_unit_test(a_will_is_published_unless_the_client_says_goodbye),
        cmocka_unit_test(more_messages_than_the_broker_takes_at_once_go_through_quickly),
        cmocka_unit_test(tls_with_a_client_certificate_works),
        cmocka_unit_test(a_server_whose_certificate_names_another_address_is_refused),
        cmocka_unit_test(a_wrong_password_is_told_in_words),
        cmocka_unit_test(a_configuration_that_cannot_work_is_refused),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
