/*
 * failback.h: when to leave another server and go back to the first of the list.
 *
 * Every period while connected elsewhere it tries whether the first server's port takes a TCP
 * connection, in the background; only then is a good connection given up. One owner, one thread.
 */
#ifndef AMR_METER_FAILBACK_H
#define AMR_METER_FAILBACK_H

#include <stdbool.h>

#include "common/clock.h"
#include "common/err.h"

struct failback;

/** servers as for mqtt.h; with one server, or period_s 0, it never says so. */
int failback_new(struct failback **ret_failback, const char *servers, uint32_t period_s,
                 const struct clock *clock, struct err *err) AMR_NODISCARD;
void failback_free(struct failback *failback);

void failback_connected(struct failback *failback, const char *server);
void failback_disconnected(struct failback *failback);
/** Monotonic, when to call failback_is_due; UINT64_MAX: not for now. */
uint64_t failback_due_ms(const struct failback *failback);
/** True once when the first server can be reached again. */
bool failback_is_due(struct failback *failback);

#endif
