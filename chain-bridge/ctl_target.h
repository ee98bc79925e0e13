/*
 * ctl_target.h: which meter a person means: an id (65537, 1/1) or a serial.
 *
 * The chain knows no serials. One is looked up in a bridge's store (--store), among the bundles
 * that enrol wrote (--meters), and in the births that a broker keeps (--servers, ctl_feed.h), in
 * this order. A serial that looks like an id is written serial:12345678.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_TARGET_H
#define AMR_CHAIN_BRIDGE_CTL_TARGET_H

#include "chain-bridge/ctl.h"
#include "chain-bridge/ctl_feed.h"

struct ctl_target_config {
    const char *store;
    const char *meters;
};

#define CTL_TARGET_ROWS(config)                                                                    \
    OPTION_STRING(config, target.store, "store", NULL,                                             \
                  "a bridge's store, which knows serials; read beside the running bridge"),        \
        OPTION_STRING(config, target.meters, "meters", NULL,                                       \
                      "folder of enrolled meters' SERIAL.conf, which know them, too")

struct ctl_target {
    uint32_t meter;
    char serial[SERIAL_MAX + 1]; /* empty: not known */
};

/** An exit code. feed: NULL or without servers where there is none. */
int ctl_target_find(struct ctl_target *ret_target, const struct ctl *ctl,
                    const struct ctl_target_config *config, const struct ctl_feed_config *feed,
                    const char *text, struct err *err) AMR_NODISCARD;

#endif
