#include "chain-bridge/ctl_target.h"

#include <inttypes.h>
#include <string.h>

#include "chain-bridge/ctl_bundle.h"
#include "chain-bridge/ctl_store.h"
#include "chain-bridge/store_report.h"
#include "common/json.h"
#include "common/topic.h"

#define SERIAL_PREFIX "serial:"
/* Retained births come right after the subscription. */
#define BIRTHS_MS 3000

static bool is_id(const char *text)
{
    return strspn(text, "0123456789/") == strlen(text);
}

static int ask_store(struct ctl_target *target, bool *ret_found, const char *path, struct err *err)
{
    struct store *store = NULL;
    struct meter_row row = {.serial = ""};
    if (ctl_store_open(&store, path, err) != 0)
        return -1;
    int result = 0;
    if (target->serial[0] != '\0')
        result = store_meter_of_serial(store, &target->meter, ret_found, target->serial, err);
    else if ((result = store_meter_get(store, &row, target->meter, err)) == 0)
        memcpy(target->serial, row.serial, sizeof(target->serial));
    store_close(store);
    return result;
}

/* A birth of this serial tells the meter's id. */
static bool is_birth(struct ctl_target *target, const struct ctl_feed_item *item)
{
    struct topic topic;
    if (item->kind != CTL_FEED_MESSAGE || topic_parse(&topic, item->topic) != 0 ||
        topic.kind != TOPIC_BIRTH || strcmp(topic.serial, target->serial) != 0)
        return false;
    json_t *birth = json_parse(item->payload, item->len, NULL);
    struct json_reader reader;
    json_reader_init(&reader, birth, NULL);
    uint64_t meter = json_take_uint(&reader, "meter", 65536, UINT32_MAX);
    bool good = birth != NULL && !reader.failed;
    json_decref(birth);
    if (good)
        target->meter = (uint32_t)meter;
    return good;
}

static int ask_broker(struct ctl_target *target, bool *ret_found, const struct ctl *ctl,
                      const struct ctl_feed_config *config, struct err *err)
{
    struct ctl_feed *feed = ctl_feed_open(config, err);
    uint64_t end_ms = clock_mono_ms(ctl->clock) + BIRTHS_MS;
    if (feed == NULL)
        return -1;
    while (!*ret_found && clock_mono_ms(ctl->clock) < end_ms) {
        struct ctl_feed_item item;
        if (!ctl_feed_take(feed, &item, 100))
            continue;
        *ret_found = is_birth(target, &item);
        ctl_feed_item_clear(&item);
    }
    ctl_feed_close(feed);
    return 0;
}

static int find_serial(struct ctl_target *target, const struct ctl *ctl,
                       const struct ctl_target_config *config, const struct ctl_feed_config *feed,
                       struct err *err)
{
    char contract[ETH_ADDRESS_TEXT];
    bool found = false;
    bool listens = feed != NULL && feed->servers != NULL;
    eth_address_text(contract, &ctl->contract);
    if (config->store != NULL && ask_store(target, &found, config->store, err) != 0)
        return CTL_FAILED;
    if (!found && config->meters != NULL &&
        ctl_bundle_meter(&target->meter, &found, config->meters, target->serial, contract, err) !=
            0)
        return CTL_FAILED;
    if (!found && listens && ask_broker(target, &found, ctl, feed, err) != 0)
        return CTL_FAILED;
    if (found)
        return CTL_DONE;
    if (config->store == NULL && config->meters == NULL && !listens)
        err_set(err,
                "the chain knows no serials: give the meter's id, or --store, --meters or "
                "--servers, where '%s' can be looked up",
                target->serial);
    else
        err_set(err, "nobody knows a meter with serial '%s': amrctl meters lists the ids",
                target->serial);
    return CTL_FAILED;
}

int ctl_target_find(struct ctl_target *ret_target, const struct ctl *ctl,
                    const struct ctl_target_config *config, const struct ctl_feed_config *feed,
                    const char *text, struct err *err)
{
    struct ctl_target target = {.serial = ""};
    bool ignored = false;
    if (is_id(text)) {
        if (ctl_meter_parse(&target.meter, text, err) != 0)
            return CTL_USAGE;
        if (config->store != NULL && ask_store(&target, &ignored, config->store, err) != 0)
            return CTL_FAILED;
        *ret_target = target;
        return CTL_DONE;
    }
    if (strncmp(text, SERIAL_PREFIX, strlen(SERIAL_PREFIX)) == 0)
        text += strlen(SERIAL_PREFIX);
    if (!serial_valid(text)) {
        err_set(err, "'%.40s' is neither a meter's id (65537 or 1/1) nor a serial", text);
        return CTL_USAGE;
    }
    memcpy(target.serial, text, strlen(text) + 1);
    int code = find_serial(&target, ctl, config, feed, err);
    if (code == CTL_DONE)
        *ret_target = target;
    return code;
}
