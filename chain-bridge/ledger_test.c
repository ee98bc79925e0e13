#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "chain-bridge/ledger.h"
#include "common/hex.h"

/* Expected bytes: `cast calldata`, `cast abi-encode` of Foundry. */
#define SERVER      "70997970C51812dc3A010C7d01b50e0d17dc79C8"
#define SERVER_WORD "00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c8"
#define OTHER_WORD  "0000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc"
#define METER_WORD  "0000000000000000000000000000000000000000000000000000000000010001"
#define W(digits)   "00000000000000000000000000000000000000000000000000000000000000" digits

static struct eth_address address_of(const char *digits)
{
    struct eth_address address;
    char text[ETH_ADDRESS_TEXT];
    snprintf(text, sizeof(text), "0x%s", digits);
    assert_int_equal(eth_address_parse(&address, text, NULL), 0);
    return address;
}

static void assert_bytes(struct buf *data, const char *digits)
{
    struct buf expected = BUF_INIT;
    assert_int_equal(hex_decode_append(&expected, 4096, digits, strlen(digits), NULL), 0);
    assert_int_equal(data->len, expected.len);
    assert_memory_equal(data->data, expected.data, expected.len);
    buf_free(&expected);
    buf_free(data);
}

static void calls_are_encoded_as_other_libraries_do(void **state)
{
    (void)state;
    struct buf data = BUF_INIT;
    struct eth_address pair[] = {address_of(SERVER),
                                 address_of("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")};
    struct eth_hash root;
    memset(&root, 0xab, sizeof(root));
    ledger_add_server(&data, &pair[0], 513);
    assert_bytes(&data, "0533d262" SERVER_WORD "000000000000000000000000000000000000000000000000"
                        "0000000000000201");
    ledger_remove_server(&data, &pair[0]);
    assert_bytes(&data, "43b7db2b" SERVER_WORD);
    ledger_register_meters(&data, 65537, pair, 2);
    assert_bytes(&data, "2a50b232" METER_WORD W("40") W("02") SERVER_WORD OTHER_WORD);
    ledger_rotate_signer(&data, 65537, &pair[0]);
    assert_bytes(&data, "3f7e5457" METER_WORD SERVER_WORD);
    ledger_close_meter(&data, 65537);
    assert_bytes(&data, "5f371d63" METER_WORD);
    ledger_reopen_meter(&data, 65537);
    assert_bytes(&data, "3632452b" METER_WORD);
    ledger_submit_batch(&data, &root, "\1\2\3\4\5", 5);
    assert_bytes(&data,
                 "db6bbab9abababababababababababababababababababababababababababababababab" W("40")
                     W("05") "0102030405000000000000000000000000000000000000000000000000"
                             "000000");
}

#define AB16 "abababababababababababababababab"
#define AB64 AB16 AB16 AB16 AB16
/* The length, then 64 bytes ab and one 1b, filled up. */
#define SIGNATURE_TAIL                                                                             \
    W("41") AB64 "1b00000000000000000000000000000000000000000000000000000000000000"

static void roles_and_commands_are_encoded_as_other_libraries_do(void **state)
{
    (void)state;
    struct buf data = BUF_INIT;
    struct eth_address account = address_of(SERVER);
    struct command command = {9, 65537, 4, 900, 1767229200, {{0}}};
    struct command_result result = {9, 65537, 2, 1767225660, {{0}}};
    memset(command.signature.b, 0xab, 64);
    command.signature.b[64] = 27;
    result.signature = command.signature;
    ledger_add_operator(&data, &account);
    assert_bytes(&data, "9870d7fe" SERVER_WORD);
    ledger_remove_operator(&data, &account);
    assert_bytes(&data, "ac8a584a" SERVER_WORD);
    ledger_add_reader(&data, &account);
    assert_bytes(&data, "afd8b1d1" SERVER_WORD);
    ledger_remove_reader(&data, &account);
    assert_bytes(&data, "38d65d11" SERVER_WORD);
    ledger_issue_command(&data, &command);
    assert_bytes(
        &data, "a778bb26" W("09") METER_WORD W(
                   "04") "0000000000000000000000000000000000000000000000000000000000000384"
                         "000000000000000000000000000000000000000000000000000000006955c710" W("c0")
                             SIGNATURE_TAIL);
    ledger_record_result(&data, &result);
    assert_bytes(
        &data, "06f6cad8" W("09") METER_WORD W(
                   "02") "000000000000000000000000000000000000000000000000000000006955b93c" W("a0")
                   SIGNATURE_TAIL);
}

