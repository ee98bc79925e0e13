/*
 * log_file.h: a contract's event logs in a file, block range after block range.
 *
 * The cache of amrctl (and, unlinked, its scratch). Numbers are most significant byte first:
 *
 *   file  = "AMRLOGS1" chain id u64 | contract 20 | start block u64 | page...
 *   page  = length u32 (of what is between it and the checksum)
 *           | first block u64 | last block u64 | hash of the last block 32 | log...
 *           | checksum 8 (the first bytes of the Keccak-256 of length and content)
 *   log   = block u64 | index u32 | transaction 32 | topics u8, 32 each | length u32, data
 *
 * Pages join without gaps, the first begins at the start block. A page that is cut off, damaged or
 * does not join ends the file: it and what follows is dropped at open. Nothing in it is secret, and
 * it can be deleted at any time. One owner at a time (flock); one thread.
 */
#ifndef AMR_CHAIN_BRIDGE_LOG_FILE_H
#define AMR_CHAIN_BRIDGE_LOG_FILE_H

#include "chain-bridge/chain.h"

struct log_file;

/** Which logs these are; a file of others is emptied at open. */
struct log_file_key {
    uint64_t chain_id;
    struct eth_address contract;
    uint64_t start_block;
};

/** path NULL, or in use by another process: a scratch file in TMPDIR that nobody else sees. */
struct log_file *log_file_open(const char *path, const struct log_file_key *key,
                               struct err *err) AMR_NODISCARD;
void log_file_close(struct log_file *file);

/** The block after the last page: where to read on. */
uint64_t log_file_next(const struct log_file *file);
uint64_t log_file_bytes(const struct log_file *file);
/** The last page's last block; false where there is none. */
bool log_file_last(const struct log_file *file, uint64_t *ret_block, struct eth_hash *ret_hash);
/** Takes the last page away: the chain has other blocks now. */
int log_file_drop_last(struct log_file *file, struct err *err) AMR_NODISCARD;

/** Appends log to a page under construction. */
void log_file_put(struct buf *page, const struct chain_log *log);
/** Appends the page of blocks log_file_next()..last. */
int log_file_append(struct log_file *file, uint64_t last, const struct eth_hash *hash,
                    const struct buf *page, struct err *err) AMR_NODISCARD;

/** Every log in order; a callback that returns non-zero ends it: -1. address is set. */
int log_file_each(struct log_file *file, chain_log_fn *on_log, void *cookie,
                  struct err *err) AMR_NODISCARD;

#endif
