#include "chain-bridge/fees.h"

/* Above 2^60 wei a gas nothing makes sense and sums could overflow. */
#define FEE_WEI_MAX (UINT64_C(1) << 60)

static uint64_t bounded(uint64_t wei)
{
    return wei > FEE_WEI_MAX ? FEE_WEI_MAX : wei;
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ceil(1.1 * wei) */
static uint64_t tenth_up(uint64_t wei)
{
    return wei + (wei + 9) / 10;
}

/* EIP-1559: a block's base fee is at most 1/8 above its parent's. */
static uint64_t grown(uint64_t base_fee_wei)
{
    return base_fee_wei + (base_fee_wei + 7) / 8;
}

int fees_first(const struct fee_policy *policy, struct fees *ret_fees, uint64_t base_fee_wei,
               struct err *err)
{
    uint64_t base = bounded(base_fee_wei);
    if (policy->cap_wei == 0 && base == 0) {
        *ret_fees = (struct fees){0, 0};
        return 0;
    }
    if (base > policy->cap_wei)
        return err_set(err, "the base fee of %llu wei is above the configured cap of %llu wei",
                       (unsigned long long)base_fee_wei, (unsigned long long)policy->cap_wei);
    uint64_t wanted = 2 * base + policy->tip_wei;
    ret_fees->max_fee_wei = wanted < policy->cap_wei ? wanted : policy->cap_wei;
    ret_fees->tip_wei =
        policy->tip_wei < ret_fees->max_fee_wei ? policy->tip_wei : ret_fees->max_fee_wei;
    return 0;
}

int fees_raise(const struct fee_policy *policy, struct fees *ret_fees, const struct fees *old,
               uint64_t base_fee_wei, struct err *err)
{
    uint64_t base = grown(bounded(base_fee_wei));
    struct fees fees;
    fees.tip_wei = max(tenth_up(old->tip_wei) + 1, tenth_up(old->tip_wei) + (base + 9) / 10);
    fees.max_fee_wei = max(tenth_up(old->max_fee_wei) + 1, 2 * base + fees.tip_wei);
    if (fees.max_fee_wei > policy->cap_wei && policy->cap_wei > old->max_fee_wei &&
        policy->cap_wei >= tenth_up(old->max_fee_wei) + 1 && policy->cap_wei >= base + fees.tip_wei)
        fees.max_fee_wei = policy->cap_wei;
    if (fees.max_fee_wei > policy->cap_wei)
        return err_set(err, "a raise to %llu wei is above the configured cap of %llu wei",
                       (unsigned long long)fees.max_fee_wei, (unsigned long long)policy->cap_wei);
    *ret_fees = fees;
    return 0;
}
