#include "chain-bridge/flight.h"

#include <stdlib.h>

#include "common/eth_tx.h"

struct loading {
    struct flight **flights;
    size_t count;
};

void flight_sign(const struct flight_context *context, struct tx_row *tx,
                 struct tx_attempt *ret_attempt, const struct fees *fees, uint64_t now_ms)
{
    struct eth_tx eth_tx = {.chain_id = context->chain_id,
                            .nonce = tx->nonce,
                            .max_priority_fee_wei = fees->tip_wei,
                            .max_fee_wei = fees->max_fee_wei,
                            .gas_limit = tx->gas_limit,
                            .to = context->contract,
                            .data = tx->data.data,
                            .data_len = tx->data.len};
    buf_clear(&tx->raw);
    *ret_attempt = (struct tx_attempt){
        .tip_wei = fees->tip_wei, .max_fee_wei = fees->max_fee_wei, .created_ms = now_ms};
    eth_tx_sign(&eth_tx, &tx->raw, &ret_attempt->hash, context->signer);
}

int flight_raise(const struct flight_context *context, struct flight *flight, struct store *store,
                 const struct fees *fees, uint64_t now_ms, struct err *err)
{
    struct tx_row next = {
        .nonce = flight->tx.nonce, .gas_limit = flight->tx.gas_limit, .data = flight->tx.data};
    struct tx_attempt attempt;
    if (flight->attempt_count == FLIGHT_ATTEMPTS_MAX)
        return err_set(err, "nonce %llu was raised too often",
                       (unsigned long long)flight->tx.nonce);
    flight_sign(context, &next, &attempt, fees, now_ms);
    if (store_tx_replace(store, flight->tx.nonce, &next.raw, &attempt, err) < 0) {
        buf_free(&next.raw);
        return -1;
    }
    buf_free(&flight->tx.raw);
    flight->tx.raw = next.raw;
    flight->attempts[flight->attempt_count++] = attempt;
    flight->accepted = false;
    flight->raise_now = false;
    return 0;
}

const struct tx_attempt *flight_last(const struct flight *flight)
{
    return &flight->attempts[flight->attempt_count - 1];
}

void flight_free(struct flight *flight)
{
    if (!flight)
        return;
    buf_free(&flight->tx.data);
    buf_free(&flight->tx.raw);
    free(flight);
}

static void take_tx(void *cookie, struct tx_row *row)
{
    struct loading *loading = cookie;
    struct flight *flight = xcalloc(1, sizeof(*flight));
    flight->tx = *row;
    loading->flights = xrealloc(loading->flights, (loading->count + 1) * sizeof(*loading->flights));
    loading->flights[loading->count++] = flight;
}

static void take_attempt(void *cookie, const struct tx_attempt *attempt)
{
    struct flight *flight = cookie;
    if (flight->attempt_count < FLIGHT_ATTEMPTS_MAX)
        flight->attempts[flight->attempt_count++] = *attempt;
}

static int load_attempts(struct store *store, struct flight *flight, struct err *err)
{
    if (store_tx_attempts(store, flight->tx.nonce, take_attempt, flight, err) < 0)
        return -1;
    if (flight->attempt_count == 0)
        return err_set(err, "store: nonce %llu has no signed attempt",
                       (unsigned long long)flight->tx.nonce);
    return 0;
}

int flight_load(struct store *store, struct flight ***ret_flights, size_t *ret_count,
                struct err *err)
{
    struct loading loading = {NULL, 0};
    int result = store_tx_open(store, take_tx, &loading, err);
    for (size_t i = 0; result == 0 && i < loading.count; i++)
        result = load_attempts(store, loading.flights[i], err);
    if (result == 0) {
        *ret_flights = loading.flights;
        *ret_count = loading.count;
        return 0;
    }
    for (size_t i = 0; i < loading.count; i++)
        flight_free(loading.flights[i]);
    free(loading.flights);
    return -1;
}
