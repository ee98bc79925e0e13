/*
 * source_p1.h: a DSMR P1 port as a source: tcp://host:port (ser2net and the like), a serial device
 * (/dev/tty..., 115200 8N1; /dev/tty...,9600 for the 9600 7E1 of DSMR 2.2 and 3.0) or
 * file://path (read once, then silent).
 *
 * Nothing blocks: connecting happens in the background, a silent or lost port is reopened after
 * a pause that doubles up to a minute. A host name is looked up at each opening; give an address
 * where the name service may hang.
 */
#ifndef AMR_METER_SOURCE_P1_H
#define AMR_METER_SOURCE_P1_H

#include "meter-client/source_kind.h"

const struct source_kind *source_p1_kind(void);

#endif
