#include "broker-plugin/history.h"

#include <inttypes.h>

static enum cause refuse(enum cause cause, struct err *err, const char *what, uint64_t given,
                         uint64_t last)
{
    err_set(err, "%s %" PRIu64 " against %" PRIu64 " reported before", what, given, last);
    return cause;
}

/* A report with a new highest sequence: time and registers go up from the last one. */
static enum cause check_newer(const struct reading *last, const struct reading *first,
                              struct err *err)
{
    if (first->timestamp_s == last->timestamp_s)
        return refuse(CAUSE_CONFLICT, err, "time", first->timestamp_s, last->timestamp_s);
    if (first->import_wh < last->import_wh)
        return refuse(CAUSE_ROLLBACK, err, "import_wh", first->import_wh, last->import_wh);
    if (first->export_wh < last->export_wh)
        return refuse(CAUSE_ROLLBACK, err, "export_wh", first->export_wh, last->export_wh);
    if (first->timestamp_s < last->timestamp_s)
        return refuse(CAUSE_STALE, err, "time", first->timestamp_s, last->timestamp_s);
    return CAUSE_NONE;
}

/* A lower sequence that is not remembered: it must fit before the newest reading. */
static enum cause check_older(const struct reading *newest, const struct reading *last,
                              struct err *err)
{
    if (last->timestamp_s >= newest->timestamp_s)
        return refuse(CAUSE_CONFLICT, err, "time of an old sequence", last->timestamp_s,
                      newest->timestamp_s);
    if (last->import_wh > newest->import_wh)
        return refuse(CAUSE_ROLLBACK, err, "import_wh of an old sequence", last->import_wh,
                      newest->import_wh);
    if (last->export_wh > newest->export_wh)
        return refuse(CAUSE_ROLLBACK, err, "export_wh of an old sequence", last->export_wh,
                      newest->export_wh);
    return CAUSE_NONE;
}

enum cause history_check(const struct history *history, bool *ret_resent,
                         const struct report *report, uint64_t fingerprint, struct err *err)
{
    size_t slot = report->sequence % HISTORY_RECENT;
    *ret_resent = false;
    if (history->sequence == 0)
        return CAUSE_NONE;
    if (report->sequence > history->sequence)
        return check_newer(&history->last, &report->readings[0], err);
    if (history->recent[slot].sequence != report->sequence)
        return check_older(&history->last, &report->readings[report->count - 1], err);
    if (history->recent[slot].fingerprint != fingerprint) {
        err_set(err, "sequence %" PRIu32 " was reported before with other content",
                report->sequence);
        return CAUSE_CONFLICT;
    }
    *ret_resent = true;
    return CAUSE_NONE;
}

void history_add(struct history *history, const struct report *report, uint64_t fingerprint)
{
    size_t slot = report->sequence % HISTORY_RECENT;
    if (report->sequence >= history->recent[slot].sequence) {
        history->recent[slot].sequence = report->sequence;
        history->recent[slot].fingerprint = fingerprint;
    }
    if (report->sequence > history->sequence) {
        history->sequence = report->sequence;
        history->last = report->readings[report->count - 1];
    }
}
