#include "broker-plugin/identity.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DID_PREFIX    "did:ethr:"
#define SAN_NAMES_MAX 16

static const char *const ROLE_TEXT[ROLE_COUNT] = {
    [ROLE_METER] = "meter", [ROLE_BRIDGE] = "bridge", [ROLE_OPS] = "ops"};

const char *role_text(enum role role)
{
    return ROLE_TEXT[role];
}

static int role_parse(enum role *ret_role, const char *text, size_t len)
{
    for (int i = 0; i < ROLE_COUNT; i++)
        if (strlen(ROLE_TEXT[i]) == len && memcmp(ROLE_TEXT[i], text, len) == 0) {
            *ret_role = (enum role)i;
            return 0;
        }
    return -1;
}

/* "server" names the server's own topics, so nobody may be called that. */
static bool name_valid(const char *name)
{
    return serial_valid(name) && strcmp(name, "server") != 0;
}

/* Copies the one value of a subject field; a field that stands twice is nobody's name. */
static int subject_field(char *ret_text, size_t size, const X509_NAME *subject, int nid,
                         struct err *err)
{
    const char *field = OBJ_nid2sn(nid);
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    if (at < 0)
        return err_set(err, "certificate without subject %s", field);
    if (X509_NAME_get_index_by_NID(subject, nid, at) >= 0)
        return err_set(err, "certificate with more than one subject %s", field);
    unsigned char *utf8 = NULL;
    int len =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len < 0)
        return err_set(err, "certificate with an unreadable subject %s", field);
    int result = 0;
    if ((size_t)len >= size || memchr(utf8, 0, (size_t)len))
        result = err_set(err, "certificate with a bad subject %s", field);
    else
        snprintf(ret_text, size, "%.*s", len, (const char *)utf8);
    OPENSSL_free(utf8);
    return result;
}

/* Reads the URI if it is a did:ethr; returns whether it was one, -1 where it is a broken one. */
static int did_read(struct eth_address *ret_signer, const ASN1_IA5STRING *uri, struct err *err)
{
    char text[sizeof DID_PREFIX + ETH_ADDRESS_TEXT];
    size_t len = (size_t)ASN1_STRING_length(uri);
    const char *data = (const char *)ASN1_STRING_get0_data(uri);
    if (len < strlen(DID_PREFIX) || memcmp(data, DID_PREFIX, strlen(DID_PREFIX)) != 0)
        return 0;
    if (len >= sizeof text || memchr(data, 0, len))
        return err_set(err, "certificate with a bad did:ethr");
    memcpy(text, data, len);
    text[len] = '\0';
    if (eth_address_parse(ret_signer, text + strlen(DID_PREFIX), err) < 0)
        return err_wrap(err, "certificate with a bad did:ethr");
    return 1;
}

static int signer_from_names(struct eth_address *ret_signer, const GENERAL_NAMES *names,
                             struct err *err)
{
    int found = 0;
    int count = sk_GENERAL_NAME_num(names);
    if (count > SAN_NAMES_MAX)
        return err_set(err, "certificate with more than %d alternative names", SAN_NAMES_MAX);
    for (int i = 0; i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        int one = did_read(ret_signer, name->d.uniformResourceIdentifier, err);
        if (one < 0)
            return -1;
        found += one;
    }
    if (found != 1)
        return err_set(err, "certificate with %d did:ethr names instead of one", found);
    return 0;
}

static int signer_read(struct eth_address *ret_signer, const X509 *certificate, struct err *err)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (!names)
        return err_set(err, "certificate without one readable list of alternative names");
    int result = signer_from_names(ret_signer, names, err);
    GENERAL_NAMES_free(names);
    return result;
}

static int certificate_read(struct identity *identity, X509 *certificate, struct err *err)
{
    char role[16];
    int len = i2d_X509(certificate, NULL);
    if (len <= 0 || len > IDENTITY_CERT_MAX)
        return err_set(err, "certificate longer than %d bytes", IDENTITY_CERT_MAX);
    const X509_NAME *subject = X509_get_subject_name(certificate);
    if (subject_field(identity->name, sizeof identity->name, subject, NID_commonName, err) < 0)
        return -1;
    if (!name_valid(identity->name))
        return err_set(err, "certificate whose subject CN is no name");
    if (subject_field(role, sizeof role, subject, NID_organizationalUnitName, err) < 0)
        return -1;
    if (role_parse(&identity->role, role, strlen(role)) < 0)
        return err_set(err, "certificate of an unknown role");
    if (identity->role == ROLE_METER)
        return signer_read(&identity->signer, certificate, err);
    return 0;
}

int identity_from_certificate(struct identity *ret_identity, X509 *certificate, struct err *err)
{
    struct identity identity = {0};
    /* The broker's TLS code reads the same error queue right after us. */
    ERR_set_mark();
    int result = certificate_read(&identity, certificate, err);
    ERR_pop_to_mark();
    if (result == 0)
        *ret_identity = identity;
    return result;
}

char *identity_username(char text[IDENTITY_USERNAME], const struct identity *identity)
{
    snprintf(text, IDENTITY_USERNAME, "%s:%s", role_text(identity->role), identity->name);
    return text;
}

int identity_from_username(struct identity *ret_identity, const char *username)
{
    struct identity identity = {0};
    const char *colon = username ? strchr(username, ':') : NULL;
    if (!colon || strlen(colon + 1) > SERIAL_MAX || !name_valid(colon + 1) ||
        role_parse(&identity.role, username, (size_t)(colon - username)) < 0)
        return -1;
    snprintf(identity.name, sizeof identity.name, "%s", colon + 1);
    *ret_identity = identity;
    return 0;
}

int identity_for_staff(struct identity *ret_identity, const char *name)
{
    if (!name_valid(name))
        return -1;
    *ret_identity = (struct identity){.role = ROLE_OPS};
    snprintf(ret_identity->name, sizeof ret_identity->name, "%s", name);
    return 0;
}

bool identity_owns_client_id(const struct identity *identity, const char *client_id)
{
    size_t len = strlen(identity->name);
    if (strncmp(client_id, identity->name, len) != 0)
        return false;
    if (client_id[len] == '\0')
        return true;
    return identity->role == ROLE_OPS && client_id[len] == '~' && serial_valid(client_id + len + 1);
}
