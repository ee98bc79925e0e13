#include "common/signer.h"

#include <fcntl.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/keccak.h"

struct signer {
    uint8_t secret[32];
    struct eth_address address;
    secp256k1_context *secp;
};

struct recoverer {
    secp256k1_context *secp;
};

/* Half of the group order: EIP-2 and OpenZeppelin accept s up to this only. */
static const uint8_t HALF_ORDER[32] = {
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};

static void public_key_address(const secp256k1_context *secp, const secp256k1_pubkey *key,
                               struct eth_address *ret_address)
{
    uint8_t point[65];
    size_t len = sizeof(point);
    struct eth_hash hash;

    secp256k1_ec_pubkey_serialize(secp, point, &len, key, SECP256K1_EC_UNCOMPRESSED);
    keccak256(&hash, point + 1, 64);
    memcpy(ret_address->b, hash.b + 12, sizeof(ret_address->b));
}

static int random_bytes(void *out, size_t len, struct err *err)
{
    if (getrandom(out, len, 0) != (ssize_t)len)
        return err_errno(err, "read random bytes");
    return 0;
}

/* Blinds the context against side channels, as libsecp256k1 asks of whoever signs. */
static int randomize(secp256k1_context *secp, struct err *err)
{
    uint8_t seed[32];

    if (random_bytes(seed, sizeof(seed), err))
        return -1;
    int ok = secp256k1_context_randomize(secp, seed);
    explicit_bzero(seed, sizeof(seed));
    return ok ? 0 : err_set(err, "randomize the signing context");
}

struct signer *signer_new(const uint8_t secret[32], struct err *err)
{
    struct signer *signer = xcalloc(1, sizeof(*signer));
    secp256k1_pubkey key;

    mlock(signer, sizeof(*signer)); /* best effort: RLIMIT_MEMLOCK may be 0 */
    signer->secp = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    if (randomize(signer->secp, err))
        goto fail;
    if (!secp256k1_ec_pubkey_create(signer->secp, &key, secret)) {
        err_set(err, "not a valid secp256k1 secret key");
        goto fail;
    }
    memcpy(signer->secret, secret, sizeof(signer->secret));
    public_key_address(signer->secp, &key, &signer->address);
    return signer;
fail:
    signer_free(signer);
    return NULL;
}

struct signer *signer_generate(struct err *err)
{
    secp256k1_context *secp = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    struct signer *signer = NULL;
    uint8_t secret[32];

    /* All but 2^-128 of the values are valid keys; the loop is for form's sake. */
    do {
        if (random_bytes(secret, sizeof(secret), err))
            goto done;
    } while (!secp256k1_ec_seckey_verify(secp, secret));
    signer = signer_new(secret, err);
done:
    explicit_bzero(secret, sizeof(secret));
    secp256k1_context_destroy(secp);
    return signer;
}

struct signer *signer_load(const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    struct signer *signer = NULL;
    uint8_t secret[32];

    if (file_read_secret(&text, path, 256, err))
        goto done;
    while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    /* The decoder's words must not quote the key. */
    if (hex0x_decode(secret, sizeof(secret), buf_str(&text), NULL)) {
        err_set(err, "signing key '%s': not 0x and 64 hexadecimal digits", path);
        goto done;
    }
    signer = signer_new(secret, err);
    if (!signer)
        err_wrap(err, "signing key '%s'", path);
done:
    explicit_bzero(secret, sizeof(secret));
    if (text.data)
        explicit_bzero(text.data, text.capacity);
    buf_free(&text);
    return signer;
}

int signer_save(const struct signer *signer, const char *path, struct err *err)
{
    char text[HEX0X_SIZE(32)];

    hex0x_encode(text, signer->secret, sizeof(signer->secret));
    text[sizeof(text) - 1] = '\n'; /* in place of the zero */
    int result = file_create(path, 0600, text, sizeof(text), err);
    explicit_bzero(text, sizeof(text));
    return result;
}

void signer_free(struct signer *signer)
{
    if (!signer)
        return;
    secp256k1_context_destroy(signer->secp);
    explicit_bzero(signer, sizeof(*signer));
    munlock(signer, sizeof(*signer));
    free(signer);
}

const struct eth_address *signer_address(const struct signer *signer)
{
    return &signer->address;
}

void signer_secret(const struct signer *signer, uint8_t ret_secret[32])
{
    memcpy(ret_secret, signer->secret, sizeof(signer->secret));
}

void signer_sign(const struct signer *signer, struct eth_signature *ret_signature,
                 const struct eth_hash *digest)
{
    secp256k1_ecdsa_recoverable_signature signature;
    int recovery = 0;

    /* Fails only for an invalid key, which signer_new refused; s is low by the library's promise.
     */
    secp256k1_ecdsa_sign_recoverable(signer->secp, &signature, digest->b, signer->secret, NULL,
                                     NULL);
    secp256k1_ecdsa_recoverable_signature_serialize_compact(signer->secp, ret_signature->b,
                                                            &recovery, &signature);
    ret_signature->b[64] = (uint8_t)(27 + recovery);
}

struct recoverer *recoverer_new(void)
{
    struct recoverer *recoverer = xcalloc(1, sizeof(*recoverer));

    recoverer->secp = secp256k1_context_create(SECP256K1_CONTEXT_VERIFY);
    return recoverer;
}

void recoverer_free(struct recoverer *recoverer)
{
    if (!recoverer)
        return;
    secp256k1_context_destroy(recoverer->secp);
    free(recoverer);
}

int recoverer_recover(const struct recoverer *recoverer, struct eth_address *ret_address,
                      const struct eth_hash *digest, const struct eth_signature *signature)
{
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    uint8_t v = signature->b[64];

    if (v != 27 && v != 28)
        return -1;
    if (memcmp(signature->b + 32, HALF_ORDER, sizeof(HALF_ORDER)) > 0)
        return -1;
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(recoverer->secp, &parsed, signature->b,
                                                             v - 27))
        return -1;
    if (!secp256k1_ecdsa_recover(recoverer->secp, &key, &parsed, digest->b))
        return -1;
    public_key_address(recoverer->secp, &key, ret_address);
    return 0;
}
