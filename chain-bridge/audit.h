/*
 * audit.h: a ledger held against archives of signed reports, from the first batch to the last.
 *
 * Three passes: the ledger's events for the list of its batches; the archives, whose reports are
 * spooled in that order (audit_spool.h); the events again, batch by batch (audit_batch.h), where
 * threads recover signers for one wave of batches while the one before is judged. Memory: two
 * waves, 130 bytes a batch, 200 bytes a meter.
 *
 * With a state file the run can be killed and goes on where it was, and the next one begins behind
 * what was found good. What lies behind must be what it was: the archives' content for those
 * batches and the chain's block; else everything is checked again. One thread calls.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_H
#define AMR_CHAIN_BRIDGE_AUDIT_H

#include "chain-bridge/audit_batch.h"
#include "chain-bridge/audit_table.h"
#include "chain-bridge/ctl_logs.h"

struct audit_config {
    struct ctl *ctl;
    struct ctl_logs *logs;
    struct ctl_progress *progress;
    char *const *archives;
    size_t archive_count;
    struct audit_scope scope;
    unsigned threads;  /* 0: one a processor */
    const char *state; /* NULL: none */
};

/** What was found; the lists are apart because only the last outlives a run. */
struct audit_result {
    struct audit_ledger *ledger;
    struct audit_findings of_ledger;
    struct audit_findings of_archives;
    struct audit_findings of_batches; /* lacks are added at the end */
    struct audit_counts counts;
    uint64_t waiting; /* archived reports that no batch sealed, by the archive's own words */
    uint64_t torn;    /* bytes of entries that were cut off */
    uint64_t resumed; /* places of the ledger that an earlier run checked */
};

void audit_result_clear(struct audit_result *result);
int audit_run(const struct audit_config *config, struct audit_result *ret_result,
              struct err *err) AMR_NODISCARD;

#endif
