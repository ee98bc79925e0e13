#include "chain-bridge/submitter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/fault.h"
#include "chain-bridge/ledger.h"

enum { MISSING_MS_MAX = 60000, WINDOW_MAX = 16, RAISE_BLOCKS = 3, REVERTS_MAX = 8 };

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
    uint64_t reverted_mono_ms;
    bool fee_cap_told;
};

static bool in_trouble(const struct submitter *submitter)
{
    return submitter->trouble.cause != NULL;
}

static void set_trouble(struct trouble *trouble, const char *cause, const char *text)
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

static void tell(const struct submitter *submitter, const char *cause, const char *text)
{
    const struct settler *settler = &submitter->config.settler;
    struct alarm alarm = {.cause = cause, .text = text};
    log_unusual(settler->log, "%s: %s", cause, text);
    settler->notices.alarm(settler->notices.cookie, &alarm);
}

static uint64_t mono_ms(const struct submitter *submitter)
{
    return clock_mono_ms(submitter->config.settler.clock);
}

static void show_counts(struct submitter *submitter)
{
    status_set(submitter->config.settler.status, STATUS_IN_FLIGHT, submitter->count);
}

static bool count_one(void *cookie, const struct report_row *row)
{
    (void)row;
    return ++*(size_t *)cookie < 2;
}

static int find_halted(struct submitter *submitter, struct err *err)
{
    struct store *store = submitter->config.settler.store;
    size_t reports = 0;
    if (store_batch_halted(store, &submitter->halted, err) < 0)
        return -1;
    if (submitter->halted &&
        store_report_of_batch(store, submitter->halted, count_one, &reports, err) < 0)
        return -1;
    submitter->halted_single = reports == 1;
    status_set(submitter->config.settler.status, STATUS_HALTED, submitter->halted != 0);
    return 0;
}

struct submitter *submitter_new(const struct submitter_config *config, struct err *err)
{
    struct submitter *submitter = xcalloc(1, sizeof(*submitter));
    struct store *store = config->settler.store;
    submitter->config = *config;
    if (submitter->config.window > WINDOW_MAX)
        submitter->config.window = WINDOW_MAX;
    submitter->context = (struct flight_context){.signer = config->signer,
                                                 .chain_id = config->checks.chain_id,
                                                 .contract = config->settler.contract};
    if (flight_load(store, &submitter->flights, &submitter->count, err) < 0 ||
        store_tx_next_nonce(store, &submitter->next_nonce, &submitter->next_known, err) < 0 ||
        find_halted(submitter, err) < 0) {
        submitter_free(submitter);
        return NULL;
    }
    submitter->episode = submitter->halted != 0;
    show_counts(submitter);
    return submitter;
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

/* --- sending --- */

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
            tell(submitter, sent->kind == CHAIN_SEND_FUNDS ? "account-empty" : "node-refuses",
                 sent->text);
        flight->told = true;
        break;
    default: /* asked again by the clock; receipts tell the truth */
        break;
    }
}

static void start_raise_clock(struct submitter *submitter, struct flight *flight)
{
    uint64_t now = mono_ms(submitter);
    flight->raised_mono_ms = now ? now : 1;
    flight->raised_head = submitter->head.number;
}

static void broadcast(struct submitter *submitter, struct flight *flight)
{
    struct chain_send sent;
    uint64_t now = mono_ms(submitter);
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
    if (fees_raise(&submitter->config.fees, &fees, &old, submitter->head.base_fee_wei, &err) < 0 ||
        flight_raise(&submitter->context, flight, settler->store, &fees,
                     clock_unix_ms(settler->clock), &err) < 0) {
        if (!flight->told)
            tell(submitter, "fee-cap", err.text);
        flight->told = true;
        return;
    }
    fault_point("raised");
    status_add(settler->status, STATUS_BUMPS, 1);
    log_info(settler->log, "fees raised nonce=%" PRIu64 " tip_wei=%" PRIu64 " max_fee_wei=%" PRIu64,
             flight->tx.nonce, fees.tip_wei, fees.max_fee_wei);
    broadcast(submitter, flight);
}

/* Blocks were made without it, and long enough; or a node asked for more. */
static bool wants_raise(const struct submitter *submitter, const struct flight *flight,
                        uint64_t now)
{
    return flight->raise_now ||
           (flight->accepted && now - flight->raised_mono_ms >= submitter->config.raise_ms &&
            submitter->head.number >= flight->raised_head + RAISE_BLOCKS);
}

