/*
 * testing.h: what the tests of this folder share: keys, certificates, a registry, reports.
 *
 * Header only, for *_test.c. Everything that is made here is made anew per call; the caller frees.
 */
#ifndef AMR_BROKER_PLUGIN_TESTING_H
#define AMR_BROKER_PLUGIN_TESTING_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/eip712.h"
#include "common/payload.h"
#include "common/registry.h"
#include "common/signer.h"

#define TEST_NOW_S    1767225600
#define TEST_CHAIN_ID 31337
#define TEST_METER    65537

static const struct eth_address TEST_CONTRACT = {{0x11, 0x22}};

/** A test that cannot be set up ends here. */
static inline void test_need(bool good, const char *text)
{
    if (good)
        return;
    fprintf(stderr, "cannot set up the test: %s\n", text);
    abort();
}

/** Key number n. */
static inline struct signer *test_signer(uint8_t n)
{
    uint8_t secret[32] = {1};
    secret[31] = n;
    struct signer *signer = signer_new(secret, NULL);
    test_need(signer != NULL, "a signer");
    return signer;
}

static inline struct eth_address test_address(uint8_t n)
{
    struct signer *signer = test_signer(n);
    struct eth_address address = *signer_address(signer);
    signer_free(signer);
    return address;
}

/** names is a list as X509V3 takes it, such as "URI:did:ethr:0x...,DNS:a"; NULL: no such field. */
struct test_certificate {
    const char *cn;
    size_t cn_len; /* 0: up to the terminating zero */
    const char *second_cn;
    const char *ou;
    const char *names;
};

static inline void test_name_add(X509_NAME *name, int nid, const char *text, size_t len)
{
    if (text)
        X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text,
                                   len ? (int)len : -1, -1, 0);
}

static inline X509 *test_certificate_new(const struct test_certificate *fields)
{
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    test_name_add(name, NID_commonName, fields->cn, fields->cn_len);
    test_name_add(name, NID_commonName, fields->second_cn, 0);
    test_name_add(name, NID_organizationalUnitName, fields->ou, 0);
    if (fields->names) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, fields->names);
        test_need(extension != NULL, fields->names);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, key, EVP_sha256());
    EVP_PKEY_free(key);
    return certificate;
}

/** A meter's certificate: CN serial, key number n. */
static inline X509 *test_meter_certificate(const char *serial, uint8_t n)
{
    char names[80];
    char text[ETH_ADDRESS_TEXT];
    struct eth_address address = test_address(n);
    snprintf(names, sizeof names, "URI:did:ethr:%s", eth_address_text(text, &address));
    const struct test_certificate fields = {.cn = serial, .ou = "meter", .names = names};
    return test_certificate_new(&fields);
}

/** A directory of its own; registry is a path in it. */
struct test_dir {
    char path[32];
    char registry[64];
};

static inline void test_dir_make(struct test_dir *dir)
{
    snprintf(dir->path, sizeof dir->path, "/tmp/amr-door-XXXXXX");
    test_need(mkdtemp(dir->path) != NULL, dir->path);
    snprintf(dir->registry, sizeof dir->registry, "%s/registry.db", dir->path);
}

static inline void test_dir_remove(const struct test_dir *dir)
{
    static const char *const SUFFIXES[] = {"", ".lock", "-journal", ".new"};
    for (size_t i = 0; i < AMR_COUNT(SUFFIXES); i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", dir->registry, SUFFIXES[i]);
        unlink(path);
    }
    rmdir(dir->path);
}

/** Puts one meter with key number n, as the bridge would. */
static inline void test_registry_put(const char *path, uint32_t meter, uint8_t n,
                                     enum meter_status status)
{
    struct registry *registry = NULL;
    struct err err = ERR_INIT;
    struct registry_meter row = {.meter = meter, .status = status, .signer = test_address(n)};
    int failed = registry_open_writer(&registry, path, TEST_CHAIN_ID, &TEST_CONTRACT, &err) ||
                 registry_begin(registry, &err) || registry_put(registry, &row, &err) ||
                 registry_end(registry, 7, &err);
    test_need(!failed, err.text);
    registry_close(registry);
}

/** One reading, signed with key number n. */
static inline struct report test_report(uint8_t n, uint32_t meter, uint32_t sequence,
                                        uint32_t timestamp_s, uint64_t import_wh)
{
    struct report report = {.meter = meter, .sequence = sequence, .count = 1};
    struct eip712 domain;
    struct eth_hash digest;
    struct signer *signer = test_signer(n);
    report.readings[0] =
        (struct reading){.timestamp_s = timestamp_s, .import_wh = import_wh, .export_wh = 5};
    eip712_init(&domain, TEST_CHAIN_ID, &TEST_CONTRACT);
    eip712_report(&domain, &digest, &report);
    signer_sign(signer, &report.signature, &digest);
    signer_free(signer);
    return report;
}

#endif
