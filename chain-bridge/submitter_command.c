#include "chain-bridge/submitter_command.h"

#include <inttypes.h>
#include <stdio.h>

#include "chain-bridge/fault.h"
#include "chain-bridge/ledger.h"
#include "chain-bridge/store_command.h"

enum { SOON_MS = 2000, LATER_MS = 30000 };

/* What a refusal by the contract means for a row. */
struct judgement {
    enum command_state state;
    uint64_t wait_ms;
    bool told; /* people should know */
};

static enum tx_kind kind_of(const struct command_row *row)
{
    return row->state == COMMAND_RELAYED ? TX_ISSUE : TX_RESULT;
}

/* The contract wants an earlier id first; it may be on its way. */
static struct judgement judge_order(const struct submitter *submitter,
                                    const struct command_row *row, uint64_t expected)
{
    struct command_row earlier;
    bool found = false;
    if (expected > row->command.id)
        return (struct judgement){COMMAND_RELAYED, SOON_MS, false}; /* its event settles it */
    if (store_command_get(submitter->config.settler.store, &earlier, &found, row->command.meter,
                          expected, NULL) == 0 &&
        found && earlier.state == COMMAND_RELAYED)
        return (struct judgement){COMMAND_RELAYED, SOON_MS, false};
    return (struct judgement){COMMAND_REFUSED, 0, true};
}

static struct judgement judge_issue(const struct submitter *submitter,
                                    const struct command_row *row,
                                    const struct chain_revert *revert)
{
    struct abi_view args = {revert->data + 4, revert->len - 4};
    uint64_t expected;
    if (ledger_revert_is(revert, "CommandIdNotNext(uint32,uint64,uint64)") &&
        abi_get_uint(args, 2, &expected, NULL) == 0)
        return judge_order(submitter, row, expected);
    return (struct judgement){COMMAND_REFUSED, 0, true};
}

static struct judgement judge_result(const struct chain_revert *revert)
{
    if (ledger_revert_is(revert, "ResultAlreadyRecorded(uint32,uint64)"))
        return (struct judgement){COMMAND_RECORDED, 0, false}; /* by another server of the group */
    if (ledger_revert_is(revert, "CommandNotIssued(uint32,uint64)") ||
        ledger_revert_is(revert, "ResultInFuture(uint32)") ||
        ledger_revert_is(revert, "NotServerOfGroup(address,uint16)"))
        return (struct judgement){COMMAND_ANSWERED, LATER_MS, false};
    return (struct judgement){COMMAND_UNRECORDED, 0, true};
}

static void tell_refusal(const struct submitter *submitter, const struct command_row *row,
                         const char *text)
{
    const struct settler *settler = &submitter->config.settler;
    struct alarm alarm = {.cause = "command-refused", .meter = row->command.meter, .text = text};
    log_unusual(settler->log, "the contract refuses %s meter=%u id=%" PRIu64 ": %s",
                kind_of(row) == TX_ISSUE ? "a command" : "a result", (unsigned)row->command.meter,
                row->command.id, text);
    settler->notices.alarm(settler->notices.cookie, &alarm);
}

/* Ends what the row tried, with the transaction of tx, or (NULL) without one. */
static int end_row(const struct submitter *submitter, const struct command_row *row,
                   const struct tx_row *tx, const struct judgement *judgement, const char *text,
                   struct err *err)
{
    const struct settler *settler = &submitter->config.settler;
    uint64_t now_ms = clock_unix_ms(settler->clock);
    struct command_end end = {.meter = row->command.meter,
                              .id = row->command.id,
                              .state = judgement->state,
                              .text = text,
                              .retry_ms = judgement->wait_ms ? now_ms + judgement->wait_ms : 0,
                              .has_nonce = tx != NULL,
                              .nonce = tx ? tx->nonce : 0};
    if (store_command_end(settler->store, &end, err) < 0)
        return -1;
    fault_point("command-ended");
    if (judgement->told)
        tell_refusal(submitter, row, text);
    return 0;
}

static int end_refused(const struct submitter *submitter, const struct command_row *row,
                       const struct tx_row *tx, const struct chain_revert *revert, struct err *err)
{
    char text[COMMAND_TEXT_MAX];
    struct judgement judgement =
        kind_of(row) == TX_ISSUE ? judge_issue(submitter, row, revert) : judge_result(revert);
    ledger_revert_text(text, sizeof(text), revert);
    return end_row(submitter, row, tx, &judgement, text, err);
}

/* --- claiming --- */

