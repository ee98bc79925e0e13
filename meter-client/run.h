/*
 * run.h: `amr-meter run`: source, store, agent and link on one loop, until SIGTERM or SIGINT.
 */
#ifndef AMR_METER_RUN_H
#define AMR_METER_RUN_H

#include "meter-client/meter_config.h"

/** Exit codes of every amr-meter verb. */
enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

/** Fills err where it is not EXIT_OK. */
enum exit_code run_meter(const struct config *config, struct err *err) AMR_NODISCARD;

#endif
