/*
 * audit_state.h: how far a check has come, in a file.
 *
 * JSON, replaced as a whole each time. It belongs to one ledger and one scope; a file of another is
 * refused. Whether it still fits the archives and the chain is for audit.c to say, by `archives`
 * (audit_spool_digest of the first `next` batches) and the block. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_STATE_H
#define AMR_CHAIN_BRIDGE_AUDIT_STATE_H

#include "chain-bridge/audit.h"

struct audit_state {
    uint64_t chain_id;
    struct eth_address contract;
    uint64_t start_block;
    struct audit_scope scope;
    uint64_t next;  /* place of the first batch that was not checked */
    uint64_t block; /* of the one before */
    struct eth_hash block_hash;
    struct eth_hash archives;
};

/** Saves with it the counters of result's meters, its counts and its findings of batches. */
int audit_state_save(const char *path, const struct audit_state *state,
                     const struct audit_result *result, struct err *err) AMR_NODISCARD;

struct audit_saved;
/** *ret_saved NULL where there is no such file. */
int audit_state_load(struct audit_saved **ret_saved, struct audit_state *ret_state,
                     const char *path, struct err *err) AMR_NODISCARD;
/** What was counted and found, into a fresh result (its ledger excepted). */
int audit_saved_restore(const struct audit_saved *saved, struct audit_result *result,
                        struct err *err) AMR_NODISCARD;
/** The counters of a meter, as soon as the ledger has it; call for each of them. */
void audit_saved_meters(const struct audit_saved *saved, struct audit_ledger *ledger);
void audit_saved_free(struct audit_saved *saved);

#endif
