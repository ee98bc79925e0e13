/*
 * sealed_index.h: what the chain has sealed of a group, in a scratch file: batches, the readings in
 * them, and who signed for a meter when.
 *
 * Made from the contract's logs and thrown away after the rebuild that needs it; a year of a large
 * group does not fit in memory. A batch is named by its number in the group. Readings are taken
 * one report at a time, and what is left in the end is what no file had. One thread.
 */
#ifndef AMR_BRIDGE_SEALED_INDEX_H
#define AMR_BRIDGE_SEALED_INDEX_H

#include "chain-bridge/archive_reader.h"
#include "chain-bridge/chain.h"
#include "common/buf.h"

struct sealed_index;

/** Makes the file anew. */
int sealed_index_open(struct sealed_index **ret_index, const char *path, uint16_t group,
                      struct err *err) AMR_NODISCARD;
/** Closes and removes it. */
void sealed_index_free(struct sealed_index *index);

/** Reads the contract's logs of these blocks, both inclusive, all or nothing. */
enum chain_result sealed_index_read(struct sealed_index *index, struct chain *chain,
                                    const struct eth_address *contract, uint64_t from, uint64_t to,
                                    struct err *err);

/** From here to sealed_index_end all is one transaction, for speed. */
int sealed_index_begin(struct sealed_index *index, struct err *err) AMR_NODISCARD;
int sealed_index_end(struct sealed_index *index, struct err *err) AMR_NODISCARD;

/** Fills in the batch with this root; ret_found false: the chain has none of the group. */
int sealed_index_batch(struct sealed_index *index, struct archived_batch *ret_batch,
                       bool *ret_found, const struct eth_hash *root, struct err *err) AMR_NODISCARD;
/** Who signed for the meter in the group's batch of that number; zero: it was not registered. */
int sealed_index_signer(struct sealed_index *index, struct eth_address *ret_signer, uint32_t meter,
                        uint64_t number, struct err *err) AMR_NODISCARD;
/** Fails unless the batch has each reading of the report and nobody took it before. */
int sealed_index_take(struct sealed_index *index, const struct report *report, uint64_t number,
                      struct err *err) AMR_NODISCARD;
/** A leaf of the batch's tree; is_other: of no report that it sealed. Twice is as good as once. */
int sealed_index_leaf(struct sealed_index *index, uint64_t number, const struct eth_hash *leaf,
                      bool is_other, struct err *err) AMR_NODISCARD;

enum sealed_proof {
    SEALED_PROVED,     /* the leaves make the batch's root */
    SEALED_INCOMPLETE, /* they do not, and some are missing */
    SEALED_ALTERED     /* they do not, although all are there */
};
/** Appends the other leaves of the batch. */
int sealed_index_prove(struct sealed_index *index, enum sealed_proof *ret_proof,
                       struct buf *ret_others, uint64_t number, struct err *err) AMR_NODISCARD;

struct sealed_lack {
    uint32_t meter;
    struct archived_batch batch;
    uint64_t readings;
};
/** Readings that nobody took, by meter and batch. */
int sealed_index_lacking(struct sealed_index *index,
                         void (*on_lack)(void *cookie, const struct sealed_lack *lack),
                         void *cookie, struct err *err) AMR_NODISCARD;

struct sealed_counts {
    uint64_t batches;
    uint64_t readings;
    uint64_t lacking; /* readings not taken */
};
int sealed_index_counts(struct sealed_index *index, struct sealed_counts *ret_counts,
                        struct err *err) AMR_NODISCARD;

#endif
