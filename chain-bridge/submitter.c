#include "chain-bridge/submitter_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/fault.h"
#include "chain-bridge/ledger.h"
#include "chain-bridge/submitter_follow.h"
#include "chain-bridge/submitter_halt.h"
#include "chain-bridge/submitter_send.h"

enum { WINDOW_MAX = 16 };

struct submitter *submitter_new(const struct submitter_config *config, struct err *err)
{
    struct submitter *submitter = xcalloc(1, sizeof(*submitter));
    struct store *store = config->settler.store;
    submitter->config = *config;
    submitter_tune(submitter, &config->tuning);
    submitter->context = (struct flight_context){.signer = config->signer,
                                                 .chain_id = config->checks.chain_id,
                                                 .contract = config->settler.contract};
    if (flight_load(store, &submitter->flights, &submitter->count, err) < 0 ||
        store_tx_next_nonce(store, &submitter->next_nonce, &submitter->next_known, err) < 0 ||
        submitter_find_halted(submitter, err) < 0) {
        submitter_free(submitter);
        return NULL;
    }
    submitter->episode = submitter->halted != 0;
    submitter_show_counts(submitter);
    return submitter;
}

void submitter_tune(struct submitter *submitter, const struct submitter_tuning *tuning)
{
    submitter->config.tuning = *tuning;
    if (tuning->window > WINDOW_MAX)
        submitter->config.tuning.window = WINDOW_MAX;
    submitter->config.checks.pays = tuning->fees.cap_wei != 0;
}

void submitter_free(struct submitter *submitter)
{
    if (!submitter)
        return;
    for (size_t i = 0; i < submitter->count; i++)
        flight_free(submitter->flights[i]);
    free(submitter->flights);
    free(submitter);
}

bool submitter_in_trouble(const struct submitter *submitter)
{
    return submitter->trouble.cause != NULL;
}

void submitter_set_trouble(struct trouble *trouble, const char *cause, const char *text)
{
    trouble->cause = cause;
    snprintf(trouble->text, sizeof(trouble->text), "%s", text);
}

/* Whatever differs from before about being paused is told once. */
static void tell_trouble(struct submitter *submitter)
{
    const struct settler *settler = &submitter->config.settler;
    const struct trouble *trouble = &submitter->trouble;
    if (!status_pause(settler->status, trouble->cause ? trouble->text : NULL))
        return;
    if (!trouble->cause) {
        log_info(settler->log, "submission resumes");
        return;
    }
    struct alarm alarm = {.cause = trouble->cause, .text = trouble->text};
    log_unusual(settler->log, "submission paused cause=%s: %s", trouble->cause, trouble->text);
    settler->notices.alarm(settler->notices.cookie, &alarm);
}

void submitter_tell(const struct submitter *submitter, const char *cause, const char *text)
{
    const struct settler *settler = &submitter->config.settler;
    struct alarm alarm = {.cause = cause, .text = text};
    log_unusual(settler->log, "%s: %s", cause, text);
    settler->notices.alarm(settler->notices.cookie, &alarm);
}

uint64_t submitter_mono_ms(const struct submitter *submitter)
{
    return clock_mono_ms(submitter->config.settler.clock);
}

void submitter_show_counts(struct submitter *submitter)
{
    status_set(submitter->config.settler.status, STATUS_IN_FLIGHT, submitter->count);
}

/* --- claiming --- */

int submitter_first_fees(struct submitter *submitter, struct fees *ret_fees, struct err *err)
{
    int result =
        fees_first(&submitter->config.tuning.fees, ret_fees, submitter->head.base_fee_wei, err);
    if (result < 0 && !submitter->fee_cap_told)
        submitter_tell(submitter, "fee-cap", err->text);
    submitter->fee_cap_told = result < 0;
    return result;
}

int submitter_prepare(struct submitter *submitter, struct batch_claim *claim,
                      const struct plan *plan, uint64_t nonce, struct err *err)
{
    struct fees fees;
    const struct settler *settler = &submitter->config.settler;
    if (submitter_first_fees(submitter, &fees, err) < 0)
        return -1;
    *claim = (struct batch_claim){.root = plan->root,
                                  .reports = plan->claims,
                                  .report_count = plan->count,
                                  .readings = (uint32_t)plan->reading_count};
    claim->tx.nonce = nonce;
    uint64_t gas_max = submitter_limits(submitter).gas;
    claim->tx.gas_limit = plan->gas_limit < gas_max ? plan->gas_limit : gas_max;
    ledger_submit_batch(&claim->tx.data, &plan->root, plan->records.data, plan->records.len);
    flight_sign(&submitter->context, &claim->tx, &claim->attempt, &fees,
                clock_unix_ms(settler->clock));
    return 0;
}

void submitter_drop_claim(struct batch_claim *claim)
{
    buf_free(&claim->tx.data);
    buf_free(&claim->tx.raw);
}

