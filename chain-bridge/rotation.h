/*
 * rotation.h: what becomes of a meter's waiting reports when it gets another signer.
 *
 * The contract lets a signer count from a batch on: a report that the old key signed could be
 * sealed after that, but nobody could prove it. So those that wait are put aside (quarantine, with
 * their bytes), and the meter is asked for them: it signs what is not sealed again. Chain thread.
 */
#ifndef AMR_BRIDGE_ROTATION_H
#define AMR_BRIDGE_ROTATION_H

#include "chain-bridge/notices.h"
#include "chain-bridge/status.h"
#include "chain-bridge/store.h"
#include "common/log.h"

struct rotation {
    struct store *store;
    struct notices notices;
    struct status *status;
    struct log *log;
};

/** A transaction of its own. */
int rotation_apply(const struct rotation *rotation, uint32_t meter, struct err *err) AMR_NODISCARD;

#endif
