/*
 * source_s0.h: a meter with a pulse output (S0, DIN 43864 / IEC 62053-31) as a source.
 *
 *   s0:/dev/gpiochipN:LINE[,imp=N][,start=WH]   closed contact = low: falling edges count
 *   s0:file://PATH[,imp=N][,start=WH]           every line end is a pulse; a FIFO or growing file
 *
 * imp is the meter constant in pulses per kWh (1000), start what the meter's own display showed in
 * watt-hours when counting began. GPIO lines are asked of the kernel by its character device
 * (linux/gpio.h, v2), which debounces them by 5 ms: a pulse is 30 ms at least.
 *
 * The count is kept in the file config.state_path: at the end, and at most a minute after a pulse,
 * so that the flash lives; a kill costs what came in between, never a step back.
 */
#ifndef AMR_METER_SOURCE_S0_H
#define AMR_METER_SOURCE_S0_H

#include "meter-client/source_kind.h"

const struct source_kind *source_s0_kind(void);

#endif
