#include "common/keccak.h"

#include <string.h>

/* Nettle has no original Keccak padding, but exposes the state and the permutation. */
#define RATE SHA3_256_BLOCK_SIZE

void keccak_init(struct keccak *keccak)
{
    sha3_256_init(&keccak->ctx);
}

void keccak_update(struct keccak *keccak, const void *data, size_t len)
{
    sha3_256_update(&keccak->ctx, len, data);
}

static uint64_t load_le64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

void keccak_final(struct keccak *keccak, struct eth_hash *ret_hash)
{
    struct sha3_256_ctx *ctx = &keccak->ctx;

    memset(ctx->block + ctx->index, 0, RATE - ctx->index);
    ctx->block[ctx->index] = 0x01;
    ctx->block[RATE - 1] |= 0x80;
    for (size_t i = 0; i < RATE / 8; i++)
        ctx->state.a[i] ^= load_le64(ctx->block + 8 * i);
    sha3_permute(&ctx->state);
    for (size_t i = 0; i < sizeof(ret_hash->b); i++)
        ret_hash->b[i] = (uint8_t)(ctx->state.a[i / 8] >> (8 * (i % 8)));
}

void keccak256(struct eth_hash *ret_hash, const void *data, size_t len)
{
    struct keccak keccak;

    keccak_init(&keccak);
    keccak_update(&keccak, data, len);
    keccak_final(&keccak, ret_hash);
}
