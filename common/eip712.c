#include "common/eip712.h"

#include <string.h>

#include "common/abi.h"
#include "common/keccak.h"

#define READING_TYPE "Reading(uint32 timestamp,uint48 importWh,uint48 exportWh,uint8 quality)"
#define REPORT_TYPE  "Report(uint32 meter,uint32 sequence,Reading[] readings)" READING_TYPE
#define EVENT_TYPE   "MeterEvent(uint32 meter,uint32 sequence,uint32 timestamp,uint16 code)"
#define COMMAND_TYPE "Command(uint64 id,uint32 meter,uint8 kind,uint32 argument,uint40 notAfter)"
#define RESULT_TYPE  "CommandResult(uint64 id,uint32 meter,uint8 outcome,uint32 timestamp)"
#define DOMAIN_TYPE                                                                                \
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

/* Struct hashing on the stack: every type here is a type hash and up to five words. */
struct words {
    uint8_t bytes[6 * ABI_WORD];
    size_t len;
};

static void add_hash(struct words *words, const struct eth_hash *hash)
{
    memcpy(words->bytes + words->len, hash->b, ABI_WORD);
    words->len += ABI_WORD;
}

static void add_uint(struct words *words, uint64_t value)
{
    uint8_t *word = words->bytes + words->len;

    memset(word, 0, ABI_WORD - 8);
    for (size_t i = ABI_WORD; i-- > ABI_WORD - 8; value >>= 8)
        word[i] = (uint8_t)value;
    words->len += ABI_WORD;
}

static void words_hash(const struct words *words, struct eth_hash *ret_hash)
{
    keccak256(ret_hash, words->bytes, words->len);
}

void eip712_init(struct eip712 *ret_domain, uint64_t chain_id, const struct eth_address *contract)
{
    struct words words = {{0}, 0};
    struct eth_hash hash;

    memset(ret_domain, 0, sizeof(*ret_domain));
    ret_domain->chain_id = chain_id;
    ret_domain->contract = *contract;
    abi_topic(&hash, DOMAIN_TYPE);
    add_hash(&words, &hash);
    abi_topic(&hash, "MeterLedger");
    add_hash(&words, &hash);
    abi_topic(&hash, "1");
    add_hash(&words, &hash);
    add_uint(&words, chain_id);
    memset(&hash, 0, sizeof(hash));
    memcpy(hash.b + 12, contract->b, sizeof(contract->b));
    add_hash(&words, &hash);
    words_hash(&words, &ret_domain->separator);
    abi_topic(&ret_domain->reading_type, READING_TYPE);
    abi_topic(&ret_domain->report_type, REPORT_TYPE);
    abi_topic(&ret_domain->event_type, EVENT_TYPE);
    abi_topic(&ret_domain->command_type, COMMAND_TYPE);
    abi_topic(&ret_domain->result_type, RESULT_TYPE);
}

/* keccak256(0x19 0x01 || separator || hash of the struct) */
static void typed_digest(const struct eip712 *domain, struct eth_hash *ret_digest,
                         const struct words *words)
{
    uint8_t bytes[2 + 2 * ABI_WORD] = {0x19, 0x01};
    struct eth_hash hash;

    words_hash(words, &hash);
    memcpy(bytes + 2, domain->separator.b, ABI_WORD);
    memcpy(bytes + 2 + ABI_WORD, hash.b, ABI_WORD);
    keccak256(ret_digest, bytes, sizeof(bytes));
}

/* An array is the hash of its elements' struct hashes, put end to end. */
static void hash_readings(const struct eip712 *domain, struct eth_hash *ret_hash,
                          const struct report *report)
{
    struct keccak keccak;

    keccak_init(&keccak);
    for (uint32_t i = 0; i < report->count; i++) {
        const struct reading *reading = &report->readings[i];
        struct words words = {{0}, 0};
        struct eth_hash hash;

        add_hash(&words, &domain->reading_type);
        add_uint(&words, reading->timestamp_s);
        add_uint(&words, reading->import_wh);
        add_uint(&words, reading->export_wh);
        add_uint(&words, reading->quality);
        words_hash(&words, &hash);
        keccak_update(&keccak, hash.b, sizeof(hash.b));
    }
    keccak_final(&keccak, ret_hash);
}

void eip712_report(const struct eip712 *domain, struct eth_hash *ret_digest,
                   const struct report *report)
{
    struct words words = {{0}, 0};
    struct eth_hash readings;

    hash_readings(domain, &readings, report);
    add_hash(&words, &domain->report_type);
    add_uint(&words, report->meter);
    add_uint(&words, report->sequence);
    add_hash(&words, &readings);
    typed_digest(domain, ret_digest, &words);
}

void eip712_event(const struct eip712 *domain, struct eth_hash *ret_digest,
                  const struct meter_event *event)
{
    struct words words = {{0}, 0};

    add_hash(&words, &domain->event_type);
    add_uint(&words, event->meter);
    add_uint(&words, event->sequence);
    add_uint(&words, event->timestamp_s);
    add_uint(&words, event->code);
    typed_digest(domain, ret_digest, &words);
}

void eip712_command(const struct eip712 *domain, struct eth_hash *ret_digest,
                    const struct command *command)
{
    struct words words = {{0}, 0};

    add_hash(&words, &domain->command_type);
    add_uint(&words, command->id);
    add_uint(&words, command->meter);
    add_uint(&words, command->kind);
    add_uint(&words, command->argument);
    add_uint(&words, command->not_after_s);
    typed_digest(domain, ret_digest, &words);
}

void eip712_result(const struct eip712 *domain, struct eth_hash *ret_digest,
                   const struct command_result *result)
{
    struct words words = {{0}, 0};

    add_hash(&words, &domain->result_type);
    add_uint(&words, result->id);
    add_uint(&words, result->meter);
    add_uint(&words, result->outcome);
    add_uint(&words, result->timestamp_s);
    typed_digest(domain, ret_digest, &words);
}
