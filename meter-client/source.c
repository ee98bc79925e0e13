#include "meter-client/source.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "meter-client/source_iec.h"
#include "meter-client/source_kind.h"
#include "meter-client/source_p1.h"
#include "meter-client/source_s0.h"
#include "meter-client/source_sim.h"

struct source {
    const struct source_kind *kind;
    void *self;
};

static const struct source_kind *(*const KINDS[])(void) = {source_sim_kind, source_p1_kind,
                                                           source_iec_kind, source_s0_kind};

int source_open(struct source **ret_source, const struct source_config *config, struct err *err)
{
    size_t len = strcspn(config->spec, ":");
    const char *address = config->spec[len] ? config->spec + len + 1 : NULL;

    for (size_t i = 0; i < AMR_COUNT(KINDS); i++) {
        const struct source_kind *kind = KINDS[i]();
        void *self;

        if (strlen(kind->scheme) != len || strncmp(kind->scheme, config->spec, len) != 0)
            continue;
        self = kind->open(address, config, err);
        if (!self)
            return err_wrap(err, "source '%s'", config->spec);
        *ret_source = xcalloc(1, sizeof(**ret_source));
        (*ret_source)->kind = kind;
        (*ret_source)->self = self;
        return 0;
    }
    return err_set(err, "source '%s': want sim or p1:, iec: or s0:ADDRESS", config->spec);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    source->kind->close(source->self);
    free(source);
}

const char *source_scheme(const struct source *source)
{
    return source->kind->scheme;
}

int source_fd(const struct source *source)
{
    return source->kind->fd(source->self);
}

short source_events(const struct source *source)
{
    return source->kind->events(source->self);
}

uint64_t source_due_ms(const struct source *source)
{
    return source->kind->due_ms(source->self);
}

int source_read(struct source *source, struct measurement *ret_measurement, struct err *err)
{
    return source->kind->read(source->self, ret_measurement, err);
}

struct source_counters source_counters(const struct source *source)
{
    return source->kind->counters(source->self);
}