int submitter_submit(struct submitter *submitter, const struct plan *plan, struct err *err)
{
    struct batch_claim claim;
    if (submitter_prepare(submitter, &claim, plan, submitter->next_nonce, err) < 0)
        return -1;
    fault_point("claim-commit");
    if (store_batch_claim(submitter->config.settler.store, &claim, err) < 0) {
        submitter_drop_claim(&claim);
        return -1;
    }
    fault_point("claimed");
    status_add(submitter->config.settler.status, STATUS_CLAIMED, (int64_t)plan->count);
    log_debug(submitter->config.settler.log,
              "batch claimed nonce=%" PRIu64 " reports=%zu readings=%zu bytes=%zu gas=%" PRIu64,
              claim.tx.nonce, plan->count, plan->reading_count, claim.tx.raw.len, plan->gas);
    submitter_take_off(submitter, &claim.tx, &claim.attempt);
    return 0;
}

void submitter_take_off(struct submitter *submitter, const struct tx_row *tx,
                        const struct tx_attempt *attempt)
{
    struct flight *flight = xcalloc(1, sizeof(*flight));
    flight->tx = *tx;
    flight->attempts[0] = *attempt;
    flight->attempt_count = 1;
    submitter->flights =
        xrealloc(submitter->flights, (submitter->count + 1) * sizeof(*submitter->flights));
    submitter->flights[submitter->count++] = flight;
    submitter->next_nonce = tx->nonce + 1;
    submitter_show_counts(submitter);
    submitter_broadcast(submitter, flight);
}

/* --- the round --- */

static int check(struct submitter *submitter, struct err *err)
{
    struct chain_balance balance;
    struct err why = ERR_INIT;
    uint64_t now = submitter_mono_ms(submitter);
    if (submitter->checked && !submitter->account.cause &&
        now - submitter->checked_mono_ms < submitter->config.tuning.check_ms)
        return 0;
    enum check_result result =
        checks_pinned(&submitter->config.checks, submitter->config.settler.store, &why);
    if (result == CHECK_OK)
        result = checks_account(&submitter->config.checks, &balance, &why);
    if (result == CHECK_UNREACHED)
        return err_set(err, "%s", why.text);
    submitter->checked = true;
    submitter->checked_mono_ms = now;
    submitter->account.cause = NULL;
    if (result == CHECK_OK)
        status_set(submitter->config.settler.status, STATUS_BALANCE_GWEI, balance.gwei);
    else
        submitter_set_trouble(&submitter->account, check_cause(result), why.text);
    return 0;
}

static bool on_another_chain(const struct submitter *submitter)
{
    const char *cause = submitter->account.cause;
    return cause && strcmp(cause, check_cause(CHECK_WRONG_CHAIN)) == 0;
}

int submitter_check(struct submitter *submitter, bool *ret_right_chain, struct err *err)
{
    if (check(submitter, err) < 0)
        return -1;
    *ret_right_chain = !on_another_chain(submitter);
    return 0;
}

int submitter_poll(struct submitter *submitter, const struct chain_block *head, struct err *err)
{
    submitter->head = *head;
    submitter->head_known = true;
    if (check(submitter, err) < 0)
        return -1;
    submitter->trouble = submitter->account;
    /* On another chain our nonces mean nothing. */
    int result = on_another_chain(submitter) ? 0 : submitter_follow(submitter, err);
    tell_trouble(submitter);
    if (result < 0 || submitter_in_trouble(submitter))
        return result;
    for (size_t i = 0; i < submitter->count; i++)
        submitter_send_due(submitter, submitter->flights[i]);
    return submitter_mend_halted(submitter, err);
}

void submitter_on_hold(struct submitter *submitter, void (*hold)(void *cookie, uint32_t meter),
                       void *cookie)
{
    submitter->config.settler.hold = hold;
    submitter->config.settler.hold_cookie = cookie;
}

bool submitter_ready(const struct submitter *submitter)
{
    if (!submitter->head_known || !submitter->next_known || !submitter->checked ||
        submitter_in_trouble(submitter))
        return false;
    if (submitter->halted)
        return submitter->halted_single && !submitter->sealed_since && submitter->count == 0 &&
               submitter_may_try(submitter);
    return submitter->count < submitter->config.tuning.window;
}

/* Where readings were skipped the end of the batch tells what becomes of them: that is waited for.
 */
static bool all_taken(const struct flight *flight)
{
    return flight->mined && flight->receipt.succeeded && flight->receipt.log_count <= 1;
}

bool submitter_mined(const void *cookie, uint64_t batch)
{
    const struct submitter *submitter = cookie;
    if (batch == submitter->halted)
        return submitter->halted_single; /* then only later ones can show that it is to blame */
    for (size_t i = 0; i < submitter->count; i++)
        if (submitter->flights[i]->tx.batch == batch)
            return all_taken(submitter->flights[i]);
    return false;
}

struct plan_limits submitter_limits(const struct submitter *submitter)
{
    struct plan_limits limits = submitter->config.tuning.limits;
    if (submitter->head_known && submitter->head.gas_limit < limits.gas)
        limits.gas = submitter->head.gas_limit;
    return limits;
}
