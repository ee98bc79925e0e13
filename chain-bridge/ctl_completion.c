#include "chain-bridge/ctl_completion.h"

#include <string.h>

#include "chain-bridge/ctl_verbs.h"

struct config {
    bool json; /* never given: the script is for shells */
};

/* First words; then, for a family, second words. */
static void print_words(FILE *out, const char *family)
{
    const struct ctl_section *section;
    char last[32] = "";
    size_t len = family != NULL ? strlen(family) : 0;
    for (size_t s = 0; (section = ctl_section_at(s)) != NULL; s++) {
        for (size_t i = 0; i < section->count; i++) {
            const char *name = section->verbs[i]->name;
            char word[32];
            if (family != NULL && (strncmp(name, family, len) != 0 || name[len] != ' '))
                continue;
            name += family != NULL ? len + 1 : 0;
            snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, " "), name);
            if (strcmp(word, last) != 0)
                fprintf(out, "%s%s", *last != '\0' ? " " : "", word);
            memcpy(last, word, sizeof(last));
        }
    }
}

/* A line of the case for every first word that has second ones. */
static void print_families(FILE *out)
{
    const struct ctl_section *section;
    char last[32] = "";
    for (size_t s = 0; (section = ctl_section_at(s)) != NULL; s++) {
        for (size_t i = 0; i < section->count; i++) {
            const char *name = section->verbs[i]->name;
            const char *space = strchr(name, ' ');
            char word[32];
            if (space == NULL)
                continue;
            snprintf(word, sizeof(word), "%.*s", (int)(space - name), name);
            if (strcmp(word, last) == 0)
                continue;
            memcpy(last, word, sizeof(last));
            fprintf(out, "    %s) words='", word);
            print_words(out, word);
            fputs("' ;;\n", out);
        }
    }
}

static void print_options(FILE *out)
{
    const struct ctl_section *section;
    for (size_t s = 0; (section = ctl_section_at(s)) != NULL; s++) {
        for (size_t i = 0; i < section->count; i++) {
            const struct ctl_verb *verb = section->verbs[i];
            fprintf(out, "    '%s'%s) options='", verb->name, strchr(verb->name, ' ') ? "" : "*");
            for (size_t row = 0; row < verb->row_count; row++)
                fprintf(out, "--%s ", verb->rows[row].name);
            fputs("--config --dump-config --help' ;;\n", out);
        }
    }
}

/* Values of options, and whatever is not ours, are completed as file names. */
static void print_bash(FILE *out)
{
    fputs("# bash completion of amrctl, made by `amrctl completion bash`.\n"
          "_amrctl() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words='' options=''\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          out);
    print_words(out, NULL);
    fputs(" help --help --version' -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n"
          "    help) words='",
          out);
    print_words(out, NULL);
    fputs("' ;;\n", out);
    print_families(out);
    fputs("    completion) words='bash' ;;\n"
          "    esac\n"
          "    if [ \"$COMP_CWORD\" = 2 ] && [ -n \"$words\" ] && [ \"${word#-}\" = \"$word\" ]; "
          "then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case $word in -*) ;; *) return ;; esac\n"
          "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
          out);
    print_options(out);
    fputs("    esac\n"
          "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "}\n"
          "complete -o default -F _amrctl amrctl\n",
          out);
}

static int run(struct ctl *ctl, void *config, struct err *err)
{
    (void)config;
    if (ctl->argc != 1 || strcmp(ctl->argv[0], "bash") != 0) {
        err_set(err, "for which shell? bash is known: amrctl completion bash > "
                     "/etc/bash_completion.d/amrctl");
        return CTL_USAGE;
    }
    print_bash(ctl->out);
    return CTL_DONE;
}

const struct ctl_verb ctl_completion = {
    .name = "completion",
    .usage = "bash",
    .summary = "print the shell's completion of amrctl's verbs and options",
    .config_size = sizeof(struct config),
    .run = run,
};
