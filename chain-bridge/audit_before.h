/*
 * audit_before.h: the ledger that came before, held against this one.
 *
 * A contract cannot be changed; one that replaces another names it (linkPredecessor), and no
 * reading counts in both. What no contract can check is that meters went on where they were: a
 * meter's first reading here must be later than its last there, and its registers no lower. One
 * step back: the predecessor's own predecessor is its own check's business. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_BEFORE_H
#define AMR_CHAIN_BRIDGE_AUDIT_BEFORE_H

#include "chain-bridge/audit_batch.h"
#include "chain-bridge/ctl_logs.h"

struct audit_before {
    struct ctl *ctl;
    const struct ctl_logs_config *logs;
    struct ctl_progress *progress;
    uint64_t start_block; /* of the predecessor */
    const struct audit_ledger *ledger;
    const struct audit_scope *scope;
    struct audit_findings *findings;
};

/** *ret_predecessor is zero where there is none; then nothing is compared. */
int audit_before(const struct audit_before *before, struct eth_address *ret_predecessor,
                 struct err *err) AMR_NODISCARD;

#endif
