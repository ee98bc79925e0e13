/*
 * web_overview.h: handlers of the API for the numbers of the first page, and those numbers member
 * by member.
 *
 * The live data (web_push.h) sends only the members that changed.
 */
#ifndef AMR_BRIDGE_WEB_OVERVIEW_H
#define AMR_BRIDGE_WEB_OVERVIEW_H

#include "chain-bridge/web_api.h"

int web_get_overview(const struct web_call *call, struct err *err);
int web_get_load(const struct web_call *call, struct err *err);

/** The members of the overview in their order; NULL after the last. */
const char *web_overview_name(size_t member);
/** Appends `"name":value`, as json_out.h does. */
int web_overview_member(const struct web_context *context, const struct live_totals *totals,
                        struct buf *out, size_t member, struct err *err) AMR_NODISCARD;

#endif
