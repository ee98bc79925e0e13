#include "broker-plugin/members.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"

struct members {
    char *path;
    uint16_t group;
    bool ready;
    bool dirty; /* the file changed and was not taken over yet */
    struct registry *registry;
    dev_t device; /* of the open file: a replaced one has others */
    ino_t inode;
    struct registry_head head;
    struct eip712 domain;
    struct hash by_meter;
    struct hash by_signer;
    uint32_t round;
    bool changed;
};

struct members *members_new(const char *path, uint16_t group)
{
    struct members *members = xcalloc(1, sizeof *members);
    members->path = xstrdup(path);
    members->group = group;
    return members;
}

void members_free(struct members *members)
{
    if (!members)
        return;
    struct hash_node *next;
    for (struct hash_node *n = hash_next(&members->by_meter, NULL); n; n = next) {
        struct member *member = HASH_ENTRY(n, struct member, by_meter);
        next = hash_next(&members->by_meter, n);
        free(member->history);
        free(member);
    }
    hash_free(&members->by_meter);
    hash_free(&members->by_signer);
    registry_close(members->registry);
    free(members->path);
    free(members);
}

static uint64_t signer_key(const struct eth_address *signer)
{
    return hash_bytes(signer->b, sizeof signer->b);
}

static struct member *member_add(struct members *members, const struct registry_meter *row)
{
    struct member *member = xcalloc(1, sizeof *member);
    member->meter = row->meter;
    member->signer = row->signer;
    hash_add(&members->by_meter, &member->by_meter, hash_bytes(&row->meter, sizeof row->meter));
    hash_add(&members->by_signer, &member->by_signer, signer_key(&row->signer));
    return member;
}

/* Another key is another device: what the old one reported no longer judges it. */
static void member_rotate(struct members *members, struct member *member,
                          const struct eth_address *signer)
{
    hash_remove(&members->by_signer, &member->by_signer);
    member->signer = *signer;
    hash_add(&members->by_signer, &member->by_signer, signer_key(signer));
    free(member->history);
    member->history = NULL;
}

static void on_meter(void *cookie, const struct registry_meter *row)
{
    struct members *members = cookie;
    if (meter_group(row->meter) != members->group)
        return;
    struct member *member = members_by_meter(members, row->meter);
    if (!member)
        member = member_add(members, row);
    if (!eth_address_equal(&member->signer, &row->signer)) {
        member_rotate(members, member, &row->signer);
        members->changed = true;
    }
    if (member->status != row->status)
        members->changed = true;
    member->status = row->status;
    member->round = members->round;
}

/* After a full load: whoever was not in the file is no member any more. */
static void forget_the_rest(struct members *members)
{
    for (struct hash_node *n = hash_next(&members->by_meter, NULL); n;
         n = hash_next(&members->by_meter, n)) {
        struct member *member = HASH_ENTRY(n, struct member, by_meter);
        if (member->round == members->round || member->status == METER_UNKNOWN)
            continue;
        member->status = METER_UNKNOWN;
        members->changed = true;
    }
}

static bool head_follows(const struct members *members, const struct registry_head *head)
{
    return members->ready && head->chain_id == members->head.chain_id &&
           eth_address_equal(&head->contract, &members->head.contract) &&
           head->revision >= members->head.revision;
}

static int take_over(struct members *members, bool whole, struct err *err)
{
    struct registry_head head;
    if (registry_head(members->registry, &head, err) < 0)
        return -1;
    whole = whole || !head_follows(members, &head);
    if (whole)
        members->round++;
    uint64_t since = whole ? 0 : members->head.revision;
    if (registry_each(members->registry, since, on_meter, members, err) < 0)
        return -1;
    if (whole) {
        forget_the_rest(members);
        eip712_init(&members->domain, head.chain_id, &head.contract);
    }
    members->head = head;
    members->ready = true;
    return 0;
}

/* Opens the file, again where another stands in its place; ret_fresh tells that it did. */
static int follow_file(struct members *members, bool *ret_fresh, struct err *err)
{
    struct stat st;
    if (stat(members->path, &st) < 0)
        return err_errno(err, "open the registry %s", members->path);
    *ret_fresh = !members->registry || st.st_dev != members->device || st.st_ino != members->inode;
    if (!*ret_fresh)
        return 0;
    registry_close(members->registry);
    members->registry = NULL;
    if (registry_open_reader(&members->registry, members->path, err) < 0)
        return err_wrap(err, "open the registry");
    members->device = st.st_dev;
    members->inode = st.st_ino;
    return 0;
}

static int refresh(struct members *members, struct err *err)
{
    bool fresh = false;
    bool changed = false;
    if (follow_file(members, &fresh, err) < 0)
        return -1;
    if (registry_changed(members->registry, &changed, err) < 0)
        return err_wrap(err, "look at the registry");
    members->dirty = members->dirty || changed || fresh;
    if (!members->dirty)
        return 0;
    if (take_over(members, fresh, err) < 0)
        return err_wrap(err, "read the registry");
    members->dirty = false;
    return 0;
}

int members_refresh(struct members *members, bool *ret_changed, struct err *err)
{
    members->changed = false;
    int result = refresh(members, err);
    if (result < 0) {
        /* Starts over with a new handle: the old one may stand on a broken page. */
        registry_close(members->registry);
        members->registry = NULL;
    }
    *ret_changed = members->changed;
    return result;
}

bool members_ready(const struct members *members)
{
    return members->ready;
}

size_t members_count(const struct members *members)
{
    return members->by_meter.count;
}

const struct registry_head *members_head(const struct members *members)
{
    return &members->head;
}

const struct eip712 *members_domain(const struct members *members)
{
    return &members->domain;
}

struct member *members_by_signer(const struct members *members, const struct eth_address *signer)
{
    struct member *found = NULL;
    for (struct hash_node *n = hash_find(&members->by_signer, signer_key(signer)); n;
         n = hash_find_next(n)) {
        struct member *member = HASH_ENTRY(n, struct member, by_signer);
        if (eth_address_equal(&member->signer, signer) && (!found || found->status != METER_ACTIVE))
            found = member;
    }
    return found;
}

struct member *members_by_meter(const struct members *members, uint32_t meter)
{
    for (struct hash_node *n = hash_find(&members->by_meter, hash_bytes(&meter, sizeof meter)); n;
         n = hash_find_next(n))
        if (HASH_ENTRY(n, struct member, by_meter)->meter == meter)
            return HASH_ENTRY(n, struct member, by_meter);
    return NULL;
}

struct history *member_history(struct member *member)
{
    if (!member->history)
        member->history = xcalloc(1, sizeof *member->history);
    return member->history;
}
