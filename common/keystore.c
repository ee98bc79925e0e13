#include "common/keystore.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/keccak.h"

#define FILE_BYTES_MAX    16384
#define PASSPHRASE_MAX    1024
#define SALT_MAX          64
#define SCRYPT_MEMORY_MAX (UINT64_C(1) << 30) /* 128 * n * r: more is a mistake or an attack */
#define PBKDF2_ROUNDS_MAX 10000000

/* What the file says, before the passphrase is tried. */
struct sealed {
    uint8_t secret[32]; /* encrypted */
    uint8_t iv[16];
    uint8_t mac[32];
    uint8_t salt[SALT_MAX];
    size_t salt_len;
    bool scrypt;
    uint64_t n, r, p; /* scrypt */
    uint64_t rounds;  /* pbkdf2, hmac-sha256 */
};

/* The MAC key is the derived key's second half, the cipher key the first. */
struct derived {
    uint8_t key[32];
};

static int read_passphrase(struct buf *out, const char *path, struct err *err)
{
    if (file_read_secret(out, path, PASSPHRASE_MAX, err))
        return err_wrap(err, "passphrase file");
    while (out->len && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        out->len--;
    return 0;
}

static void wipe(struct buf *buf)
{
    if (buf->data)
        OPENSSL_cleanse(buf->data, buf->capacity);
    buf_free(buf);
}

static int derive(struct derived *ret_derived, const struct sealed *sealed,
                  const struct buf *passphrase, struct err *err)
{
    const char *text = passphrase->len ? (const char *)passphrase->data : "";
    int ok;

    if (sealed->scrypt)
        ok = EVP_PBE_scrypt(text, passphrase->len, sealed->salt, sealed->salt_len, sealed->n,
                            sealed->r, sealed->p, 2 * SCRYPT_MEMORY_MAX, ret_derived->key,
                            sizeof(ret_derived->key));
    else
        ok = PKCS5_PBKDF2_HMAC(text, (int)passphrase->len, sealed->salt, (int)sealed->salt_len,
                               (int)sealed->rounds, EVP_sha256(), sizeof(ret_derived->key),
                               ret_derived->key);
    return ok ? 0 : err_set(err, "key derivation failed");
}

/* AES-128-CTR is its own inverse. */
static int crypt(uint8_t out[32], const uint8_t in[32], const struct derived *derived,
                 const uint8_t iv[16], struct err *err)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    int ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, derived->key, iv) &&
             EVP_EncryptUpdate(ctx, out, &len, in, 32);

    EVP_CIPHER_CTX_free(ctx);
    return ok && len == 32 ? 0 : err_set(err, "aes-128-ctr failed");
}

static void compute_mac(uint8_t ret_mac[32], const struct derived *derived,
                        const uint8_t secret[32])
{
    uint8_t bytes[16 + 32];
    struct eth_hash hash;

    memcpy(bytes, derived->key + 16, 16);
    memcpy(bytes + 16, secret, 32);
    keccak256(&hash, bytes, sizeof(bytes));
    memcpy(ret_mac, hash.b, 32);
    OPENSSL_cleanse(bytes, sizeof(bytes));
}

/* Keystores in the wild write hexadecimal without 0x. */
static void take_bare_hex(struct json_reader *reader, const char *key, uint8_t *out, size_t min,
                          size_t max, size_t *ret_len)
{
    const char *text = json_take_string(reader, key, true);
    struct buf bytes = BUF_INIT;

    if (!reader->failed &&
        (hex_decode_append(&bytes, max, text, strlen(text), NULL) || bytes.len < min))
        json_fail(reader, "'%s' is not %zu to %zu bytes of hexadecimal", key, min, max);
    if (!reader->failed) {
        memcpy(out, bytes.data, bytes.len);
        *ret_len = bytes.len;
    }
    buf_free(&bytes);
}

static void expect_string(struct json_reader *reader, const char *key, const char *wanted)
{
    const char *text = json_take_string(reader, key, true);

    if (!reader->failed && strcmp(text, wanted) != 0)
        json_fail(reader, "'%s' is '%.32s', only '%s' is supported", key, text, wanted);
}

static void take_scrypt(struct json_reader *params, struct sealed *sealed)
{
    sealed->n = json_take_uint(params, "n", 2, UINT64_C(1) << 24);
    sealed->r = json_take_uint(params, "r", 1, 64);
    sealed->p = json_take_uint(params, "p", 1, 64);
    if (!params->failed && 128 * sealed->n * sealed->r > SCRYPT_MEMORY_MAX)
        json_fail(params, "scrypt would take over 1 GiB of memory");
}

static void take_kdf(struct json_reader *crypto, struct sealed *sealed)
{
    const char *kdf = json_take_string(crypto, "kdf", true);
    struct json_reader params;

    if (crypto->failed)
        return;
    sealed->scrypt = strcmp(kdf, "scrypt") == 0;
    if (!sealed->scrypt && strcmp(kdf, "pbkdf2") != 0) {
        json_fail(crypto, "'kdf' is '%.32s', neither scrypt nor pbkdf2", kdf);
        return;
    }
    json_reader_init(&params, json_take(crypto, "kdfparams", true), crypto->err);
    json_take_uint(&params, "dklen", 32, 32);
    take_bare_hex(&params, "salt", sealed->salt, 8, SALT_MAX, &sealed->salt_len);
    if (sealed->scrypt) {
        take_scrypt(&params, sealed);
    } else {
        sealed->rounds = json_take_uint(&params, "c", 1, PBKDF2_ROUNDS_MAX);
        expect_string(&params, "prf", "hmac-sha256");
    }
    if (json_done(&params))
        crypto->failed = true;
}

