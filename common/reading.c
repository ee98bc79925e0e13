#include "common/reading.h"

#include <inttypes.h>
#include <string.h>

bool serial_valid(const char *serial)
{
    size_t len = strlen(serial);

    if (len < 1 || len > SERIAL_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = serial[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

bool reading_equal(const struct reading *a, const struct reading *b)
{
    return a->timestamp_s == b->timestamp_s && a->import_wh == b->import_wh &&
           a->export_wh == b->export_wh && a->quality == b->quality;
}

bool report_same(const struct report *a, const struct report *b)
{
    if (a->meter != b->meter || a->sequence != b->sequence || a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!reading_equal(&a->readings[i], &b->readings[i]))
            return false;
    return true;
}

bool report_equal(const struct report *a, const struct report *b)
{
    return report_same(a, b) && memcmp(a->signature.b, b->signature.b, sizeof(a->signature.b)) == 0;
}

static int check_range(const struct reading *reading, uint32_t index, struct err *err)
{
    if (reading->timestamp_s == 0)
        return err_set(err, "readings[%" PRIu32 "].t is 0", index);
    if (reading->import_wh > READING_WH_MAX)
        return err_set(err, "readings[%" PRIu32 "].import_wh is above 2^47-1", index);
    if (reading->export_wh > READING_WH_MAX)
        return err_set(err, "readings[%" PRIu32 "].export_wh is above 2^47-1", index);
    if (reading->quality & ~QUALITY_ALL)
        return err_set(err, "readings[%" PRIu32 "].quality has unknown bits", index);
    return 0;
}

static int check_order(const struct reading *before, const struct reading *reading, uint32_t index,
                       struct err *err)
{
    if (reading->timestamp_s <= before->timestamp_s)
        return err_set(err, "readings[%" PRIu32 "].t is not after the one before", index);
    if (reading->import_wh < before->import_wh)
        return err_set(err, "readings[%" PRIu32 "].import_wh falls", index);
    if (reading->export_wh < before->export_wh)
        return err_set(err, "readings[%" PRIu32 "].export_wh falls", index);
    return 0;
}

int report_check(const struct report *report, struct err *err)
{
    if (meter_group(report->meter) == 0)
        return err_set(err, "meter %" PRIu32 " is in group 0", report->meter);
    if (report->sequence == 0)
        return err_set(err, "sequence is 0");
    if (report->count < 1 || report->count > REPORT_READINGS_MAX)
        return err_set(err, "%" PRIu32 " readings where 1 to %d are allowed", report->count,
                       REPORT_READINGS_MAX);
    for (uint32_t i = 0; i < report->count; i++) {
        if (check_range(&report->readings[i], i, err))
            return -1;
        if (i && check_order(&report->readings[i - 1], &report->readings[i], i, err))
            return -1;
    }
    return 0;
}
