/*
 * audit_batch.h: one batch of the ledger held against its archived reports.
 *
 * A job is a batch and what the archives have of it. audit_item_work does what is dear (digest,
 * signer, leaf) for one report, in any thread; audit_batch_finish, in chain order, then says: are
 * these the reports under the batch's root, did each meter's signer of that batch sign them, are
 * their readings the sealed ones, does any lack, do the reports' numbers rise.
 *
 * Where the root fits, what is under it was sealed, byte for byte. Where it does not, it is tried
 * without the reports that do not belong; then what is left is told as wrong, or as incomplete
 * where reports of the batch lack.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_BATCH_H
#define AMR_CHAIN_BRIDGE_AUDIT_BATCH_H

#include "chain-bridge/audit_ledger.h"
#include "chain-bridge/audit_spool.h"
#include "common/eip712.h"
#include "common/signer.h"

struct audit_item {
    struct audit_entry entry;
    bool recover; /* its signature is to be checked */
    /* What audit_item_work fills in. */
    bool readable;
    bool recovered;
    struct eth_hash digest;
    struct eth_hash leaf;
    struct eth_address signer;
};

/** Everything a job holds is its own. */
struct audit_job {
    struct history_batch batch; /* records and reasons are the job's copies */
    size_t place;               /* among all batches of the ledger */
    struct buf data;            /* the spool's entries */
    struct audit_item *items;
    size_t item_count;
};

/** Which readings are looked at: of all meters, or of one. */
struct audit_scope {
    uint16_t group; /* 0: all */
    uint32_t meter; /* 0: all */
};
bool audit_scope_has(const struct audit_scope *scope, uint32_t meter);

struct audit_counts {
    uint64_t batches;
    uint64_t whole;       /* their root was rebuilt */
    uint64_t reports;     /* archived ones that were looked at */
    uint64_t readings;    /* sealed ones that were looked at */
    uint64_t verified;    /* signature, root and values */
    uint64_t signed_only; /* signature and values; the root could not be rebuilt */
    uint64_t lacking;     /* no archive has their report */
};

/** Copies batch, takes data (it is empty afterwards) and cuts it into items. */
void audit_job_init(struct audit_job *job, const struct history_batch *batch, size_t place,
                    struct buf *data, const struct audit_scope *scope);
void audit_job_clear(struct audit_job *job);

void audit_item_work(struct audit_item *item, const struct eip712 *domain,
                     const struct recoverer *recoverer);

struct audit_batch_config {
    const struct eip712 *domain;
    const struct recoverer *recoverer;
    struct audit_scope scope;
    struct audit_ledger *ledger;     /* its meters' counters are moved on */
    struct audit_findings *findings; /* what lacks and gaps is kept with the meters until the end */
    struct audit_counts *counts;
};
void audit_batch_finish(const struct audit_batch_config *config, struct audit_job *job);

#endif