static int parse(struct sealed *ret_sealed, json_t *root, struct err *err)
{
    struct json_reader file, crypto, cipher;
    size_t len;

    /* Tools add keys of their own (address, id, name), so left-over keys are fine at the top. */
    json_reader_init(&file, root, err);
    json_take_uint(&file, "version", 3, 3);
    json_t *crypto_object = json_take(&file, "crypto", false);
    if (!crypto_object)
        crypto_object = json_take(&file, "Crypto", true); /* early geth */
    if (file.failed)
        return -1;
    json_reader_init(&crypto, crypto_object, err);
    expect_string(&crypto, "cipher", "aes-128-ctr");
    take_bare_hex(&crypto, "ciphertext", ret_sealed->secret, 32, 32, &len);
    take_bare_hex(&crypto, "mac", ret_sealed->mac, 32, 32, &len);
    take_kdf(&crypto, ret_sealed);
    json_t *cipher_object = json_take(&crypto, "cipherparams", true);
    if (crypto.failed)
        return -1;
    json_reader_init(&cipher, cipher_object, err);
    take_bare_hex(&cipher, "iv", ret_sealed->iv, 16, 16, &len);
    return cipher.failed ? -1 : 0;
}

static int read_sealed(struct sealed *ret_sealed, const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    int result = -1;

    if (file_read(&text, path, FILE_BYTES_MAX, err))
        goto done;
    json_t *root = json_parse(text.data, text.len, err);
    if (root)
        result = parse(ret_sealed, root, err);
    json_decref(root);
    if (result)
        err_wrap(err, "keystore '%s'", path);
done:
    buf_free(&text);
    return result;
}

struct signer *keystore_load(const char *path, const char *passphrase_path, struct err *err)
{
    struct sealed sealed = {0};
    struct derived derived;
    struct buf passphrase = BUF_INIT;
    struct signer *signer = NULL;
    uint8_t mac[32], secret[32];

    if (read_sealed(&sealed, path, err) || read_passphrase(&passphrase, passphrase_path, err) ||
        derive(&derived, &sealed, &passphrase, err))
        goto done;
    compute_mac(mac, &derived, sealed.secret);
    if (CRYPTO_memcmp(mac, sealed.mac, sizeof(mac)) != 0) {
        err_set(err, "keystore '%s': wrong passphrase (or a damaged file)", path);
        goto done;
    }
    if (crypt(secret, sealed.secret, &derived, sealed.iv, err) == 0)
        signer = signer_new(secret, err);
done:
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(&derived, sizeof(derived));
    wipe(&passphrase);
    return signer;
}

static void append_uuid(struct buf *out, const uint8_t random[16])
{
    for (size_t i = 0; i < 16; i++) {
        uint8_t byte = random[i];
        if (i == 6)
            byte = (uint8_t)(0x40 | (byte & 0x0f)); /* version 4 */
        if (i == 8)
            byte = (uint8_t)(0x80 | (byte & 0x3f)); /* RFC 4122 variant */
        buf_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", byte);
    }
}

static void append_bare_hex(struct buf *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_printf(out, "%02x", bytes[i]);
}

static void print(struct buf *out, const struct sealed *sealed, const struct eth_address *address,
                  const uint8_t uuid[16])
{
    buf_printf(out, "{\"address\":\"");
    append_bare_hex(out, address->b, sizeof(address->b));
    buf_printf(out, "\",\"crypto\":{\"cipher\":\"aes-128-ctr\",\"ciphertext\":\"");
    append_bare_hex(out, sealed->secret, sizeof(sealed->secret));
    buf_printf(out, "\",\"cipherparams\":{\"iv\":\"");
    append_bare_hex(out, sealed->iv, sizeof(sealed->iv));
    buf_printf(out,
               "\"},\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":%" PRIu64 ",\"p\":%" PRIu64
               ",\"r\":%" PRIu64 ",\"salt\":\"",
               sealed->n, sealed->p, sealed->r);
    append_bare_hex(out, sealed->salt, sealed->salt_len);
    buf_printf(out, "\"},\"mac\":\"");
    append_bare_hex(out, sealed->mac, sizeof(sealed->mac));
    buf_printf(out, "\"},\"id\":\"");
    append_uuid(out, uuid);
    buf_printf(out, "\",\"version\":3}\n");
}

/* Fills salt, iv and uuid from the kernel. */
static int randomize(struct sealed *sealed, uint8_t uuid[16], struct err *err)
{
    uint8_t random[32 + 16 + 16];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_errno(err, "read random bytes");
    memcpy(sealed->salt, random, 32);
    sealed->salt_len = 32;
    memcpy(sealed->iv, random + 32, 16);
    memcpy(uuid, random + 48, 16);
    return 0;
}

int keystore_save(const struct signer *signer, const char *path, const char *passphrase_path,
                  unsigned scrypt_log_n, struct err *err)
{
    struct sealed sealed = {.scrypt = true, .n = UINT64_C(1) << scrypt_log_n, .r = 8, .p = 1};
    struct derived derived;
    struct buf passphrase = BUF_INIT, text = BUF_INIT;
    uint8_t secret[32], uuid[16];
    int result = -1;

    signer_secret(signer, secret);
    if (read_passphrase(&passphrase, passphrase_path, err) || randomize(&sealed, uuid, err) ||
        derive(&derived, &sealed, &passphrase, err) ||
        crypt(sealed.secret, secret, &derived, sealed.iv, err))
        goto done;
    compute_mac(sealed.mac, &derived, sealed.secret);
    print(&text, &sealed, signer_address(signer), uuid);
    result = file_create(path, 0600, text.data, text.len, err);
done:
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(&derived, sizeof(derived));
    wipe(&passphrase);
    buf_free(&text);
    return result;
}
