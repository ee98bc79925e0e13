#include "chain-bridge/presence.h"

#include <string.h>

#include "chain-bridge/store_report.h"

static void ask(struct presence *presence, uint32_t meter, uint32_t first, uint32_t last)
{
    presence->asks = true;
    presence->receipt =
        (struct receipt){.status = RECEIPT_MISSING, .meter = meter, .first = first, .last = last};
}

/* Nothing is known of this meter: the store is new, or the meter is. */
static int meet(struct store *store, struct presence *presence, const struct verdict *verdict,
                struct err *err)
{
    presence->there = true;
    ask(presence, verdict->backlog.meter, 1, UINT32_MAX);
    return store_meter_put(store, verdict->backlog.meter, verdict->serial, err);
}

/*
 * Takes the meter's word that missing numbers below `open` will not come, unless it speaks of later
 * ones only than what is missing here: then it was asked by somebody who had more.
 */
static int settle(struct store *store, struct presence *presence, const struct meter_row *row,
                  const struct backlog *backlog, struct err *err)
{
    uint32_t from = row->claimed + 1 > row->open ? row->claimed + 1 : row->open;
    uint32_t missing;
    if (backlog->open <= row->open)
        return 0;
    if (store_report_missing(store, &missing, backlog->meter, from, err) < 0)
        return -1;
    if (backlog->first > missing)
        return 0;
    presence->settled = true;
    return store_meter_put_open(store, backlog->meter, backlog->open, err);
}

/* What it holds and the store does not is asked for, once a connection. */
static int compare(struct store *store, struct presence *presence, const struct backlog *backlog,
                   struct err *err)
{
    uint32_t missing;
    if (backlog->asked || backlog->open >= backlog->next)
        return 0;
    if (store_report_missing(store, &missing, backlog->meter, backlog->open, err) < 0)
        return -1;
    if (missing < backlog->next)
        ask(presence, backlog->meter, missing, backlog->next - 1);
    return 0;
}

int presence_take(struct store *store, struct presence *ret_presence, const struct verdict *verdict,
                  struct err *err)
{
    struct presence *presence = ret_presence;
    const struct backlog *backlog = &verdict->backlog;
    struct meter_row row;
    *presence = (struct presence){0};
    if (store_meter_get(store, &row, backlog->meter, err) < 0)
        return -1;
    if (!row.serial[0])
        return meet(store, presence, verdict, err);
    presence->there = strcmp(row.serial, verdict->serial) == 0;
    if (!presence->there || verdict->kind != TOPIC_BACKLOG)
        return 0;
    if (settle(store, presence, &row, backlog, err) < 0)
        return -1;
    return compare(store, presence, backlog, err);
}
