#include "chain-bridge/audit_ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS  65536
#define NUMBERS 65536

struct group {
    uint64_t batches;
    struct audit_meter *meters[NUMBERS];
};

struct server {
    struct eth_address address;
    uint16_t group; /* 0: removed */
};

struct audit_ledger {
    struct group *groups[GROUPS];
    struct server *servers;
    size_t server_count;
};

struct audit_ledger *audit_ledger_new(void)
{
    return xcalloc(1, sizeof(struct audit_ledger));
}

static void free_group(struct group *group)
{
    if (group == NULL)
        return;
    for (size_t i = 0; i < NUMBERS; i++) {
        if (group->meters[i] != NULL)
            free(group->meters[i]->tenures);
        free(group->meters[i]);
    }
    free(group);
}

void audit_ledger_free(struct audit_ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (size_t i = 0; i < GROUPS; i++)
        free_group(ledger->groups[i]);
    free(ledger->servers);
    free(ledger);
}

static struct group *group_of(struct audit_ledger *ledger, uint16_t number)
{
    if (ledger->groups[number] == NULL)
        ledger->groups[number] = xcalloc(1, sizeof(struct group));
    return ledger->groups[number];
}

struct audit_meter *audit_ledger_meter(const struct audit_ledger *ledger, uint32_t meter)
{
    const struct group *group = ledger->groups[meter_group(meter)];
    return group != NULL ? group->meters[meter_number(meter)] : NULL;
}

struct audit_meter *audit_ledger_next(const struct audit_ledger *ledger, uint32_t *meter)
{
    for (uint64_t id = (uint64_t)*meter + 1; id <= UINT32_MAX; id++) {
        if (ledger->groups[id >> 16] == NULL) {
            id |= UINT16_MAX;
            continue;
        }
        *meter = (uint32_t)id;
        if (audit_ledger_meter(ledger, *meter) != NULL)
            return audit_ledger_meter(ledger, *meter);
    }
    return NULL;
}

uint64_t audit_ledger_batches(const struct audit_ledger *ledger, uint16_t group)
{
    return ledger->groups[group] != NULL ? ledger->groups[group]->batches : 0;
}

const struct audit_tenure *audit_signer_at(const struct audit_meter *meter, uint64_t batch)
{
    for (size_t i = meter->tenure_count; i-- > 0;) {
        if (meter->tenures[i].from_batch <= batch)
            return &meter->tenures[i];
    }
    return NULL;
}

/* EVENTS */

/* A new signer counts from the group's next batch on, as in the contract. */
static void add_tenure(struct audit_ledger *ledger, struct audit_meter *meter,
                       const struct eth_address *signer)
{
    uint64_t next = audit_ledger_batches(ledger, meter_group(meter->meter)) + 1;
    meter->tenures = xrealloc(meter->tenures, (meter->tenure_count + 1) * sizeof(*meter->tenures));
    meter->tenures[meter->tenure_count++] = (struct audit_tenure){*signer, next};
}

static int register_meters(struct audit_ledger *ledger, const struct ledger_event *event,
                           struct err *err)
{
    struct group *group = group_of(ledger, meter_group(event->meter));
    for (size_t i = 0; i < ledger_signer_count(event); i++) {
        uint32_t id = event->meter + (uint32_t)i;
        struct eth_address signer = ledger_signer(event, i);
        if (group->meters[meter_number(id)] != NULL)
            return err_set(err, "meter %" PRIu32 " is registered twice", id);
        struct audit_meter *meter = xcalloc(1, sizeof(*meter));
        meter->meter = id;
        group->meters[meter_number(id)] = meter;
        add_tenure(ledger, meter, &signer);
    }
    return 0;
}

static struct server *find_server(const struct audit_ledger *ledger,
                                  const struct eth_address *address)
{
    for (size_t i = 0; i < ledger->server_count; i++) {
        if (eth_address_equal(&ledger->servers[i].address, address))
            return &ledger->servers[i];
    }
    return NULL;
}

static void list_server(struct audit_ledger *ledger, const struct eth_address *address,
                        uint16_t group)
{
    struct server *server = find_server(ledger, address);
    if (server == NULL) {
        ledger->servers =
            xrealloc(ledger->servers, (ledger->server_count + 1) * sizeof(*ledger->servers));
        server = &ledger->servers[ledger->server_count++];
        server->address = *address;
    }
    server->group = group;
}

