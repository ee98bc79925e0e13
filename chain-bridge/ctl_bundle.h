/*
 * ctl_bundle.h: SERIAL.conf, the configuration that enrol writes for a meter, read back.
 *
 * The chain knows no serials; these files, a bridge's store (store_lookup.h) and the meters' own
 * birth messages are where a serial and a meter id stand together. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_BUNDLE_H
#define AMR_CHAIN_BRIDGE_CTL_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/** Value of the first `name = value` line of a configuration's text, copied; NULL: there is none.
 */
char *ctl_bundle_value(const struct buf *conf, const char *name) AMR_NODISCARD;
/** Looks into FOLDER/SERIAL.conf; ret_known false where there is none, or of another contract. */
int ctl_bundle_meter(uint32_t *ret_meter, bool *ret_known, const char *folder, const char *serial,
                     const char *contract, struct err *err) AMR_NODISCARD;

#endif
