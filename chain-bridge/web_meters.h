/*
 * web_meters.h: handlers of the API for meters: list, one, events, and meters by intervals.
 *
 * They read the model in memory only, but for events and commands of one meter.
 */
#ifndef AMR_BRIDGE_WEB_METERS_H
#define AMR_BRIDGE_WEB_METERS_H

#include "chain-bridge/store_web.h"
#include "chain-bridge/web_api.h"

int web_list_meters(const struct web_call *call, struct err *err);
int web_get_meter(const struct web_call *call, struct err *err);
int web_list_events(const struct web_call *call, struct err *err);
int web_get_heatmap(const struct web_call *call, struct err *err);

/** Schema Meter; the closing brace is left to the caller who adds members. */
void web_print_meter(struct buf *out, const struct live_meter *row, bool close);
void web_print_event(struct buf *out, const struct event_row *row);
/** What a DSMR P3 / IDIS event code means. */
const char *web_event_text(uint16_t code);

#endif
