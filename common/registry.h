/*
 * registry.h: who may speak: the file that the bridge copies from the contract and the plugin
 * reads.
 *
 * One row per meter (id, signer, status) with the revision of its last change, so that a reader
 * fetches only what is new. The bridge owns the file (registry_open_writer, DB_SHARED); the plugin
 * and amrctl open it read-only, so admission never waits for the bridge or the chain and works with
 * both down. A handle belongs to one thread.
 */
#ifndef AMR_COMMON_REGISTRY_H
#define AMR_COMMON_REGISTRY_H

#include "common/eip712.h"
#include "common/err.h"
#include "common/eth.h"

enum meter_status { METER_UNKNOWN, METER_ACTIVE, METER_CLOSED };

struct registry_meter {
    uint32_t meter;
    enum meter_status status;
    struct eth_address signer;
};

struct registry_head {
    uint64_t chain_id;
    struct eth_address contract;
    uint64_t block;    /* chain events are applied up to this block */
    uint64_t revision; /* of the last change */
};

struct registry;

/** Opens or makes the file for one chain and contract; refuses a file made for another. */
int registry_open_writer(struct registry **ret_registry, const char *path, uint64_t chain_id,
                         const struct eth_address *contract, struct err *err) AMR_NODISCARD;
int registry_open_reader(struct registry **ret_registry, const char *path,
                         struct err *err) AMR_NODISCARD;
void registry_close(struct registry *registry);

/** Cheap: whether the file changed since this reader last called it (true the first time). */
int registry_changed(struct registry *registry, bool *ret_changed, struct err *err) AMR_NODISCARD;
int registry_head(struct registry *registry, struct registry_head *ret_head,
                  struct err *err) AMR_NODISCARD;
/** Calls back for every meter changed after `revision` (0: all), in order of revision. */
int registry_each(struct registry *registry, uint64_t revision,
                  void (*on_meter)(void *cookie, const struct registry_meter *meter), void *cookie,
                  struct err *err) AMR_NODISCARD;
int registry_find(struct registry *registry, struct registry_meter *ret_meter, uint32_t meter,
                  struct err *err) AMR_NODISCARD;

/** Writer: begin, any number of puts, end (which stores the block and commits) or abort. */
int registry_begin(struct registry *registry, struct err *err) AMR_NODISCARD;
int registry_put(struct registry *registry, const struct registry_meter *meter,
                 struct err *err) AMR_NODISCARD;
int registry_end(struct registry *registry, uint64_t block, struct err *err) AMR_NODISCARD;
void registry_abort(struct registry *registry);

#endif
