#include "chain-bridge/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

struct status {
    atomic_uint_fast64_t numbers[STATUS_NUMBERS];
    pthread_mutex_t lock;
    char paused[256]; /* under lock */
};

static const char *const NAMES[STATUS_NUMBERS] = {
    [STATUS_METERS] = "meters",
    [STATUS_BROKERS] = "brokers",
    [STATUS_RECEIVED] = "received",
    [STATUS_SHED] = "shed",
    [STATUS_REPEATED] = "repeated",
    [STATUS_STORED] = "stored",
    [STATUS_CLAIMED] = "claimed",
    [STATUS_SEALED] = "sealed",
    [STATUS_REJECTED] = "rejected",
    [STATUS_QUARANTINED] = "quarantined",
    [STATUS_READINGS_SEALED] = "readings_sealed",
    [STATUS_BACKLOG] = "backlog",
    [STATUS_OLDEST_S] = "oldest_s",
    [STATUS_BATCHES] = "batches",
    [STATUS_IN_FLIGHT] = "in_flight",
    [STATUS_BUMPS] = "bumps",
    [STATUS_REORGS] = "reorgs",
    [STATUS_REVERTS] = "reverts",
    [STATUS_HALTED] = "halted",
    [STATUS_COMMANDS] = "commands",
    [STATUS_RESULTS] = "results",
    [STATUS_HEAD] = "head",
    [STATUS_REGISTRY_BLOCK] = "registry_block",
    [STATUS_BALANCE_GWEI] = "balance_gwei",
    [STATUS_BASE_FEE_WEI] = "base_fee_wei",
};

struct status *status_new(void)
{
    struct status *status = xcalloc(1, sizeof(*status));
    pthread_mutex_init(&status->lock, NULL);
    return status;
}

void status_free(struct status *status)
{
    if (!status)
        return;
    pthread_mutex_destroy(&status->lock);
    free(status);
}

void status_add(struct status *status, enum status_number number, int64_t by)
{
    atomic_fetch_add(&status->numbers[number], (uint_fast64_t)by);
}

void status_set(struct status *status, enum status_number number, uint64_t value)
{
    atomic_store(&status->numbers[number], value);
}

uint64_t status_get(const struct status *status, enum status_number number)
{
    return atomic_load(&status->numbers[number]);
}

void status_paused(const struct status *status, char *ret_text, size_t size)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&status->lock;
    pthread_mutex_lock(lock);
    snprintf(ret_text, size, "%s", status->paused);
    pthread_mutex_unlock(lock);
}

bool status_pause(struct status *status, const char *text)
{
    pthread_mutex_lock(&status->lock);
    char was[sizeof(status->paused)];
    memcpy(was, status->paused, sizeof(was));
    snprintf(status->paused, sizeof(status->paused), "%s", text ? text : "");
    bool differs = strcmp(was, status->paused) != 0;
    pthread_mutex_unlock(&status->lock);
    return differs;
}

void status_print(const struct status *status, struct buf *out, uint32_t unix_s)
{
    buf_printf(out, "{\"v\":1,\"state\":\"online\"");
    if (unix_s)
        buf_printf(out, ",\"t\":%u", (unsigned)unix_s);
    for (unsigned i = 0; i < STATUS_NUMBERS; i++)
        buf_printf(out, ",\"%s\":%llu", NAMES[i], (unsigned long long)status_get(status, i));
    pthread_mutex_t *lock = (pthread_mutex_t *)&status->lock;
    pthread_mutex_lock(lock);
    buf_printf(out, ",\"paused\":");
    json_append_string(out, status->paused);
    pthread_mutex_unlock(lock);
    buf_printf(out, "}");
}
