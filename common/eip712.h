/*
 * eip712.h: the digests that meters, operators and servers sign.
 *
 * Source: EIP-712. Domain {name "MeterLedger", version "1", chainId, verifyingContract}. Types:
 *   Report(uint32 meter,uint32 sequence,Reading[] readings)
 *     Reading(uint32 timestamp,uint48 importWh,uint48 exportWh,uint8 quality)
 *   MeterEvent(uint32 meter,uint32 sequence,uint32 timestamp,uint16 code)
 *   Command(uint64 id,uint32 meter,uint8 kind,uint32 argument,uint40 notAfter)
 *   CommandResult(uint64 id,uint32 meter,uint8 outcome,uint32 timestamp)
 *
 * struct eip712 is a plain value made once per chain and contract; reading it is thread-safe.
 */
#ifndef AMR_COMMON_EIP712_H
#define AMR_COMMON_EIP712_H

#include "common/eth.h"
#include "common/reading.h"

struct eip712 {
    uint64_t chain_id;
    struct eth_address contract;
    struct eth_hash separator;
    struct eth_hash report_type;
    struct eth_hash reading_type;
    struct eth_hash event_type;
    struct eth_hash command_type;
    struct eth_hash result_type;
};

struct meter_event {
    uint32_t meter;
    uint32_t sequence;
    uint32_t timestamp_s;
    uint16_t code;
    struct eth_signature signature;
};

enum command_kind {
    COMMAND_DISCONNECT = 1,
    COMMAND_RECONNECT = 2,
    COMMAND_READ_NOW = 3,
    COMMAND_SET_INTERVAL = 4
};

struct command {
    uint64_t id;
    uint32_t meter;
    uint8_t kind;
    uint32_t argument;
    uint64_t not_after_s; /* 40 bits */
    struct eth_signature signature;
};

struct command_result {
    uint64_t id;
    uint32_t meter;
    uint8_t outcome;
    uint32_t timestamp_s;
    struct eth_signature signature;
};

void eip712_init(struct eip712 *ret_domain, uint64_t chain_id, const struct eth_address *contract);
void eip712_report(const struct eip712 *domain, struct eth_hash *ret_digest,
                   const struct report *report);
void eip712_event(const struct eip712 *domain, struct eth_hash *ret_digest,
                  const struct meter_event *event);
void eip712_command(const struct eip712 *domain, struct eth_hash *ret_digest,
                    const struct command *command);
void eip712_result(const struct eip712 *domain, struct eth_hash *ret_digest,
                   const struct command_result *result);

#endif
