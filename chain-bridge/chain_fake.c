#include "chain-bridge/chain_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ledger.h"
#include "common/keccak.h"

static struct chain_fake *self(struct chain *chain)
{
    return (struct chain_fake *)chain;
}

static enum chain_result reach(struct chain_fake *fake, struct err *err)
{
    if (!fake->away)
        return CHAIN_OK;
    err_set(err, "the node is away");
    return CHAIN_UNREACHED;
}

static enum chain_result fake_id(struct chain *chain, uint64_t *ret_id, struct err *err)
{
    *ret_id = self(chain)->chain_id;
    return reach(self(chain), err);
}

static enum chain_result fake_block(struct chain *chain, struct chain_block *ret_block,
                                    uint64_t number, struct err *err)
{
    struct chain_fake *fake = self(chain);
    if (number == CHAIN_FINALIZED && !fake->has_finalized)
        return reach(fake, err) == CHAIN_OK ? CHAIN_NONE : CHAIN_UNREACHED;
    if (number == CHAIN_FINALIZED)
        number = fake->finalized;
    if (number == CHAIN_LATEST)
        number = fake->block_count - 1;
    if (number >= fake->block_count)
        return CHAIN_NONE;
    *ret_block = fake->blocks[number];
    return reach(fake, err);
}

static void topic_uint(struct eth_hash *ret_topic, uint64_t value)
{
    struct buf word = BUF_INIT;
    abi_uint(&word, value);
    memcpy(ret_topic->b, word.data, sizeof(ret_topic->b));
    buf_free(&word);
}

static int log_skip(const struct fake_skip *skip, const struct fake_tx *tx, struct chain_log *log,
                    chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct buf data = BUF_INIT;
    ledger_topic(&log->topics[0], LEDGER_READING_REJECTED);
    log->topics[1] = tx->root;
    topic_uint(&log->topics[2], skip->meter);
    log->topic_count = 3;
    abi_uint(&data, skip->timestamp_s);
    abi_uint(&data, skip->reason);
    log->data = data.data;
    log->data_len = data.len;
    int result = on_log(cookie, log, err);
    buf_free(&data);
    return result;
}

/* One of the two batch events; records: what the contract logs of them. */
static int log_batch(const struct chain_fake *fake, enum ledger_event_kind kind, uint64_t number,
                     uint32_t rejected, const struct buf *records, struct chain_log *log,
                     chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct buf data = BUF_INIT;
    ledger_topic(&log->topics[0], kind);
    memset(log->topics[2].b, 0, 12);
    memcpy(log->topics[2].b + 12, fake->account.b, 20);
    topic_uint(&log->topics[3], fake->listed_group);
    log->topic_count = 4;
    abi_uint(&data, number);
    if (kind == LEDGER_BATCH_SUBMITTED) {
        abi_uint(&data, 1);
        abi_uint(&data, rejected);
        abi_uint(&data, 128);
        abi_bytes_tail(&data, records->data, records->len);
    }
    log->data = data.data;
    log->data_len = data.len;
    int result = on_log(cookie, log, err);
    buf_free(&data);
    return result;
}

static int log_submitted(const struct chain_fake *fake, const struct fake_tx *tx, uint32_t rejected,
                         struct chain_log *log, chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct buf records = BUF_INIT;
    buf_append(&records, "r", 1);
    log->topics[1] = tx->root;
    int result =
        log_batch(fake, fake->repeats ? LEDGER_BATCH_REPEATED : LEDGER_BATCH_SUBMITTED,
                  tx->nonce - fake->nonce_base + 1, rejected, &records, log, on_log, cookie, err);
    buf_free(&records);
    return result;
}

static int log_twin(const struct chain_fake *fake, const struct fake_twin *twin,
                    chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct chain_log log = {.address = fake->contract,
                            .block = twin->block,
                            .block_hash = fake->blocks[twin->block].hash,
                            .transaction = twin->transaction};
    struct fake_tx tx = {.root = twin->root};
    struct buf records = BUF_INIT;
    int result = records_pack(&records, twin->records, twin->count, err);
    for (size_t i = 0; result == 0 && i < twin->refused; i++) {
        struct fake_skip skip = {0, twin->records[i].meter, twin->records[i].reading.timestamp_s,
                                 LEDGER_REASON_STALE};
        result = log_skip(&skip, &tx, &log, on_log, cookie, err);
    }
    log.topics[1] = twin->root;
    if (result == 0)
        result = log_batch(fake, LEDGER_BATCH_SUBMITTED, twin->number, (uint32_t)twin->refused,
                           &records, &log, on_log, cookie, err);
    buf_free(&records);
    return result;
}