static int change_meter(struct audit_ledger *ledger, const struct ledger_event *event,
                        struct err *err)
{
    struct audit_meter *meter = audit_ledger_meter(ledger, event->meter);
    if (meter == NULL)
        return err_set(err, "meter %" PRIu32 " changes before it is registered", event->meter);
    if (event->kind == LEDGER_SIGNER_ROTATED)
        add_tenure(ledger, meter, &event->account);
    else
        meter->closed = event->kind == LEDGER_METER_CLOSED;
    return 0;
}

int audit_ledger_event(struct audit_ledger *ledger, const struct ledger_event *event,
                       struct err *err)
{
    switch (event->kind) {
    case LEDGER_METERS_REGISTERED:
        return register_meters(ledger, event, err);
    case LEDGER_SIGNER_ROTATED:
    case LEDGER_METER_CLOSED:
    case LEDGER_METER_REOPENED:
        return change_meter(ledger, event, err);
    case LEDGER_SERVER_ADDED:
        list_server(ledger, &event->account, event->group);
        return 0;
    case LEDGER_SERVER_REMOVED:
        list_server(ledger, &event->account, 0);
        return 0;
    default:
        return 0;
    }
}

/* BATCHES */

/* The reason that the rules give; 0: the reading is taken. Whether it lay in the future only the
 * block's clock told: what the contract says of that is believed. */
static uint8_t reason_for(const struct audit_meter *meter, const struct reading *reading,
                          bool unsorted, uint8_t told)
{
    if (unsorted)
        return LEDGER_REASON_UNSORTED;
    if (meter == NULL)
        return LEDGER_REASON_UNKNOWN;
    if (meter->closed)
        return LEDGER_REASON_CLOSED;
    if (told == LEDGER_REASON_FUTURE)
        return told;
    if (reading->timestamp_s <= meter->last.timestamp_s)
        return LEDGER_REASON_STALE;
    if (reading->import_wh < meter->last.import_wh || reading->export_wh < meter->last.export_wh)
        return LEDGER_REASON_ROLLBACK;
    return 0;
}

static void take(struct audit_meter *meter, const struct reading *reading)
{
    if (meter == NULL)
        return;
    if (meter->readings++ == 0)
        meter->first = *reading;
    meter->last = *reading;
}

static const char *verdict_text(uint8_t reason)
{
    return reason == 0 ? "taken" : ledger_reason_text(reason);
}

static void follow_record(struct audit_ledger *ledger, const struct history_batch *batch, size_t i,
                          uint32_t highest, struct audit_findings *findings)
{
    const struct record *record = &batch->records[i];
    struct audit_meter *meter = audit_ledger_meter(ledger, record->meter);
    uint8_t told = batch->reasons[i];
    uint8_t should = reason_for(meter, &record->reading, record->meter < highest, told);
    if (told != should && findings != NULL)
        audit_found(findings,
                    &(struct audit_finding){.kind = AUDIT_RULES,
                                            .meter = record->meter,
                                            .group = batch->group,
                                            .batch = batch->number},
                    "the reading of time %" PRIu32 " is %s, by the rules it is %s",
                    record->reading.timestamp_s, verdict_text(told), verdict_text(should));
    if (told == 0)
        take(meter, &record->reading);
    else if (meter != NULL)
        meter->refused++;
}

void audit_ledger_batch(struct audit_ledger *ledger, const struct history_batch *batch,
                        struct audit_findings *findings)
{
    struct audit_finding finding = {.group = batch->group, .batch = batch->number};
    struct group *group = group_of(ledger, batch->group);
    const struct server *server = find_server(ledger, &batch->server);
    char text[ETH_ADDRESS_TEXT];
    uint32_t highest = 0;
    if (findings != NULL && (server == NULL || server->group != batch->group)) {
        finding.kind = AUDIT_SERVER;
        audit_found(findings, &finding, "%s was not listed as a server of the group",
                    eth_address_text(text, &batch->server));
    }
    if (findings != NULL && batch->number != group->batches + 1) {
        finding.kind = AUDIT_NUMBER;
        audit_found(findings, &finding, "follows batch %" PRIu64, group->batches);
    }
    group->batches = batch->number;
    for (size_t i = 0; i < batch->count; i++) {
        follow_record(ledger, batch, i, highest, findings);
        highest = batch->records[i].meter > highest ? batch->records[i].meter : highest;
    }
}