/* A log of that kind with topics and data in hexadecimal; data is freed by the caller. */
static struct chain_log make_log(enum ledger_event_kind kind, const char *const *topics,
                                 size_t topic_count, const char *digits, struct buf *data)
{
    struct chain_log log = {.topic_count = topic_count + 1};
    ledger_topic(&log.topics[0], kind);
    for (size_t i = 0; i < topic_count; i++) {
        struct buf word = BUF_INIT;
        assert_int_equal(hex_decode_append(&word, 32, topics[i], 64, NULL), 0);
        memcpy(log.topics[i + 1].b, word.data, 32);
        buf_free(&word);
    }
    buf_clear(data);
    assert_int_equal(hex_decode_append(data, 4096, digits, strlen(digits), NULL), 0);
    log.data = data->data;
    log.data_len = data->len;
    return log;
}

static void a_submitted_batch_is_decoded(void **state)
{
    (void)state;
    struct buf data = BUF_INIT;
    const char *topics[] = {SERVER_WORD, SERVER_WORD, W("03")};
    struct chain_log log = make_log(LEDGER_BATCH_SUBMITTED, topics, 3,
                                    W("07") W("03") W("02") W("80")
                                        W("05") "0102030405000000000000000000000000000000000000000"
                                                "000000000000000",
                                    &data);
    struct ledger_event event;
    assert_int_equal(ledger_event_decode(&event, &log, NULL), 0);
    struct eth_address server = address_of(SERVER);
    assert_int_equal(event.kind, LEDGER_BATCH_SUBMITTED);
    assert_true(eth_address_equal(&event.account, &server));
    assert_int_equal(event.group, 3);
    assert_int_equal(event.number, 7);
    assert_int_equal(event.accepted, 3);
    assert_int_equal(event.rejected, 2);
    assert_int_equal(event.records.len, 5);
    assert_memory_equal(event.records.data, "\1\2\3\4\5", 5);
    for (size_t cut = 0; cut < data.len; cut++) {
        log.data_len = cut;
        assert_int_equal(ledger_event_decode(&event, &log, NULL), -1);
    }
    buf_free(&data);
}

static void registered_meters_are_decoded_and_must_stay_in_their_group(void **state)
{
    (void)state;
    struct buf data = BUF_INIT;
    const char *topics[] = {METER_WORD};
    const char *signers = W("20") W("02") SERVER_WORD OTHER_WORD;
    struct chain_log log = make_log(LEDGER_METERS_REGISTERED, topics, 1, signers, &data);
    struct ledger_event event;
    assert_int_equal(ledger_event_decode(&event, &log, NULL), 0);
    assert_int_equal(event.meter, 65537);
    assert_int_equal(ledger_signer_count(&event), 2);
    struct eth_address server = address_of(SERVER);
    struct eth_address signer = ledger_signer(&event, 0);
    assert_true(eth_address_equal(&signer, &server));
    static const char *const OUTSIDE[] = {
        "000000000000000000000000000000000000000000000000000000000001ffff",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "0000000000000000000000000000000000000000000000000000000100010001"};
    for (size_t i = 0; i < AMR_COUNT(OUTSIDE); i++) {
        topics[0] = OUTSIDE[i];
        log = make_log(LEDGER_METERS_REGISTERED, topics, 1, signers, &data);
        assert_int_equal(ledger_event_decode(&event, &log, NULL), -1);
    }
    buf_free(&data);
}

