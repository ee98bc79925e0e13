/*
 * members.h: the registry in memory: which meters belong to this server and who signs for them.
 *
 * members_refresh looks at the registry file (a stat and a read of SQLite's change counter when
 * nothing is new), takes over what changed and follows a file that was replaced. While the file is
 * absent, locked, corrupt or of a newer version it fails, saying why, and the last good state
 * stays. A struct member is never freed before members_free, so pointers to it stay good; a meter
 * that left the registry turns METER_UNKNOWN. Only meters of this group are kept. One thread.
 */
#ifndef AMR_BROKER_PLUGIN_MEMBERS_H
#define AMR_BROKER_PLUGIN_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker-plugin/hash.h"
#include "broker-plugin/history.h"
#include "common/eip712.h"
#include "common/registry.h"

struct member {
    uint32_t meter;
    enum meter_status status;
    struct eth_address signer;
    struct history *history; /* NULL before its first report */
    uint32_t round;          /* of the last full load that met it */
    struct hash_node by_meter;
    struct hash_node by_signer;
};

struct members;

struct members *members_new(const char *path, uint16_t group) AMR_NODISCARD;
void members_free(struct members *members);

/** ret_changed tells whether a member changed. -1 leaves the last good state. */
int members_refresh(struct members *members, bool *ret_changed, struct err *err) AMR_NODISCARD;

/** Whether there ever was a good state; before that nobody is known. */
bool members_ready(const struct members *members);
size_t members_count(const struct members *members);
const struct registry_head *members_head(const struct members *members);
/** The domain that reports are signed for. */
const struct eip712 *members_domain(const struct members *members);

/** The meter this key signs for (an active one first); NULL where there is none. */
struct member *members_by_signer(const struct members *members, const struct eth_address *signer);
struct member *members_by_meter(const struct members *members, uint32_t meter);
/** The member's history, made where it has none yet. */
struct history *member_history(struct member *member);

#endif
