/*
 * ctl_serials.h: which serial is which meter id. The chain knows ids only.
 *
 * Read from what the utility has: a folder of enrol's bundles (SERIAL.conf), one such file, a CSV
 * file (`serial,meter` a line, a heading is passed over) or JSON (`amrctl enrol --json`: an array
 * of objects with serial and meter). A serial or a meter that is named twice with different
 * partners is refused. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_SERIALS_H
#define AMR_CHAIN_BRIDGE_CTL_SERIALS_H

#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

struct ctl_serials;

#define CTL_SERIALS_ROW(config)                                                                    \
    OPTION_LIST(config, serials, "serials", NULL,                                                  \
                "serials and their meter ids: folder of enrol's SERIAL.conf files, CSV "           \
                "(serial,meter) or JSON file")

/** paths: comma-separated, NULL for none. */
struct ctl_serials *ctl_serials_load(const char *paths, struct err *err) AMR_NODISCARD;
void ctl_serials_free(struct ctl_serials *serials);
/** NULL where the meter has no serial here. */
const char *ctl_serials_name(const struct ctl_serials *serials, uint32_t meter);
/** A serial that is known here, else "65537" or "1/1". */
int ctl_serials_meter(const struct ctl_serials *serials, uint32_t *ret_meter, const char *text,
                      struct err *err) AMR_NODISCARD;

#endif
