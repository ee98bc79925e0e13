#include "chain-bridge/admission.h"

#include <stdio.h>
#include <string.h>

#include "chain-bridge/store_batch.h"
#include "chain-bridge/store_command.h"
#include "chain-bridge/store_quarantine.h"
#include "chain-bridge/store_report.h"

static void refuse(struct verdict *verdict, enum cause cause, const char *what, uint32_t sequence)
{
    verdict->cause = cause;
    snprintf(verdict->text, sizeof(verdict->text), "%s sequence %u", what, (unsigned)sequence);
}

/* One after the other in time, and no register lower. */
static void check_pair(struct verdict *verdict, const struct report *earlier,
                       const struct report *later, uint32_t other)
{
    const struct reading *a = &earlier->readings[earlier->count - 1];
    const struct reading *b = &later->readings[0];
    if (b->timestamp_s <= a->timestamp_s)
        refuse(verdict, CAUSE_CONFLICT, "time overlaps with that of", other);
    else if (b->import_wh < a->import_wh || b->export_wh < a->export_wh)
        refuse(verdict, CAUSE_ROLLBACK, "a register is lower than in the report before, at", other);
}

static int check_neighbours(struct store *store, struct verdict *verdict, struct err *err)
{
    const struct report *report = &verdict->report;
    struct report_row row;
    bool found;
    if (store_report_before(store, &row, &found, report->meter, report->sequence, err) < 0)
        return -1;
    if (found)
        check_pair(verdict, &row.report, report, row.report.sequence);
    if (verdict->cause != CAUSE_NONE)
        return 0;
    if (store_report_after(store, &row, &found, report->meter, report->sequence, err) < 0)
        return -1;
    if (found)
        check_pair(verdict, report, &row.report, row.report.sequence);
    return 0;
}

static int sealed_receipt(struct store *store, struct receipt *receipt, uint64_t batch,
                          struct err *err)
{
    struct batch_row row;
    if (store_batch_get(store, &row, batch, err) < 0)
        return -1;
    receipt->status = RECEIPT_SEALED;
    receipt->batch = row.root;
    receipt->transaction = row.hash;
    receipt->block = row.block;
    return 0;
}

/* The sequence is known: the same report again, or another under its number. */
static int answer_known(struct store *store, struct admission *admission, struct verdict *verdict,
                        const struct report_row *row, struct err *err)
{
    if (!report_same(&row->report, &verdict->report)) {
        refuse(verdict, CAUSE_CONFLICT, "other content than before under", row->report.sequence);
        return 0;
    }
    admission->kind = REPEATED;
    /* After a rotation: the signature that counts now. */
    if (row->state == REPORT_STORED && !report_equal(&row->report, &verdict->report))
        return store_report_resign(store, row->id, &verdict->report, err);
    if (row->state == REPORT_SEALED)
        return sealed_receipt(store, &admission->receipt, row->batch, err);
    if (row->state == REPORT_REJECTED) {
        admission->receipt.status = RECEIPT_REJECTED;
        admission->receipt.cause = row->cause;
        snprintf(admission->receipt.text, sizeof(admission->receipt.text),
                 "this report was refused before");
    }
    return 0;
}

static int add(struct store *store, const struct verdict *verdict, enum report_state state,
               uint64_t received_ms, struct err *err)
{
    struct report_row row = {.state = state,
                             .received_ms = received_ms,
                             .cause = verdict->cause,
                             .digest = verdict->digest,
                             .report = verdict->report};
    return store_report_add(store, &row, err);
}

static int quarantine(struct store *store, const struct verdict *verdict,
                      const struct message *message, struct err *err)
{
    struct quarantine_row row = {.received_ms = message->received_ms,
                                 .cause = verdict->cause,
                                 .text = verdict->text,
                                 .topic = message->topic,
                                 .meter = verdict->meter,
                                 .sequence = verdict->report.sequence,
                                 .payload = message->payload,
                                 .payload_len = message->payload_len};
    return store_quarantine_add(store, &row, err);
}

static int judge(struct store *store, struct admission *admission, struct verdict *verdict,
                 const struct message *message, struct err *err)
{
    struct report_row row;
    bool known;
    if (store_report_find(store, &row, &known, verdict->report.meter, verdict->report.sequence,
                          err) < 0)
        return -1;
    if (known)
        return answer_known(store, admission, verdict, &row, err);
    if (check_neighbours(store, verdict, err) < 0 ||
        store_meter_put(store, verdict->report.meter, verdict->serial, err) < 0)
        return -1;
    admission->used_sequence = verdict->cause != CAUSE_NONE;
    return add(store, verdict, admission->used_sequence ? REPORT_REJECTED : REPORT_STORED,
               message->received_ms, err);
}

/* The signature says which meter has the serial. */
static int take_result(struct store *store, struct admission *admission,
                       const struct verdict *verdict, struct err *err)
{
    if (store_meter_put(store, verdict->meter, verdict->serial, err) < 0)
        return -1;
    return store_command_answer(store, &admission->answered, &verdict->result, err);
}

static int take_other(struct store *store, struct admission *admission,
                      const struct verdict *verdict, struct err *err)
{
    admission->kind = NOTED;
    if (verdict->kind == TOPIC_COMMAND_ACK)
        return take_result(store, admission, verdict, err);
    return presence_take(store, &admission->presence, verdict, err);
}

static int refuse_message(struct store *store, struct admission *admission,
                          const struct verdict *verdict, const struct message *message,
                          struct err *err)
{
    bool retained = verdict->kind == TOPIC_BIRTH || verdict->kind == TOPIC_BACKLOG;
    if (retained && verdict->cause != CAUSE_MALFORMED && verdict->cause != CAUSE_OVERSIZE) {
        admission->kind = NOTED;
        return 0;
    }
    admission->kind = REFUSED;
    admission->receipt.status = RECEIPT_REJECTED;
    admission->receipt.cause = verdict->cause;
    memcpy(admission->receipt.text, verdict->text, sizeof(admission->receipt.text));
    return quarantine(store, verdict, message, err);
}

int admission_decide(struct store *store, struct admission *ret_admission, struct verdict *verdict,
                     const struct message *message, struct err *err)
{
    struct admission *admission = ret_admission;
    bool report = verdict->kind == TOPIC_READING;
    *admission = (struct admission){
        .kind = ADMITTED, .has_receipt = report, .readings = verdict->report.count};
    memcpy(admission->serial, verdict->serial, sizeof(admission->serial));
    admission->receipt.status = RECEIPT_STORED;
    admission->receipt.meter = verdict->meter;
    admission->receipt.first = admission->receipt.last = verdict->report.sequence;
    int result = 0;
    if (verdict->cause == CAUSE_NONE)
        result = report ? judge(store, admission, verdict, message, err)
                        : take_other(store, admission, verdict, err);
    if (result == 0 && verdict->cause != CAUSE_NONE)
        result = refuse_message(store, admission, verdict, message, err);
    return result;
}
