/*
 * flight.h: a transaction in flight: one nonce, one payload, one or more signed attempts.
 *
 * Made from the store at start or from a claim; replaced only through flight_raise, which writes
 * the new attempt to the store before anybody can send it. Belongs to the chain thread.
 */
#ifndef AMR_BRIDGE_FLIGHT_H
#define AMR_BRIDGE_FLIGHT_H

#include "chain-bridge/chain.h"
#include "chain-bridge/fees.h"
#include "chain-bridge/store_batch.h"
#include "common/signer.h"

/** Hashes followed for a nonce. A raise is at least 10 %, so the cap comes long before. */
#define FLIGHT_ATTEMPTS_MAX 64

struct flight {
    struct tx_row tx;
    struct tx_attempt attempts[FLIGHT_ATTEMPTS_MAX]; /* oldest first */
    size_t attempt_count;
    uint64_t sent_mono_ms;   /* of the last broadcast; valid if sent */
    uint64_t raised_mono_ms; /* since when the fees are what they are; valid if sent */
    bool sent;
    bool accepted;        /* a node took the youngest attempt at least once */
    bool raise_now;       /* a node asked for more */
    bool told;            /* an alarm about its fees or gas is out */
    uint64_t raised_head; /* the head's number when the fees became what they are */
    bool mined;           /* receipt is set */
    struct chain_receipt receipt;
    struct eth_hash mined_hash; /* which attempt */
    uint64_t missing_mono_ms;   /* since when the nonce is used but no receipt is found; 0: not */
};

/** Who signs and for what. */
struct flight_context {
    const struct signer *signer;
    uint64_t chain_id;
    struct eth_address contract;
};

/** Signs tx->data with these fees: fills tx->raw and ret_attempt. */
void flight_sign(const struct flight_context *context, struct tx_row *tx,
                 struct tx_attempt *ret_attempt, const struct fees *fees, uint64_t now_ms);
/** Signs with higher fees and stores that before it is used. */
int flight_raise(const struct flight_context *context, struct flight *flight, struct store *store,
                 const struct fees *fees, uint64_t now_ms, struct err *err) AMR_NODISCARD;
const struct tx_attempt *flight_last(const struct flight *flight);
void flight_free(struct flight *flight);

/** Every open transaction of the store, by nonce; *ret_flights grows as needed, free() it. */
int flight_load(struct store *store, struct flight ***ret_flights, size_t *ret_count,
                struct err *err) AMR_NODISCARD;

#endif
