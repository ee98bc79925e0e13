/*
 * memory.h: keeps a meter's resident memory small, on devices that have little.
 *
 * memory_begin comes before the first thread: one malloc arena for all of them. memory_trim gives
 * back what start and TLS handshake needed and nothing needs from then on: free heap, and the clean
 * pages of program and library code. The kernel maps a page of code again from its cache when it is
 * run again, so nothing is lost but a soft page fault each.
 */
#ifndef AMR_METER_MEMORY_H
#define AMR_METER_MEMORY_H

void memory_begin(void);
/** Any thread. Costs some hundred soft page faults: for once a connection, not for once a second.
 */
void memory_trim(void);

#endif
