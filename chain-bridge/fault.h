/*
 * fault.h: named moments at which a test may kill the program, as kill -9 would.
 *
 * Each stands beside a step of persistence: "...-commit" right before it is durable, "...ed" right
 * after, before anything else happens. A debug build started with AMR_FAULT_FILE in its environment
 * dies at the point whose name that file holds, and removes the file first. In release builds this
 * does nothing. Any thread.
 */
#ifndef AMR_BRIDGE_FAULT_H
#define AMR_BRIDGE_FAULT_H

void fault_point(const char *name);

#endif
