/*
 * web_alarms.h: handlers of the API for alarms and who acknowledged them (alarm_log.h).
 *
 * Lists are pages by group id, newest first.
 */
#ifndef AMR_BRIDGE_WEB_ALARMS_H
#define AMR_BRIDGE_WEB_ALARMS_H

#include "chain-bridge/alarm_log.h"
#include "chain-bridge/web_api.h"

int web_list_alarms(const struct web_call *call, struct err *err);
int web_get_alarm(const struct web_call *call, struct err *err);
int web_acknowledge(const struct web_call *call, struct err *err);
int web_acknowledge_all(const struct web_call *call, struct err *err);

/** Schema Alarm; the closing brace is left to the caller who adds members. */
void web_print_alarm(struct buf *out, const struct alarm_group *group, bool close);

#endif
