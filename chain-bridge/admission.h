/*
 * admission.h: the decision on one verified message, against and into the store.
 *
 * Runs inside a transaction of the writer; nothing may be told to anybody before its commit. An
 * exact repeat of a known report changes nothing and is answered again. A report may fill a gap
 * before later ones, even where those are claimed: whether it is too late is for the chain to say,
 * which may have it already (settle.h). Authentic reports that are refused for what they say use up
 * their sequence number, so that the meter's next reports do not wait for it; everything refused
 * goes to quarantine, but for births and backlogs of meters that are not in the registry (any
 * more): brokers retain them.
 */
#ifndef AMR_BRIDGE_ADMISSION_H
#define AMR_BRIDGE_ADMISSION_H

#include "chain-bridge/presence.h"
#include "chain-bridge/store.h"
#include "chain-bridge/verify.h"

/** NOTED: no report; nothing is answered for it but what `presence` says. */
enum admission_kind { ADMITTED, REPEATED, REFUSED, NOTED };

struct admission {
    enum admission_kind kind;
    bool used_sequence; /* REFUSED: a row was kept for it */
    bool has_receipt;
    struct receipt receipt; /* the answer */
    struct presence presence;
    bool answered; /* a command's result that is new */
    char serial[SERIAL_MAX + 1];
    uint32_t readings; /* ADMITTED */
};

/** May change verdict: cause and text of a refusal found here. -1: the store failed. */
int admission_decide(struct store *store, struct admission *ret_admission, struct verdict *verdict,
                     const struct message *message, struct err *err) AMR_NODISCARD;

#endif
