#include "meter-client/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void memory_begin(void)
{
    /* The thresholds stay as they are. At the end Paho 1.3.12 frees its trace buffer (125 kB) a
     * moment before its receiving thread writes its last line there: that has to be memory still.
     */
    mallopt(M_ARENA_MAX, 1);
}

/** Code relocated in place (an old kind of library) is no longer what the file has. */
static int has_text_relocations(const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Dyn) * entry;

        if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
            continue;
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells addresses as numbers */
        entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL ||
                (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL))
                return 1;
        }
    }
    return 0;
}

/** Segments that were never writable are as the file is: dropping their pages loses nothing. */
static int drop_clean_pages(struct dl_phdr_info *info, size_t size, void *cookie)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)cookie;
    if (info->dlpi_name && strstr(info->dlpi_name, "vdso"))
        return 0;
    if (has_text_relocations(info))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        uintptr_t end = (start + segment->p_memsz) & ~(page - 1); /* its last page may be shared */

        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
            continue;
        start &= ~(page - 1);
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): likewise */
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void memory_trim(void)
{
    malloc_trim(0);
    dl_iterate_phdr(drop_clean_pages, NULL);
}
