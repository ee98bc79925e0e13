#include "chain-bridge/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/eip712.h"
#include "common/hex.h"
#include "common/keccak.h"

#define VERSION         1
#define SIGNERS_MAX     65536
#define VIEW_WORDS(len) ((len) / ABI_WORD)

/* EVENTS */

static const struct event_row {
    enum ledger_event_kind kind;
    const char *signature;
    size_t topics; /* topic 0 included */
} EVENTS[] = {
    {LEDGER_SERVER_ADDED, "ServerAdded(address,uint16)", 3},
    {LEDGER_SERVER_REMOVED, "ServerRemoved(address,uint16)", 3},
    {LEDGER_METERS_REGISTERED, "MetersRegistered(uint32,address[])", 2},
    {LEDGER_SIGNER_ROTATED, "SignerRotated(uint32,address)", 3},
    {LEDGER_METER_CLOSED, "MeterClosed(uint32)", 2},
    {LEDGER_METER_REOPENED, "MeterReopened(uint32)", 2},
    {LEDGER_BATCH_SUBMITTED, "BatchSubmitted(bytes32,address,uint16,uint64,uint32,uint32,bytes)",
     4},
    {LEDGER_BATCH_REPEATED, "BatchRepeated(bytes32,address,uint16,uint64)", 4},
    {LEDGER_READING_REJECTED, "ReadingRejected(bytes32,uint32,uint32,uint8)", 3},
    {LEDGER_SEALED, "LedgerSealed(address)", 2},
    {LEDGER_OPERATOR_ADDED, "OperatorAdded(address)", 2},
    {LEDGER_OPERATOR_REMOVED, "OperatorRemoved(address)", 2},
    {LEDGER_READER_ADDED, "ReaderAdded(address)", 2},
    {LEDGER_READER_REMOVED, "ReaderRemoved(address)", 2},
    {LEDGER_COMMAND_ISSUED, "CommandIssued(uint32,uint64,uint8,uint32,uint40,address,bytes)", 4},
    {LEDGER_COMMAND_RESULT, "CommandResultRecorded(uint32,uint64,uint8,uint32)", 3},
};

/* Topics and data are both rows of words; what is wider than its type is refused. */
struct words {
    struct abi_view topics;
    struct abi_view data;
    struct err *err;
    bool failed;
};

static uint64_t take_uint(struct words *words, struct abi_view view, size_t index, uint64_t max)
{
    uint64_t value = 0;
    if (words->failed)
        return 0;
    words->failed = abi_get_uint(view, index, &value, words->err) != 0;
    if (!words->failed && value > max) {
        err_set(words->err, "word %zu is above %" PRIu64, index, max);
        words->failed = true;
    }
    return words->failed ? 0 : value;
}

static void take_address(struct words *words, size_t topic, struct eth_address *ret_address)
{
    if (!words->failed)
        words->failed = abi_get_address(words->topics, topic, ret_address, words->err) != 0;
}

static void take_root(struct words *words, struct ledger_event *event)
{
    if (!words->failed)
        words->failed = abi_get_hash(words->topics, 1, &event->root, words->err) != 0;
}

static uint32_t take_meter(struct words *words, size_t topic)
{
    return (uint32_t)take_uint(words, words->topics, topic, UINT32_MAX);
}

static void decode_server(struct words *words, struct ledger_event *event)
{
    take_address(words, 1, &event->account);
    event->group = (uint16_t)take_uint(words, words->topics, 2, UINT16_MAX);
}