static bool reverts(const struct chain_fake *fake, uint64_t nonce)
{
    return fake->revert_nonces >> (nonce - fake->nonce_base) & 1;
}

static int log_tx(const struct chain_fake *fake, const struct fake_tx *tx, chain_log_fn *on_log,
                  void *cookie, struct err *err)
{
    struct chain_log log = {.address = fake->contract,
                            .block = tx->block,
                            .block_hash = fake->blocks[tx->block].hash,
                            .transaction = tx->hash};
    uint32_t rejected = 0;
    if (reverts(fake, tx->nonce))
        return 0;
    for (size_t i = 0; i < fake->skip_count; i++) {
        if (fake->skips[i].nonce != tx->nonce)
            continue;
        rejected++;
        if (log_skip(&fake->skips[i], tx, &log, on_log, cookie, err) != 0)
            return -1;
    }
    return log_submitted(fake, tx, rejected, &log, on_log, cookie, err);
}

static int log_change(const struct chain_fake *fake, const struct fake_change *change,
                      chain_log_fn *on_log, void *cookie, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_METERS_REGISTERED, LEDGER_SIGNER_ROTATED,
                                                   LEDGER_METER_CLOSED, LEDGER_METER_REOPENED};
    struct chain_log log = {.address = fake->contract,
                            .block = change->block,
                            .block_hash = fake->blocks[change->block].hash,
                            .topic_count = 2};
    struct buf data = BUF_INIT;
    ledger_topic(&log.topics[0], KINDS[change->kind]);
    topic_uint(&log.topics[1], change->meter);
    if (change->kind == FAKE_REGISTERED) {
        abi_uint(&data, ABI_WORD);
        abi_uint(&data, change->count);
        for (uint32_t i = 0; i < change->count; i++)
            abi_address(&data, &change->signer);
    } else if (change->kind == FAKE_ROTATED) {
        memcpy(log.topics[2].b + 12, change->signer.b, sizeof(change->signer.b));
        log.topic_count = 3;
    }
    log.data = data.data;
    log.data_len = data.len;
    int result = on_log(cookie, &log, err);
    buf_free(&data);
    return result;
}

static bool asked_for(const struct chain_log_query *query, enum ledger_event_kind kind)
{
    struct eth_hash topic;
    ledger_topic(&topic, kind);
    for (size_t i = 0; i < query->topic0_count; i++)
        if (eth_hash_equal(&query->topic0[i], &topic))
            return true;
    return query->topic0 == NULL;
}

static enum chain_result log_changes(const struct chain_fake *fake,
                                     const struct chain_log_query *query, chain_log_fn *on_log,
                                     void *cookie, struct err *err)
{
    if (!asked_for(query, LEDGER_METERS_REGISTERED))
        return CHAIN_OK;
    for (size_t i = 0; i < fake->change_count; i++)
        if (fake->changes[i].block >= query->from && fake->changes[i].block <= query->to &&
            log_change(fake, &fake->changes[i], on_log, cookie, err) != 0)
            return CHAIN_REFUSED;
    return CHAIN_OK;
}

static enum chain_result log_batches(const struct chain_fake *fake,
                                     const struct chain_log_query *query, chain_log_fn *on_log,
                                     void *cookie, struct err *err)
{
    if (!asked_for(query, LEDGER_BATCH_SUBMITTED))
        return CHAIN_OK;
    for (size_t i = 0; i < fake->twin_count; i++)
        if (fake->twins[i].block >= query->from && fake->twins[i].block <= query->to &&
            log_twin(fake, &fake->twins[i], on_log, cookie, err) != 0)
            return CHAIN_REFUSED;
    for (size_t i = 0; i < fake->tx_count; i++) {
        const struct fake_tx *tx = &fake->txs[i];
        if (tx->state == FAKE_MINED && tx->block >= query->from && tx->block <= query->to &&
            log_tx(fake, tx, on_log, cookie, err) != 0)
            return CHAIN_REFUSED;
    }
    return CHAIN_OK;
}

