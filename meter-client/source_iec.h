/*
 * source_iec.h: an IEC 62056-21 (D0) meter as a source, on a port (port.h).
 *
 *   iec:PORT[,push][,baud=N][,every=S][,device=ID][,8n1]
 *
 * The host asks "/?ID!" at 300 baud 7E1 every S seconds (10), and the meter's identification tells
 * the mode: A stays at 300, B changes speed by itself, C (and E, in its text readout) after our
 * acknowledgement. Where readouts fail at the meter's speed the next one is asked for a step
 * slower. Over TCP nobody changes the speed, so mode C is asked for 300. With "push" (mode D) the
 * meter talks unasked at 2400 baud or N. A measurement bears the time of its identification.
 */
#ifndef AMR_METER_SOURCE_IEC_H
#define AMR_METER_SOURCE_IEC_H

#include "meter-client/source_kind.h"

const struct source_kind *source_iec_kind(void);

#endif