/* The ids of the run must stay in one group, as the contract makes sure. */
static void decode_registered(struct words *words, struct ledger_event *event)
{
    event->meter = take_meter(words, 1);
    if (words->failed)
        return;
    words->failed = abi_get_words(words->data, 0, &event->signers, words->err) != 0;
    size_t count = VIEW_WORDS(event->signers.len);
    if (!words->failed && (count == 0 || meter_group(event->meter) == 0 ||
                           (uint64_t)meter_number(event->meter) + count > SIGNERS_MAX)) {
        err_set(words->err, "%zu meters from %" PRIu32 " on are no run of one group", count,
                event->meter);
        words->failed = true;
    }
    for (size_t i = 0; i < count && !words->failed; i++) {
        struct eth_address signer;
        words->failed = abi_get_address(event->signers, i, &signer, words->err) != 0;
    }
}

static void decode_submitted(struct words *words, struct ledger_event *event)
{
    take_root(words, event);
    take_address(words, 2, &event->account);
    event->group = (uint16_t)take_uint(words, words->topics, 3, UINT16_MAX);
    event->number = take_uint(words, words->data, 0, UINT64_MAX);
    event->accepted = (uint32_t)take_uint(words, words->data, 1, UINT32_MAX);
    event->rejected = (uint32_t)take_uint(words, words->data, 2, UINT32_MAX);
    if (!words->failed)
        words->failed = abi_get_bytes(words->data, 3, &event->records, words->err) != 0;
}

static void decode_repeated(struct words *words, struct ledger_event *event)
{
    take_root(words, event);
    take_address(words, 2, &event->account);
    event->group = (uint16_t)take_uint(words, words->topics, 3, UINT16_MAX);
    event->number = take_uint(words, words->data, 0, UINT64_MAX);
}

static void decode_rejected(struct words *words, struct ledger_event *event)
{
    take_root(words, event);
    event->meter = take_meter(words, 2);
    event->timestamp_s = (uint32_t)take_uint(words, words->data, 0, UINT32_MAX);
    event->reason = (uint8_t)take_uint(words, words->data, 1, UINT8_MAX);
}

static void decode_issued(struct words *words, struct ledger_event *event)
{
    struct command *command = &event->command;
    struct abi_view signature = {NULL, 0};
    event->meter = take_meter(words, 1);
    command->meter = event->meter;
    command->id = take_uint(words, words->topics, 2, UINT64_MAX);
    take_address(words, 3, &event->account);
    command->kind = (uint8_t)take_uint(words, words->data, 0, UINT8_MAX);
    command->argument = (uint32_t)take_uint(words, words->data, 1, UINT32_MAX);
    command->not_after_s = take_uint(words, words->data, 2, (UINT64_C(1) << 40) - 1);
    if (!words->failed)
        words->failed = abi_get_bytes(words->data, 3, &signature, words->err) != 0;
    if (!words->failed && signature.len != sizeof(command->signature.b)) {
        err_set(words->err, "a signature of %zu bytes", signature.len);
        words->failed = true;
    }
    if (!words->failed)
        memcpy(command->signature.b, signature.data, signature.len);
}

static void decode_result(struct words *words, struct ledger_event *event)
{
    struct command_result *result = &event->result;
    event->meter = take_meter(words, 1);
    result->meter = event->meter;
    result->id = take_uint(words, words->topics, 2, UINT64_MAX);
    result->outcome = (uint8_t)take_uint(words, words->data, 0, UINT8_MAX);
    result->timestamp_s = (uint32_t)take_uint(words, words->data, 1, UINT32_MAX);
}

static void decode(struct words *words, struct ledger_event *event)
{
    switch (event->kind) {
    case LEDGER_SERVER_ADDED:
    case LEDGER_SERVER_REMOVED:
        decode_server(words, event);
        return;
    case LEDGER_METERS_REGISTERED:
        decode_registered(words, event);
        return;
    case LEDGER_SIGNER_ROTATED:
        event->meter = take_meter(words, 1);
        take_address(words, 2, &event->account);
        return;
    case LEDGER_METER_CLOSED:
    case LEDGER_METER_REOPENED:
        event->meter = take_meter(words, 1);
        return;
    case LEDGER_BATCH_SUBMITTED:
        decode_submitted(words, event);
        return;
    case LEDGER_BATCH_REPEATED:
        decode_repeated(words, event);
        return;
    case LEDGER_READING_REJECTED:
        decode_rejected(words, event);
        return;
    case LEDGER_SEALED:
    case LEDGER_OPERATOR_ADDED:
    case LEDGER_OPERATOR_REMOVED:
    case LEDGER_READER_ADDED:
    case LEDGER_READER_REMOVED:
        take_address(words, 1, &event->account);
        return;
    case LEDGER_COMMAND_ISSUED:
        decode_issued(words, event);
        return;
    case LEDGER_COMMAND_RESULT:
        decode_result(words, event);
        return;
    case LEDGER_OTHER:
    default:
        return;
    }
}

