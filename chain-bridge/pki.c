#include "chain-bridge/pki.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/possession.h"

#define CSR_MAX    16384
#define PEM_MAX    65536
#define DID_PREFIX "did:ethr:"
/* A device with a slow clock must not find its new certificate "not yet valid". */
#define BACKDATE_S (24 * 3600)

struct pki {
    char *dir;
    X509 *cert;
    EVP_PKEY *key;
};

/* OpenSSL's own words for what went wrong, the latest. */
static int ssl_fail(struct err *err, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, "%s: %s", what, reason != NULL ? reason : "OpenSSL gives no reason");
}

static char *path_in(const char *dir, const char *name, const char *ending)
{
    return xasprintf("%s/%s%s", dir, name, ending);
}

/* Never ask at a terminal: an encrypted key is refused, and so is a request that claims to be one.
 */
static int no_password(char *text, int size, int writing, void *cookie)
{
    if (size > 0)
        text[0] = '\0';
    (void)writing;
    (void)cookie;
    return -1;
}

/* FILES */

static int write_bio(BIO *bio, const char *path, unsigned mode, struct err *err)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    return file_create(path, mode, data, (size_t)len, err);
}

static int write_key(EVP_PKEY *key, const char *path, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    int result = bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                     ? write_bio(bio, path, 0600, err)
                     : ssl_fail(err, "writing a private key");
    BIO_free(bio);
    return result;
}

static int write_cert(X509 *cert, const char *path, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int result = bio != NULL && PEM_write_bio_X509(bio, cert)
                     ? write_bio(bio, path, 0644, err)
                     : ssl_fail(err, "writing a certificate");
    BIO_free(bio);
    return result;
}

/* MAKING CERTIFICATES */

struct profile {
    const char *cn;
    const char *ou;
    uint32_t days;
    const char *usage;          /* keyUsage */
    const char *extended_usage; /* NULL: none */
    const char *constraints;
    const char *alternative_names; /* in OpenSSL's configuration notation; NULL: none */
};

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value, struct err *err)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int added = extension != NULL && X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return added ? 0 : ssl_fail(err, OBJ_nid2sn(nid));
}

static int add_extensions(X509 *cert, X509 *issuer, const struct profile *profile, struct err *err)
{
    const struct {
        int nid;
        const char *value;
    } rows[] = {
        {NID_basic_constraints, profile->constraints},
        {NID_key_usage, profile->usage},
        {NID_ext_key_usage, profile->extended_usage},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, issuer != cert ? "keyid:always" : NULL},
        {NID_subject_alt_name, profile->alternative_names},
    };
    for (size_t i = 0; i < AMR_COUNT(rows); i++) {
        if (rows[i].value != NULL &&
            add_extension(cert, issuer, rows[i].nid, rows[i].value, err) != 0)
            return -1;
    }
    return 0;
}

static bool add_name(X509_NAME *name, const char *field, const char *value)
{
    return value == NULL || X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                                       (const unsigned char *)value, -1, -1, 0);
}

/* 127 random bits: unique without a counter to keep. */
static bool set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    bool set = number != NULL && BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return set;
}

static bool fill(X509 *cert, EVP_PKEY *key, X509 *issuer, const struct profile *profile)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_S) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(cert), (int)profile->days, 0, NULL) != NULL &&
           add_name(name, "CN", profile->cn) && add_name(name, "OU", profile->ou) &&
           X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert)) &&
           X509_set_pubkey(cert, key);
}

/* issuer NULL: self-signed. */
static X509 *make_cert(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                       const struct profile *profile, struct err *err)
{
    X509 *cert = X509_new();
    if (cert == NULL || !fill(cert, key, issuer, profile)) {
        ssl_fail(err, "making a certificate");
    } else if (add_extensions(cert, issuer != NULL ? issuer : cert, profile, err) != 0) {
        err_wrap(err, "making a certificate");
    } else if (X509_sign(cert, issuer_key, EVP_sha256()) == 0) {
        ssl_fail(err, "signing a certificate");
    } else {
        return cert;
    }
    X509_free(cert);
    return NULL;
}

/* The key goes to disk first: a certificate without its key is of no use. */
static int issue_pair(const char *dir, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                      const struct profile *profile, struct err *err)
{
    char *key_path = path_in(dir, name, ".key");
    char *cert_path = path_in(dir, name, ".crt");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = NULL;
    int result = -1;
    if (key == NULL)
        ssl_fail(err, "making a P-256 key");
    else
        cert = make_cert(key, issuer, issuer_key != NULL ? issuer_key : key, profile, err);
    if (cert != NULL)
        result = write_key(key, key_path, err) != 0 ? -1 : write_cert(cert, cert_path, err);
    X509_free(cert);
    EVP_PKEY_free(key);
    free(cert_path);
    free(key_path);
    return result;
}

