/*
 * reload.h: SIGHUP: the configuration read again, as far as it can change under a running bridge.
 *
 * File, environment and command line are read as at the start. Live options ([live] in --help) are
 * taken over; of others that differ the log says that they need a restart. A configuration that
 * would be refused at the start changes nothing. Main thread only.
 */
#ifndef AMR_BRIDGE_RELOAD_H
#define AMR_BRIDGE_RELOAD_H

#include "chain-bridge/config.h"

struct reload {
    struct options *options; /* whose target is config */
    struct config *config;
    int argc;
    char **argv;
    struct log *log;
};

/** How many live options changed; -1: nothing was taken over, as the log says. */
int reload_config(const struct reload *reload) AMR_NODISCARD;

#endif
