/*
 * roster.h: the meters of this server's group, in memory, for the verify workers.
 *
 * The chain thread fills it from the contract's events (and from registry.db at start); workers
 * read. Indexed by the meter's number within the group. Thread-safe.
 */
#ifndef AMR_BRIDGE_ROSTER_H
#define AMR_BRIDGE_ROSTER_H

#include "common/registry.h"

struct roster;

struct roster *roster_new(uint16_t group) AMR_NODISCARD;
void roster_free(struct roster *roster);

uint16_t roster_group(const struct roster *roster);
/** Ignores meters of other groups. */
void roster_put(struct roster *roster, const struct registry_meter *meter);
/** METER_UNKNOWN where there is none. */
struct registry_meter roster_find(struct roster *roster, uint32_t meter);
/** Active meters. */
uint32_t roster_count(struct roster *roster);

#endif