static void send_due(struct submitter *submitter, struct flight *flight)
{
    uint64_t now = mono_ms(submitter);
    if (flight->mined)
        return;
    if (flight->sent && flight->missing_mono_ms == 0 && wants_raise(submitter, flight, now))
        raise_fees(submitter, flight);
    if (!flight->sent || now - flight->sent_mono_ms >= submitter->config.rebroadcast_ms)
        broadcast(submitter, flight);
}

/* --- following --- */

/* The node's nonce against ours. false: no business to go on. */
static bool nonce_makes_sense(struct submitter *submitter, uint64_t latest)
{
    uint64_t first = submitter->count ? submitter->flights[0]->tx.nonce : submitter->next_nonce;
    char text[200];
    if (!submitter->next_known) {
        submitter->next_nonce = latest;
        submitter->next_known = true;
        return true;
    }
    if (latest >= first && latest <= submitter->next_nonce)
        return true;
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
    set_trouble(&submitter->trouble, latest < first ? "chain-reset" : "nonce-foreign", text);
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
    tell(submitter, "reorg", text);
}

static void take_receipts(struct submitter *submitter, struct flight *flight,
                          const struct chain_receipt *receipts)
{
    uint64_t now = mono_ms(submitter);
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
    if (!flight->mined && flight->missing_mono_ms &&
        mono_ms(submitter) - flight->missing_mono_ms >= MISSING_MS_MAX)
        set_trouble(&submitter->trouble, "nonce-foreign",
                    "a nonce of ours was used by a transaction that is not ours");
    return 0;
}

/* --- finality --- */