int pki_create(const char *dir, const char *name, uint32_t days, struct err *err)
{
    struct profile profile = {
        .cn = name,
        .days = days,
        .usage = "critical,keyCertSign,cRLSign",
        .constraints = "critical,CA:TRUE,pathlen:0",
    };
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        return err_errno(err, "making folder '%s'", dir);
    return issue_pair(dir, "ca", NULL, NULL, &profile, err);
}

/* THE CA */

static int load_ca(struct pki *pki, const char *key_path, const char *cert_path, struct err *err)
{
    struct buf key = BUF_INIT;
    struct buf cert = BUF_INIT;
    int result = -1;
    if (file_read_secret(&key, key_path, PEM_MAX, err) == 0 &&
        file_read(&cert, cert_path, PEM_MAX, err) == 0) {
        BIO *key_bio = BIO_new_mem_buf(key.data, (int)key.len);
        BIO *cert_bio = BIO_new_mem_buf(cert.data, (int)cert.len);
        pki->key = PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL);
        pki->cert = PEM_read_bio_X509(cert_bio, NULL, no_password, NULL);
        BIO_free(key_bio);
        BIO_free(cert_bio);
        if (pki->key == NULL || pki->cert == NULL)
            ssl_fail(err, "reading ca.key and ca.crt");
        else if (X509_check_private_key(pki->cert, pki->key) != 1)
            ssl_fail(err, "ca.key is not the key of ca.crt");
        else
            result = 0;
    }
    if (key.data != NULL)
        OPENSSL_cleanse(key.data, key.len);
    buf_free(&key);
    buf_free(&cert);
    return result;
}

struct pki *pki_open(const char *dir, struct err *err)
{
    struct pki *pki = xcalloc(1, sizeof(*pki));
    char *key_path = path_in(dir, "ca", ".key");
    char *cert_path = path_in(dir, "ca", ".crt");
    pki->dir = xstrdup(dir);
    int result = load_ca(pki, key_path, cert_path, err);
    free(cert_path);
    free(key_path);
    if (result == 0)
        return pki;
    err_wrap(err, "CA in '%s' (amrctl pki init makes one)", dir);
    pki_free(pki);
    return NULL;
}

void pki_free(struct pki *pki)
{
    if (pki == NULL)
        return;
    X509_free(pki->cert);
    EVP_PKEY_free(pki->key);
    free(pki->dir);
    free(pki);
}

/* "a,127.0.0.1" -> "DNS:a,IP:127.0.0.1" */
static int print_hosts(struct buf *out, const char *hosts, struct err *err)
{
    while (*hosts != '\0') {
        size_t len = strcspn(hosts, ",");
        char host[254];
        if (len == 0 || len >= sizeof(host) ||
            strspn(hosts, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*") <
                len)
            return err_set(err, "'%.*s' is no host name or address", (int)len, hosts);
        memcpy(host, hosts, len);
        host[len] = '\0';
        ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
        buf_printf(out, "%s%s:%s", out->len > 0 ? "," : "", ip != NULL ? "IP" : "DNS", host);
        ASN1_OCTET_STRING_free(ip);
        hosts += len + (hosts[len] == ',');
    }
    return out->len > 0 ? 0 : err_set(err, "no host name is given");
}

int pki_issue_server(struct pki *pki, const char *hosts, uint32_t days, struct err *err)
{
    struct buf names = BUF_INIT;
    char first[64];
    if (print_hosts(&names, hosts, err) != 0) {
        buf_free(&names);
        return -1;
    }
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(hosts, ","), hosts);
    struct profile profile = {
        .cn = first,
        .ou = "broker",
        .days = days,
        .usage = "critical,digitalSignature",
        .extended_usage = "serverAuth",
        .constraints = "critical,CA:FALSE",
        .alternative_names = buf_str(&names),
    };
    int result = issue_pair(pki->dir, "server", pki->cert, pki->key, &profile, err);
    buf_free(&names);
    return result;
}

int pki_issue_service(struct pki *pki, const char *name, const char *role, uint32_t days,
                      struct err *err)
{
    struct profile profile = {
        .cn = name,
        .ou = role,
        .days = days,
        .usage = "critical,digitalSignature",
        .extended_usage = "clientAuth",
        .constraints = "critical,CA:FALSE",
    };
    if (strcmp(role, "bridge") != 0 && strcmp(role, "ops") != 0)
        return err_set(err, "role '%.40s' is neither bridge nor ops", role);
    if (!serial_valid(name) || strcmp(name, "ca") == 0 || strcmp(name, "server") == 0)
        return err_set(err, "name '%.40s' is not 1 to 32 of A-Z a-z 0-9 . _ -, or is taken", name);
    return issue_pair(pki->dir, name, pki->cert, pki->key, &profile, err);
}

/* REQUESTS */

