/*
 * archive.h: the file of sealed reports with their signatures, which outlives server and store.
 *
 * Append-only, so that it can be copied at any time; whatever was copied in the middle of an entry
 * ends at the last whole one. Numbers are most significant byte first:
 *
 *   file  = "AMRARCH1" entry...
 *   entry = length u32 (of what is between it and the checksum)
 *           | batch: root 32, transaction 32, block u64, number u64
 *           | reports: meter u32, sequence u32, length u32, report_blob.h
 *           | leaves: 0 u32, 0 u32, 32 u32, a leaf of the batch's tree (merkle.h) whose report the
 *             batch did not seal: it was refused, or is in another batch
 *           | checksum 8 (the first bytes of the Keccak-256 of length and content)
 *
 * A batch may have several entries, in any order; each has all its leaves. The store knows how long
 * the file is and which reports are in it; archive_step appends, syncs, and only then tells the
 * store: what a crash left behind the known length is cut off at the next open. A file that a lost
 * store left behind is kept as PATH.1, .2 and so on. archive_reader.h reads it. Chain thread only.
 */
#ifndef AMR_BRIDGE_ARCHIVE_H
#define AMR_BRIDGE_ARCHIVE_H

#include "chain-bridge/store_batch.h"
#include "chain-bridge/store_report.h"

struct archive;

/** Makes or opens PATH; one that is shorter than the store knows is refused. */
int archive_open(struct archive **ret_archive, const char *path, struct store *store,
                 struct err *err) AMR_NODISCARD;
/** A file that is at PATH is renamed to PATH.1, or .2 and so on. */
int archive_keep(const char *path, struct err *err) AMR_NODISCARD;
void archive_close(struct archive *archive);
/** Appends sealed reports that are not in it yet; *ret_more: there may be others. */
int archive_step(struct archive *archive, bool *ret_more, struct err *err) AMR_NODISCARD;

#endif
