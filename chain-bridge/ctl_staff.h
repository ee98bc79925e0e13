/*
 * ctl_staff.h: the verbs for people who log in to the broker by name and password (staff.h).
 *
 * `staff add` asks for the password twice on the terminal, without echo, or reads it from a file
 * that only its owner can read; never from the command line. It also changes the password of
 * somebody who is there. The file is replaced as a whole and keeps its owner and group; a new one
 * has mode 0640 and must be given to the broker's group. The broker follows within a second, and
 * throws out whoever was removed.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_STAFF_H
#define AMR_CHAIN_BRIDGE_CTL_STAFF_H

#include "chain-bridge/ctl.h"

extern const struct ctl_verb ctl_staff_add;
extern const struct ctl_verb ctl_staff_remove;
extern const struct ctl_verb ctl_staff_list;

#endif
