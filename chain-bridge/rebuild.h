/*
 * rebuild.h: a store made anew from the chain and archives, on a machine that has nothing else.
 *
 * The chain says what is sealed; the files have the reports and their signatures. Every report is
 * checked: signed by who was the meter's signer in that batch, each of its readings in the batch,
 * and all reports of a batch together make the root that was sealed. What is not so ends the
 * rebuild, naming file and report. What the files lack is told and does no harm: meters send what
 * is not sealed again, and the contract takes nothing twice.
 *
 * Works in STORE.rebuild, STORE.rebuild-chain and ARCHIVE.rebuild, and puts store and archive in
 * place when all is done: until then, whatever happens, nothing has changed. An archive that is at
 * that place is kept as ARCHIVE.1 and so on. One thread.
 */
#ifndef AMR_BRIDGE_REBUILD_H
#define AMR_BRIDGE_REBUILD_H

#include "chain-bridge/sealed_index.h"
#include "chain-bridge/store.h"
#include "common/eip712.h"
#include "common/log.h"
#include "common/signer.h"

struct rebuild_config {
    struct chain *chain; /* checked to be the right one */
    const char *store;
    const char *archive; /* the new one */
    const char *files;   /* archive_reader.h, separated by commas; NULL or "": none */
    struct store_identity identity;
    const struct eip712 *domain;
    const struct recoverer *recoverer;
    uint16_t group;
    uint64_t start_block;
    uint32_t confirmations; /* 0: the `finalized` tag */
    const struct clock *clock;
    struct log *log;
    /** What the files lack, by meter and batch. */
    void (*on_lack)(void *cookie, const struct sealed_lack *lack);
    void *cookie;
};

struct rebuild_result {
    uint64_t reports;
    uint64_t repeated; /* in more than one file, or twice */
    uint64_t batches;  /* with reports in the files */
    uint64_t unproved; /* of these: some leaves are missing, so the root could not be computed */
    struct sealed_counts chain;
};

enum rebuild_end {
    REBUILD_DONE,
    REBUILD_FAILED, /* the node did not answer, a disk is full: try again */
    REBUILD_REFUSED /* there is a store, the files are of another chain, or altered */
};

enum rebuild_end rebuild_run(const struct rebuild_config *config, struct rebuild_result *ret_result,
                             struct err *err);

#endif