static enum chain_result fake_logs(struct chain *chain, const struct chain_log_query *query,
                                   chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct chain_fake *fake = self(chain);
    struct chain_log_query block = *query;
    fake->log_queries++;
    if (fake->away)
        return reach(fake, err);
    if (fake->log_range_max && query->to - query->from >= fake->log_range_max) {
        err_set(err, "range too large");
        return CHAIN_TOO_MUCH;
    }
    for (uint64_t number = query->from; number <= query->to && number < fake->block_count;
         number++) {
        block.from = block.to = number;
        if (log_changes(fake, &block, on_log, cookie, err) != CHAIN_OK ||
            log_batches(fake, &block, on_log, cookie, err) != CHAIN_OK)
            return CHAIN_REFUSED;
    }
    return CHAIN_OK;
}

static uint64_t next_nonce(const struct chain_fake *fake)
{
    uint64_t nonce = fake->nonce_base;
    for (size_t i = 0; i < fake->tx_count; i++)
        nonce += fake->txs[i].state == FAKE_MINED;
    return nonce;
}

static enum chain_result fake_nonce(struct chain *chain, uint64_t *ret_nonce,
                                    const struct eth_address *account, uint64_t number,
                                    struct err *err)
{
    (void)account;
    *ret_nonce = next_nonce(self(chain)) + (uint64_t)self(chain)->nonce_wrong_by;
    if (number == CHAIN_PENDING)
        *ret_nonce += self(chain)->pooled_before;
    return reach(self(chain), err);
}

static enum chain_result fake_balance(struct chain *chain, struct chain_balance *ret_balance,
                                      const struct eth_address *account, struct err *err)
{
    (void)account;
    ret_balance->gwei = self(chain)->balance_gwei;
    snprintf(ret_balance->wei, sizeof(ret_balance->wei), "%llu",
             (unsigned long long)ret_balance->gwei);
    return reach(self(chain), err);
}

static enum chain_result fake_code(struct chain *chain, struct buf *ret_code,
                                   const struct eth_address *account, struct err *err)
{
    (void)account;
    if (self(chain)->has_code)
        buf_append(ret_code, "code", 4);
    return reach(self(chain), err);
}

static bool asks(const struct chain_call *call, const char *signature)
{
    struct buf selector = BUF_INIT;
    abi_selector(&selector, signature);
    bool same = call->data_len >= 4 && memcmp(call->data, selector.data, 4) == 0;
    buf_free(&selector);
    return same;
}

static void answer_domain(const struct chain_fake *fake, struct buf *out)
{
    static const uint8_t FIELDS[ABI_WORD] = {0x0f};
    buf_append(out, FIELDS, sizeof(FIELDS));
    abi_uint(out, 7 * ABI_WORD);
    abi_uint(out, 9 * ABI_WORD);
    abi_uint(out, fake->chain_id);
    abi_address(out, &fake->contract);
    abi_uint(out, 0);
    abi_uint(out, 11 * ABI_WORD);
    abi_bytes_tail(out, "MeterLedger", 11);
    abi_bytes_tail(out, "1", 1);
    abi_uint(out, 0);
}

static void answer_batch(const struct chain_fake *fake, struct buf *out)
{
    abi_uint(out, 1);
    abi_uint(out, fake->twins[0].block);
    for (int i = 0; i < 3; i++)
        abi_uint(out, 1);
}

/* A command or a result that the contract does not take. */
static bool refused(const struct chain_fake *fake, struct chain_revert *ret_revert,
                    const struct chain_call *call)
{
    struct buf data = BUF_INIT;
    bool command = asks(call, "issueCommand((uint64,uint32,uint8,uint32,uint40),bytes)") ||
                   asks(call, "recordResult((uint64,uint32,uint8,uint32),bytes)");
    bool batch = asks(call, "submitBatch(bytes32,bytes)");
    if (!(fake->refuses && (command || batch)) && !(fake->revert_nonces && batch))
        return false;
    abi_selector(&data, fake->refuses ? fake->refuses : "MalformedRecords(uint256)");
    for (int i = 0; i < 3; i++)
        abi_uint(&data, fake->refuses_with[i]);
    if (ret_revert) {
        ret_revert->reverted = true;
        ret_revert->len = data.len;
        memcpy(ret_revert->data, data.data, data.len);
    }
    buf_free(&data);
    return true;
}

