/*
 * ctl_board.h: what amrctl watch knows: a model fed by MQTT messages. ctl_screen.h draws it.
 *
 * The model is bounded: at most BOARD_METERS meters (more are counted, not kept), the last few
 * batches and alarms. Messages come from outside: what does not parse is passed over, and text is
 * kept as printable ASCII. Pure but for memory; one thread.
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_BOARD_H
#define AMR_CHAIN_BRIDGE_CTL_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define BOARD_METERS  4096
#define BOARD_BATCHES 6
#define BOARD_ALARMS  5
#define BOARD_HISTORY 40

struct board;

struct board *board_new(uint16_t group) AMR_NODISCARD;
void board_free(struct board *board);

/** server NULL: not connected, text says why. */
void board_connection(struct board *board, const char *server, const char *text);
/** One message of the group, heard at now_ms (Unix milliseconds). */
void board_message(struct board *board, const char *topic, const char *payload, size_t len,
                   uint64_t now_ms);

/** Appends a line of text for each thing that happened since the last call: for pipes and logs. */
void board_tell(struct board *board, struct buf *out);
/** Appends one line with the totals. */
void board_sum_up(const struct board *board, struct buf *out, uint64_t now_ms);

#endif
