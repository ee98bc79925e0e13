/*
 * web_metrics.h: handlers for machines that watch: /metrics as Prometheus text, /healthz and
 * /readyz.
 *
 * No serials and no names: numbers of the whole server only.
 */
#ifndef AMR_BRIDGE_WEB_METRICS_H
#define AMR_BRIDGE_WEB_METRICS_H

#include "chain-bridge/web_api.h"

int web_get_metrics(const struct web_call *call, struct err *err);
int web_get_health(const struct web_call *call, struct err *err);
int web_get_ready(const struct web_call *call, struct err *err);

#endif
