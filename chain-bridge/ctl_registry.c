#include "chain-bridge/ctl_registry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

/* The first meter whose id is not below `meter`. */
static size_t lower_bound(const struct ctl_registry *registry, uint32_t meter)
{
    size_t low = 0;
    size_t high = registry->meter_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (registry->meters[middle].meter < meter)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ctl_meter *ctl_registry_find(const struct ctl_registry *registry, uint32_t meter)
{
    size_t at = lower_bound(registry, meter);
    if (at == registry->meter_count || registry->meters[at].meter != meter)
        return NULL;
    return &registry->meters[at];
}

struct ctl_meter *ctl_registry_find_signer(const struct ctl_registry *registry, uint16_t group,
                                           const struct eth_address *signer)
{
    size_t at = lower_bound(registry, (uint32_t)group << 16);
    for (; at < registry->meter_count && meter_group(registry->meters[at].meter) == group; at++) {
        if (eth_address_equal(&registry->meters[at].signer, signer))
            return &registry->meters[at];
    }
    return NULL;
}

uint32_t ctl_registry_next_number(const struct ctl_registry *registry, uint16_t group)
{
    size_t end = group == UINT16_MAX ? registry->meter_count
                                     : lower_bound(registry, ((uint32_t)group + 1) << 16);
    if (end == 0 || meter_group(registry->meters[end - 1].meter) != group)
        return 1;
    return (uint32_t)meter_number(registry->meters[end - 1].meter) + 1;
}

static void reserve(struct ctl_registry *registry, size_t more)
{
    size_t wanted = registry->meter_count + more;
    if (wanted <= registry->meter_capacity)
        return;
    registry->meter_capacity = wanted > 2 * registry->meter_capacity ? wanted : 2 * wanted;
    registry->meters =
        xrealloc(registry->meters, registry->meter_capacity * sizeof(*registry->meters));
}

static int register_meters(struct ctl_registry *registry, const struct ledger_event *event,
                           uint64_t block, struct err *err)
{
    size_t count = ledger_signer_count(event);
    size_t at = lower_bound(registry, event->meter);
    if (at < registry->meter_count && registry->meters[at].meter - event->meter < count)
        return err_set(err, "meter %" PRIu32 " is registered twice", registry->meters[at].meter);
    reserve(registry, count);
    memmove(registry->meters + at + count, registry->meters + at,
            (registry->meter_count - at) * sizeof(*registry->meters));
    for (size_t i = 0; i < count; i++)
        registry->meters[at + i] = (struct ctl_meter){event->meter + (uint32_t)i, METER_ACTIVE,
                                                      ledger_signer(event, i), block};
    registry->meter_count += count;
    return 0;
}

static int change_meter(struct ctl_registry *registry, const struct ledger_event *event,
                        struct err *err)
{
    struct ctl_meter *meter = ctl_registry_find(registry, event->meter);
    if (meter == NULL)
        return err_set(err, "meter %" PRIu32 " changes before it is registered", event->meter);
    if (event->kind == LEDGER_SIGNER_ROTATED)
        meter->signer = event->account;
    else
        meter->status = event->kind == LEDGER_METER_CLOSED ? METER_CLOSED : METER_ACTIVE;
    return 0;
}

static void list_account(struct ctl_registry *registry, enum ctl_role role, bool listed,
                         const struct ledger_event *event, uint64_t block)
{
    struct ctl_account now = {role, event->account, event->group, listed, block};
    for (size_t i = 0; i < registry->account_count; i++) {
        struct ctl_account *account = &registry->accounts[i];
        if (account->role == role && eth_address_equal(&account->address, &event->account)) {
            *account = now;
            return;
        }
    }
    registry->accounts =
        xrealloc(registry->accounts, (registry->account_count + 1) * sizeof(*registry->accounts));
    registry->accounts[registry->account_count++] = now;
}

int ctl_registry_apply(struct ctl_registry *registry, const struct ledger_event *event,
                       uint64_t block, struct err *err)
{
    switch (event->kind) {
    case LEDGER_METERS_REGISTERED:
        return register_meters(registry, event, block, err);
    case LEDGER_SIGNER_ROTATED:
    case LEDGER_METER_CLOSED:
    case LEDGER_METER_REOPENED:
        return change_meter(registry, event, err);
    case LEDGER_SERVER_ADDED:
    case LEDGER_SERVER_REMOVED:
        list_account(registry, CTL_SERVER, event->kind == LEDGER_SERVER_ADDED, event, block);
        return 0;
    case LEDGER_OPERATOR_ADDED:
    case LEDGER_OPERATOR_REMOVED:
        list_account(registry, CTL_OPERATOR, event->kind == LEDGER_OPERATOR_ADDED, event, block);
        return 0;
    case LEDGER_READER_ADDED:
    case LEDGER_READER_REMOVED:
        list_account(registry, CTL_READER, event->kind == LEDGER_READER_ADDED, event, block);
        return 0;
    default:
        return 0;
    }
}

static int on_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                    struct err *err)
{
    return ctl_registry_apply(cookie, event, log->block, err);
}

int ctl_registry_load(struct ctl_registry *registry, struct ctl *ctl, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {
        LEDGER_METERS_REGISTERED, LEDGER_SIGNER_ROTATED,   LEDGER_METER_CLOSED,
        LEDGER_METER_REOPENED,    LEDGER_SERVER_ADDED,     LEDGER_SERVER_REMOVED,
        LEDGER_OPERATOR_ADDED,    LEDGER_OPERATOR_REMOVED, LEDGER_READER_ADDED,
        LEDGER_READER_REMOVED};
    return ctl_events(ctl, KINDS, AMR_COUNT(KINDS), on_event, registry, err);
}

void ctl_registry_free(struct ctl_registry *registry)
{
    free(registry->meters);
    free(registry->accounts);
    memset(registry, 0, sizeof(*registry));
}
