#include "meter-client/meter_store_control.h"

#include <string.h>

#include "meter-client/meter_store_internal.h"

/* EVENTS */

uint32_t meter_store_next_event(const struct meter_store *store)
{
    return store->next_event;
}

int meter_store_add_event(struct meter_store *store, const struct meter_event *event,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, ADD_EVENT);
    struct buf payload = BUF_INIT;
    int rc;

    payload_event_print(&payload, event);
    db_bind_u64(stmt, 0, event->sequence);
    db_bind_u64(stmt, 1, event->timestamp_s);
    db_bind_text(stmt, 2, buf_str(&payload));
    rc = db_run(stmt, err);
    buf_free(&payload);
    if (rc == 0)
        store->next_event = event->sequence + 1;
    return rc;
}

int meter_store_unsent_event(struct meter_store *store, uint32_t *ret_sequence, struct buf *payload,
                             uint32_t after, struct err *err)
{
    return meter_store_next_payload(store, UNSENT_EVENT, ret_sequence, payload, after, err);
}

int meter_store_event_sent(struct meter_store *store, uint32_t sequence, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, EVENT_SENT);

    db_bind_u64(stmt, 0, sequence);
    return db_run(stmt, err);
}

/* COMMANDS */

int meter_store_control(struct meter_store *store, struct control_memory *ret_memory,
                        struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_CONTROL);

    if (db_step(stmt, err) != 1)
        return -1;
    ret_memory->last_id = db_column_u64(stmt, 0);
    ret_memory->armed_id = db_column_u64(stmt, 1);
    ret_memory->state = (enum control_state)db_column_u64(stmt, 2);
    db_reset(stmt);
    return 0;
}

static int insert_result(struct meter_store *store, const struct command_result *result,
                         struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, ADD_RESULT);
    struct buf payload = BUF_INIT;
    int rc;

    payload_result_print(&payload, result);
    db_bind_u64(stmt, 0, result->id);
    db_bind_text(stmt, 1, buf_str(&payload));
    rc = db_run(stmt, err);
    buf_free(&payload);
    return rc ? rc : db_run(db_stmt(store->db, PRUNE_RESULTS), err);
}

int meter_store_add_result(struct meter_store *store, const struct control_memory *memory,
                           const struct command_result *result, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, SET_CONTROL);

    db_bind_u64(stmt, 0, memory->last_id);
    db_bind_u64(stmt, 1, memory->armed_id);
    db_bind_u64(stmt, 2, memory->state);
    if (db_begin(store->db, err))
        return -1;
    if (db_run(stmt, err) || insert_result(store, result, err) || db_commit(store->db, err)) {
        db_rollback(store->db);
        return -1;
    }
    return 0;
}

int meter_store_resend_result(struct meter_store *store, uint64_t *ret_known, uint64_t id,
                              struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, RESEND_RESULT);

    db_bind_u64(stmt, 0, id);
    if (db_run(stmt, err))
        return -1;
    *ret_known = db_changes(store->db);
    return 0;
}

int meter_store_unsent_result(struct meter_store *store, uint32_t *ret_sequence,
                              struct buf *payload, uint32_t after, struct err *err)
{
    return meter_store_next_payload(store, UNSENT_RESULT, ret_sequence, payload, after, err);
}

int meter_store_result_sent(struct meter_store *store, uint32_t sequence, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, RESULT_SENT);

    db_bind_u64(stmt, 0, sequence);
    return db_run(stmt, err);
}

int meter_store_commanded_interval(struct meter_store *store, uint32_t *ret_interval_s,
                                   uint32_t configured_s, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_COMMANDED);
    int row;

    db_bind_u64(stmt, 0, configured_s);
    row = db_step(stmt, err);
    *ret_interval_s = row > 0 ? (uint32_t)db_column_u64(stmt, 0) : 0;
    if (row > 0)
        db_reset(stmt);
    return row < 0 ? -1 : 0;
}

int meter_store_command_interval(struct meter_store *store, uint32_t interval_s,
                                 uint32_t configured_s, struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, SET_COMMANDED);

    db_bind_u64(stmt, 0, interval_s);
    db_bind_u64(stmt, 1, configured_s);
    return db_run(stmt, err);
}

/* REGISTERS */

int meter_store_registers(struct meter_store *store, struct registers *ret_registers,
                          struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, GET_REGISTERS);
    const char *serial;
    int row;

    memset(ret_registers, 0, sizeof(*ret_registers));
    row = db_step(stmt, err);
    if (row <= 0)
        return row;
    serial = db_column_text(stmt, 0);
    memcpy(ret_registers->serial, serial, strnlen(serial, SERIAL_MAX));
    ret_registers->import = (struct register_base){db_column_u64(stmt, 1), db_column_u64(stmt, 2)};
    ret_registers->export = (struct register_base){db_column_u64(stmt, 3), db_column_u64(stmt, 4)};
    db_reset(stmt);
    return 0;
}

int meter_store_keep_registers(struct meter_store *store, const struct registers *registers,
                               struct err *err)
{
    struct db_stmt *stmt = db_stmt(store->db, SET_REGISTERS);

    db_bind_text(stmt, 0, registers->serial);
    db_bind_u64(stmt, 1, registers->import.raw_wh);
    db_bind_u64(stmt, 2, registers->import.shown_wh);
    db_bind_u64(stmt, 3, registers->export.raw_wh);
    db_bind_u64(stmt, 4, registers->export.shown_wh);
    return db_run(stmt, err);
}
