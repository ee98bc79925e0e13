/*
 * submitter_command.h: transactions of commands and results; private to the submitter.
 *
 * Says what a refusal by the contract means for a command's row: wait, or give it up.
 */
#ifndef AMR_BRIDGE_SUBMITTER_COMMAND_H
#define AMR_BRIDGE_SUBMITTER_COMMAND_H

#include "chain-bridge/submitter_internal.h"

/** The flight of a command or a result is final, well or reverted. */
int submitter_end_command(struct submitter *submitter, const struct flight *flight,
                          struct err *err) AMR_NODISCARD;

#endif