static enum chain_result fake_call(struct chain *chain, struct buf *ret_data,
                                   struct chain_revert *ret_revert, const struct chain_call *call,
                                   uint64_t number, struct err *err)
{
    struct chain_fake *fake = self(chain);
    (void)number;
    if (ret_revert)
        *ret_revert = (struct chain_revert){0};
    if (refused(fake, ret_revert, call))
        return CHAIN_REFUSED;
    if (asks(call, "eip712Domain()"))
        answer_domain(fake, ret_data);
    else if (asks(call, "serverGroup(address)"))
        abi_uint(ret_data, fake->listed_group);
    else if (asks(call, "batchInfo(uint16,bytes32)"))
        answer_batch(fake, ret_data);
    else
        abi_uint(ret_data, 1); /* VERSION() */
    return reach(fake, err);
}

static enum chain_result fake_estimate(struct chain *chain, uint64_t *ret_gas,
                                       struct chain_revert *ret_revert,
                                       const struct chain_call *call, struct err *err)
{
    if (ret_revert)
        *ret_revert = (struct chain_revert){0};
    if (refused(self(chain), ret_revert, call)) {
        err_set(err, "execution reverted");
        return CHAIN_REFUSED;
    }
    *ret_gas = 100000;
    return reach(self(chain), err);
}

static enum chain_result fake_fees(struct chain *chain, struct chain_fees *ret_fees,
                                   struct err *err)
{
    *ret_fees = (struct chain_fees){fake_head(self(chain))->base_fee_wei, 1};
    return reach(self(chain), err);
}

/* The payload behind 0x02: the nonce is the list's second item (RLP, Yellow Paper appendix B). */
static uint64_t read_nonce(const uint8_t *raw)
{
    size_t at = 1;
    at += raw[at] >= 0xf8 ? 1 + (size_t)(raw[at] - 0xf7) : 1;
    at += raw[at] < 0x80 ? 1 : 1 + (size_t)(raw[at] - 0x80); /* chain id */
    if (raw[at] < 0x80)
        return raw[at];
    uint64_t nonce = 0;
    for (size_t i = 1; i <= (size_t)(raw[at] - 0x80); i++)
        nonce = nonce << 8 | raw[at + i];
    return nonce;
}

static struct eth_hash read_root(const uint8_t *raw, size_t len)
{
    struct eth_hash root = {{0}};
    struct buf selector = BUF_INIT;
    abi_selector(&selector, "submitBatch(bytes32,bytes)");
    const uint8_t *at = memmem(raw, len, selector.data, selector.len);
    if (at)
        memcpy(root.b, at + 4, sizeof(root.b));
    buf_free(&selector);
    return root;
}

static struct fake_tx *find_tx(struct chain_fake *fake, const struct eth_hash *hash)
{
    for (size_t i = 0; i < fake->tx_count; i++)
        if (eth_hash_equal(&fake->txs[i].hash, hash))
            return &fake->txs[i];
    return NULL;
}

static void pool(struct chain_fake *fake, const struct eth_hash *hash, const uint8_t *raw,
                 size_t len)
{
    struct fake_tx *tx = find_tx(fake, hash);
    uint64_t nonce = read_nonce(raw);
    for (size_t i = 0; i < fake->tx_count; i++)
        if (fake->txs[i].nonce == nonce && fake->txs[i].state == FAKE_POOLED)
            fake->txs[i].state = FAKE_GONE;
    if (!tx && fake->tx_count == FAKE_TXS)
        abort();
    if (!tx)
        tx = &fake->txs[fake->tx_count++];
    uint32_t sends = tx->sends;
    *tx = (struct fake_tx){
        .hash = *hash, .root = read_root(raw, len), .nonce = nonce, .sends = sends + 1};
}

