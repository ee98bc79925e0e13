#include "chain-bridge/fees.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/attr.h"

#define GWEI UINT64_C(1000000000)

static const struct fee_policy POLICY = {GWEI, 500 * GWEI};

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* go-ethereum core/txpool/legacypool/list.go: both at least 10 % up, and strictly above. */
static bool geth_takes(const struct fees *old, const struct fees *new)
{
    return new->tip_wei > old->tip_wei &&new->max_fee_wei > old->max_fee_wei &&new->tip_wei * 100 >=
               old->tip_wei * 110 &&
           new->max_fee_wei * 100 >= old->max_fee_wei * 110;
}

/* Besu TransactionReplacementByFeeMarketRule: the effective price at the head's base fee. */
static bool besu_takes(const struct fees *old, const struct fees *new, uint64_t base)
{
    uint64_t before = min(old->max_fee_wei, base + old->tip_wei);
    uint64_t after = min(new->max_fee_wei, base + new->tip_wei);
    return after * 100 >= before * 110;
}

static void a_first_offer_is_twice_the_base_fee_and_the_tip(void **state)
{
    struct fees fees;
    (void)state;
    assert_int_equal(fees_first(&POLICY, &fees, 7 * GWEI, NULL), 0);
    assert_int_equal(fees.tip_wei, GWEI);
    assert_int_equal(fees.max_fee_wei, 15 * GWEI);
}

static void no_offer_is_above_the_cap(void **state)
{
    struct fees fees;
    (void)state;
    assert_int_equal(fees_first(&POLICY, &fees, 400 * GWEI, NULL), 0);
    assert_int_equal(fees.max_fee_wei, 500 * GWEI);
    assert_int_equal(fees_first(&POLICY, &fees, 501 * GWEI, NULL), -1);
    assert_int_equal(fees_first(&POLICY, &fees, UINT64_MAX, NULL), -1);
}

static void a_network_without_fees_gets_zeros(void **state)
{
    struct fee_policy free_policy = {GWEI, 0};
    struct fees fees = {1, 1};
    (void)state;
    assert_int_equal(fees_first(&free_policy, &fees, 0, NULL), 0);
    assert_int_equal(fees.tip_wei, 0);
    assert_int_equal(fees.max_fee_wei, 0);
}

static void a_raise_is_taken_by_geth_and_besu(void **state)
{
    static const uint64_t BASES[] = {0, 1, 7, 90, 1000, GWEI / 3, GWEI, 9 * GWEI};
    static const uint64_t TIPS[] = {0, 1, 10, 15, 1000, GWEI, 3 * GWEI};
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(BASES); i++)
        for (size_t j = 0; j < AMR_COUNT(TIPS); j++) {
            struct fees old = {TIPS[j], 2 * BASES[i] + TIPS[j]}, new;
            /* also at a head whose base fee has grown meanwhile */
            for (uint64_t base = BASES[i]; base <= BASES[i] * 2; base += BASES[i] / 4 + 1) {
                assert_int_equal(fees_raise(&POLICY, &new, &old, base, NULL), 0);
                assert_true(geth_takes(&old, &new));
                assert_true(besu_takes(&old, &new, base));
            }
        }
}

static void besus_own_vector_is_met(void **state)
{
    struct fees old = {10, 200}, new;
    (void)state; /* base 90: tip 15 is refused there, 21 accepted */
    assert_int_equal(fees_raise(&POLICY, &new, &old, 90, NULL), 0);
    assert_true(new.tip_wei >= 20);
    assert_true(besu_takes(&old, &new, 90));
}

static void a_raise_stops_at_the_cap(void **state)
{
    struct fees old = {GWEI, 490 * GWEI}, new;
    (void)state;
    assert_int_equal(fees_raise(&POLICY, &new, &old, 7 * GWEI, NULL), -1);
    struct fees fees = {GWEI, 3 * GWEI};
    int raises = 0;
    while (fees_raise(&POLICY, &fees, &fees, GWEI, NULL) == 0)
        assert_true(++raises < 64);
    assert_true(fees.max_fee_wei <= 500 * GWEI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_offer_is_twice_the_base_fee_and_the_tip),
        cmocka_unit_test(no_offer_is_above_the_cap),
        cmocka_unit_test(a_network_without_fees_gets_zeros),
        cmocka_unit_test(a_raise_is_taken_by_geth_and_besu),
        cmocka_unit_test(besus_own_vector_is_met),
        cmocka_unit_test(a_raise_stops_at_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