/* The one entry of a kind, as text without a zero inside; fails where it occurs twice. */
static int take_entry(char *ret_text, size_t size, X509_NAME *name, int nid, struct err *err)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0)
        return err_set(err, "the subject has no %s", OBJ_nid2sn(nid));
    if (X509_NAME_get_index_by_NID(name, nid, at) >= 0)
        return err_set(err, "the subject has more than one %s", OBJ_nid2sn(nid));
    ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, value);
    bool fits = len > 0 && (size_t)len < size && strnlen((char *)text, (size_t)len) == (size_t)len;
    if (fits) {
        memcpy(ret_text, text, (size_t)len);
        ret_text[len] = '\0';
    }
    OPENSSL_free(text);
    ERR_clear_error();
    return fits ? 0 : err_set(err, "%s is empty, too long or no text", OBJ_nid2sn(nid));
}

static int check_subject(struct pki_request *request, X509_REQ *csr, struct err *err)
{
    X509_NAME *name = X509_REQ_get_subject_name(csr);
    char unit[16];
    if (X509_NAME_entry_count(name) != 2)
        return err_set(err, "the subject must be CN and OU, nothing else");
    if (take_entry(request->serial, sizeof(request->serial), name, NID_commonName, err) != 0 ||
        take_entry(unit, sizeof(unit), name, NID_organizationalUnitName, err) != 0)
        return -1;
    if (!serial_valid(request->serial) || strcmp(request->serial, "server") == 0)
        return err_set(err, "CN is no serial: 1 to 32 of A-Z a-z 0-9 . _ -");
    return strcmp(unit, "meter") == 0 ? 0 : err_set(err, "OU is not meter");
}

static int check_key(struct pki_request *request, X509_REQ *csr, struct err *err)
{
    char group[32] = "";
    EVP_PKEY *key = X509_REQ_get0_pubkey(csr);
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
        strcmp(group, "prime256v1") != 0) {
        ERR_clear_error();
        return err_set(err, "the key is not a P-256 key");
    }
    if (X509_REQ_verify(csr, key) != 1)
        return ssl_fail(err, "the request's signature is wrong");
    EVP_PKEY_up_ref(key);
    request->key = key;
    return 0;
}

static int parse_did(struct eth_address *ret_address, const GENERAL_NAME *name, struct err *err)
{
    char text[sizeof(DID_PREFIX) + ETH_ADDRESS_TEXT];
    if (name->type != GEN_URI)
        return err_set(err, "the alternative name is no URI");
    const char *uri = (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
    int len = ASN1_STRING_length(name->d.uniformResourceIdentifier);
    size_t prefix = strlen(DID_PREFIX);
    if (len != (int)(prefix + ETH_ADDRESS_TEXT - 1) || memcmp(uri, DID_PREFIX, prefix) != 0)
        return err_set(err, "the alternative name is not did:ethr:0x and 40 digits");
    memcpy(text, uri, (size_t)len);
    text[len] = '\0';
    if (eth_address_parse(ret_address, text + prefix, err) != 0)
        return err_wrap(err, "did:ethr");
    return eth_address_is_zero(ret_address) ? err_set(err, "did:ethr: the zero address") : 0;
}

static int check_extensions(struct pki_request *request, X509_REQ *csr, struct err *err)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
    GENERAL_NAMES *names = NULL;
    int result = -1;
    if (sk_X509_EXTENSION_num(extensions) == 1)
        names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    if (names == NULL)
        err_set(err, "the request must ask for a subject alternative name and nothing else");
    else if (sk_GENERAL_NAME_num(names) != 1)
        err_set(err, "the request must have one alternative name, did:ethr:0x...");
    else
        result = parse_did(&request->signer, sk_GENERAL_NAME_value(names, 0), err);
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    ERR_clear_error();
    return result;
}

/* The one attribute beside the extensions that may be there. */
static int check_possession(struct pki_request *request, X509_REQ *csr, struct err *err)
{
    char text[POSSESSION_TEXT];
    int at = X509_REQ_get_attr_by_NID(csr, NID_pkcs9_unstructuredName, -1);
    if (at < 0)
        return 0;
    X509_ATTRIBUTE *attribute = X509_REQ_get_attr(csr, at);
    ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(attribute, 0);
    const ASN1_STRING *string = value != NULL && (ASN1_TYPE_get(value) == V_ASN1_IA5STRING ||
                                                  ASN1_TYPE_get(value) == V_ASN1_UTF8STRING)
                                    ? value->value.asn1_string
                                    : NULL;
    if (X509_REQ_get_attr_by_NID(csr, NID_pkcs9_unstructuredName, at) >= 0 ||
        X509_ATTRIBUTE_count(attribute) != 1 || string == NULL ||
        ASN1_STRING_length(string) != POSSESSION_TEXT - 1)
        return err_set(err, "the proof of the signing key is not one text of %d characters",
                       POSSESSION_TEXT - 1);
    memcpy(text, ASN1_STRING_get0_data(string), POSSESSION_TEXT - 1);
    text[POSSESSION_TEXT - 1] = '\0';
    request->proven =
        possession_check(text, &request->signer, request->serial, request->key, err) == 0;
    return request->proven ? 0 : -1;
}