static int claim(struct submitter *submitter, const struct command_row *row, struct buf *data,
                 uint64_t gas, struct err *err)
{
    const struct settler *settler = &submitter->config.settler;
    struct fees fees;
    struct tx_attempt attempt;
    if (submitter_first_fees(submitter, &fees, err) < 0)
        return -1;
    struct tx_row tx = {.nonce = submitter->next_nonce,
                        .kind = kind_of(row),
                        .meter = row->command.meter,
                        .command = row->command.id,
                        .gas_limit = gas + gas / 2};
    buf_append(&tx.data, data->data, data->len);
    flight_sign(&submitter->context, &tx, &attempt, &fees, clock_unix_ms(settler->clock));
    fault_point("command-claim-commit");
    if (store_command_claim(settler->store, &tx, &attempt, err) < 0) {
        buf_free(&tx.data);
        buf_free(&tx.raw);
        return -1;
    }
    fault_point("command-claimed");
    log_debug(settler->log, "%s claimed nonce=%" PRIu64 " meter=%u id=%" PRIu64,
              tx.kind == TX_ISSUE ? "command" : "result", tx.nonce, (unsigned)tx.meter, tx.command);
    submitter_take_off(submitter, &tx, &attempt);
    return 0;
}

/* The node's estimate is also its word on whether the contract would take it. */
static int try_row(struct submitter *submitter, const struct command_row *row, struct err *err)
{
    const struct settler *settler = &submitter->config.settler;
    struct buf data = BUF_INIT;
    struct chain_revert revert = {0};
    uint64_t gas;
    if (kind_of(row) == TX_ISSUE)
        ledger_issue_command(&data, &row->command);
    else
        ledger_record_result(&data, &row->result);
    struct chain_call call = {.from = submitter->config.checks.account,
                              .to = settler->contract,
                              .data = data.data,
                              .data_len = data.len};
    struct judgement later = {row->state, LATER_MS, false};
    enum chain_result result = chain_estimate(settler->chain, &gas, &revert, &call, err);
    int done = -1;
    if (result == CHAIN_OK)
        done = claim(submitter, row, &data, gas, err);
    else if (result == CHAIN_REFUSED && revert.reverted && revert.len >= 4)
        done = end_refused(submitter, row, NULL, &revert, err);
    else if (result == CHAIN_REFUSED)
        done = end_row(submitter, row, NULL, &later, "", err);
    buf_free(&data);
    return done;
}

int submitter_commands(struct submitter *submitter, struct err *err)
{
    const struct settler *settler = &submitter->config.settler;
    while (submitter->head_known && submitter->next_known && submitter->checked &&
           !submitter_in_trouble(submitter) && submitter->count < submitter->config.tuning.window) {
        struct command_row row;
        bool found;
        if (store_command_due(settler->store, &row, &found, clock_unix_ms(settler->clock), err) < 0)
            return -1;
        if (!found)
            return 0;
        if (try_row(submitter, &row, err) < 0)
            return -1;
    }
    return 0;
}

/* --- the end --- */

/* What the contract would have said before the block. len 0: it does not say no. */
static int ask_again(const struct submitter *submitter, const struct flight *flight,
                     struct chain_revert *ret_revert, struct err *err)
{
    const struct settler *settler = &submitter->config.settler;
    struct buf data = BUF_INIT;
    struct chain_call call = {.from = submitter->config.checks.account,
                              .to = settler->contract,
                              .data = flight->tx.data.data,
                              .data_len = flight->tx.data.len};
    *ret_revert = (struct chain_revert){0};
    enum chain_result result =
        chain_call(settler->chain, &data, ret_revert, &call, CHAIN_LATEST, err);
    buf_free(&data);
    return result == CHAIN_OK || result == CHAIN_REFUSED ? 0 : -1;
}

int submitter_end_command(struct submitter *submitter, const struct flight *flight, struct err *err)
{
    struct command_row row;
    struct chain_revert revert;
    bool found;
    if (store_command_get(submitter->config.settler.store, &row, &found, flight->tx.meter,
                          flight->tx.command, err) < 0)
        return -1;
    if (!found)
        return err_set(err, "store has no command %" PRIu64 " of meter %u", flight->tx.command,
                       (unsigned)flight->tx.meter);
    /* Its event, read before, has told how it went; or somebody else was first. */
    bool open = row.state == (flight->tx.kind == TX_ISSUE ? COMMAND_RELAYED : COMMAND_ANSWERED);
    struct judgement as_it_is = {row.state, open ? SOON_MS : 0, false};
    if (!open || flight->receipt.succeeded)
        return end_row(submitter, &row, &flight->tx, &as_it_is, row.text, err);
    if (ask_again(submitter, flight, &revert, err) < 0)
        return -1;
    as_it_is.wait_ms = LATER_MS;
    if (!revert.reverted || revert.len < 4)
        return end_row(submitter, &row, &flight->tx, &as_it_is, "", err);
    return end_refused(submitter, &row, &flight->tx, &revert, err);
}
