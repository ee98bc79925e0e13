#include "chain-bridge/curve.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

void curve_init(struct curve *curve, int64_t from_s, int64_t to_s, uint32_t step_s)
{
    *curve = (struct curve){.from_s = from_s, .step_s = step_s};
    curve->count = to_s > from_s ? (size_t)((to_s - from_s + step_s - 1) / step_s) : 0;
    curve->slots = xcalloc(curve->count + 1, sizeof(*curve->slots));
}

void curve_clear(struct curve *curve)
{
    free(curve->slots);
    memset(curve, 0, sizeof(*curve));
}

static int64_t slot_begin(const struct curve *curve, size_t slot)
{
    return curve->from_s + (int64_t)slot * curve->step_s;
}

/* The slot that time is in; 0 before the first, count behind the last. */
static size_t slot_at(const struct curve *curve, int64_t time_s)
{
    if (time_s < curve->from_s)
        return 0;
    int64_t slot = (time_s - curve->from_s) / curve->step_s;
    return slot < (int64_t)curve->count ? (size_t)slot : curve->count;
}

static uint8_t flags_of(const struct reading *reading)
{
    uint8_t flags = (reading->quality & QUALITY_SUBSTITUTED) != 0 ? CURVE_SUBSTITUTED : 0;
    return (reading->quality & (QUALITY_CLOCK_UNSURE | QUALITY_METER_ERROR)) != 0
               ? flags | CURVE_DOUBTFUL
               : flags;
}

void curve_add(struct curve *curve, const struct reading *reading)
{
    struct reading last = curve->last;
    curve->last = *reading;
    if (last.timestamp_s == 0)
        return;
    int64_t begin = last.timestamp_s;
    int64_t end = reading->timestamp_s;
    double length = (double)(end - begin);
    double import_wh = (double)(reading->import_wh - last.import_wh);
    double export_wh = (double)(reading->export_wh - last.export_wh);
    bool missing = end - begin > (int64_t)curve->step_s * 3 / 2;
    uint8_t flags = missing ? 0 : flags_of(reading);
    for (size_t i = slot_at(curve, begin); i < curve->count && slot_begin(curve, i) < end; i++) {
        struct curve_slot *slot = &curve->slots[i];
        int64_t from = slot_begin(curve, i) > begin ? slot_begin(curve, i) : begin;
        int64_t to = slot_begin(curve, i + 1) < end ? slot_begin(curve, i + 1) : end;
        if (to <= from)
            continue;
        double share = (double)(to - from) / length;
        slot->import_wh += import_wh * share;
        slot->export_wh += export_wh * share;
        slot->estimated_wh += missing ? import_wh * share : 0;
        slot->flags |= flags;
        slot->covered_s += missing ? 0 : (uint32_t)(to - from);
    }
}

void curve_expect(struct curve *curve, int64_t from_s, int64_t to_s)
{
    for (size_t i = slot_at(curve, from_s); i < curve->count; i++) {
        if (slot_begin(curve, i + 1) > to_s)
            return;
        if (slot_begin(curve, i + 1) > from_s)
            curve->slots[i].flags |= CURVE_EXPECTED;
    }
}

bool curve_is_measured(const struct curve *curve, size_t slot)
{
    return curve->slots[slot].covered_s == curve->step_s;
}

void curve_join(struct curve *group, const struct curve *meter)
{
    for (size_t i = 0; i < group->count; i++) {
        struct curve_slot *sum = &group->slots[i];
        const struct curve_slot *own = &meter->slots[i];
        bool first = (sum->flags & CURVE_EXPECTED) == 0;
        sum->import_wh += own->import_wh;
        sum->export_wh += own->export_wh;
        sum->estimated_wh += own->estimated_wh;
        if ((own->flags & CURVE_EXPECTED) == 0)
            continue;
        sum->flags |= own->flags;
        if (!curve_is_measured(meter, i))
            sum->covered_s = 0;
        else if (first)
            sum->covered_s = group->step_s;
    }
}

struct curve_sum curve_sum(const struct curve *curve, int64_t from_s, int64_t to_s)
{
    struct curve_sum sum = {.expected = 0};
    for (size_t i = slot_at(curve, from_s); i < curve->count && slot_begin(curve, i) < to_s; i++) {
        const struct curve_slot *slot = &curve->slots[i];
        sum.import_wh += slot->import_wh;
        sum.export_wh += slot->export_wh;
        sum.estimated_wh += slot->estimated_wh;
        if ((slot->flags & CURVE_EXPECTED) == 0)
            continue;
        sum.expected++;
        if (!curve_is_measured(curve, i))
            continue;
        double power_w = slot->import_wh * 3600 / curve->step_s;
        sum.measured++;
        sum.substituted += (slot->flags & CURVE_SUBSTITUTED) != 0;
        sum.doubtful += (slot->flags & CURVE_DOUBTFUL) != 0;
        if (power_w > sum.peak_w) {
            sum.peak_w = power_w;
            sum.peak_s = slot_begin(curve, i);
        }
    }
    return sum;
}
