#include "meter-client/failback.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "meter-client/port.h"

#define LOOK_MS   100
#define ANSWER_MS 5000

struct failback {
    const struct clock *clock;
    char *first; /* as the list says it */
    char *probe; /* the same as a port's address */
    uint64_t period_ms;
    bool many;
    uint64_t due_ms;
    uint64_t give_up_ms;
    struct port *port; /* NULL: not trying now */
};

int failback_new(struct failback **ret_failback, const char *servers, uint32_t period_s,
                 const struct clock *clock, struct err *err)
{
    size_t skip = strspn(servers, ", ");
    size_t len = strcspn(servers + skip, ", ");
    struct failback *failback;
    const char *host;

    if (len == 0)
        return err_set(err, "no server given");
    failback = xcalloc(1, sizeof(*failback));
    failback->clock = clock;
    failback->first = xasprintf("%.*s", (int)len, servers + skip);
    host = strstr(failback->first, "://");
    failback->probe = xasprintf("tcp://%s", host ? host + 3 : failback->first);
    failback->period_ms = (uint64_t)period_s * 1000;
    failback->many = servers[skip + len + strspn(servers + skip + len, ", ")] != 0;
    failback->due_ms = UINT64_MAX;
    *ret_failback = failback;
    return 0;
}

static void stop_trying(struct failback *failback)
{
    port_free(failback->port);
    failback->port = NULL;
}

void failback_free(struct failback *failback)
{
    if (!failback)
        return;
    stop_trying(failback);
    free(failback->first);
    free(failback->probe);
    free(failback);
}

void failback_disconnected(struct failback *failback)
{
    stop_trying(failback);
    failback->due_ms = UINT64_MAX;
}

void failback_connected(struct failback *failback, const char *server)
{
    failback_disconnected(failback);
    if (failback->many && failback->period_ms && strcmp(server, failback->first) != 0)
        failback->due_ms = clock_mono_ms(failback->clock) + failback->period_ms;
}

uint64_t failback_due_ms(const struct failback *failback)
{
    return failback->due_ms;
}

/** 1: it answers; 0: not yet; -1: not this time. */
static int try(struct failback *failback)
{
    struct port_config config = {
        .address = failback->probe, .clock = failback->clock, .line = {.baud = 9600}};
    uint64_t now_ms = clock_mono_ms(failback->clock);
    struct err err = ERR_INIT;

    if (!failback->port) {
        if (port_new(&failback->port, &config, &err))
            return -1;
        failback->give_up_ms = now_ms + ANSWER_MS;
    }
    if (now_ms >= failback->give_up_ms)
        return -1;
    return port_work(failback->port, &err);
}

bool failback_is_due(struct failback *failback)
{
    uint64_t now_ms = clock_mono_ms(failback->clock);
    int answer;

    if (now_ms < failback->due_ms)
        return false;
    answer = try(failback);
    if (answer == 0) {
        failback->due_ms = now_ms + LOOK_MS;
        return false;
    }
    stop_trying(failback);
    failback->due_ms = now_ms + failback->period_ms;
    return answer > 0;
}
