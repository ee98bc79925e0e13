/*
 * proof.h: a file by which anyone can prove a reading, with nothing of ours.
 *
 *   {"format":"amr-proof-1","chain_id":31337,"contract":"0x…","batch":7,"root":"0x…","tx":"0x…",
 *    "block":1234,"signer":"0x…","t":1767225600,"report":{…},"proof":["0x…",…]}
 *
 * It says: `signer` signed this report (INTERFACES.md) for this contract, and the report is a leaf
 * of the tree with this root: that much is mathematics (proof_check). That the ledger sealed this
 * root as the group's batch `batch`, in that block and transaction, that `signer` was the meter's
 * by then, and that the contract took the reading of time t, the chain has to say
 * (ledger.h; amrctl check-proof --rpc, contracts/tools/check-proof.mjs). Pure functions; any
 * thread.
 */
#ifndef AMR_CHAIN_BRIDGE_PROOF_H
#define AMR_CHAIN_BRIDGE_PROOF_H

#include "common/buf.h"
#include "common/eip712.h"
#include "common/merkle.h"
#include "common/signer.h"

#define PROOF_FILE_MAX 65536

struct proof {
    uint64_t chain_id;
    struct eth_address contract;
    uint64_t batch; /* its number in the group */
    struct eth_hash root;
    struct eth_hash transaction;
    uint64_t block;
    struct eth_address signer;
    uint32_t timestamp_s; /* of the report's reading that it is about */
    struct report report;
    size_t count;
    struct eth_hash path[MERKLE_PROOF_MAX]; /* siblings from the leaf up */
};

/**
 * Fills in the path from all leaves of the batch (repeats allowed, in any order); the rest is the
 * caller's. Fails where the report is none of them or they do not lead to proof->root.
 */
int proof_build(struct proof *proof, const struct eth_hash *leaves, size_t count,
                struct err *err) AMR_NODISCARD;
void proof_print(struct buf *out, const struct proof *proof);
/** Strict: unknown, missing or repeated keys and numbers out of range are refused. */
int proof_parse(struct proof *ret_proof, const void *data, size_t len,
                struct err *err) AMR_NODISCARD;

/** The reading at proof->timestamp_s; NULL where the report has none. */
const struct reading *proof_reading(const struct proof *proof);
/** Signature, leaf and path; where it fails, err says which. */
int proof_check(const struct proof *proof, const struct recoverer *recoverer,
                struct err *err) AMR_NODISCARD;

#endif
