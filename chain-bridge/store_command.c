#include "chain-bridge/store_command.h"

#include <stdio.h>

#include "chain-bridge/schema.h"

static int read_signatures(struct db_stmt *stmt, struct command_row *row, struct err *err)
{
    struct eth_signature *signature = &row->command.signature;
    if (db_column_bytes(stmt, 5, signature->b, sizeof(signature->b), err) < 0)
        return -1;
    if (!db_column_is_null(stmt, 6) &&
        db_column_bytes(stmt, 6, row->operator.b, sizeof(row->operator.b), err) < 0)
        return -1;
    signature = &row->result.signature;
    if (!db_column_is_null(stmt, 12) &&
        db_column_bytes(stmt, 12, signature->b, sizeof(signature->b), err) < 0)
        return -1;
    return 0;
}

static int read_row(struct db_stmt *stmt, struct command_row *ret_row, struct err *err)
{
    uint32_t meter = (uint32_t)db_column_u64(stmt, 0);
    uint64_t id = db_column_u64(stmt, 1);
    *ret_row = (struct command_row){.command = {.id = id,
                                                .meter = meter,
                                                .kind = (uint8_t)db_column_u64(stmt, 2),
                                                .argument = (uint32_t)db_column_u64(stmt, 3),
                                                .not_after_s = db_column_u64(stmt, 4)},
                                    .state = (enum command_state)db_column_u64(stmt, 7),
                                    .created_ms = db_column_u64(stmt, 8),
                                    .block = db_column_u64(stmt, 9),
                                    .result = {.id = id,
                                               .meter = meter,
                                               .outcome = (uint8_t)db_column_u64(stmt, 10),
                                               .timestamp_s = (uint32_t)db_column_u64(stmt, 11)},
                                    .recorded = (uint8_t)db_column_u64(stmt, 13),
                                    .recorded_block = db_column_u64(stmt, 14)};
    snprintf(ret_row->text, sizeof(ret_row->text), "%s", db_column_text(stmt, 15));
    return read_signatures(stmt, ret_row, err);
}

/* The first row, if there is one. */
static int take_one(struct db_stmt *stmt, struct command_row *ret_row, bool *ret_found,
                    struct err *err)
{
    int step = db_step(stmt, err);
    if (step < 0)
        return -1;
    *ret_found = step == 1;
    if (step == 0)
        return 0;
    int got = read_row(stmt, ret_row, err);
    db_reset(stmt);
    return got;
}

static int take_each(struct db_stmt *stmt,
                     bool (*on_row)(void *cookie, const struct command_row *row), void *cookie,
                     struct err *err)
{
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        struct command_row row;
        int got = read_row(stmt, &row, err);
        if (got < 0 || !on_row(cookie, &row)) {
            db_reset(stmt);
            return got;
        }
    }
    return step;
}

int store_command_get(struct store *store, struct command_row *ret_row, bool *ret_found,
                      uint32_t meter, uint64_t id, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_GET);
    db_bind_u64(stmt, 0, meter);
    db_bind_u64(stmt, 1, id);
    return take_one(stmt, ret_row, ret_found, err);
}

int store_command_each(struct store *store, uint32_t meter, uint32_t limit,
                       bool (*on_row)(void *cookie, const struct command_row *row), void *cookie,
                       struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), meter ? COMMAND_EACH_OF : COMMAND_EACH);
    int at = 0;
    if (meter)
        db_bind_u64(stmt, at++, meter);
    db_bind_u64(stmt, at, limit);
    return take_each(stmt, on_row, cookie, err);
}

int store_command_waiting(struct store *store, uint32_t meter,
                          bool (*on_row)(void *cookie, const struct command_row *row), void *cookie,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), meter ? COMMAND_WAITING_OF : COMMAND_WAITING);
    if (meter)
        db_bind_u64(stmt, 0, meter);
    return take_each(stmt, on_row, cookie, err);
}

/* meter, id, kind, argument, not_after, signature: the first six of the inserts. */
static struct db_stmt *bind_command(struct store *store, enum store_statement id,
                                    const struct command *command)
{
    struct db_stmt *stmt = db_stmt(store_db(store), id);
    db_bind_u64(stmt, 0, command->meter);
    db_bind_u64(stmt, 1, command->id);
    db_bind_u64(stmt, 2, command->kind);
    db_bind_u64(stmt, 3, command->argument);
    db_bind_u64(stmt, 4, command->not_after_s);
    db_bind_blob(stmt, 5, command->signature.b, sizeof(command->signature.b));
    return stmt;
}

