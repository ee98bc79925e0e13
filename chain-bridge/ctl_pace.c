#include "chain-bridge/ctl_pace.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S    86400
#define WEI_GWEI UINT64_C(1000000000)

struct entry {
    struct eth_hash transaction;
    uint64_t block;
    uint32_t accepted;
};

/* A server's last batches, oldest first. */
struct lane {
    struct eth_address server;
    struct entry entries[PACE_BATCHES];
    size_t count;
};

struct ctl_pace {
    struct lane *lanes;
    size_t count;
};

struct ctl_pace *ctl_pace_new(void)
{
    return xcalloc(1, sizeof(struct ctl_pace));
}

void ctl_pace_free(struct ctl_pace *pace)
{
    if (pace == NULL)
        return;
    free(pace->lanes);
    free(pace);
}

static struct lane *find_lane(const struct ctl_pace *pace, const struct eth_address *server)
{
    for (size_t i = 0; i < pace->count; i++) {
        if (eth_address_equal(&pace->lanes[i].server, server))
            return &pace->lanes[i];
    }
    return NULL;
}

void ctl_pace_batch(struct ctl_pace *pace, const struct ledger_event *event,
                    const struct chain_log *log)
{
    struct lane *lane = find_lane(pace, &event->account);
    if (lane == NULL) {
        pace->lanes = xrealloc(pace->lanes, (pace->count + 1) * sizeof(*pace->lanes));
        lane = &pace->lanes[pace->count++];
        *lane = (struct lane){.server = event->account};
    }
    if (lane->count == PACE_BATCHES)
        memmove(lane->entries, lane->entries + 1, --lane->count * sizeof(*lane->entries));
    lane->entries[lane->count++] = (struct entry){log->transaction, log->block, event->accepted};
}

/* What the batches after the first cost: the time from the first on belongs to them. */
static int sum_cost(const struct lane *lane, uint64_t *ret_gwei, struct ctl *ctl, struct err *err)
{
    struct eth_hash hashes[PACE_BATCHES];
    struct chain_receipt receipts[PACE_BATCHES];
    uint64_t gwei = 0;
    for (size_t i = 0; i < lane->count; i++)
        hashes[i] = lane->entries[i].transaction;
    if (chain_receipts(ctl->chain, receipts, hashes, lane->count, err) != CHAIN_OK)
        return err_wrap(err, "receipts of the last batches");
    for (size_t i = 1; i < lane->count; i++) {
        uint64_t price = receipts[i].found ? receipts[i].gas_price_wei : 0;
        /* In kilowei first: 2^24 gas at a price of a thousand ether would still fit. */
        gwei += receipts[i].gas_used * (price / 1000) / (WEI_GWEI / 1000);
    }
    *ret_gwei = gwei;
    return 0;
}

static int time_of(uint64_t *ret_time_s, struct ctl *ctl, uint64_t number, struct err *err)
{
    struct chain_block block;
    if (chain_block(ctl->chain, &block, number, err) != CHAIN_OK)
        return err_wrap(err, "time of a block");
    *ret_time_s = block.timestamp_s;
    return 0;
}

int ctl_pace_measure(struct ctl_pace *pace, struct ctl_pace_figures *ret_figures, struct ctl *ctl,
                     const struct eth_address *server, uint64_t now_s, struct err *err)
{
    const struct lane *lane = find_lane(pace, server);
    uint64_t first_s = 0;
    uint64_t last_s = 0;
    uint64_t gwei = 0;
    uint64_t readings = 0;
    *ret_figures = (struct ctl_pace_figures){.known = false};
    if (lane == NULL || lane->count < 2)
        return 0;
    if (sum_cost(lane, &gwei, ctl, err) != 0 ||
        time_of(&first_s, ctl, lane->entries[0].block, err) != 0 ||
        time_of(&last_s, ctl, lane->entries[lane->count - 1].block, err) != 0)
        return -1;
    for (size_t i = 1; i < lane->count; i++)
        readings += lane->entries[i].accepted;
    uint64_t span_s = now_s > first_s ? now_s - first_s : 1;
    uint64_t busy_s = last_s > first_s ? last_s - first_s : 1;
    *ret_figures = (struct ctl_pace_figures){
        .known = true,
        .gwei_per_day = gwei > UINT64_MAX / DAY_S ? UINT64_MAX : gwei * DAY_S / span_s,
        .millireadings = readings * 1000 / busy_s,
    };
    return 0;
}
