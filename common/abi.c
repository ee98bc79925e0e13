#include "common/abi.h"

#include <stdbool.h>
#include <string.h>

#include "common/keccak.h"

void abi_topic(struct eth_hash *ret_topic, const char *signature)
{
    keccak256(ret_topic, signature, strlen(signature));
}

void abi_selector(struct buf *out, const char *signature)
{
    struct eth_hash hash;

    abi_topic(&hash, signature);
    buf_append(out, hash.b, 4);
}

void abi_uint(struct buf *out, uint64_t value)
{
    memset(buf_extend(out, ABI_WORD - 8), 0, ABI_WORD - 8);
    buf_append_be(out, value, 8);
}

void abi_address(struct buf *out, const struct eth_address *address)
{
    memset(buf_extend(out, 12), 0, 12);
    buf_append(out, address->b, sizeof(address->b));
}

void abi_hash(struct buf *out, const struct eth_hash *hash)
{
    buf_append(out, hash->b, sizeof(hash->b));
}

void abi_bytes_tail(struct buf *out, const void *data, size_t len)
{
    size_t padding = (ABI_WORD - len % ABI_WORD) % ABI_WORD;

    abi_uint(out, len);
    buf_append(out, data, len);
    memset(buf_extend(out, padding), 0, padding);
}

static const uint8_t *word_at(struct abi_view view, size_t index, struct err *err)
{
    if (index >= view.len / ABI_WORD) {
        err_set(err, "ABI data of %zu bytes has no word %zu", view.len, index);
        return NULL;
    }
    return view.data + index * ABI_WORD;
}

static bool zeros(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

int abi_get_uint(struct abi_view view, size_t index, uint64_t *ret_value, struct err *err)
{
    const uint8_t *word = word_at(view, index, err);
    uint64_t value = 0;

    if (!word)
        return -1;
    if (!zeros(word, ABI_WORD - 8))
        return err_set(err, "ABI word %zu is above 64 bits", index);
    for (size_t i = ABI_WORD - 8; i < ABI_WORD; i++)
        value = value << 8 | word[i];
    *ret_value = value;
    return 0;
}

int abi_get_address(struct abi_view view, size_t index, struct eth_address *ret_address,
                    struct err *err)
{
    const uint8_t *word = word_at(view, index, err);

    if (!word)
        return -1;
    if (!zeros(word, 12))
        return err_set(err, "ABI word %zu is no address", index);
    memcpy(ret_address->b, word + 12, sizeof(ret_address->b));
    return 0;
}

int abi_get_hash(struct abi_view view, size_t index, struct eth_hash *ret_hash, struct err *err)
{
    const uint8_t *word = word_at(view, index, err);

    if (!word)
        return -1;
    memcpy(ret_hash->b, word, sizeof(ret_hash->b));
    return 0;
}

/* Follows an offset word to a length word; what comes behind it is at *ret_body. */
static int dynamic_at(struct abi_view view, size_t index, uint64_t *ret_len,
                      struct abi_view *ret_body, struct err *err)
{
    uint64_t offset;

    if (abi_get_uint(view, index, &offset, err))
        return -1;
    if (offset % ABI_WORD || offset > view.len || view.len - offset < ABI_WORD)
        return err_set(err, "ABI offset in word %zu leads outside the data", index);
    if (abi_get_uint(view, offset / ABI_WORD, ret_len, err))
        return -1;
    ret_body->data = view.data + offset + ABI_WORD;
    ret_body->len = view.len - offset - ABI_WORD;
    return 0;
}

int abi_get_bytes(struct abi_view view, size_t index, struct abi_view *ret_bytes, struct err *err)
{
    struct abi_view body;
    uint64_t len;

    if (dynamic_at(view, index, &len, &body, err))
        return -1;
    size_t padded = len > body.len ? 0 : (size_t)((len + ABI_WORD - 1) / ABI_WORD * ABI_WORD);
    if (len > body.len || padded > body.len)
        return err_set(err, "ABI bytes of word %zu end outside the data", index);
    if (!zeros(body.data + len, padded - len))
        return err_set(err, "ABI bytes of word %zu are padded with something", index);
    ret_bytes->data = body.data;
    ret_bytes->len = len;
    return 0;
}

int abi_get_words(struct abi_view view, size_t index, struct abi_view *ret_words, struct err *err)
{
    struct abi_view body;
    uint64_t count;

    if (dynamic_at(view, index, &count, &body, err))
        return -1;
    if (count > body.len / ABI_WORD)
        return err_set(err, "ABI array of word %zu ends outside the data", index);
    ret_words->data = body.data;
    ret_words->len = count * ABI_WORD;
    return 0;
}