int store_command_relay(struct store *store, const struct command *command, uint64_t now_ms,
                        struct err *err)
{
    struct db_stmt *stmt = bind_command(store, COMMAND_RELAY, command);
    db_bind_u64(stmt, 6, now_ms);
    return db_run(stmt, err);
}

int store_command_issued(struct store *store, const struct command *command,
                         const struct eth_address *operator, uint64_t block, uint64_t now_ms,
                         struct err *err)
{
    struct db_stmt *stmt = bind_command(store, COMMAND_ISSUE, command);
    db_bind_blob(stmt, 6, operator->b, sizeof(operator->b));
    db_bind_u64(stmt, 7, now_ms);
    db_bind_u64(stmt, 8, block);
    return db_run(stmt, err);
}

int store_command_recorded(struct store *store, uint32_t meter, uint64_t id, uint8_t outcome,
                           uint64_t block, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_RECORD);
    db_bind_u64(stmt, 0, outcome);
    db_bind_u64(stmt, 1, block);
    db_bind_u64(stmt, 2, meter);
    db_bind_u64(stmt, 3, id);
    return db_run(stmt, err);
}

int store_command_answer(struct store *store, bool *ret_new, const struct command_result *result,
                         struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_ANSWER);
    db_bind_u64(stmt, 0, result->outcome);
    db_bind_u64(stmt, 1, result->timestamp_s);
    db_bind_blob(stmt, 2, result->signature.b, sizeof(result->signature.b));
    db_bind_u64(stmt, 3, result->meter);
    db_bind_u64(stmt, 4, result->id);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_new = db_changes(store_db(store)) == 1;
    return 0;
}

int store_command_lapse(struct store *store, uint64_t before_s, uint64_t *ret_count,
                        struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_LAPSE);
    db_bind_u64(stmt, 0, before_s);
    if (db_run(stmt, err) < 0)
        return -1;
    *ret_count = db_changes(store_db(store));
    return 0;
}

int store_command_due(struct store *store, struct command_row *ret_row, bool *ret_found,
                      uint64_t now_ms, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_DUE);
    db_bind_u64(stmt, 0, now_ms);
    db_bind_u64(stmt, 1, now_ms / 1000);
    return take_one(stmt, ret_row, ret_found, err);
}

static int claim(struct store *store, const struct tx_row *tx, const struct tx_attempt *attempt,
                 struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_CLAIM);
    db_bind_u64(stmt, 0, tx->nonce);
    db_bind_u64(stmt, 1, tx->meter);
    db_bind_u64(stmt, 2, tx->command);
    if (db_run(stmt, err) < 0)
        return -1;
    if (db_changes(store_db(store)) != 1)
        return err_set(err, "claim: command %llu of meter %u has a transaction",
                       (unsigned long long)tx->command, (unsigned)tx->meter);
    return store_tx_add(store, tx, attempt, err);
}

int store_command_claim(struct store *store, const struct tx_row *tx,
                        const struct tx_attempt *attempt, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    if (claim(store, tx, attempt, err) < 0 || store_commit(store, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return 0;
}

static int end_row(struct store *store, const struct command_end *end, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_END);
    db_bind_u64(stmt, 0, end->state);
    db_bind_text(stmt, 1, end->text);
    db_bind_u64(stmt, 2, end->retry_ms);
    db_bind_u64(stmt, 3, end->meter);
    db_bind_u64(stmt, 4, end->id);
    if (db_run(stmt, err) < 0)
        return -1;
    return end->has_nonce ? store_tx_done(store, end->nonce, err) : 0;
}

int store_command_end(struct store *store, const struct command_end *end, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    if (end_row(store, end, err) < 0 || store_commit(store, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return 0;
}

int store_command_counts(struct store *store, struct command_counts *ret_counts, struct err *err)
{
    struct command_counts counts = {0};
    struct db_stmt *stmt = db_stmt(store_db(store), COMMAND_COUNTS);
    int step;
    while ((step = db_step(stmt, err)) == 1) {
        uint64_t count = db_column_u64(stmt, 1);
        if (db_column_u64(stmt, 0) == COMMAND_ISSUED)
            counts.waiting += count;
        else
            counts.due += count;
    }
    if (step == 0)
        *ret_counts = counts;
    return step;
}
