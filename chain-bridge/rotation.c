#include "chain-bridge/rotation.h"

#include <stdlib.h>

#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/store_report.h"
#include "common/buf.h"

struct waiting {
    uint64_t *ids;
    size_t count;
    uint32_t first;
    uint32_t last;
};

static bool collect(void *cookie, const struct waiting_row *row)
{
    struct waiting *waiting = cookie;
    waiting->ids = xrealloc(waiting->ids, (waiting->count + 1) * sizeof(*waiting->ids));
    waiting->ids[waiting->count++] = row->id;
    waiting->first = waiting->first ? waiting->first : row->sequence;
    waiting->last = row->sequence;
    return true;
}

static int put_aside(struct store *store, uint64_t id, struct err *err)
{
    struct report_row row;
    struct buf payload = BUF_INIT;
    if (store_report_get(store, &row, id, err) < 0)
        return -1;
    payload_report_print(&payload, &row.report);
    struct quarantine_row kept = {.received_ms = row.received_ms,
                                  .cause = CAUSE_SIGNATURE,
                                  .text = "signed with the key before the rotation",
                                  .topic = "",
                                  .meter = row.report.meter,
                                  .sequence = row.report.sequence,
                                  .payload = payload.data,
                                  .payload_len = payload.len};
    int result = store_quarantine_add(store, &kept, err);
    buf_free(&payload);
    return result;
}

static int put_all_aside(struct store *store, uint32_t meter, const struct waiting *waiting,
                         struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < waiting->count; i++)
        result = put_aside(store, waiting->ids[i], err);
    if (result == 0)
        result = store_report_drop_waiting(store, meter, err);
    if (result < 0 || store_commit(store, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return 0;
}

static void tell(const struct rotation *rotation, uint32_t meter, const struct waiting *waiting)
{
    struct meter_row row;
    int64_t count = (int64_t)waiting->count;
    struct receipt receipt = {
        .status = RECEIPT_MISSING, .meter = meter, .first = waiting->first, .last = waiting->last};
    status_add(rotation->status, STATUS_STORED, -count);
    status_add(rotation->status, STATUS_BACKLOG, -count);
    status_add(rotation->status, STATUS_QUARANTINED, count);
    log_unusual(rotation->log,
                "reports signed before the rotation are asked for again meter=%u reports=%zu",
                (unsigned)meter, waiting->count);
    if (store_meter_get(rotation->store, &row, meter, NULL) == 0 && row.serial[0])
        rotation->notices.receipt(rotation->notices.cookie, row.serial, &receipt);
}

int rotation_apply(const struct rotation *rotation, uint32_t meter, struct err *err)
{
    struct waiting waiting = {0};
    int result = store_report_waiting_of(rotation->store, meter, 0, collect, &waiting, err);
    if (result == 0 && waiting.count)
        result = put_all_aside(rotation->store, meter, &waiting, err);
    if (result == 0 && waiting.count)
        tell(rotation, meter, &waiting);
    free(waiting.ids);
    return result;
}