static const struct event_row *find_event(const struct eth_hash *topic)
{
    for (size_t i = 0; i < AMR_COUNT(EVENTS); i++) {
        struct eth_hash hash;
        abi_topic(&hash, EVENTS[i].signature);
        if (eth_hash_equal(&hash, topic))
            return &EVENTS[i];
    }
    return NULL;
}

int ledger_event_decode(struct ledger_event *ret_event, const struct chain_log *log,
                        struct err *err)
{
    struct ledger_event event = {.kind = LEDGER_OTHER};
    const struct event_row *row = log->topic_count > 0 ? find_event(&log->topics[0]) : NULL;
    struct words words = {
        .topics = {log->topics[0].b, log->topic_count * ABI_WORD},
        .data = {log->data, log->data_len},
        .err = err,
    };
    if (row != NULL) {
        event.kind = row->kind;
        if (log->topic_count != row->topics)
            return err_set(err, "event %s with %zu topics", row->signature, log->topic_count);
        decode(&words, &event);
        if (words.failed)
            return err_wrap(err, "event %s", row->signature);
    }
    *ret_event = event;
    return 0;
}

size_t ledger_signer_count(const struct ledger_event *event)
{
    return VIEW_WORDS(event->signers.len);
}

struct eth_address ledger_signer(const struct ledger_event *event, size_t index)
{
    struct eth_address signer = {{0}};
    (void)!abi_get_address(event->signers, index, &signer, NULL);
    return signer;
}

void ledger_topic(struct eth_hash *ret_topic, enum ledger_event_kind kind)
{
    for (size_t i = 0; i < AMR_COUNT(EVENTS); i++) {
        if (EVENTS[i].kind == kind)
            abi_topic(ret_topic, EVENTS[i].signature);
    }
}

const char *ledger_reason_text(uint8_t reason)
{
    static const char *const TEXTS[] = {
        [LEDGER_REASON_UNKNOWN] = "unknown meter",
        [LEDGER_REASON_CLOSED] = "closed meter",
        [LEDGER_REASON_ROLLBACK] = "register below the last reading's",
        [LEDGER_REASON_STALE] = "not later than the last reading",
        [LEDGER_REASON_FUTURE] = "ahead of the block's time",
        [LEDGER_REASON_UNSORTED] = "meter out of order in the batch",
    };
    if (reason == 0 || reason >= AMR_COUNT(TEXTS))
        return "reason not known to this version";
    return TEXTS[reason];
}

/* CALLS */

void ledger_add_server(struct buf *out, const struct eth_address *server, uint16_t group)
{
    abi_selector(out, "addServer(address,uint16)");
    abi_address(out, server);
    abi_uint(out, group);
}

static void call_with_address(struct buf *out, const char *signature,
                              const struct eth_address *account)
{
    abi_selector(out, signature);
    abi_address(out, account);
}

void ledger_remove_server(struct buf *out, const struct eth_address *server)
{
    call_with_address(out, "removeServer(address)", server);
}

void ledger_add_operator(struct buf *out, const struct eth_address *account)
{
    call_with_address(out, "addOperator(address)", account);
}

void ledger_remove_operator(struct buf *out, const struct eth_address *account)
{
    call_with_address(out, "removeOperator(address)", account);
}

