/*
 * rebuild_command.h: `amr-bridge --rebuild`: key, node and files of the configuration, rebuild.h,
 * and what it says about it. What the files lack goes to standard output, a JSON object a line:
 *
 *   {"meter":65537,"number":12,"batch":"0x..","tx":"0x..","block":34,"readings":4}
 */
#ifndef AMR_BRIDGE_REBUILD_COMMAND_H
#define AMR_BRIDGE_REBUILD_COMMAND_H

#include "chain-bridge/bridge.h"

enum bridge_exit rebuild_command(const struct config *config, const struct clock *clock,
                                 struct log *log, struct err *err);

#endif
