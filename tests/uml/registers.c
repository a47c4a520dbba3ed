/* Loaded before User-Mode Linux (LD_PRELOAD), whose kernel keeps 4 KB of registers for each of its programs: on processors
 * that have more of them (AMX: 11 KB) Linux refuses to take back what is shorter than all. What it keeps is filled up with
 * the first state of the rest here, which no program of the guest can have changed: that needs a permission of Linux. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { STATES_AT = 512 };                         /* in the XSAVE area: which components are not in their first state */
static const uint64_t KEPT = (1 << 17) - 1;       /* all that come before the tiles of AMX (17 and 18) */
static _Alignas(64) unsigned char whole[1 << 16]; /* the guest's kernel is one thread */

long ptrace(enum __ptrace_request request, ...)
{
    static long (*next)(enum __ptrace_request, pid_t, void *, void *);
    static size_t size; /* of the XSAVE area, in bytes */
    if (!next)
        next = (long (*)(enum __ptrace_request, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
    va_list words;
    va_start(words, request);
    pid_t pid = va_arg(words, pid_t);
    void *address = va_arg(words, void *);
    void *data = va_arg(words, void *);
    va_end(words);

    struct iovec *given = data, all = { whole, sizeof whole };
    if (request != PTRACE_SETREGSET || (uintptr_t)address != NT_X86_XSTATE)
        return next(request, pid, address, data);
    if (!size && next(PTRACE_GETREGSET, pid, address, &all) == 0)
        size = all.iov_len;
    if (given->iov_len >= size || given->iov_len < STATES_AT + sizeof KEPT)
        return next(request, pid, address, data);
    memset(whole, 0, size);
    memcpy(whole, given->iov_base, given->iov_len);
    uint64_t states;
    memcpy(&states, whole + STATES_AT, sizeof states);
    states &= KEPT;
    memcpy(whole + STATES_AT, &states, sizeof states);
    all.iov_len = size;
    return next(request, pid, address, &all);
}