void ledger_add_reader(struct buf *out, const struct eth_address *account)
{
    call_with_address(out, "addReader(address)", account);
}

void ledger_remove_reader(struct buf *out, const struct eth_address *account)
{
    call_with_address(out, "removeReader(address)", account);
}

void ledger_register_meters(struct buf *out, uint32_t first, const struct eth_address *signers,
                            size_t count)
{
    abi_selector(out, "registerMeters(uint32,address[])");
    abi_uint(out, first);
    abi_uint(out, 2 * ABI_WORD);
    abi_uint(out, count);
    for (size_t i = 0; i < count; i++)
        abi_address(out, &signers[i]);
}

void ledger_rotate_signer(struct buf *out, uint32_t meter, const struct eth_address *signer)
{
    abi_selector(out, "rotateSigner(uint32,address)");
    abi_uint(out, meter);
    abi_address(out, signer);
}

void ledger_close_meter(struct buf *out, uint32_t meter)
{
    abi_selector(out, "closeMeter(uint32)");
    abi_uint(out, meter);
}

void ledger_reopen_meter(struct buf *out, uint32_t meter)
{
    abi_selector(out, "reopenMeter(uint32)");
    abi_uint(out, meter);
}

void ledger_submit_batch(struct buf *out, const struct eth_hash *root, const void *records,
                         size_t len)
{
    abi_selector(out, "submitBatch(bytes32,bytes)");
    abi_hash(out, root);
    abi_uint(out, 2 * ABI_WORD);
    abi_bytes_tail(out, records, len);
}

/* The struct is static: its words stand in line, the signature's offset after them. */
void ledger_issue_command(struct buf *out, const struct command *command)
{
    abi_selector(out, "issueCommand((uint64,uint32,uint8,uint32,uint40),bytes)");
    abi_uint(out, command->id);
    abi_uint(out, command->meter);
    abi_uint(out, command->kind);
    abi_uint(out, command->argument);
    abi_uint(out, command->not_after_s);
    abi_uint(out, 6 * ABI_WORD);
    abi_bytes_tail(out, command->signature.b, sizeof(command->signature.b));
}

void ledger_record_result(struct buf *out, const struct command_result *result)
{
    abi_selector(out, "recordResult((uint64,uint32,uint8,uint32),bytes)");
    abi_uint(out, result->id);
    abi_uint(out, result->meter);
    abi_uint(out, result->outcome);
    abi_uint(out, result->timestamp_s);
    abi_uint(out, 5 * ABI_WORD);
    abi_bytes_tail(out, result->signature.b, sizeof(result->signature.b));
}

/* REVERTS: a row per custom error; the argument that helps most is told. */

enum argument { ARGUMENT_NONE, ARGUMENT_ADDRESS, ARGUMENT_NUMBER };

