/*
 * submitter_internal.h: the submitter's state and its parts; private to submitter*.c.
 *
 *   submitter.c          start, claims of batches, the round
 *   submitter_send.c     broadcasts and fees
 *   submitter_follow.c   nonces, receipts, finality
 *   submitter_halt.c     reverted batches
 *   submitter_command.c  commands and their results
 */
#ifndef AMR_BRIDGE_SUBMITTER_INTERNAL_H
#define AMR_BRIDGE_SUBMITTER_INTERNAL_H

#include "chain-bridge/submitter.h"

/* Why nothing may be submitted; cause NULL: nothing stands against it. */
struct trouble {
    const char *cause;
    char text[256];
};

struct submitter {
    struct submitter_config config;
    struct flight_context context;
    struct flight **flights; /* by nonce */
    size_t count;
    uint64_t next_nonce;
    uint64_t pool_since_mono_ms; /* since when the pool has what the store does not know; 0: not */
    bool next_known; /* next_nonce is set: by the store, or by the node for a new store */
    struct chain_block head;
    bool head_known;
    bool checked;
    uint64_t checked_mono_ms;
    struct trouble account; /* what the last check found */
    struct trouble trouble; /* of this round */
    uint64_t halted;        /* the oldest reverted batch, or 0 */
    bool halted_single;     /* it has only one report */
    bool episode;           /* from a revert until nothing is halted or in flight */
    bool sealed_since;      /* some batch was sealed in this episode */
    uint32_t reverts;       /* in this episode */
    uint32_t chances;       /* a lone reverted report had in this episode */
    uint64_t reverted_mono_ms;
    bool fee_cap_told;
};

/* submitter.c */
bool submitter_in_trouble(const struct submitter *submitter);
void submitter_set_trouble(struct trouble *trouble, const char *cause, const char *text);
/** Alarm and log. */
void submitter_tell(const struct submitter *submitter, const char *cause, const char *text);
uint64_t submitter_mono_ms(const struct submitter *submitter);
void submitter_show_counts(struct submitter *submitter);
/** The offer for a new transaction; fails, telling once, where fees are above the cap. */
int submitter_first_fees(struct submitter *submitter, struct fees *ret_fees,
                         struct err *err) AMR_NODISCARD;
/** Takes the buffers of tx into the next flight and broadcasts it. */
void submitter_take_off(struct submitter *submitter, const struct tx_row *tx,
                        const struct tx_attempt *attempt);
/** Signs the plan under a nonce; drop the claim where it is not taken off. */
int submitter_prepare(struct submitter *submitter, struct batch_claim *claim,
                      const struct plan *plan, uint64_t nonce, struct err *err) AMR_NODISCARD;
void submitter_drop_claim(struct batch_claim *claim);

#endif
