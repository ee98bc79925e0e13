/*
 * audit_ledger.h: the ledger's own story, followed event by event, and its rules applied again.
 *
 * Who was a meter's signer for which batch (the contract's meterSignerAt), which servers were
 * listed, which number the next batch of a group has, and what a meter's last reading was. Feed
 * events in chain order. Memory is about 200 bytes a meter. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_LEDGER_H
#define AMR_CHAIN_BRIDGE_AUDIT_LEDGER_H

#include "chain-bridge/audit_findings.h"
#include "chain-bridge/ctl_history.h"

struct audit_tenure {
    struct eth_address signer;
    uint64_t from_batch; /* of the group */
};

struct audit_meter {
    uint32_t meter;
    bool closed;
    struct audit_tenure *tenures; /* rising; the last is the signer of today */
    size_t tenure_count;
    struct reading first; /* that the ledger took; timestamp 0: none yet */
    struct reading last;
    uint64_t readings; /* taken */
    uint64_t refused;
    /* What audit_batch.h found; kept from run to run. */
    uint64_t verified;    /* readings with signature, root and values checked */
    uint64_t signed_only; /* readings whose batch's root could not be rebuilt */
    uint64_t wrong;
    uint64_t reports;
    uint32_t sequence; /* of the last sealed report that was seen */
    uint64_t tenure;   /* whose sequence it is: from_batch */
    uint64_t lacking;  /* readings whose report no archive has */
    uint32_t lacking_from_s;
    uint32_t lacking_to_s;
    uint64_t unseen; /* readings without a good report since the last that was seen */
};

struct audit_ledger;

struct audit_ledger *audit_ledger_new(void) AMR_NODISCARD;
void audit_ledger_free(struct audit_ledger *ledger);
/** Every event that is no batch and no refusal. */
int audit_ledger_event(struct audit_ledger *ledger, const struct ledger_event *event,
                       struct err *err) AMR_NODISCARD;
/** A batch: what its events say against the rules goes to findings (NULL: nowhere). */
void audit_ledger_batch(struct audit_ledger *ledger, const struct history_batch *batch,
                        struct audit_findings *findings);

/** NULL where the meter was never registered. */
struct audit_meter *audit_ledger_meter(const struct audit_ledger *ledger, uint32_t meter);
/** In the order of their ids; NULL after the last. begin with 0. */
struct audit_meter *audit_ledger_next(const struct audit_ledger *ledger, uint32_t *meter);
/** Of a group, so far. */
uint64_t audit_ledger_batches(const struct audit_ledger *ledger, uint16_t group);
/** The tenure of the batch; NULL where the meter had no signer then. */
const struct audit_tenure *audit_signer_at(const struct audit_meter *meter, uint64_t batch);

#endif
