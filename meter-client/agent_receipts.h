/*
 * agent_receipts.h: within the agent: what the servers say of the reports, and what follows from
 * it.
 */
#ifndef AMR_METER_AGENT_RECEIPTS_H
#define AMR_METER_AGENT_RECEIPTS_H

#include "meter-client/agent_internal.h"

void agent_take_receipt(struct agent *agent, const struct receipt *receipt);

#endif
