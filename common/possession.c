#include "common/possession.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/hex.h"
#include "common/keccak.h"

static int hash_key(uint8_t ret_hash[32], const void *key, struct err *err)
{
    unsigned char *der = NULL;
    unsigned len = 0;
    int der_len = i2d_PUBKEY((const EVP_PKEY *)key, &der);
    int hashed =
        der_len > 0 && EVP_Digest(der, (size_t)der_len, ret_hash, &len, EVP_sha256(), NULL);
    OPENSSL_free(der);
    return hashed ? 0 : err_set(err, "the TLS key has no public part");
}

static int digest_of(struct eth_hash *ret_digest, const char *serial, const void *key,
                     struct err *err)
{
    uint8_t hash[32];
    char hash_text[HEX0X_SIZE(32)];
    if (hash_key(hash, key, err) != 0)
        return -1;
    char *text = xasprintf("AMR Ledger: meter %s has TLS key %s", serial,
                           hex0x_encode(hash_text, hash, sizeof(hash)));
    char *message = xasprintf("\x19"
                              "Ethereum Signed Message:\n%zu%s",
                              strlen(text), text);
    keccak256(ret_digest, message, strlen(message));
    free(message);
    free(text);
    return 0;
}

int possession_prove(char ret_text[POSSESSION_TEXT], const struct signer *signer,
                     const char *serial, const void *key, struct err *err)
{
    struct eth_hash digest;
    struct eth_signature signature;
    if (digest_of(&digest, serial, key, err) != 0)
        return -1;
    signer_sign(signer, &signature, &digest);
    hex0x_encode(ret_text, signature.b, sizeof(signature.b));
    return 0;
}

int possession_check(const char *text, const struct eth_address *address, const char *serial,
                     const void *key, struct err *err)
{
    struct eth_hash digest;
    struct eth_signature signature;
    struct eth_address signed_by;
    struct buf bytes = BUF_INIT;
    bool whole = hex_decode_append(&bytes, sizeof(signature.b), text, strlen(text), NULL) == 0 &&
                 bytes.len == sizeof(signature.b);
    if (whole)
        memcpy(signature.b, bytes.data, sizeof(signature.b));
    buf_free(&bytes);
    if (!whole)
        return err_set(err, "the proof of the signing key is not 0x and 130 digits");
    if (digest_of(&digest, serial, key, err) != 0)
        return -1;
    struct recoverer *recoverer = recoverer_new();
    int recovered = recoverer_recover(recoverer, &signed_by, &digest, &signature);
    recoverer_free(recoverer);
    if (recovered != 0 || !eth_address_equal(&signed_by, address))
        return err_set(err, "the proof of the signing key is not made by the did:ethr address "
                            "with this serial and TLS key");
    return 0;
}
