#include "common/keystore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/test_dir.h"

/* The PBKDF2 example of the Web3 Secret Storage Definition, passphrase "testpassword". Its scrypt
 * twin has n = 2^18 with r = 1, which RFC 7914 forbids and OpenSSL refuses. */
#define VECTOR_ADDRESS "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b"
#define VECTOR_PBKDF2                                                                              \
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"                            \
    "\"6087dab2f9fdbbfaddc31a909735c1e6\"},\"ciphertext\":"                                        \
    "\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\",\"kdf\":\"pbkdf2\","     \
    "\"kdfparams\":{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\",\"salt\":"                   \
    "\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"},\"mac\":"               \
    "\"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2\"},\"id\":"                \
    "\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}"
/* Made by `cast wallet import` for the secret 0x4646...46. */
#define CAST_ADDRESS "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"
#define CAST_SCRYPT                                                                                \
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"                            \
    "\"d30d27c32e02aa4390087777290220f5\"},\"ciphertext\":"                                        \
    "\"38f759d55a3a8bdb1a986eb4727b3dc874c6ee7c553f07c9b8b8151e6492f608\",\"kdf\":\"scrypt\","     \
    "\"kdfparams\":{\"dklen\":32,\"n\":8192,\"p\":1,\"r\":8,\"salt\":"                             \
    "\"bc743ff364f4462e00e18275afbe710d50192f67061a163d0da0a6ba42de8dd2\"},\"mac\":"               \
    "\"49ee075dd154881595ca5a43e10d45cb472699ba0338c9a3852b22ab47a01e66\"},\"id\":"                \
    "\"54a8153d-0182-4ca5-89af-e0d759badc07\",\"version\":3}"

static char *write_file(void *state, const char *name, const char *text)
{
    char *path = test_path(state, name);

    unlink(path);
    assert_int_equal(file_create(path, 0600, text, strlen(text), NULL), 0);
    return path;
}

static struct signer *load(void *state, const char *text, const char *passphrase, struct err *err)
{
    char *path = write_file(state, "keystore.json", text);
    char *passphrase_path = write_file(state, "passphrase", passphrase);
    struct signer *signer = keystore_load(path, passphrase_path, err);

    free(path);
    free(passphrase_path);
    return signer;
}

static void expect_key(void *state, const char *keystore, const char *passphrase,
                       const char *address)
{
    struct err err = ERR_INIT;
    struct signer *signer = load(state, keystore, passphrase, &err);
    char text[ETH_ADDRESS_TEXT];

    if (!signer)
        fail_msg("%s", err.text);
    assert_string_equal(eth_address_text(text, signer_address(signer)), address);
    signer_free(signer);
}

static void files_of_other_tools_open(void **state)
{
    expect_key(*state, VECTOR_PBKDF2, "testpassword\n", VECTOR_ADDRESS);
    expect_key(*state, CAST_SCRYPT, "testpassword", CAST_ADDRESS);
}

static void what_was_saved_opens_with_its_passphrase_only(void **state)
{
    struct signer *signer = signer_generate(NULL), *again;
    char *path = test_path(*state, "saved.json");
    char *right = write_file(*state, "right", "correct horse\n");
    char *wrong = write_file(*state, "wrong", "battery staple\n");
    struct err err = ERR_INIT;
    struct stat info;

    assert_int_equal(keystore_save(signer, path, right, 4, &err), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(keystore_save(signer, path, right, 4, &err), -1);
    again = keystore_load(path, right, &err);
    assert_non_null(again);
    assert_true(eth_address_equal(signer_address(signer), signer_address(again)));
    assert_null(keystore_load(path, wrong, &err));
    assert_non_null(strstr(err.text, "wrong passphrase"));
    signer_free(signer);
    signer_free(again);
    free(path);
    free(right);
    free(wrong);
}

static void damaged_or_greedy_files_are_refused_in_words(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"\"version\":3", "\"version\":4", "'version'"},
        {"\"c\":262144", "\"c\":99999999", "'c' is not within"},
        {"hmac-sha256", "hmac-sha999", "only 'hmac-sha256'"},
        {"aes-128-ctr", "aes-128-xyz", "only 'aes-128-ctr'"},
        {"pbkdf2", "argon2", "neither scrypt nor pbkdf2"},
        {"\"mac\":\"51", "\"mac\":\"", "'mac'"},
        {"\"iv\":\"60", "\"iv\":\"6", "'iv'"},
    };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < AMR_COUNT(cases); i++) {
        const char *at = strstr(VECTOR_PBKDF2, cases[i].from);
        char *text = xasprintf("%.*s%s%s", (int)(at - VECTOR_PBKDF2), VECTOR_PBKDF2, cases[i].to,
                               at + strlen(cases[i].from));
        assert_null(load(*state, text, "testpassword", &err));
        if (!strstr(err.text, cases[i].words))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].words);
        free(text);
    }
    assert_null(load(*state, "{}", "x", &err));
    assert_null(load(*state, "not json", "x", &err));
}

static void a_passphrase_file_open_to_others_is_refused(void **state)
{
    char *path = write_file(*state, "k.json", VECTOR_PBKDF2);
    char *passphrase = write_file(*state, "p", "testpassword");
    struct err err = ERR_INIT;

    assert_int_equal(chmod(passphrase, 0644), 0);
    assert_null(keystore_load(path, passphrase, &err));
    assert_non_null(strstr(err.text, "passphrase file"));
    free(path);
    free(passphrase);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_other_tools_open),
        cmocka_unit_test(what_was_saved_opens_with_its_passphrase_only),
        cmocka_unit_test(damaged_or_greedy_files_are_refused_in_words),
        cmocka_unit_test(a_passphrase_file_open_to_others_is_refused),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
