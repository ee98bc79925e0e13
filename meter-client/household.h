/*
 * household.h: how much power a simulated household draws and makes at a moment.
 *
 * Own small tables in the manner of the BDEW profiles: hour of day by kind of day (workday,
 * Saturday, Sunday and holiday), bent by season (winter, summer, between), month of year, annual
 * use between 2,000 and 5,000 kWh by seed, noise that differs per seed and minute, now and then an
 * appliance; photovoltaics by month and hour under drifting clouds. Pure functions of seed and
 * time: the same arguments always give the same power. Local time is taken as UTC+1.
 */
#ifndef AMR_METER_HOUSEHOLD_H
#define AMR_METER_HOUSEHOLD_H

#include <stdint.h>

struct household {
    uint64_t seed;
    uint32_t pv_wp; /* watt peak; 0: no photovoltaics */
};

/** Watts drawn by the household, and made on its roof, during the minute that unix_s is in. */
uint32_t household_load_w(const struct household *household, uint64_t unix_s);
uint32_t household_pv_w(const struct household *household, uint64_t unix_s);
uint32_t household_voltage_dv(const struct household *household, uint64_t unix_s);

#endif
