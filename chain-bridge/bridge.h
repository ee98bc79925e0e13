/*
 * bridge.h: amr-bridge put together: who owns what, which thread does what.
 *
 *   Paho's threads   intake_offer only
 *   workers          verification (intake)
 *   writer           store, receipts `stored` and `rejected` (intake; a connection of its own)
 *   chain thread     registry, batches, transactions, receipts `sealed` (blocking RPC, deadlines)
 *   main thread      bridge_tick once a second: state, alarms that waited, ready file
 *
 * Threads have names (`top -H`): verify, store, chain; Paho's its own.
 *
 * Exit codes: 0 ended by a signal, 1 failed at work, 2 usage or configuration, 3 refused to start
 * (store in use or of another chain, wrong chain id or contract).
 */
#ifndef AMR_BRIDGE_BRIDGE_H
#define AMR_BRIDGE_BRIDGE_H

#include "chain-bridge/config.h"
#include "common/clock.h"

enum bridge_exit { BRIDGE_OK, BRIDGE_FAILED, BRIDGE_USAGE, BRIDGE_REFUSED };

struct bridge;

/** Opens and checks everything; no thread runs yet. config and log outlive the bridge. */
enum bridge_exit bridge_new(struct bridge **ret_bridge, const struct config *config,
                            const struct clock *clock, struct log *log, struct err *err);
enum bridge_exit bridge_start(struct bridge *bridge, struct err *err);
void bridge_tick(struct bridge *bridge);
/** The configuration's live options have changed: takes them over. */
void bridge_retune(struct bridge *bridge);
/** Ends every thread within seconds, whatever is in flight; then releases. */
void bridge_free(struct bridge *bridge);

#endif
