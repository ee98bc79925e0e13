#include "meter-client/meter_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/possession.h"
#include "common/signer.h"

#define DID_PREFIX "did:ethr:"
#define PEM_MAX    65536
#define DID_TEXT   (sizeof(DID_PREFIX) + ETH_ADDRESS_TEXT)

static int openssl_fail(struct err *err, const char *doing)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(err, "%s: %s", doing, reason ? reason : "OpenSSL failed");
}

/* MAKING */

/** Writes what is in the memory BIO; wipes nothing: the BIO of a key is a secure one. */
static int write_bio(BIO *bio, const char *path, unsigned mode, struct err *err)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    return file_create(path, mode, data, (size_t)len, err);
}

static int write_tls_key(EVP_PKEY *key, const char *path, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    int rc = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                 ? write_bio(bio, path, 0600, err)
                 : openssl_fail(err, "write the TLS key");

    BIO_free(bio);
    return rc;
}

static bool add_subject(X509_REQ *request, const char *serial)
{
    X509_NAME *name = X509_REQ_get_subject_name(request);

    return X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, (const unsigned char *)"meter", -1,
                                      -1, 0) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)serial, -1,
                                      -1, 0);
}

static bool add_did(X509_REQ *request, const char *did)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    char *value = xasprintf("URI:%s", did);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
    bool good = extensions && extension && sk_X509_EXTENSION_push(extensions, extension) > 0;

    if (good)
        good = X509_REQ_add_extensions(request, extensions);
    else
        X509_EXTENSION_free(extension);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    free(value);
    return good;
}

static bool add_proof(X509_REQ *request, const char *proof)
{
    return X509_REQ_add1_attr_by_NID(request, NID_pkcs9_unstructuredName, V_ASN1_IA5STRING,
                                     (const unsigned char *)proof, (int)strlen(proof));
}

static int write_request(EVP_PKEY *key, const char *serial, const char *did, const char *proof,
                         const char *path, struct err *err)
{
    X509_REQ *request = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    int rc;

    if (request && bio && X509_REQ_set_version(request, 0) && add_subject(request, serial) &&
        X509_REQ_set_pubkey(request, key) && add_did(request, did) && add_proof(request, proof) &&
        X509_REQ_sign(request, key, EVP_sha256()) && PEM_write_bio_X509_REQ(bio, request))
        rc = write_bio(bio, path, 0644, err);
    else
        rc = openssl_fail(err, "make the certificate request");
    BIO_free(bio);
    X509_REQ_free(request);
    return rc;
}

static void did_of(char did[DID_TEXT], const struct eth_address *address)
{
    memcpy(did, DID_PREFIX, sizeof(DID_PREFIX));
    eth_address_text(did + strlen(DID_PREFIX), address);
}

struct paths {
    char *tls_key;
    char *signing_key;
    char *request;
};

static int make_files(const struct paths *paths, EVP_PKEY *key, const struct signer *signer,
                      const char *serial, struct err *err)
{
    char did[DID_TEXT], proof[POSSESSION_TEXT];

    did_of(did, signer_address(signer));
    if (possession_prove(proof, signer, serial, key, err) ||
        signer_save(signer, paths->signing_key, err))
        return -1;
    if (write_tls_key(key, paths->tls_key, err))
        goto remove_signing_key;
    if (write_request(key, serial, did, proof, paths->request, err))
        goto remove_tls_key;
    return 0;
remove_tls_key:
    unlink(paths->tls_key);
remove_signing_key:
    unlink(paths->signing_key);
    return -1;
}

int identity_init(struct eth_address *ret_address, const char *dir, const char *serial,
                  struct err *err)
{
    struct paths paths;
    struct signer *signer;
    EVP_PKEY *key;
    int rc = -1;

    if (!serial_valid(serial))
        return err_set(err, "serial '%s': want 1 to 32 of A-Z a-z 0-9 . _ -", serial);
    paths.tls_key = xasprintf("%s/%s.key", dir, serial);
    paths.signing_key = xasprintf("%s/%s.signing-key", dir, serial);
    paths.request = xasprintf("%s/%s.csr", dir, serial);
    signer = signer_generate(err);
    key = EVP_EC_gen("P-256");
    if (!key)
        openssl_fail(err, "make a P-256 key");
    else if (signer)
        rc = make_files(&paths, key, signer, serial, err);
    if (rc == 0)
        *ret_address = *signer_address(signer);
    EVP_PKEY_free(key);
    signer_free(signer);
    free(paths.tls_key);
    free(paths.signing_key);
    free(paths.request);
    return rc;
}

/* READING */

static X509 *load_certificate(const char *path, struct err *err)
{
    struct buf pem = BUF_INIT;
    X509 *certificate = NULL;
    BIO *bio;

    if (file_read(&pem, path, PEM_MAX, err) == 0) {
        bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
        BIO_free(bio);
        if (!certificate)
            openssl_fail(err, "read a PEM certificate");
    }
    buf_free(&pem);
    return certificate;
}

static int common_name(char ret_serial[SERIAL_MAX + 1], X509 *certificate, struct err *err)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    char name[SERIAL_MAX + 2];
    int len = X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof(name));

    if (len < 0 || strlen(name) != (size_t)len || !serial_valid(name))
        return err_set(err, "the certificate's CN is no serial");
    memcpy(ret_serial, name, (size_t)len + 1);
    return 0;
}

int identity_serial(char ret_serial[SERIAL_MAX + 1], const char *cert_path, struct err *err)
{
    X509 *certificate = load_certificate(cert_path, err);
    int rc = certificate ? common_name(ret_serial, certificate, err) : -1;

    X509_free(certificate);
    return rc ? err_wrap(err, "'%s'", cert_path) : 0;
}

/** Compares without regard to case: the address may be written with or without EIP-55. */
static bool has_did(X509 *certificate, const char *did)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_IA5STRING *uri =
            name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;

        found = uri && ASN1_STRING_length(uri) == (int)strlen(did) &&
                strncasecmp((const char *)ASN1_STRING_get0_data(uri), did, strlen(did)) == 0;
    }
    GENERAL_NAMES_free(names);
    return found;
}

int identity_check(const char *cert_path, const char *serial, const struct eth_address *address,
                   struct err *err)
{
    X509 *certificate = load_certificate(cert_path, err);
    char name[SERIAL_MAX + 1] = "";
    char did[DID_TEXT];
    int rc = certificate ? common_name(name, certificate, err) : -1;

    did_of(did, address);
    if (rc == 0 && strcmp(name, serial) != 0)
        rc = err_set(err, "the certificate is for serial '%s', not '%s'", name, serial);
    else if (rc == 0 && !has_did(certificate, did))
        rc = err_set(err, "the certificate does not name the signing key's %s", did);
    X509_free(certificate);
    return rc ? err_wrap(err, "'%s'", cert_path) : 0;
}