/* 1 with the highest final block, 0: none yet. */
static int final_block(struct submitter *submitter, uint64_t *ret_number, struct err *err)
{
    uint32_t confirmations = submitter->config.confirmations;
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

/* The contract's words for it, as it would say them now. */
static void ask_why(struct submitter *submitter, const struct flight *flight, char text[256])
{
    const struct settler *settler = &submitter->config.settler;
    struct buf data = BUF_INIT;
    struct chain_revert revert = {0};
    struct chain_call call = {.from = submitter->config.checks.account,
                              .to = settler->contract,
                              .data = flight->tx.data.data,
                              .data_len = flight->tx.data.len};
    uint64_t before = flight->receipt.block ? flight->receipt.block - 1 : CHAIN_LATEST;
    if (chain_call(settler->chain, &data, &revert, &call, before, NULL) == CHAIN_REFUSED &&
        revert.reverted)
        ledger_revert_text(text, 256, &revert);
    else if (flight->receipt.gas_used == flight->tx.gas_limit)
        snprintf(text, 256, "out of gas, all %" PRIu64, flight->tx.gas_limit);
    else
        snprintf(text, 256, "reason unknown");
    buf_free(&data);
}

static int end_reverted(struct submitter *submitter, const struct flight *flight, struct err *err)
{
    char text[400], why[256], hash[ETH_HASH_TEXT];
    ask_why(submitter, flight, why);
    if (store_batch_halt(submitter->config.settler.store, flight->tx.batch, flight->tx.nonce, err) <
        0)
        return -1;
    fault_point("halted");
    if (!submitter->episode) {
        submitter->sealed_since = false;
        submitter->reverts = 0;
    }
    submitter->episode = true;
    submitter->reverts++;
    submitter->reverted_mono_ms = mono_ms(submitter);
    status_add(submitter->config.settler.status, STATUS_REVERTS, 1);
    snprintf(text, sizeof(text), "%s tx=%s", why, eth_hash_text(hash, &flight->mined_hash));
    tell(submitter, "batch-reverted", text);
    return find_halted(submitter, err);
}

/* Where everything reverts the fault is not in a report: then only now and then another try. */
static bool may_try(const struct submitter *submitter)
{
    return submitter->sealed_since || submitter->reverts < REVERTS_MAX ||
           mono_ms(submitter) - submitter->reverted_mono_ms >= submitter->config.raise_ms;
}

static void drop_first(struct submitter *submitter)
{
    flight_free(submitter->flights[0]);
    submitter->count--;
    memmove(submitter->flights, submitter->flights + 1,
            submitter->count * sizeof(*submitter->flights));
    show_counts(submitter);
}

static int end_first(struct submitter *submitter, struct err *err)
{
    struct flight *flight = submitter->flights[0];
    if (!flight->receipt.succeeded) {
        if (end_reverted(submitter, flight, err) < 0)
            return -1;
    } else {
        if (settle_sealed(&submitter->config.settler, flight, err) < 0)
            return -1;
        submitter->sealed_since = submitter->episode;
    }
    drop_first(submitter);
    return 0;
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

/* --- claiming --- */

static int prepare(struct submitter *submitter, struct batch_claim *claim, const struct plan *plan,
                   uint64_t nonce, struct err *err)
{
    struct fees fees;
    const struct settler *settler = &submitter->config.settler;
    if (fees_first(&submitter->config.fees, &fees, submitter->head.base_fee_wei, err) < 0) {
        if (!submitter->fee_cap_told)
            tell(submitter, "fee-cap", err->text);
        submitter->fee_cap_told = true;
        return -1;
    }
    submitter->fee_cap_told = false;
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

static void take_off(struct submitter *submitter, const struct batch_claim *claim)
{
    struct flight *flight = xcalloc(1, sizeof(*flight));
    flight->tx = claim->tx;
    flight->attempts[0] = claim->attempt;
    flight->attempt_count = 1;
    submitter->flights =
        xrealloc(submitter->flights, (submitter->count + 1) * sizeof(*submitter->flights));
    submitter->flights[submitter->count++] = flight;
    submitter->next_nonce = claim->tx.nonce + 1;
    show_counts(submitter);
    broadcast(submitter, flight);
}

static void drop_claim(struct batch_claim *claim)
{
    buf_free(&claim->tx.data);
    buf_free(&claim->tx.raw);
}

int submitter_submit(struct submitter *submitter, const struct plan *plan, struct err *err)
{
    struct batch_claim claim;
    if (prepare(submitter, &claim, plan, submitter->next_nonce, err) < 0)
        return -1;
    fault_point("claim-commit");
    if (store_batch_claim(submitter->config.settler.store, &claim, err) < 0) {
        drop_claim(&claim);
        return -1;
    }
    fault_point("claimed");
    status_add(submitter->config.settler.status, STATUS_CLAIMED, (int64_t)plan->count);
    log_debug(submitter->config.settler.log,
              "batch claimed nonce=%" PRIu64 " reports=%zu readings=%zu bytes=%zu gas=%" PRIu64,
              claim.tx.nonce, plan->count, plan->reading_count, claim.tx.raw.len, plan->gas);
    take_off(submitter, &claim);
    return 0;
}

/* --- reverted batches --- */

struct halves {
    struct plan plans[2];
    size_t index;
    size_t first_half;
    size_t count;
    uint32_t meter; /* of the report before, while looking for the middle */
    bool one_meter;
};

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* Nearest to the middle, between two meters: a meter's reports go on in order, whatever reverts. */
static bool find_middle(void *cookie, const struct report_row *row)
{
    struct halves *halves = cookie;
    size_t middle = halves->count / 2, i = halves->index++;
    if (i && row->report.meter != halves->meter &&
        (halves->one_meter || distance(i, middle) < distance(halves->first_half, middle))) {
        halves->first_half = i;
        halves->one_meter = false;
    }
    halves->meter = row->report.meter;
    return true;
}

static bool deal(void *cookie, const struct report_row *row)
{
    struct halves *halves = cookie;
    plan_add(&halves->plans[halves->index++ >= halves->first_half], row);
    return true;
}

/* Of one meter only the first half goes off; the other waits until that is mined. */
static int claim_halves(struct submitter *submitter, const struct halves *halves, struct err *err)
{
    struct batch_claim a,
        b = {.reports = halves->plans[1].claims, .report_count = halves->plans[1].count};
    if (prepare(submitter, &a, &halves->plans[0], submitter->next_nonce, err) < 0)
        return -1;
    if (!halves->one_meter &&
        prepare(submitter, &b, &halves->plans[1], submitter->next_nonce + 1, err) < 0) {
        drop_claim(&a);
        return -1;
    }
    a.split_of = b.split_of = submitter->halted;
    if (store_batch_split(submitter->config.settler.store, &a, &b, err) < 0) {
        drop_claim(&a);
        drop_claim(&b);
        return -1;
    }
    take_off(submitter, &a);
    if (halves->one_meter)
        status_add(submitter->config.settler.status, STATUS_CLAIMED, -(int64_t)b.report_count);
    else
        take_off(submitter, &b);
    return 0;
}

/* Parts of a batch that was within the limits are within them: nothing is cut. */
static int split(struct submitter *submitter, struct err *err)
{
    struct halves halves = {.one_meter = true};
    struct batch_row row;
    struct store *store = submitter->config.settler.store;
    struct plan_limits limits = {UINT32_MAX, UINT32_MAX, UINT64_MAX};
    if (store_batch_get(store, &row, submitter->halted, err) < 0)
        return -1;
    halves.count = row.reports;
    halves.first_half = row.reports / 2;
    int result = store_report_of_batch(store, submitter->halted, find_middle, &halves, err);
    halves.index = 0;
    if (result == 0)
        result = store_report_of_batch(store, submitter->halted, deal, &halves, err);
    for (size_t i = 0; result == 0 && i < 2; i++)
        result = plan_build(&halves.plans[i], &limits, err);
    if (result == 0)
        result = claim_halves(submitter, &halves, err);
    plan_free(&halves.plans[0]);
    plan_free(&halves.plans[1]);
    return result;
}

/* One step towards the report that makes a batch revert, once nothing else is under way. */
static int mend_halted(struct submitter *submitter, struct err *err)
{
    if (submitter->count)
        return 0;
    if (submitter->halted == 0) {
        submitter->episode = false;
        return 0;
    }
    if (!may_try(submitter))
        return 0;
    if (!submitter->halted_single) {
        if (split(submitter, err) < 0)
            return -1;
    } else if (submitter->sealed_since) {
        if (settle_poison(&submitter->config.settler, submitter->halted, err) < 0)
            return -1;
    } else {
        return 0; /* another batch must show that the chain takes any at all */
    }
    return find_halted(submitter, err);
}

/* --- the round --- */

static int check(struct submitter *submitter, struct err *err)
{
    struct chain_balance balance;
    struct err why = ERR_INIT;
    uint64_t now = mono_ms(submitter);
    if (submitter->checked && !submitter->account.cause &&
        now - submitter->checked_mono_ms < submitter->config.check_ms)
        return 0;
    enum check_result result = checks_identity(&submitter->config.checks, &why);
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
        set_trouble(&submitter->account, check_cause(result), why.text);
    return 0;
}

static int follow(struct submitter *submitter, struct err *err)
{
    uint64_t latest;
    if (chain_nonce(submitter->config.settler.chain, &latest, &submitter->config.checks.account,
                    CHAIN_LATEST, err) != CHAIN_OK)
        return -1;
    if (!nonce_makes_sense(submitter, latest))
        return 0;
    for (size_t i = 0; i < submitter->count; i++)
        if (look(submitter, submitter->flights[i], latest, err) < 0)
            return -1;
    return end_final(submitter, err);
}

int submitter_poll(struct submitter *submitter, const struct chain_block *head, struct err *err)
{
    submitter->head = *head;
    submitter->head_known = true;
    if (check(submitter, err) < 0)
        return -1;
    submitter->trouble = submitter->account;
    /* On another chain our nonces mean nothing. */
    bool elsewhere = in_trouble(submitter) &&
                     strcmp(submitter->trouble.cause, check_cause(CHECK_WRONG_CHAIN)) == 0;
    int result = elsewhere ? 0 : follow(submitter, err);
    tell_trouble(submitter);
    if (result < 0 || in_trouble(submitter))
        return result;
    for (size_t i = 0; i < submitter->count; i++)
        send_due(submitter, submitter->flights[i]);
    return mend_halted(submitter, err);
}

bool submitter_ready(const struct submitter *submitter)
{
    if (!submitter->head_known || !submitter->next_known || !submitter->checked ||
        in_trouble(submitter))
        return false;
    if (submitter->halted)
        return submitter->halted_single && !submitter->sealed_since && submitter->count == 0 &&
               may_try(submitter);
    return submitter->count < submitter->config.window;
}

bool submitter_mined(const void *cookie, uint64_t batch)
{
    const struct submitter *submitter = cookie;
    if (batch == submitter->halted)
        return submitter->halted_single; /* then only later ones can show that it is to blame */
    for (size_t i = 0; i < submitter->count; i++)
        if (submitter->flights[i]->tx.batch == batch)
            return submitter->flights[i]->mined && submitter->flights[i]->receipt.succeeded;
    return false;
}

struct plan_limits submitter_limits(const struct submitter *submitter)
{
    struct plan_limits limits = submitter->config.limits;
    if (submitter->head_known && submitter->head.gas_limit < limits.gas)
        limits.gas = submitter->head.gas_limit;
    return limits;
}
