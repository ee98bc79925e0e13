#include "meter-client/meter_store_resign.h"

#include "meter-client/meter_store_internal.h"

bool meter_store_is_foreign(const struct meter_store *store)
{
    return store->other_signer;
}

/** One kind of message: which are open, where they go, and how one is signed anew. */
struct kind {
    enum statement open;
    enum statement set;
    int (*sign)(const struct meter_store_signing *signing, struct buf *payload, struct err *err);
};

static int sign_report(const struct meter_store_signing *signing, struct buf *payload,
                       struct err *err)
{
    struct report report;

    if (payload_report_parse(&report, payload->data, payload->len, err))
        return -1;
    signing->report(signing->cookie, &report);
    buf_clear(payload);
    payload_report_print(payload, &report);
    return 0;
}

static int sign_event(const struct meter_store_signing *signing, struct buf *payload,
                      struct err *err)
{
    struct meter_event event;

    if (payload_event_parse(&event, payload->data, payload->len, err))
        return -1;
    signing->event(signing->cookie, &event);
    buf_clear(payload);
    payload_event_print(payload, &event);
    return 0;
}

static int sign_result(const struct meter_store_signing *signing, struct buf *payload,
                       struct err *err)
{
    struct command_result result;

    if (payload_result_parse(&result, payload->data, payload->len, err))
        return -1;
    signing->result(signing->cookie, &result);
    buf_clear(payload);
    payload_result_print(payload, &result);
    return 0;
}

static int resign_kind(struct meter_store *store, uint64_t *count, const struct kind *kind,
                       const struct meter_store_signing *signing, struct err *err)
{
    struct buf payload = BUF_INIT;
    uint32_t sequence = 0;
    int found;

    while ((found = meter_store_next_payload(store, kind->open, &sequence, &payload, sequence,
                                             err)) > 0) {
        struct db_stmt *set = db_stmt(store->db, kind->set);

        if (kind->sign(signing, &payload, err)) {
            found = -1;
            break;
        }
        db_bind_text(set, 0, buf_str(&payload));
        db_bind_u64(set, 1, sequence);
        if (db_run(set, err)) {
            found = -1;
            break;
        }
        ++*count;
        buf_clear(&payload);
    }
    buf_free(&payload);
    return found < 0 ? -1 : 0;
}

static int resign_all(struct meter_store *store, uint64_t *count,
                      const struct meter_store_signing *signing, struct err *err)
{
    static const struct kind KINDS[] = {
        {OPEN_REPORT, SET_REPORT, sign_report},
        {UNSENT_EVENT, SET_EVENT, sign_event},
        {UNSENT_RESULT, SET_RESULT, sign_result},
    };
    struct db_stmt *stmt;

    for (size_t i = 0; i < AMR_COUNT(KINDS); i++) {
        if (resign_kind(store, count, &KINDS[i], signing, err))
            return -1;
    }
    stmt = db_stmt(store->db, SET_SIGNER);
    db_bind_blob(stmt, 0, signing->signer->b, sizeof(signing->signer->b));
    return db_run(stmt, err);
}

int meter_store_resign(struct meter_store *store, uint64_t *ret_signed,
                       const struct meter_store_signing *signing, struct err *err)
{
    uint64_t count = 0;

    if (db_begin(store->db, err))
        return -1;
    if (resign_all(store, &count, signing, err) || db_commit(store->db, err)) {
        db_rollback(store->db);
        return -1;
    }
    store->other_signer = false;
    *ret_signed = count;
    return 0;
}
