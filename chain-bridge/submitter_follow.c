#include "chain-bridge/submitter_follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chain-bridge/submitter_command.h"
#include "chain-bridge/submitter_halt.h"

enum { MISSING_MS_MAX = 60000, POOL_MS_MAX = 600000 };

/* The node's nonce against ours. false: no business to go on. */
static bool nonce_makes_sense(struct submitter *submitter, uint64_t latest)
{
    uint64_t first = submitter->count ? submitter->flights[0]->tx.nonce : submitter->next_nonce;
    char text[200];
    if (latest >= first && latest <= submitter->next_nonce)
        return true;
    if (latest > submitter->next_nonce && submitter->config.adopt_nonces) {
        log_unusual(submitter->config.settler.log,
                    "nonces of others are taken as they are up to nonce=%" PRIu64, latest - 1);
        submitter->next_nonce = latest;
        return true;
    }
    if (latest > submitter->next_nonce)
        snprintf(text, sizeof(text),
                 "somebody else uses this account's key: the chain has nonce %" PRIu64
                 ", we have sent up to %" PRIu64,
                 latest, submitter->next_nonce);
    else
        snprintf(text, sizeof(text),
                 "the chain forgot what was final: it has nonce %" PRIu64
                 ", ours are final up to %" PRIu64,
                 latest, first);
    submitter_set_trouble(&submitter->trouble, latest < first ? "chain-reset" : "nonce-foreign",
                          text);
    return false;
}

static void put_back(struct submitter *submitter, struct flight *flight)
{
    char text[120];
    flight->mined = false;
    flight->sent = false; /* at once */
    status_add(submitter->config.settler.status, STATUS_REORGS, 1);
    snprintf(text, sizeof(text), "block %" PRIu64 " with nonce %" PRIu64 " left the chain",
             flight->receipt.block, flight->tx.nonce);
    submitter_tell(submitter, "reorg", text);
}

static void take_receipts(struct submitter *submitter, struct flight *flight,
                          const struct chain_receipt *receipts)
{
    uint64_t now = submitter_mono_ms(submitter);
    for (size_t i = 0; i < flight->attempt_count; i++) {
        if (!receipts[i].found)
            continue;
        if (flight->mined && !eth_hash_equal(&flight->receipt.block_hash, &receipts[i].block_hash))
            status_add(submitter->config.settler.status, STATUS_REORGS, 1);
        flight->mined = true;
        flight->receipt = receipts[i];
        flight->mined_hash = flight->attempts[i].hash;
        flight->missing_mono_ms = 0;
        return;
    }
    if (flight->mined)
        put_back(submitter, flight);
    else if (flight->missing_mono_ms == 0)
        flight->missing_mono_ms = now ? now : 1;
}

/* Its nonce is used, and by none of its hashes. */
static bool is_foreign(const struct submitter *submitter, const struct flight *flight)
{
    return !flight->mined && flight->missing_mono_ms &&
           submitter_mono_ms(submitter) - flight->missing_mono_ms >= MISSING_MS_MAX;
}

static int look(struct submitter *submitter, struct flight *flight, uint64_t latest,
                struct err *err)
{
    struct chain_receipt receipts[FLIGHT_ATTEMPTS_MAX];
    struct eth_hash hashes[FLIGHT_ATTEMPTS_MAX];
    if (flight->tx.nonce >= latest) {
        flight->missing_mono_ms = 0;
        if (flight->mined)
            put_back(submitter, flight);
        return 0;
    }
    for (size_t i = 0; i < flight->attempt_count; i++)
        hashes[i] = flight->attempts[i].hash;
    enum chain_result result = chain_receipts(submitter->config.settler.chain, receipts, hashes,
                                              flight->attempt_count, err);
    if (result != CHAIN_OK)
        return -1;
    take_receipts(submitter, flight, receipts);
    if (is_foreign(submitter, flight) && !submitter->config.adopt_nonces)
        submitter_set_trouble(&submitter->trouble, "nonce-foreign",
                              "a nonce of ours was used by a transaction that is not ours");
    return 0;
}

/* --- finality --- */

/* 1 with the highest final block, 0: none yet. */
static int final_block(struct submitter *submitter, uint64_t *ret_number, struct err *err)
{
    uint32_t confirmations = submitter->config.tuning.confirmations;
    if (confirmations) {
        if (submitter->head.number + 1 < confirmations)
            return 0;
        *ret_number = submitter->head.number + 1 - confirmations;
        return 1;
    }
    struct chain_block block;
    enum chain_result result =
        chain_block(submitter->config.settler.chain, &block, CHAIN_FINALIZED, err);
    if (result == CHAIN_NONE)
        return 0;
    if (result != CHAIN_OK)
        return -1;
    *ret_number = block.number;
    return 1;
}

