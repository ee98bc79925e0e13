/*
 * source_sim.h: the simulated household's meter.
 *
 * Its registers integrate the household's power (household.h) since the last reading that was
 * stored, also over the time that nobody was looking, as a real meter's would. Energy is kept in
 * watt-milliseconds, so nothing is lost between looks.
 */
#ifndef AMR_METER_SOURCE_SIM_H
#define AMR_METER_SOURCE_SIM_H

#include "meter-client/source_kind.h"

const struct source_kind *source_sim_kind(void);

#endif
