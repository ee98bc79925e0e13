/*
 * archive_reader.h: sealed reports out of a file, one after the other.
 *
 * Reads an archive of amr-bridge (archive.h), what `amr-bridge --print-archive` prints, and what
 * `amr-meter export` prints: the last two are JSON lines. A batch may come in several parts and in
 * any order, and copies may overlap, so whoever builds a batch's tree sorts its leaves and drops
 * repeats. Form and checksums are checked here; whether a report was really sealed, only the chain
 * can tell. Memory is bounded by one entry. Any thread, one at a time.
 */
#ifndef AMR_BRIDGE_ARCHIVE_READER_H
#define AMR_BRIDGE_ARCHIVE_READER_H

#include "common/eth.h"
#include "common/reading.h"

struct archived_batch {
    struct eth_hash root;
    struct eth_hash transaction;
    uint64_t block;
    uint64_t number; /* of the group; 0: the file does not say (a meter's export) */
};

enum archived_kind {
    ARCHIVED_REPORT, /* sealed by the batch */
    ARCHIVED_LEAF,   /* of the batch's tree, but not sealed by it: refused, or sealed before */
    ARCHIVED_WAITING /* a meter's report that no batch has sealed; batch is all zero */
};

struct archived {
    struct archived_batch batch;
    enum archived_kind kind;
    struct report report; /* ARCHIVED_REPORT, ARCHIVED_WAITING */
    struct eth_hash leaf; /* ARCHIVED_LEAF (merkle.h) */
};

struct archive_reader;

int archive_reader_open(struct archive_reader **ret_reader, const char *path,
                        struct err *err) AMR_NODISCARD;
void archive_reader_close(struct archive_reader *reader);
/**
 * 1: *ret_archived is the next one; 0: there are no more; -1: not as it was written, err says
 * where. The call after that goes on with the next entry or line, where its beginning is known.
 */
int archive_reader_next(struct archive_reader *reader, struct archived *ret_archived,
                        struct err *err) AMR_NODISCARD;
/** After the last: bytes of an entry that is cut off, as in a copy made while one was written. */
uint64_t archive_reader_torn(const struct archive_reader *reader);
/** Bytes read so far. */
uint64_t archive_reader_tell(const struct archive_reader *reader);

/* The file's parts, for archive.c which writes them. */
#define ARCHIVE_MAGIC "AMRARCH1"
enum {
    ARCHIVE_MAGIC_LEN = 8,
    ARCHIVE_BATCH_LEN = 80,
    ARCHIVE_REPORT_LEN = 12,
    ARCHIVE_SUM_LEN = 8,
    ARCHIVE_ENTRY_MAX = 64 << 20
};
void archive_sum(uint8_t ret_sum[ARCHIVE_SUM_LEN], const uint8_t *data, size_t len);

#endif
