/*
 * agent_readings.h: within the agent: measurements become readings on wall-clock boundaries, and
 * readings become signed reports in the store. agent_measured is here too.
 */
#ifndef AMR_METER_AGENT_READINGS_H
#define AMR_METER_AGENT_READINGS_H

#include "meter-client/agent_internal.h"

uint32_t agent_boundary_after(const struct agent *agent, uint32_t unix_s);
/** Whether config.count readings were made. */
bool agent_all_made(const struct agent *agent);
/** How many readings make a report now. */
uint32_t agent_report_size(const struct agent *agent);
/** A callback for the store: agent is a struct agent. */
void agent_sign_report(void *agent, struct report *report);
/** Puts the readings that wait into a signed, stored report. */
int agent_make_report(struct agent *agent, struct err *err) AMR_NODISCARD;
/** The readings in memory into the store: as they are, or as a report where there are enough. */
int agent_save_readings(struct agent *agent, struct err *err) AMR_NODISCARD;
/** Whether the newest measurement is of this moment: not much after, not long before it. */
bool agent_measured_at(const struct agent *agent, uint32_t boundary_s);
void agent_take_reading(struct agent *agent, uint32_t boundary_s);
/** Makes the reading of the boundary that is over, if any. */
void agent_cut_readings(struct agent *agent);
/** Notices that the clock was set. */
void agent_check_clock(struct agent *agent);
/** Whether the source told nothing lately. */
bool agent_is_silent(const struct agent *agent);
/** Bits of enum meter_alarm that hold now. */
unsigned agent_alarms(const struct agent *agent);

#endif
