/*
 * meter_store_control.h: the part of the meter's store (meter_store.h) about events, commands and
 * the registers of the meter behind the source.
 */
#ifndef AMR_METER_STORE_CONTROL_H
#define AMR_METER_STORE_CONTROL_H

#include "meter-client/meter_store.h"
#include "meter-client/registers.h"

uint32_t meter_store_next_event(const struct meter_store *store);
int meter_store_add_event(struct meter_store *store, const struct meter_event *event,
                          struct err *err) AMR_NODISCARD;
/** 1: the unsent event with the lowest sequence above `after`, payload appended; 0: none. */
int meter_store_unsent_event(struct meter_store *store, uint32_t *ret_sequence, struct buf *payload,
                             uint32_t after, struct err *err) AMR_NODISCARD;
int meter_store_event_sent(struct meter_store *store, uint32_t sequence,
                           struct err *err) AMR_NODISCARD;

enum control_state { CONTROL_DISCONNECTED, CONTROL_CONNECTED, CONTROL_READY }; /* as DLMS */

/** What commands left behind; a new store says connected. */
struct control_memory {
    uint64_t last_id;
    uint64_t armed_id; /* the reconnection that waits for a person; 0: none */
    enum control_state state;
};

int meter_store_control(struct meter_store *store, struct control_memory *ret_memory,
                        struct err *err) AMR_NODISCARD;
/** Keeps both or neither. Of old results that were sent the last 100 stay. */
int meter_store_add_result(struct meter_store *store, const struct control_memory *memory,
                           const struct command_result *result, struct err *err) AMR_NODISCARD;
/** Sends the results of a command again; ret_known is how many there are. */
int meter_store_resend_result(struct meter_store *store, uint64_t *ret_known, uint64_t id,
                              struct err *err) AMR_NODISCARD;
/** As with events; sequences are the store's own. */
int meter_store_unsent_result(struct meter_store *store, uint32_t *ret_sequence,
                              struct buf *payload, uint32_t after, struct err *err) AMR_NODISCARD;
int meter_store_result_sent(struct meter_store *store, uint32_t sequence,
                            struct err *err) AMR_NODISCARD;

/** The interval that was commanded while the configuration said configured_s; 0: none. */
int meter_store_commanded_interval(struct meter_store *store, uint32_t *ret_interval_s,
                                   uint32_t configured_s, struct err *err) AMR_NODISCARD;
int meter_store_command_interval(struct meter_store *store, uint32_t interval_s,
                                 uint32_t configured_s, struct err *err) AMR_NODISCARD;

/** All zero where nothing was kept yet. */
int meter_store_registers(struct meter_store *store, struct registers *ret_registers,
                          struct err *err) AMR_NODISCARD;
int meter_store_keep_registers(struct meter_store *store, const struct registers *registers,
                               struct err *err) AMR_NODISCARD;

#endif
