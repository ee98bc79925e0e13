/*
 * ctl_confirm.h: a question to the person at the terminal, before something that matters.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_CONFIRM_H
#define AMR_CHAIN_BRIDGE_CTL_CONFIRM_H

#include "chain-bridge/ctl.h"

/** Asks on the controlling terminal. CTL_DONE for yes; CTL_USAGE where the answer is another or
 * there is no terminal: then --yes must stand for it. */
int ctl_confirm(const char *question, struct err *err) AMR_NODISCARD;

#endif
