/*
 * agent_outbox.h: within the agent: what goes out, and when it goes out again. agent_published is
 * here too.
 */
#ifndef AMR_METER_AGENT_OUTBOX_H
#define AMR_METER_AGENT_OUTBOX_H

#include "meter-client/agent_internal.h"

void agent_restart_round(struct agent *agent);
void agent_send_state(struct agent *agent, bool online);
void agent_send_birth(struct agent *agent);
/** Which reports from `first` on are still held (common/payload.h). */
void agent_send_backlog(struct agent *agent, uint32_t first, bool asked);
int agent_send_all(struct agent *agent, struct err *err) AMR_NODISCARD;
/** Queues again what has waited too long for its seal, and forgets what is old. */
int agent_maintain(struct agent *agent, struct err *err) AMR_NODISCARD;

#endif
