/*
 * ctl_logs.h: all of a ledger's events, fetched once and read as often as needed.
 *
 * ctl_logs_open asks the node for what is not in the cache yet, from start_block to the latest
 * block: pages grow while the node is quick and halve when it refuses, times out or answers with
 * much; where it goes away, it is asked again for a while. Final blocks (the node's `finalized`
 * tag, else 64 blocks deep) go to the cache file, page by page, so that a run that was ended goes
 * on where it was; later blocks go to a scratch file. The cache's last page must still be the
 * chain's: pages that are not are dropped. When the cache has reached its bound, the rest is
 * scratch, too. Memory is one page. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_LOGS_H
#define AMR_CHAIN_BRIDGE_CTL_LOGS_H

#include "chain-bridge/ctl.h"
#include "chain-bridge/ctl_progress.h"

struct ctl_logs_config {
    const char *cache;  /* folder; NULL: $XDG_CACHE_HOME/amrctl or ~/.cache/amrctl; "none" */
    uint32_t cache_mib; /* the file grows no further */
};

#define CTL_LOGS_ROWS(config)                                                                      \
    OPTION_STRING(config, logs.cache, "cache", NULL,                                               \
                  "folder where events of final blocks are kept for the next run (can be "         \
                  "deleted at any time); default: ~/.cache/amrctl; none: keep nothing"),           \
        OPTION_U32(config, logs.cache_mib, "cache-mib", "1024", 1, 1048576,                        \
                   "the cache grows to this size")

struct ctl_logs;

/** progress may be NULL. */
struct ctl_logs *ctl_logs_open(struct ctl *ctl, const struct ctl_logs_config *config,
                               struct ctl_progress *progress, struct err *err) AMR_NODISCARD;
void ctl_logs_close(struct ctl_logs *logs);
/** The latest block that they reach to. */
const struct chain_block *ctl_logs_head(const struct ctl_logs *logs);
/** Every event, decoded, in order; kinds NULL: all that this version knows. */
int ctl_logs_each(struct ctl_logs *logs, const enum ledger_event_kind *kinds, size_t count,
                  ctl_event_fn *on_event, void *cookie, struct err *err) AMR_NODISCARD;

#endif
