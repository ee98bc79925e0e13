#include "chain-bridge/audit_before.h"

#include <inttypes.h>

struct reader {
    struct audit_ledger *ledger;
    struct history *history;
};

static int on_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct reader *reader = cookie;
    (void)err;
    audit_ledger_batch(reader->ledger, batch, NULL);
    return 0;
}

static int on_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                    struct err *err)
{
    struct reader *reader = cookie;
    if (history_event(reader->history, event, log, err) != 0)
        return -1;
    return audit_ledger_event(reader->ledger, event, err);
}

static int read_ledger(struct reader *reader, const struct audit_before *before,
                       const struct eth_address *contract, struct err *err)
{
    struct ctl there = *before->ctl;
    there.contract = *contract;
    there.start_block = before->start_block;
    struct ctl_logs *logs = ctl_logs_open(&there, before->logs, before->progress, err);
    int result = -1;
    if (logs != NULL) {
        result = ctl_logs_each(logs, NULL, 0, on_event, reader, err);
        if (result == 0)
            result = history_end(reader->history, err);
    }
    ctl_logs_close(logs);
    return result == 0 ? 0 : err_wrap(err, "the ledger before this one");
}

static void compare(const struct audit_before *before, const struct audit_ledger *old)
{
    const struct audit_meter *meter;
    uint32_t id = 0;
    while ((meter = audit_ledger_next(before->ledger, &id)) != NULL) {
        const struct audit_meter *was = audit_ledger_meter(old, id);
        if (was == NULL || was->readings == 0 || meter->readings == 0 ||
            !audit_scope_has(before->scope, id))
            continue;
        if (meter->first.timestamp_s > was->last.timestamp_s &&
            meter->first.import_wh >= was->last.import_wh &&
            meter->first.export_wh >= was->last.export_wh)
            continue;
        audit_found(
            before->findings,
            &(struct audit_finding){.kind = AUDIT_BEFORE, .meter = id, .group = meter_group(id)},
            "begins at time %" PRIu32 " with %" PRIu64 " / %" PRIu64
            " Wh, but the ledger before ended at %" PRIu32 " with %" PRIu64 " / %" PRIu64,
            meter->first.timestamp_s, meter->first.import_wh, meter->first.export_wh,
            was->last.timestamp_s, was->last.import_wh, was->last.export_wh);
    }
}

int audit_before(const struct audit_before *before, struct eth_address *ret_predecessor,
                 struct err *err)
{
    struct eth_address contract;
    struct reader reader = {NULL, NULL};
    if (ledger_predecessor(before->ctl->chain, &before->ctl->contract, &contract, err) != CHAIN_OK)
        return -1;
    *ret_predecessor = contract;
    if (eth_address_is_zero(&contract))
        return 0;
    reader.ledger = audit_ledger_new();
    reader.history = history_new(on_batch, &reader);
    int result = read_ledger(&reader, before, &contract, err);
    if (result == 0)
        compare(before, reader.ledger);
    history_free(reader.history);
    audit_ledger_free(reader.ledger);
    return result;
}