static const struct revert_row {
    const char *signature;
    const char *text;
    enum argument argument; /* the first one */
} REVERTS[] = {
    {"NotAdmin(address)", "this account is not the ledger's admin", ARGUMENT_ADDRESS},
    {"NotPendingAdmin(address)", "the admin role was not offered to", ARGUMENT_ADDRESS},
    {"NotServer(address)", "this account is not a listed server", ARGUMENT_ADDRESS},
    {"NotServerOfGroup(address,uint16)", "not a server of this meter's group", ARGUMENT_ADDRESS},
    {"NotReader(address)", "no reader, server or admin", ARGUMENT_ADDRESS},
    {"NotOperator(address)", "not signed by a listed operator", ARGUMENT_ADDRESS},
    {"ZeroAddress()", "the zero address is no account", ARGUMENT_NONE},
    {"ZeroGroup()", "groups start at 1", ARGUMENT_NONE},
    {"AlreadyListed(address)", "listed already", ARGUMENT_ADDRESS},
    {"NotListed(address)", "not listed", ARGUMENT_ADDRESS},
    {"NoSigners()", "no meters given", ARGUMENT_NONE},
    {"OutsideGroup(uint32,uint256)", "the run of meters leaves its group; first meter",
     ARGUMENT_NUMBER},
    {"MeterExists(uint32)", "meter exists already", ARGUMENT_NUMBER},
    {"UnknownMeter(uint32)", "no such meter", ARGUMENT_NUMBER},
    {"MeterIsClosed(uint32)", "meter is closed", ARGUMENT_NUMBER},
    {"MeterIsOpen(uint32)", "meter is open already", ARGUMENT_NUMBER},
    {"SameSigner(uint32,address)", "that is the signer already of meter", ARGUMENT_NUMBER},
    {"ZeroRoot()", "the batch has no root", ARGUMENT_NONE},
    {"MalformedRecords(uint256)", "malformed records at byte", ARGUMENT_NUMBER},
    {"CommandIdNotNext(uint32,uint64,uint64)", "not the next command id of meter", ARGUMENT_NUMBER},
    {"CommandExpired(uint40)", "the command expired at", ARGUMENT_NUMBER},
    {"InvalidCommand(uint8,uint32)", "no such command; kind", ARGUMENT_NUMBER},
    {"CommandNotIssued(uint32,uint64)", "command was never issued to meter", ARGUMENT_NUMBER},
    {"ResultAlreadyRecorded(uint32,uint64)", "the result is recorded already; meter",
     ARGUMENT_NUMBER},
    {"ResultInFuture(uint32)", "the result's time is ahead of the block:", ARGUMENT_NUMBER},
    {"NotMeterSigner(uint32,address)", "not signed by the signer of meter", ARGUMENT_NUMBER},
    {"LedgerIsSealed(address)", "the ledger is sealed; it goes on at", ARGUMENT_ADDRESS},
    {"PredecessorAlreadyLinked(address)", "has a predecessor already:", ARGUMENT_ADDRESS},
    {"Panic(uint256)", "the contract panicked with code", ARGUMENT_NUMBER},
};

bool ledger_revert_is(const struct chain_revert *revert, const char *signature)
{
    struct eth_hash hash;
    abi_topic(&hash, signature);
    return revert->len >= 4 && memcmp(hash.b, revert->data, 4) == 0;
}

static void print_row(char *text, size_t size, const struct revert_row *row, struct abi_view args)
{
    struct eth_address address;
    char address_text[ETH_ADDRESS_TEXT];
    uint64_t number = 0;
    int name_len = (int)strcspn(row->signature, "(");
    if (row->argument == ARGUMENT_ADDRESS && abi_get_address(args, 0, &address, NULL) == 0)
        snprintf(text, size, "%.*s: %s %s", name_len, row->signature, row->text,
                 eth_address_text(address_text, &address));
    else if (row->argument == ARGUMENT_NUMBER && abi_get_uint(args, 0, &number, NULL) == 0)
        snprintf(text, size, "%.*s: %s %" PRIu64, name_len, row->signature, row->text, number);
    else
        snprintf(text, size, "%.*s: %s", name_len, row->signature, row->text);
}

void ledger_revert_text(char *text, size_t size, const struct chain_revert *revert)
{
    if (revert->len < 4) {
        snprintf(text, size, "reverted without a reason");
        return;
    }
    struct abi_view args = {revert->data + 4, revert->len - 4};
    struct abi_view string = {NULL, 0};
    for (size_t i = 0; i < AMR_COUNT(REVERTS); i++) {
        if (ledger_revert_is(revert, REVERTS[i].signature)) {
            print_row(text, size, &REVERTS[i], args);
            return;
        }
    }
    if (ledger_revert_is(revert, "Error(string)") && abi_get_bytes(args, 0, &string, NULL) == 0) {
        snprintf(text, size, "%.*s", (int)string.len, (const char *)string.data);
        return;
    }
    char selector[HEX0X_SIZE(4)];
    snprintf(text, size, "reverted with %s, which this version does not know",
             hex0x_encode(selector, revert->data, 4));
}

