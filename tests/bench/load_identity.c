#include "tests/bench/load_identity.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/payload.h"
#include "common/registry.h"

#define GROUP    1
#define CHAIN_ID 31337
#define DAY_S    86400
#define ROUNDS   2000

static const struct eth_address CONTRACT = {{0x11}};

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
    EVP_PKEY *meter_key;
};

static FILE *open_in(const char *dir, const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *file = fopen(path, "r");
    free(path);
    return file;
}

struct authority *authority_open(const char *dir, struct err *err)
{
    struct authority *authority = xcalloc(1, sizeof(*authority));
    FILE *certificate = open_in(dir, "ca.crt"), *key = open_in(dir, "ca.key");

    if (certificate && key) {
        authority->certificate = PEM_read_X509(certificate, NULL, NULL, NULL);
        authority->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
    }
    if (certificate)
        fclose(certificate);
    if (key)
        fclose(key);
    authority->meter_key = EVP_EC_gen("P-256");
    if (authority->certificate && authority->key && authority->meter_key)
        return authority;
    err_set(err, "read ca.crt and ca.key in %s", dir);
    authority_free(authority);
    return NULL;
}

void authority_free(struct authority *authority)
{
    if (!authority)
        return;
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    EVP_PKEY_free(authority->meter_key);
    free(authority);
}

void meter_name(char ret_name[SERIAL_MAX + 1], uint32_t n)
{
    snprintf(ret_name, SERIAL_MAX + 1, "L%u", (unsigned)n);
}

struct signer *meter_signer(uint32_t n)
{
    uint8_t secret[32] = {1};

    for (int i = 0; i < 4; i++)
        secret[31 - i] = (uint8_t)(n >> (8 * i));
    return signer_new(secret, NULL);
}

static bool add_names(X509 *x509, uint32_t n)
{
    char name[SERIAL_MAX + 1], address[ETH_ADDRESS_TEXT], uri[80];
    struct signer *signer = meter_signer(n);
    X509_NAME *subject = X509_get_subject_name(x509);

    meter_name(name, n);
    snprintf(uri, sizeof(uri), "URI:did:ethr:%s",
             eth_address_text(address, signer_address(signer)));
    signer_free(signer);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, uri);
    bool ok = names && X509_add_ext(x509, names, -1) &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (uint8_t *)name, -1, -1, 0) &&
              X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_ASC, (const uint8_t *)"meter", -1,
                                         -1, 0);
    X509_EXTENSION_free(names);
    return ok;
}

static X509 *certificate_new(const struct authority *authority, uint32_t n)
{
    X509 *x509 = X509_new();

    if (x509 && X509_set_version(x509, X509_VERSION_3) &&
        ASN1_INTEGER_set(X509_get_serialNumber(x509), (long)n + 1000) &&
        X509_gmtime_adj(X509_getm_notBefore(x509), -DAY_S) &&
        X509_gmtime_adj(X509_getm_notAfter(x509), DAY_S) &&
        X509_set_issuer_name(x509, X509_get_subject_name(authority->certificate)) &&
        X509_set_pubkey(x509, authority->meter_key) && add_names(x509, n) &&
        X509_sign(x509, authority->key, EVP_sha256()))
        return x509;
    X509_free(x509);
    return NULL;
}

int authority_dress(struct authority *authority, SSL *ssl, uint32_t n, struct err *err)
{
    X509 *x509 = certificate_new(authority, n);
    bool ok =
        x509 && SSL_use_certificate(ssl, x509) && SSL_use_PrivateKey(ssl, authority->meter_key);

    X509_free(x509);
    return ok ? 0 : err_set(err, "make the certificate of meter %u", (unsigned)n);
}

static void registered_signer(struct eth_address *ret_address, uint32_t n, uint32_t real)
{
    if (n > real) {
        memset(ret_address, 0xee, sizeof(*ret_address));
        memcpy(ret_address->b, &n, sizeof(n));
        return;
    }
    struct signer *signer = meter_signer(n);
    *ret_address = *signer_address(signer);
    signer_free(signer);
}

int meters_register(const char *path, uint32_t count, uint32_t real, struct err *err)
{
    struct registry *registry;

    if (registry_open_writer(&registry, path, CHAIN_ID, &CONTRACT, err))
        return -1;
    int result = registry_begin(registry, err);
    for (uint32_t n = 1; n <= count && result == 0; n++) {
        struct registry_meter meter = {GROUP << 16 | n, METER_ACTIVE, {{0}}};
        registered_signer(&meter.signer, n, real);
        result = registry_put(registry, &meter, err);
    }
    if (result == 0)
        result = registry_end(registry, 1, err);
    registry_close(registry);
    return result;
}

const struct eth_address *load_contract(void)
{
    return &CONTRACT;
}

void meter_report(struct buf *out, const struct signer *signer, const struct eth_address *contract,
                  uint32_t n, uint32_t sequence, uint32_t readings, uint32_t now_s)
{
    struct eip712 domain;
    struct eth_hash digest;
    struct report report = {.meter = GROUP << 16 | n, .sequence = sequence, .count = readings};

    for (uint32_t i = 0; i < readings; i++) {
        uint32_t number = sequence * readings + i;
        report.readings[i] = (struct reading){now_s - 1000000 + number, 123456 + number, 0, 0};
    }
    eip712_init(&domain, CHAIN_ID, contract);
    eip712_report(&domain, &digest, &report);
    signer_sign(signer, &report.signature, &digest);
    payload_report_print(out, &report);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Different reports, since the processor learns one by heart. */
double signature_cost_us(uint32_t readings)
{
    struct signer *signer = meter_signer(1);
    struct recoverer *recoverer = recoverer_new();
    struct report *reports = xcalloc(ROUNDS, sizeof(*reports));
    struct buf payload = BUF_INIT;
    struct eip712 domain;
    struct eth_hash digest;
    struct eth_address address;
    int failed = 0;

    eip712_init(&domain, CHAIN_ID, &CONTRACT);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        buf_clear(&payload);
        meter_report(&payload, signer, &CONTRACT, 1, i + 1, readings, 2000000000);
        failed += payload_report_parse(&reports[i], payload.data, payload.len, NULL);
    }
    double from = seconds();
    for (int i = 0; i < ROUNDS; i++) {
        eip712_report(&domain, &digest, &reports[i]);
        failed += recoverer_recover(recoverer, &address, &digest, &reports[i].signature);
    }
    double took = seconds() - from;
    buf_free(&payload);
    recoverer_free(recoverer);
    signer_free(signer);
    free(reports);
    return failed ? -1 : took * 1e6 / ROUNDS;
}
