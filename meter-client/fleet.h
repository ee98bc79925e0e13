/*
 * fleet.h: `amr-meter --fleet N --dir DIR`: N meters in one process, for load tests.
 *
 * Each is a whole meter (meter.h) with the bundle, keys, certificate, connection and store of its
 * own: the first N SERIAL.conf in DIR by name. The other options hold for all; each simulates
 * another household (seed, seed + 1 ..). One loop drives them; every ten seconds and at the end it
 * logs what all of them together made, had stored and sealed.
 */
#ifndef AMR_METER_FLEET_H
#define AMR_METER_FLEET_H

#include "meter-client/meter.h"

/** config as parsed without a bundle; the arguments are parsed again for each meter. */
enum exit_code run_fleet(const struct config *config, int argc, char **argv,
                         struct err *err) AMR_NODISCARD;

#endif