/* VIEWS */

static enum chain_result view(struct chain *chain, struct buf *ret_words,
                              const struct eth_address *contract, const struct eth_address *from,
                              const struct buf *data, uint64_t block, const char *what,
                              struct err *err)
{
    struct chain_call call = {.to = *contract, .data = data->data, .data_len = data->len};
    struct chain_revert revert;
    if (from != NULL)
        call.from = *from;
    enum chain_result result = chain_call(chain, ret_words, &revert, &call, block, err);
    if (result == CHAIN_REFUSED && revert.reverted) {
        char text[256];
        ledger_revert_text(text, sizeof(text), &revert);
        err_set(err, "%s: %s", what, text);
    }
    return result;
}

static enum chain_result words_failed(const char *what, struct err *err)
{
    err_wrap(err, "%s: is this a MeterLedger?", what);
    return CHAIN_REFUSED;
}

/* eip712Domain() returns (fields, name, version, chainId, verifyingContract, salt, extensions). */
static int check_domain(const struct buf *words, const struct eth_address *contract,
                        uint64_t chain_id, struct err *err)
{
    struct abi_view all = {words->data, words->len};
    struct abi_view name;
    struct abi_view version;
    struct eth_address address;
    uint64_t id = 0;
    if (abi_get_bytes(all, 1, &name, err) != 0 || abi_get_bytes(all, 2, &version, err) != 0 ||
        abi_get_uint(all, 3, &id, err) != 0 || abi_get_address(all, 4, &address, err) != 0)
        return err_wrap(err, "no eip712Domain()");
    if (name.len != 11 || memcmp(name.data, "MeterLedger", 11) != 0)
        return err_set(err, "it calls itself \"%.*s\"", (int)(name.len < 40 ? name.len : 40),
                       (const char *)name.data);
    if (version.len != 1 || version.data[0] != '1')
        return err_set(err, "its signing domain is of another version");
    if (id != chain_id || !eth_address_equal(&address, contract))
        return err_set(err, "its signing domain is of another chain or address");
    return 0;
}

static enum chain_result probe_code(struct chain *chain, const struct eth_address *contract,
                                    struct err *err)
{
    struct buf code = BUF_INIT;
    enum chain_result result = chain_code(chain, &code, contract, err);
    if (result == CHAIN_OK && code.len == 0) {
        err_set(err, "there is no contract: wrong address, or another chain or a reset one");
        result = CHAIN_REFUSED;
    }
    buf_free(&code);
    return result;
}

static enum chain_result probe_version(struct chain *chain, const struct eth_address *contract,
                                       struct err *err)
{
    struct buf data = BUF_INIT;
    struct buf words = BUF_INIT;
    uint64_t version = 0;
    abi_selector(&data, "VERSION()");
    enum chain_result result =
        view(chain, &words, contract, NULL, &data, CHAIN_LATEST, "VERSION", err);
    if (result == CHAIN_OK &&
        abi_get_uint((struct abi_view){words.data, words.len}, 0, &version, err) != 0)
        result = words_failed("VERSION", err);
    if (result == CHAIN_OK && version != VERSION) {
        err_set(err, "it is of version %" PRIu64 ", this program knows %d", version, VERSION);
        result = CHAIN_REFUSED;
    }
    buf_free(&words);
    buf_free(&data);
    return result;
}