static enum chain_send_kind judge_send(struct chain_fake *fake, const uint8_t *raw, size_t len)
{
    struct eth_hash hash;
    keccak256(&hash, raw, len);
    struct fake_tx *tx = find_tx(fake, &hash);
    enum chain_send_kind scripted = fake->next_send;
    fake->next_send = CHAIN_SENT;
    if (scripted != CHAIN_SENT || fake->swallow)
        return scripted;
    if (tx && tx->state == FAKE_POOLED) {
        tx->sends++;
        return CHAIN_SEND_KNOWN;
    }
    if (read_nonce(raw) < next_nonce(fake))
        return CHAIN_SEND_NONCE_LOW;
    pool(fake, &hash, raw, len);
    return CHAIN_SENT;
}

static void fake_send(struct chain *chain, struct chain_send *ret_send, const uint8_t *raw,
                      size_t len)
{
    struct chain_fake *fake = self(chain);
    fake->sends++;
    ret_send->kind = fake->away ? CHAIN_SEND_UNREACHED : judge_send(fake, raw, len);
    snprintf(ret_send->text, sizeof(ret_send->text), "%s", chain_send_kind_text(ret_send->kind));
}

static uint32_t count_skips(const struct chain_fake *fake, uint64_t nonce)
{
    uint32_t count = 0;
    for (size_t i = 0; i < fake->skip_count; i++)
        count += fake->skips[i].nonce == nonce;
    return count;
}

static enum chain_result fake_receipts(struct chain *chain, struct chain_receipt *ret_receipts,
                                       const struct eth_hash *transactions, size_t count,
                                       struct err *err)
{
    struct chain_fake *fake = self(chain);
    for (size_t i = 0; i < count; i++) {
        const struct fake_tx *tx = find_tx(fake, &transactions[i]);
        ret_receipts[i] = (struct chain_receipt){0};
        if (!tx || tx->state != FAKE_MINED)
            continue;
        ret_receipts[i] = (struct chain_receipt){.found = true,
                                                 .succeeded = !reverts(fake, tx->nonce),
                                                 .block = tx->block,
                                                 .block_hash = fake->blocks[tx->block].hash,
                                                 .gas_used = 50000,
                                                 .gas_price_wei = 7,
                                                 .log_count = 1 + count_skips(fake, tx->nonce)};
        ret_receipts[i].block_hash.b[0] ^= fake->stale_receipts;
    }
    return reach(fake, err);
}

static enum chain_result fake_pooled(struct chain *chain, bool *ret_mined,
                                     const struct eth_hash *transaction, struct err *err)
{
    const struct fake_tx *tx = find_tx(self(chain), transaction);
    if (!tx || tx->state == FAKE_GONE)
        return CHAIN_NONE;
    *ret_mined = tx->state == FAKE_MINED;
    return reach(self(chain), err);
}

static bool fake_wait(struct chain *chain, uint32_t timeout_ms)
{
    (void)chain;
    (void)timeout_ms;
    return false;
}

static void fake_wake(struct chain *chain)
{
    (void)chain;
}

static void fake_cancel(struct chain *chain)
{
    self(chain)->cancelled = true;
}

static const char *fake_endpoint(const struct chain *chain)
{
    (void)chain;
    return "fake";
}

static const struct chain_ops OPS = {
    .id = fake_id,
    .block = fake_block,
    .logs = fake_logs,
    .nonce = fake_nonce,
    .balance = fake_balance,
    .code = fake_code,
    .call = fake_call,
    .estimate = fake_estimate,
    .fees = fake_fees,
    .send = fake_send,
    .receipts = fake_receipts,
    .pooled = fake_pooled,
    .wait = fake_wait,
    .wake = fake_wake,
    .cancel = fake_cancel,
    .endpoint = fake_endpoint,
    .free = fake_cancel,
};

void fake_init(struct chain_fake *fake, uint64_t chain_id, const struct eth_address *contract,
               const struct eth_address *account, uint16_t group)
{
    *fake = (struct chain_fake){.chain = {&OPS},
                                .chain_id = chain_id,
                                .contract = *contract,
                                .account = *account,
                                .listed_group = group,
                                .has_code = true,
                                .balance_gwei = 1000000000};
    fake_mine_empty(fake);
}

