/*
 * web_daily.h: handler of the API for the daily report, as JSON and CSV.
 *
 * Walks every meter's reports of the day: a slow request (web_api_slow).
 */
#ifndef AMR_BRIDGE_WEB_DAILY_H
#define AMR_BRIDGE_WEB_DAILY_H

#include "chain-bridge/web_api.h"

int web_get_daily(const struct web_call *call, struct err *err);

#endif
