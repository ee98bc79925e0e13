/*
 * export.h: `amr-meter export`: every report in a meter store as one JSON line each.
 *
 *   {"report":{...},"state":"sealed","batch":"0x..","tx":"0x..","block":7}
 *   {"report":{...},"state":"rejected","cause":"rollback"}
 *
 * Reads only; the meter may be running.
 */
#ifndef AMR_METER_EXPORT_H
#define AMR_METER_EXPORT_H

#include <stdio.h>

#include "common/err.h"

int export_reports(const char *store_path, FILE *out, struct err *err) AMR_NODISCARD;

#endif