void fake_mine_empty(struct chain_fake *fake)
{
    uint8_t seed[16];
    if (fake->block_count == FAKE_BLOCKS)
        abort();
    struct chain_block *block = &fake->blocks[fake->block_count];
    *block = (struct chain_block){.number = fake->block_count,
                                  .timestamp_s = 1767225600 + (uint64_t)fake->block_count,
                                  .gas_limit = 30000000,
                                  .base_fee_wei = 1000000000};
    memset(seed, 0, sizeof(seed));
    memcpy(seed, &block->number, sizeof(block->number));
    fake->salt++;
    memcpy(seed + 8, &fake->salt, sizeof(fake->salt));
    keccak256(&block->hash, seed, sizeof(seed));
    if (block->number)
        block->parent = fake->blocks[block->number - 1].hash;
    fake->block_count++;
}

void fake_mine(struct chain_fake *fake)
{
    fake_mine_empty(fake);
    for (bool more = true; more;) {
        uint64_t nonce = next_nonce(fake);
        more = false;
        for (size_t i = 0; i < fake->tx_count && !more; i++) {
            struct fake_tx *tx = &fake->txs[i];
            if (tx->state != FAKE_POOLED || tx->nonce != nonce)
                continue;
            tx->state = FAKE_MINED;
            tx->block = fake->block_count - 1;
            more = true;
        }
    }
}

void fake_reorg(struct chain_fake *fake, size_t depth, bool pool_again)
{
    fake->block_count -= depth;
    while (fake->change_count && fake->changes[fake->change_count - 1].block >= fake->block_count)
        fake->change_count--;
    for (size_t i = 0; i < fake->tx_count; i++)
        if (fake->txs[i].state == FAKE_MINED && fake->txs[i].block >= fake->block_count)
            fake->txs[i].state = pool_again ? FAKE_POOLED : FAKE_GONE;
    for (size_t i = 0; i < depth; i++)
        fake_mine_empty(fake);
}

void fake_change(struct chain_fake *fake, enum fake_change_kind kind, uint32_t meter,
                 uint32_t count, const struct eth_address *signer)
{
    if (fake->change_count == FAKE_CHANGES)
        abort();
    fake_mine_empty(fake);
    fake->changes[fake->change_count++] =
        (struct fake_change){kind, meter, count, *signer, fake->block_count - 1};
}

struct fake_twin *fake_twin(struct chain_fake *fake, const struct report *report)
{
    if (fake->twin_count == FAKE_TWINS || report->count > FAKE_RECORDS)
        abort();
    fake_mine_empty(fake);
    struct fake_twin *twin = &fake->twins[fake->twin_count++];
    *twin = (struct fake_twin){.block = fake->block_count - 1, .count = report->count};
    twin->number = 1000 + twin->block;
    memset(twin->root.b, 0xa0 + (int)fake->twin_count, sizeof(twin->root.b));
    memset(twin->transaction.b, 0xb0 + (int)fake->twin_count, sizeof(twin->transaction.b));
    for (uint32_t i = 0; i < report->count; i++)
        twin->records[i] = (struct record){report->meter, report->readings[i]};
    return twin;
}

void fake_drop_pool(struct chain_fake *fake)
{
    for (size_t i = 0; i < fake->tx_count; i++)
        if (fake->txs[i].state == FAKE_POOLED)
            fake->txs[i].state = FAKE_GONE;
}

void fake_foreign(struct chain_fake *fake)
{
    if (fake->tx_count == FAKE_TXS)
        abort();
    fake_mine_empty(fake);
    struct fake_tx *tx = &fake->txs[fake->tx_count];
    *tx = (struct fake_tx){
        .nonce = next_nonce(fake), .state = FAKE_MINED, .block = fake->block_count - 1};
    memset(tx->hash.b, 0xf0, sizeof(tx->hash.b));
    tx->hash.b[0] = (uint8_t)fake->tx_count++;
}

const struct chain_block *fake_head(const struct chain_fake *fake)
{
    return &fake->blocks[fake->block_count - 1];
}

size_t fake_count(const struct chain_fake *fake, enum fake_tx_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < fake->tx_count; i++)
        count += fake->txs[i].state == state;
    return count;
}
