/*
 * run.h: `amr-meter run`: source, store, agent and link on one loop, until SIGTERM or SIGINT.
 */
#ifndef AMR_METER_RUN_H
#define AMR_METER_RUN_H

#include "meter-client/meter.h"

/** Fills err where it is not EXIT_OK. */
enum exit_code run_meter(const struct config *config, struct err *err) AMR_NODISCARD;

#endif
