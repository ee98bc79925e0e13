/*
 * audit_spool.h: what archives hold, put in the order of the ledger's batches, on disk.
 *
 * Archives come in any order and may overlap; checking goes batch by batch. So every archived
 * report is copied to a scratch file, compactly, and found again by its batch's place in the
 * ledger (0, 1, ...). Memory is 32 bytes a batch, however many reports there are. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_SPOOL_H
#define AMR_CHAIN_BRIDGE_AUDIT_SPOOL_H

#include "chain-bridge/archive_reader.h"
#include "common/buf.h"

struct audit_spool;

struct audit_spool *audit_spool_new(size_t batches, struct err *err) AMR_NODISCARD;
void audit_spool_free(struct audit_spool *spool);
/** A report or a leaf. */
int audit_spool_add(struct audit_spool *spool, size_t batch, const struct archived *archived,
                    struct err *err) AMR_NODISCARD;
/** After the last audit_spool_add. */
int audit_spool_sort(struct audit_spool *spool, struct err *err) AMR_NODISCARD;
/** A number that is another where batches 0..count-1 have other content, in whatever order. */
void audit_spool_digest(const struct audit_spool *spool, struct eth_hash *ret_digest, size_t count);

/** Appends the batch's entries: audit_entry_take walks them. */
int audit_spool_load(struct audit_spool *spool, struct buf *out, size_t batch,
                     struct err *err) AMR_NODISCARD;

struct audit_entry {
    uint32_t meter;
    uint32_t sequence;
    bool is_leaf;        /* then data is the leaf: 32 bytes */
    const uint8_t *data; /* else a report_blob.h; points into the buffer */
    size_t len;
};
/** The entry at the begin of len bytes; its length, 0 where there is none. */
size_t audit_entry_take(struct audit_entry *ret_entry, const uint8_t *data, size_t len);

#endif
