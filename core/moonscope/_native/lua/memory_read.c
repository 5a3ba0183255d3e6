#include "cache/moonscope.h"

#include "lua/memory_read.h"

#ifdef __APPLE__
#include <mach/mach.h>
#include <mach/mach_vm.h>

bool memory_read(const void *from, void *to, size_t size)
{
    mach_vm_size_t got = 0;
    return mach_vm_read_overwrite(mach_task_self(), (mach_vm_address_t)from, size, (mach_vm_address_t)to, &got) ==
               KERN_SUCCESS &&
           got == size;
}
#else
#include <sys/uio.h>
#include <unistd.h>

bool memory_read(const void *from, void *to, size_t size)
{
    struct iovec remote = {(void *)from, size}, local = {to, size};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size;
}
#endif