static void an_issued_command_and_its_result_are_decoded(void **state)
{
    (void)state;
    struct buf data = BUF_INIT;
    const char *topics[] = {METER_WORD, W("09"), SERVER_WORD};
    const char *words =
        W("04") "0000000000000000000000000000000000000000000000000000000000000384"
                "000000000000000000000000000000000000000000000000000000006955c710" W("80")
                    SIGNATURE_TAIL;
    struct chain_log log = make_log(LEDGER_COMMAND_ISSUED, topics, 3, words, &data);
    struct eth_address operator= address_of(SERVER);
    struct ledger_event event;
    assert_int_equal(ledger_event_decode(&event, &log, NULL), 0);
    assert_int_equal(event.command.id, 9);
    assert_int_equal(event.command.meter, 65537);
    assert_int_equal(event.command.kind, COMMAND_SET_INTERVAL);
    assert_int_equal(event.command.argument, 900);
    assert_int_equal(event.command.not_after_s, 1767229200);
    assert_int_equal(event.command.signature.b[63], 0xab);
    assert_int_equal(event.command.signature.b[64], 27);
    assert_true(eth_address_equal(&event.account, &operator));
    data.data[4 * 32 + 31] = 64; /* another length of the signature */
    assert_int_equal(ledger_event_decode(&event, &log, NULL), -1);
    log =
        make_log(LEDGER_COMMAND_RESULT, topics, 2,
                 W("02") "000000000000000000000000000000000000000000000000000000006955b93c", &data);
    assert_int_equal(ledger_event_decode(&event, &log, NULL), 0);
    assert_int_equal(event.result.id, 9);
    assert_int_equal(event.meter, 65537);
    assert_int_equal(event.result.outcome, 2);
    assert_int_equal(event.result.timestamp_s, 1767225660);
    buf_free(&data);
}

static void an_unused_event_is_passed_over_and_a_wrong_shape_refused(void **state)
{
    (void)state;
    struct buf data = BUF_INIT;
    const char *topics[] = {METER_WORD, SERVER_WORD};
    struct ledger_event event;
    struct chain_log log = make_log(LEDGER_SIGNER_ROTATED, topics, 2, "", &data);
    assert_int_equal(ledger_event_decode(&event, &log, NULL), 0);
    assert_int_equal(event.kind, LEDGER_SIGNER_ROTATED);
    log.topic_count = 2;
    assert_int_equal(ledger_event_decode(&event, &log, NULL), -1);
    log.topics[0].b[0] ^= 1;
    assert_int_equal(ledger_event_decode(&event, &log, NULL), 0);
    assert_int_equal(event.kind, LEDGER_OTHER);
    log.topic_count = 0;
    assert_int_equal(ledger_event_decode(&event, &log, NULL), 0);
    assert_int_equal(event.kind, LEDGER_OTHER);
    buf_free(&data);
}

static const char *revert_text(char text[128], const char *digits)
{
    struct chain_revert revert = {.reverted = true};
    struct buf data = BUF_INIT;
    assert_int_equal(hex_decode_append(&data, CHAIN_REVERT_MAX, digits, strlen(digits), NULL), 0);
    memcpy(revert.data, data.data != NULL ? data.data : (const uint8_t *)"", data.len);
    revert.len = data.len;
    buf_free(&data);
    ledger_revert_text(text, 128, &revert);
    return text;
}

static void reverts_are_told_in_words(void **state)
{
    (void)state;
    char text[128];
    assert_string_equal(
        revert_text(text,
                    "fb87185f0000000000000000000000000000000000000000000000000000000000010002"),
        "MeterIsClosed: meter is closed 65538");
    assert_string_equal(revert_text(text, "fb87185f00"), "MeterIsClosed: meter is closed");
    assert_string_equal(revert_text(text, "08c379a0" W("20")
                                              W("06") "6e6f2077617900000000000000000000000000000000"
                                                      "00000000000000000000"),
                        "no way");
    assert_string_equal(revert_text(text, ""), "reverted without a reason");
    assert_string_equal(revert_text(text, "01020304"),
                        "reverted with 0x01020304, which this version does not know");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_encoded_as_other_libraries_do),
        cmocka_unit_test(roles_and_commands_are_encoded_as_other_libraries_do),
        cmocka_unit_test(an_issued_command_and_its_result_are_decoded),
        cmocka_unit_test(a_submitted_batch_is_decoded),
        cmocka_unit_test(registered_meters_are_decoded_and_must_stay_in_their_group),
        cmocka_unit_test(an_unused_event_is_passed_over_and_a_wrong_shape_refused),
        cmocka_unit_test(reverts_are_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
