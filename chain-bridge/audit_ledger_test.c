#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "chain-bridge/audit_ledger.h"

#define METER 65537u

struct bench {
    struct audit_ledger *ledger;
    struct audit_findings findings;
    uint64_t batches;
};

static const struct eth_address SERVER = {{9}};
static const struct eth_address FIRST = {{1}};
static const struct eth_address SECOND = {{2}};

static void tell(struct bench *bench, const struct ledger_event *event)
{
    struct err err = ERR_INIT;
    if (audit_ledger_event(bench->ledger, event, &err) != 0)
        fail_msg("%s", err.text);
}

/* Meters METER and METER + 1, one server. */
static void bench_init(struct bench *bench)
{
    uint8_t signers[64] = {0};
    memset(bench, 0, sizeof(*bench));
    bench->ledger = audit_ledger_new();
    memcpy(signers + 12, FIRST.b, 20);
    memcpy(signers + 44, FIRST.b, 20);
    tell(bench, &(struct ledger_event){.kind = LEDGER_SERVER_ADDED, .account = SERVER, .group = 1});
    tell(bench, &(struct ledger_event){.kind = LEDGER_METERS_REGISTERED,
                                       .meter = METER,
                                       .signers = {signers, sizeof(signers)}});
}

static void end(struct bench *bench)
{
    audit_ledger_free(bench->ledger);
    audit_findings_clear(&bench->findings);
}

static void batch_of(struct bench *bench, const struct record *records, const uint8_t *reasons,
                     size_t count)
{
    struct history_batch batch = {.server = SERVER,
                                  .group = 1,
                                  .number = ++bench->batches,
                                  .records = records,
                                  .reasons = reasons,
                                  .count = count};
    audit_ledger_batch(bench->ledger, &batch, &bench->findings);
}

static void one(struct bench *bench, uint32_t meter, uint32_t time, uint64_t import_wh,
                uint8_t reason)
{
    struct record record = {meter, {time, import_wh, 0, 0}};
    batch_of(bench, &record, &reason, 1);
}

static void expect(const struct bench *bench, enum audit_kind kind, uint64_t count)
{
    assert_int_equal(bench->findings.counts[kind], count);
}

static void a_new_signer_counts_from_the_next_batch_on(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    one(&bench, METER, 100, 1, 0);
    one(&bench, METER, 200, 2, 0);
    tell(&bench,
         &(struct ledger_event){.kind = LEDGER_SIGNER_ROTATED, .meter = METER, .account = SECOND});
    one(&bench, METER, 300, 3, 0);
    const struct audit_meter *meter = audit_ledger_meter(bench.ledger, METER);
    assert_true(eth_address_equal(&audit_signer_at(meter, 1)->signer, &FIRST));
    assert_true(eth_address_equal(&audit_signer_at(meter, 2)->signer, &FIRST));
    assert_true(eth_address_equal(&audit_signer_at(meter, 3)->signer, &SECOND));
    assert_true(eth_address_equal(&audit_signer_at(meter, 99)->signer, &SECOND));
    assert_null(audit_signer_at(meter, 0));
    end(&bench);
}

static void what_the_contract_decided_by_its_rules_is_no_finding(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    one(&bench, METER, 1000, 50, 0);
    one(&bench, METER, 1000, 60, LEDGER_REASON_STALE);
    one(&bench, METER, 1100, 49, LEDGER_REASON_ROLLBACK);
    one(&bench, METER, 9999, 50, LEDGER_REASON_FUTURE);
    one(&bench, METER + 2, 1100, 1, LEDGER_REASON_UNKNOWN);
    tell(&bench, &(struct ledger_event){.kind = LEDGER_METER_CLOSED, .meter = METER});
    one(&bench, METER, 1200, 70, LEDGER_REASON_CLOSED);
    tell(&bench, &(struct ledger_event){.kind = LEDGER_METER_REOPENED, .meter = METER});
    one(&bench, METER, 1300, 70, 0);
    assert_int_equal(audit_findings_total(&bench.findings, true), 0);
    const struct audit_meter *meter = audit_ledger_meter(bench.ledger, METER);
    assert_int_equal(meter->readings, 2);
    assert_int_equal(meter->refused, 4);
    assert_int_equal(meter->last.import_wh, 70);
    end(&bench);
}

