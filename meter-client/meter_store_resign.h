/*
 * meter_store_resign.h: the part of the meter's store (meter_store.h) about a change of the meter's
 * signing key: what is on its way is signed anew, what is sealed stays as it was signed.
 */
#ifndef AMR_METER_STORE_RESIGN_H
#define AMR_METER_STORE_RESIGN_H

#include "meter-client/meter_store.h"

/** What signs anew, each in place, when the meter has another key than the store knows. */
struct meter_store_signing {
    const struct eth_address *signer;
    void (*report)(void *cookie, struct report *report);
    void (*event)(void *cookie, struct meter_event *event);
    void (*result)(void *cookie, struct command_result *result);
    void *cookie;
};
/** Whether it holds signatures of another key than the identity's. */
bool meter_store_is_foreign(const struct meter_store *store);
/** Signs anew what is open: reports not sealed, events and results not sent. All or nothing. */
int meter_store_resign(struct meter_store *store, uint64_t *ret_signed,
                       const struct meter_store_signing *signing, struct err *err) AMR_NODISCARD;

#endif
