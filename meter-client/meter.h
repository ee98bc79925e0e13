/*
 * meter.h: one whole meter: identity, store, source, link and agent, made from its configuration.
 *
 * The caller's one thread owns it and drives it: poll what meter_link_fd and meter_source_fd say,
 * wake at meter_due_ms (monotonic) and meter_boundary_ms (wall clock) at the latest, and call
 * meter_step. run.c does so for one, fleet.c for many.
 */
#ifndef AMR_METER_METER_H
#define AMR_METER_METER_H

#include "common/log.h"
#include "meter-client/agent.h"
#include "meter-client/meter_config.h"

/** Exit codes of every amr-meter verb. */
enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

struct meter;

/** Clock, log and config are borrowed and outlive the meter. Fills err where not EXIT_OK. */
enum exit_code meter_new(struct meter **ret_meter, const struct config *config, struct clock *clock,
                         struct log *log, struct err *err) AMR_NODISCARD;
/** Says goodbye and begins to disconnect: for whoever frees many. */
void meter_leave(struct meter *meter);
/** Says goodbye, disconnects, keeps what is to be kept. */
void meter_free(struct meter *meter);
/** Starts the link's threads. */
int meter_start(struct meter *meter, struct err *err) AMR_NODISCARD;

int meter_link_fd(const struct meter *meter);
/** -1: nothing to poll. */
int meter_source_fd(const struct meter *meter);
short meter_source_events(const struct meter *meter);
uint64_t meter_due_ms(const struct meter *meter);
uint64_t meter_boundary_ms(const struct meter *meter);

/** Does what is due: messages, measurements, readings, sending. */
void meter_step(struct meter *meter);
enum agent_end meter_end(const struct meter *meter);

struct agent *meter_agent(struct meter *meter);
const char *meter_serial(const struct meter *meter);
uint32_t meter_session(const struct meter *meter);

#endif
