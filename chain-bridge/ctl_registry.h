/*
 * ctl_registry.h: meters, and who may do what, as the ledger's events tell them.
 *
 * A snapshot in memory, ordered by meter id and by the order of first listing. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_REGISTRY_H
#define AMR_CHAIN_BRIDGE_CTL_REGISTRY_H

#include "chain-bridge/ctl.h"
#include "common/registry.h"

struct ctl_meter {
    uint32_t meter;
    enum meter_status status;
    struct eth_address signer;
    uint64_t block; /* of its registration */
};

enum ctl_role { CTL_SERVER, CTL_OPERATOR, CTL_READER };

struct ctl_account {
    enum ctl_role role;
    struct eth_address address;
    uint16_t group; /* of a server */
    bool listed;    /* false: removed since */
    uint64_t block; /* of the last change */
};

struct ctl_registry {
    struct ctl_meter *meters;
    size_t meter_count;
    size_t meter_capacity;
    struct ctl_account *accounts;
    size_t account_count;
};

/** Zero-initialise registry before the first load. */
int ctl_registry_load(struct ctl_registry *registry, struct ctl *ctl,
                      struct err *err) AMR_NODISCARD;
void ctl_registry_free(struct ctl_registry *registry);

/** Applies one event; fails where it contradicts what went before. */
int ctl_registry_apply(struct ctl_registry *registry, const struct ledger_event *event,
                       uint64_t block, struct err *err) AMR_NODISCARD;
/** NULL where there is none. */
struct ctl_meter *ctl_registry_find(const struct ctl_registry *registry, uint32_t meter);
/** The meter of a group whose signer is this one now; NULL where there is none. */
struct ctl_meter *ctl_registry_find_signer(const struct ctl_registry *registry, uint16_t group,
                                           const struct eth_address *signer);
/** The number after the group's highest, from 1; 65536 where the group is full. */
uint32_t ctl_registry_next_number(const struct ctl_registry *registry, uint16_t group);

#endif