/* 1: the receipt's block is the chain's; 0: it is not (any more); -1: no answer. */
static int canonical(struct submitter *submitter, const struct flight *flight, struct err *err)
{
    struct chain_block block;
    enum chain_result result =
        chain_block(submitter->config.settler.chain, &block, flight->receipt.block, err);
    if (result == CHAIN_NONE)
        return 0;
    if (result != CHAIN_OK)
        return -1;
    return eth_hash_equal(&block.hash, &flight->receipt.block_hash);
}

/* What a transaction of others took the nonce of goes off again under another. */
static int give_up_foreign(struct submitter *submitter, struct err *err)
{
    size_t kept = 0;
    int result = 0;
    for (size_t i = 0; i < submitter->count; i++) {
        struct flight *flight = submitter->flights[i];
        bool foreign = result == 0 && is_foreign(submitter, flight);
        if (foreign)
            result = flight->tx.kind == TX_BATCH
                         ? submitter_put_back(submitter, flight->tx.batch, &flight->tx.nonce, err)
                         : submitter_end_command(submitter, flight, err);
        if (foreign && result == 0)
            flight_free(flight);
        else
            submitter->flights[kept++] = flight;
    }
    submitter->count = kept;
    submitter_show_counts(submitter);
    return result;
}

static void drop_first(struct submitter *submitter)
{
    flight_free(submitter->flights[0]);
    submitter->count--;
    memmove(submitter->flights, submitter->flights + 1,
            submitter->count * sizeof(*submitter->flights));
    submitter_show_counts(submitter);
}

static int end_batch(struct submitter *submitter, const struct flight *flight, struct err *err)
{
    if (!flight->receipt.succeeded)
        return submitter_end_reverted(submitter, flight, err);
    if (settle_sealed(&submitter->config.settler, flight, err) < 0)
        return -1;
    submitter->sealed_since = submitter->episode;
    return 0;
}

static int end_first(struct submitter *submitter, struct err *err)
{
    struct flight *flight = submitter->flights[0];
    int result = flight->tx.kind == TX_BATCH ? end_batch(submitter, flight, err)
                                             : submitter_end_command(submitter, flight, err);
    if (result == 0)
        drop_first(submitter);
    return result;
}

static int end_final(struct submitter *submitter, struct err *err)
{
    uint64_t number;
    if (submitter->count == 0 || !submitter->flights[0]->mined)
        return 0;
    int known = final_block(submitter, &number, err);
    while (known > 0 && submitter->count) {
        struct flight *flight = submitter->flights[0];
        if (!flight->mined || flight->receipt.block > number)
            return 0;
        int is = canonical(submitter, flight, err);
        if (is < 0)
            return -1;
        if (is == 0) {
            put_back(submitter, flight);
            return 0;
        }
        if (end_first(submitter, err) < 0)
            return -1;
    }
    return known < 0 ? -1 : 0;
}

/*
 * A new store takes the chain's nonce. Transactions that wait in the node's pool are of a store
 * that is lost: they are let through, and only one that does not go is replaced. 1: known.
 */
static int learn_nonce(struct submitter *submitter, uint64_t latest, struct err *err)
{
    const struct settler *settler = &submitter->config.settler;
    uint64_t pending, now = submitter_mono_ms(submitter);
    if (submitter->next_known)
        return 1;
    enum chain_result result = chain_nonce(settler->chain, &pending,
                                           &submitter->config.checks.account, CHAIN_PENDING, err);
    if (result != CHAIN_OK)
        return -1;
    if (pending > latest && submitter->pool_since_mono_ms == 0) {
        submitter->pool_since_mono_ms = now ? now : 1;
        log_unusual(settler->log,
                    "transactions of this account from before are let through first nonce=%" PRIu64
                    " count=%" PRIu64,
                    latest, pending - latest);
    }
    if (pending > latest && now - submitter->pool_since_mono_ms < POOL_MS_MAX)
        return 0;
    submitter->next_nonce = latest;
    submitter->next_known = true;
    return 1;
}

int submitter_follow(struct submitter *submitter, struct err *err)
{
    uint64_t latest;
    if (chain_nonce(submitter->config.settler.chain, &latest, &submitter->config.checks.account,
                    CHAIN_LATEST, err) != CHAIN_OK)
        return -1;
    int known = learn_nonce(submitter, latest, err);
    if (known <= 0)
        return known;
    if (!nonce_makes_sense(submitter, latest))
        return 0;
    for (size_t i = 0; i < submitter->count; i++)
        if (look(submitter, submitter->flights[i], latest, err) < 0)
            return -1;
    if (submitter->config.adopt_nonces && give_up_foreign(submitter, err) < 0)
        return -1;
    return end_final(submitter, err);
}
