/*
 * presence.h: what a meter says of itself, unsigned: that it is there (birth), and what it still
 * holds (backlog); and what it is to be asked for.
 *
 * A bridge whose store was lost, or that takes over from another server of the group, lacks reports
 * that the meter holds as stored elsewhere. It asks for them, so that none is sealed after a later
 * one, and learns what it need not wait for. Runs in a transaction of the intake's writer; nothing
 * is sent before its commit.
 *
 * Trusted are topics: the broker lets nobody but the holder of the serial's certificate publish
 * there. Which meter has the serial is learnt from signed messages; from a birth only while nothing
 * else is known of the meter.
 */
#ifndef AMR_BRIDGE_PRESENCE_H
#define AMR_BRIDGE_PRESENCE_H

#include "chain-bridge/store.h"
#include "chain-bridge/verify.h"

struct presence {
    bool there;   /* the meter that it says it is: commands may go to it */
    bool settled; /* something need not be waited for any more */
    bool asks;    /* then receipt is to be sent: RECEIPT_MISSING */
    struct receipt receipt;
};

/** The verdict is of a birth or a backlog, without a cause. -1: the store failed. */
int presence_take(struct store *store, struct presence *ret_presence, const struct verdict *verdict,
                  struct err *err) AMR_NODISCARD;

#endif
