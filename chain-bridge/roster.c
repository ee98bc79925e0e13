#include "chain-bridge/roster.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/reading.h"

enum { NUMBERS = 1 << 16 };

struct entry {
    uint8_t status;
    struct eth_address signer;
};

struct roster {
    pthread_rwlock_t lock;
    uint16_t group;
    uint32_t active;
    struct entry entries[NUMBERS];
};

struct roster *roster_new(uint16_t group)
{
    struct roster *roster = xcalloc(1, sizeof(*roster));
    roster->group = group;
    pthread_rwlock_init(&roster->lock, NULL);
    return roster;
}

void roster_free(struct roster *roster)
{
    if (!roster)
        return;
    pthread_rwlock_destroy(&roster->lock);
    free(roster);
}

uint16_t roster_group(const struct roster *roster)
{
    return roster->group;
}

void roster_put(struct roster *roster, const struct registry_meter *meter)
{
    if (meter_group(meter->meter) != roster->group)
        return;
    pthread_rwlock_wrlock(&roster->lock);
    struct entry *entry = &roster->entries[meter_number(meter->meter)];
    roster->active -= entry->status == METER_ACTIVE;
    entry->status = (uint8_t)meter->status;
    entry->signer = meter->signer;
    roster->active += entry->status == METER_ACTIVE;
    pthread_rwlock_unlock(&roster->lock);
}

struct registry_meter roster_find(struct roster *roster, uint32_t meter)
{
    struct registry_meter found = {.meter = meter, .status = METER_UNKNOWN};
    if (meter_group(meter) != roster->group)
        return found;
    pthread_rwlock_rdlock(&roster->lock);
    const struct entry *entry = &roster->entries[meter_number(meter)];
    found.status = (enum meter_status)entry->status;
    found.signer = entry->signer;
    pthread_rwlock_unlock(&roster->lock);
    return found;
}

uint32_t roster_count(struct roster *roster)
{
    pthread_rwlock_rdlock(&roster->lock);
    uint32_t active = roster->active;
    pthread_rwlock_unlock(&roster->lock);
    return active;
}