int pki_request_parse(struct pki_request *ret_request, const void *pem, size_t len, struct err *err)
{
    struct pki_request request = {.key = NULL};
    if (len == 0 || len > CSR_MAX)
        return err_set(err, "a request has 1 to %d bytes, this has %zu", CSR_MAX, len);
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509_REQ *csr = PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (csr == NULL)
        return ssl_fail(err, "no PEM certificate request");
    int result = check_subject(&request, csr, err);
    if (result == 0)
        result = check_extensions(&request, csr, err);
    if (result == 0)
        result = check_key(&request, csr, err);
    if (result == 0)
        result = check_possession(&request, csr, err);
    X509_REQ_free(csr);
    if (result == 0)
        *ret_request = request;
    else
        pki_request_clear(&request);
    return result;
}

int pki_request_read(struct pki_request *ret_request, const char *path, struct err *err)
{
    struct buf pem = BUF_INIT;
    int result = file_read(&pem, path, CSR_MAX, err);
    if (result == 0 && pki_request_parse(ret_request, pem.data, pem.len, err) != 0)
        result = err_wrap(err, "'%s'", path);
    buf_free(&pem);
    return result;
}

void pki_request_clear(struct pki_request *request)
{
    EVP_PKEY_free(request->key);
    memset(request, 0, sizeof(*request));
}

static int replace_with(BIO *bio, const char *path, struct err *err)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    return file_replace(path, 0644, data, (size_t)len, err);
}

int pki_issue_meter(struct pki *pki, const struct pki_request *request, const char *path,
                    uint32_t days, struct err *err)
{
    char address[ETH_ADDRESS_TEXT];
    char names[80];
    snprintf(names, sizeof(names), "URI:" DID_PREFIX "%s",
             eth_address_text(address, &request->signer));
    struct profile profile = {
        .cn = request->serial,
        .ou = "meter",
        .days = days,
        .usage = "critical,digitalSignature",
        .extended_usage = "clientAuth",
        .constraints = "critical,CA:FALSE",
        .alternative_names = names,
    };
    X509 *cert = make_cert(request->key, pki->cert, pki->key, &profile, err);
    BIO *bio = BIO_new(BIO_s_mem());
    int result = -1;
    if (cert != NULL && !PEM_write_bio_X509(bio, cert))
        ssl_fail(err, "writing a certificate");
    else if (cert != NULL)
        result = replace_with(bio, path, err);
    BIO_free(bio);
    X509_free(cert);
    return result;
}

static X509 *read_cert(const char *path, struct err *err)
{
    struct buf pem = BUF_INIT;
    X509 *cert = NULL;
    if (file_read(&pem, path, PEM_MAX, err) == 0) {
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        BIO_free(bio);
        if (cert == NULL)
            ssl_fail(err, "no PEM certificate");
    }
    buf_free(&pem);
    return cert;
}

static bool names_signer(X509 *cert, const struct eth_address *signer)
{
    struct eth_address named;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool same = sk_GENERAL_NAME_num(names) == 1 &&
                parse_did(&named, sk_GENERAL_NAME_value(names, 0), NULL) == 0 &&
                eth_address_equal(&named, signer);
    GENERAL_NAMES_free(names);
    return same;
}

bool pki_meter_fits(const struct pki *pki, const struct pki_request *request, const char *path,
                    uint32_t days)
{
    char serial[SERIAL_MAX + 1] = "";
    X509 *cert = read_cert(path, NULL);
    int left = 0;
    bool fits = cert != NULL && X509_verify(cert, pki->key) == 1 &&
                EVP_PKEY_eq(X509_get0_pubkey(cert), request->key) == 1 &&
                take_entry(serial, sizeof(serial), X509_get_subject_name(cert), NID_commonName,
                           NULL) == 0 &&
                strcmp(serial, request->serial) == 0 && names_signer(cert, &request->signer) &&
                ASN1_TIME_diff(&left, NULL, NULL, X509_get0_notAfter(cert)) == 1 &&
                left >= (int)days;
    X509_free(cert);
    ERR_clear_error();
    return fits;
}

int pki_common_name(char *ret_name, size_t size, const char *path, struct err *err)
{
    X509 *cert = read_cert(path, err);
    int result = cert != NULL
                     ? take_entry(ret_name, size, X509_get_subject_name(cert), NID_commonName, err)
                     : -1;
    X509_free(cert);
    return result == 0 ? 0 : err_wrap(err, "'%s'", path);
}
