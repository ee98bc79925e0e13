#include "chain-bridge/submitter_send.h"

#include <inttypes.h>
#include <string.h>

#include "chain-bridge/fault.h"

enum { RAISE_BLOCKS = 3 };

static void sent_unhappily(struct submitter *submitter, struct flight *flight,
                           const struct chain_send *sent)
{
    char quoted[200];
    log_unusual(submitter->config.settler.log,
                "node did not take transaction nonce=%" PRIu64 " kind=%s text=%s", flight->tx.nonce,
                chain_send_kind_text(sent->kind),
                log_quote(quoted, sizeof(quoted), sent->text, strlen(sent->text)));
    switch (sent->kind) {
    case CHAIN_SEND_UNDERPRICED:
    case CHAIN_SEND_FEE_LOW:
        flight->raise_now = true;
        break;
    case CHAIN_SEND_FUNDS:
    case CHAIN_SEND_FEE_CAP:
    case CHAIN_SEND_GAS:
    case CHAIN_SEND_NOT_ALLOWED:
        if (!flight->told)
            submitter_tell(submitter,
                           sent->kind == CHAIN_SEND_FUNDS ? "account-empty" : "node-refuses",
                           sent->text);
        flight->told = true;
        break;
    default: /* asked again by the clock; receipts tell the truth */
        break;
    }
}

static void start_raise_clock(struct submitter *submitter, struct flight *flight)
{
    uint64_t now = submitter_mono_ms(submitter);
    flight->raised_mono_ms = now ? now : 1;
    flight->raised_head = submitter->head.number;
}

void submitter_broadcast(struct submitter *submitter, struct flight *flight)
{
    struct chain_send sent;
    uint64_t now = submitter_mono_ms(submitter);
    chain_send(submitter->config.settler.chain, &sent, flight->tx.raw.data, flight->tx.raw.len);
    fault_point("sent");
    if (!flight->sent || flight->raised_mono_ms == 0)
        start_raise_clock(submitter, flight);
    flight->sent = true;
    flight->sent_mono_ms = now;
    if (sent.kind == CHAIN_SENT || sent.kind == CHAIN_SEND_KNOWN)
        flight->accepted = true;
    else
        sent_unhappily(submitter, flight, &sent);
}

/* A raise that cannot be had leaves the old bytes in use: they are sent again all the same. */
static void raise_fees(struct submitter *submitter, struct flight *flight)
{
    struct err err = ERR_INIT;
    const struct tx_attempt *last = flight_last(flight);
    struct fees old = {last->tip_wei, last->max_fee_wei}, fees;
    const struct settler *settler = &submitter->config.settler;
    start_raise_clock(submitter, flight);
    flight->raise_now = false;
    if (fees_raise(&submitter->config.tuning.fees, &fees, &old, submitter->head.base_fee_wei,
                   &err) < 0 ||
        flight_raise(&submitter->context, flight, settler->store, &fees,
                     clock_unix_ms(settler->clock), &err) < 0) {
        if (!flight->told)
            submitter_tell(submitter, "fee-cap", err.text);
        flight->told = true;
        return;
    }
    fault_point("raised");
    status_add(settler->status, STATUS_BUMPS, 1);
    log_info(settler->log, "fees raised nonce=%" PRIu64 " tip_wei=%" PRIu64 " max_fee_wei=%" PRIu64,
             flight->tx.nonce, fees.tip_wei, fees.max_fee_wei);
    submitter_broadcast(submitter, flight);
}

/* Blocks were made without it, and long enough; or a node asked for more. */
static bool wants_raise(const struct submitter *submitter, const struct flight *flight,
                        uint64_t now)
{
    return flight->raise_now ||
           (flight->accepted && now - flight->raised_mono_ms >= submitter->config.tuning.raise_ms &&
            submitter->head.number >= flight->raised_head + RAISE_BLOCKS);
}

void submitter_send_due(struct submitter *submitter, struct flight *flight)
{
    uint64_t now = submitter_mono_ms(submitter);
    if (flight->mined)
        return;
    if (flight->sent && flight->missing_mono_ms == 0 && wants_raise(submitter, flight, now))
        raise_fees(submitter, flight);
    if (!flight->sent || now - flight->sent_mono_ms >= submitter->config.tuning.rebroadcast_ms)
        submitter_broadcast(submitter, flight);
}