enum chain_result ledger_probe(struct chain *chain, const struct eth_address *contract,
                               uint64_t chain_id, struct err *err)
{
    struct buf data = BUF_INIT;
    struct buf words = BUF_INIT;
    char address[ETH_ADDRESS_TEXT];
    abi_selector(&data, "eip712Domain()");
    enum chain_result result = probe_code(chain, contract, err);
    if (result == CHAIN_OK)
        result = view(chain, &words, contract, NULL, &data, CHAIN_LATEST, "eip712Domain", err);
    if (result == CHAIN_OK && check_domain(&words, contract, chain_id, err) != 0)
        result = CHAIN_REFUSED;
    if (result == CHAIN_OK)
        result = probe_version(chain, contract, err);
    if (result != CHAIN_OK)
        err_wrap(err, "contract %s", eth_address_text(address, contract));
    buf_free(&words);
    buf_free(&data);
    return result;
}

/* A view that returns count words; frees data. */
static enum chain_result view_uints(struct chain *chain, uint64_t *ret_values, size_t count,
                                    const struct eth_address *contract,
                                    const struct eth_address *from, struct buf *data,
                                    uint64_t block, const char *what, struct err *err)
{
    struct buf words = BUF_INIT;
    enum chain_result result = view(chain, &words, contract, from, data, block, what, err);
    for (size_t i = 0; i < count && result == CHAIN_OK; i++) {
        if (abi_get_uint((struct abi_view){words.data, words.len}, i, &ret_values[i], err) != 0)
            result = words_failed(what, err);
    }
    buf_free(&words);
    buf_free(data);
    return result;
}

enum chain_result ledger_server_group(struct chain *chain, const struct eth_address *contract,
                                      uint16_t *ret_group, const struct eth_address *server,
                                      uint64_t block, struct err *err)
{
    struct buf data = BUF_INIT;
    uint64_t group = 0;
    call_with_address(&data, "serverGroup(address)", server);
    enum chain_result result =
        view_uints(chain, &group, 1, contract, NULL, &data, block, "serverGroup", err);
    if (result == CHAIN_OK && group > UINT16_MAX)
        result = words_failed("serverGroup", err);
    if (result == CHAIN_OK)
        *ret_group = (uint16_t)group;
    return result;
}

enum chain_result ledger_latest_reading(struct chain *chain, const struct eth_address *contract,
                                        struct reading *ret_reading, uint32_t meter,
                                        const struct eth_address *from, struct err *err)
{
    struct buf data = BUF_INIT;
    uint64_t values[3] = {0};
    abi_selector(&data, "latestReading(uint32)");
    abi_uint(&data, meter);
    enum chain_result result =
        view_uints(chain, values, 3, contract, from, &data, CHAIN_LATEST, "latestReading", err);
    if (result == CHAIN_OK)
        *ret_reading = (struct reading){
            .timestamp_s = (uint32_t)values[0], .import_wh = values[1], .export_wh = values[2]};
    return result;
}

enum chain_result ledger_batch_info(struct chain *chain, const struct eth_address *contract,
                                    struct ledger_batch *ret_batch, uint16_t group,
                                    const struct eth_hash *root, uint64_t block, struct err *err)
{
    struct buf data = BUF_INIT;
    uint64_t values[5] = {0};
    abi_selector(&data, "batchInfo(uint16,bytes32)");
    abi_uint(&data, group);
    abi_hash(&data, root);
    enum chain_result result =
        view_uints(chain, values, 5, contract, NULL, &data, block, "batchInfo", err);
    if (result == CHAIN_OK)
        *ret_batch = (struct ledger_batch){.number = values[0],
                                           .block = values[1],
                                           .timestamp_s = values[2],
                                           .accepted = (uint32_t)values[3],
                                           .rejected = (uint32_t)values[4]};
    return result;
}

enum chain_result ledger_is_operator(struct chain *chain, const struct eth_address *contract,
                                     bool *ret_is, const struct eth_address *account,
                                     struct err *err)
{
    struct buf data = BUF_INIT;
    uint64_t is = 0;
    call_with_address(&data, "isOperator(address)", account);
    enum chain_result result =
        view_uints(chain, &is, 1, contract, NULL, &data, CHAIN_LATEST, "isOperator", err);
    if (result == CHAIN_OK)
        *ret_is = is != 0;
    return result;
}

