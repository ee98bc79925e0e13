/*
 * ctl_board_internal.h: the model behind ctl_board.h, shared by what fills it (ctl_board.c) and
 * what draws it (ctl_screen.c).
 */
#ifndef AMR_CHAIN_BRIDGE_CTL_BOARD_INTERNAL_H
#define AMR_CHAIN_BRIDGE_CTL_BOARD_INTERNAL_H

#include "chain-bridge/ctl_board.h"
#include "common/reading.h"

enum board_online { BOARD_UNHEARD, BOARD_ONLINE, BOARD_OFFLINE };

struct board_meter {
    char serial[SERIAL_MAX + 1];
    enum board_online online;
    uint32_t meter;
    struct reading reading; /* timestamp 0: none heard yet */
    uint32_t sequence;      /* of the last report heard */
    uint32_t stored;        /* highest sequence that a receipt named */
    uint32_t sealed;
    uint32_t rejected;
    bool has_power;
    bool has_backlog;
    int64_t power_w;
    uint64_t backlog;
};

struct board_batch {
    uint64_t number;
    uint64_t block;
    uint64_t reports;
    uint64_t readings;
    uint64_t rejected;
    uint64_t gas_used;
    uint64_t age_ms;
    char transaction[68];
};

struct board_alarm {
    uint64_t unix_s;
    char cause[24];
    char who[SERIAL_MAX + 1];
    char text[160];
};

/** Numbers of server/state/bridge and server/state/broker that the screen shows. */
struct board_server {
    bool bridge_heard;
    bool bridge_online;
    bool broker_heard;
    uint64_t meters;
    uint64_t connected;
    uint64_t stored;
    uint64_t sealed;
    uint64_t readings_sealed;
    uint64_t rejected;
    uint64_t refused; /* by the plugin */
    uint64_t backlog;
    uint64_t oldest_s;
    uint64_t in_flight;
    uint64_t head;
    uint64_t balance_gwei;
    uint64_t base_fee_wei;
    char paused[120];
};

struct board {
    uint16_t group;
    char server[128]; /* empty: not connected */
    char text[160];
    struct board_meter *meters; /* sorted by serial */
    size_t count;
    size_t capacity;
    size_t dropped; /* meters beyond BOARD_METERS */
    struct board_server state;
    struct board_batch batches[BOARD_BATCHES]; /* the latest first */
    size_t batch_count;
    uint32_t history[BOARD_HISTORY]; /* readings a batch, the latest first */
    uint64_t batches_heard;
    uint64_t readings_heard; /* sealed, in those batches */
    uint64_t gas_heard;
    uint64_t age_sum_ms;
    struct board_alarm alarms[BOARD_ALARMS];
    size_t alarm_count;
    struct buf news; /* lines for board_tell */
};

#endif