static void what_breaks_the_rules_is_found(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    one(&bench, METER, 1000, 50, 0);
    one(&bench, METER, 1000, 60, 0); /* stale, taken */
    expect(&bench, AUDIT_RULES, 1);
    one(&bench, METER, 1100, 1, 0); /* fallen, taken */
    expect(&bench, AUDIT_RULES, 2);
    one(&bench, METER, 1200, 70, LEDGER_REASON_STALE); /* good, refused */
    expect(&bench, AUDIT_RULES, 3);
    assert_non_null(strstr(bench.findings.list[2].text, "by the rules it is taken"));
    end(&bench);
}

static void meters_out_of_order_are_refused_by_the_rules(void **state)
{
    static const struct record RECORDS[] = {{METER + 1, {100, 1, 0, 0}}, {METER, {100, 1, 0, 0}}};
    static const uint8_t REFUSED[] = {0, LEDGER_REASON_UNSORTED};
    static const uint8_t TAKEN[] = {LEDGER_REASON_STALE, 0};
    struct bench bench;
    (void)state;
    bench_init(&bench);
    batch_of(&bench, RECORDS, REFUSED, 2);
    expect(&bench, AUDIT_RULES, 0);
    batch_of(&bench, RECORDS, TAKEN, 2);
    expect(&bench, AUDIT_RULES, 1);
    end(&bench);
}

static void a_batch_of_a_stranger_or_out_of_turn_is_found(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    one(&bench, METER, 100, 1, 0);
    tell(&bench,
         &(struct ledger_event){.kind = LEDGER_SERVER_REMOVED, .account = SERVER, .group = 1});
    one(&bench, METER, 200, 2, 0);
    expect(&bench, AUDIT_SERVER, 1);
    expect(&bench, AUDIT_NUMBER, 0);
    bench.batches = 7;
    one(&bench, METER, 300, 3, 0);
    expect(&bench, AUDIT_NUMBER, 1);
    assert_int_equal(audit_ledger_batches(bench.ledger, 1), 8);
    end(&bench);
}

static void meters_come_in_the_order_of_their_ids(void **state)
{
    struct bench bench;
    uint8_t signer[32] = {0};
    uint32_t id = 0;
    (void)state;
    bench_init(&bench);
    tell(&bench, &(struct ledger_event){.kind = LEDGER_METERS_REGISTERED,
                                        .meter = 0xffffffffu,
                                        .signers = {signer, sizeof(signer)}});
    assert_int_equal(audit_ledger_next(bench.ledger, &id)->meter, METER);
    assert_int_equal(audit_ledger_next(bench.ledger, &id)->meter, METER + 1);
    assert_int_equal(audit_ledger_next(bench.ledger, &id)->meter, 0xffffffffu);
    assert_null(audit_ledger_next(bench.ledger, &id));
    end(&bench);
}

static void events_that_contradict_each_other_end_it(void **state)
{
    struct bench bench;
    struct err err = ERR_INIT;
    struct ledger_event twice = {.kind = LEDGER_METERS_REGISTERED, .meter = METER};
    struct ledger_event nobody = {.kind = LEDGER_METER_CLOSED, .meter = METER + 9};
    uint8_t signer[32] = {0};
    (void)state;
    bench_init(&bench);
    twice.signers = (struct abi_view){signer, sizeof(signer)};
    assert_int_equal(audit_ledger_event(bench.ledger, &twice, &err), -1);
    assert_int_equal(audit_ledger_event(bench.ledger, &nobody, &err), -1);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_signer_counts_from_the_next_batch_on),
        cmocka_unit_test(what_the_contract_decided_by_its_rules_is_no_finding),
        cmocka_unit_test(what_breaks_the_rules_is_found),
        cmocka_unit_test(meters_out_of_order_are_refused_by_the_rules),
        cmocka_unit_test(a_batch_of_a_stranger_or_out_of_turn_is_found),
        cmocka_unit_test(meters_come_in_the_order_of_their_ids),
        cmocka_unit_test(events_that_contradict_each_other_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