enum chain_result ledger_meter_signer(struct chain *chain, const struct eth_address *contract,
                                      struct eth_address *ret_signer, uint32_t meter,
                                      struct err *err)
{
    struct buf data = BUF_INIT;
    struct buf words = BUF_INIT;
    abi_selector(&data, "meterSigner(uint32)");
    abi_uint(&data, meter);
    enum chain_result result =
        view(chain, &words, contract, NULL, &data, CHAIN_LATEST, "meterSigner", err);
    if (result == CHAIN_OK &&
        abi_get_address((struct abi_view){words.data, words.len}, 0, ret_signer, err) != 0)
        result = words_failed("meterSigner", err);
    buf_free(&words);
    buf_free(&data);
    return result;
}

enum chain_result ledger_last_command(struct chain *chain, const struct eth_address *contract,
                                      uint64_t *ret_id, uint32_t meter, uint64_t block,
                                      struct err *err)
{
    struct buf data = BUF_INIT;
    abi_selector(&data, "lastCommand(uint32)");
    abi_uint(&data, meter);
    return view_uints(chain, ret_id, 1, contract, NULL, &data, block, "lastCommand", err);
}

enum chain_result ledger_command_state(struct chain *chain, const struct eth_address *contract,
                                       struct ledger_command_state *ret_state, uint32_t meter,
                                       uint64_t id, struct err *err)
{
    struct buf data = BUF_INIT;
    uint64_t values[4] = {0};
    abi_selector(&data, "commandState(uint32,uint64)");
    abi_uint(&data, meter);
    abi_uint(&data, id);
    enum chain_result result =
        view_uints(chain, values, 4, contract, NULL, &data, CHAIN_LATEST, "commandState", err);
    if (result == CHAIN_OK)
        *ret_state = (struct ledger_command_state){values[0] != 0, values[1] != 0,
                                                   (uint8_t)values[2], (uint32_t)values[3]};
    return result;
}

enum chain_result ledger_batch_count(struct chain *chain, const struct eth_address *contract,
                                     uint64_t *ret_count, uint16_t group, uint64_t block,
                                     struct err *err)
{
    struct buf data = BUF_INIT;
    uint64_t count = 0;
    abi_selector(&data, "batchCount(uint16)");
    abi_uint(&data, group);
    enum chain_result result =
        view_uints(chain, &count, 1, contract, NULL, &data, block, "batchCount", err);
    if (result == CHAIN_OK)
        *ret_count = count;
    return result;
}

static enum chain_result view_address(struct chain *chain, const struct eth_address *contract,
                                      struct eth_address *ret_address, struct buf *data,
                                      uint64_t block, const char *what, struct err *err)
{
    struct buf words = BUF_INIT;
    enum chain_result result = view(chain, &words, contract, NULL, data, block, what, err);
    if (result == CHAIN_OK &&
        abi_get_address((struct abi_view){words.data, words.len}, 0, ret_address, err) != 0)
        result = words_failed(what, err);
    buf_free(&words);
    buf_free(data);
    return result;
}

enum chain_result ledger_signer_at(struct chain *chain, const struct eth_address *contract,
                                   struct eth_address *ret_signer, uint32_t meter, uint64_t batch,
                                   uint64_t block, struct err *err)
{
    struct buf data = BUF_INIT;
    abi_selector(&data, "meterSignerAt(uint32,uint64)");
    abi_uint(&data, meter);
    abi_uint(&data, batch);
    return view_address(chain, contract, ret_signer, &data, block, "meterSignerAt", err);
}

enum chain_result ledger_predecessor(struct chain *chain, const struct eth_address *contract,
                                     struct eth_address *ret_predecessor, struct err *err)
{
    struct buf data = BUF_INIT;
    abi_selector(&data, "predecessor()");
    return view_address(chain, contract, ret_predecessor, &data, CHAIN_LATEST, "predecessor", err);
}
