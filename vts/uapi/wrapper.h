/* What the checks need of the system's headers, in a form that bindgen evaluates: macros become constants. */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/fcntl.h> /* O_CLOEXEC, which dma-heap.h uses */
#include <linux/magic.h>
#include <linux/udmabuf.h>
#include <stddef.h>

#define NUMBER(name) static const unsigned long long value_##name = name;
#define SIZE(type) static const unsigned long long size_##type = sizeof(struct type);
#define FIELD(type, field) \
    static const unsigned long long offset_##type##_##field = offsetof(struct type, field); \
    static const unsigned long long size_##type##_##field = sizeof(((struct type *)0)->field);

NUMBER(DMA_HEAP_IOCTL_ALLOC)
NUMBER(DMA_HEAP_VALID_FD_FLAGS)
NUMBER(DMA_HEAP_VALID_HEAP_FLAGS)
SIZE(dma_heap_allocation_data)
FIELD(dma_heap_allocation_data, len)
FIELD(dma_heap_allocation_data, fd)
FIELD(dma_heap_allocation_data, fd_flags)
FIELD(dma_heap_allocation_data, heap_flags)

NUMBER(DMA_BUF_IOCTL_SYNC)
NUMBER(DMA_BUF_SET_NAME)
NUMBER(DMA_BUF_SET_NAME_B)
NUMBER(DMA_BUF_NAME_LEN)
NUMBER(DMA_BUF_SYNC_READ)
NUMBER(DMA_BUF_SYNC_WRITE)
NUMBER(DMA_BUF_SYNC_RW)
NUMBER(DMA_BUF_SYNC_START)
NUMBER(DMA_BUF_SYNC_END)
NUMBER(DMA_BUF_MAGIC)
SIZE(dma_buf_sync)
FIELD(dma_buf_sync, flags)

NUMBER(UDMABUF_CREATE)
NUMBER(UDMABUF_FLAGS_CLOEXEC)
SIZE(udmabuf_create)
FIELD(udmabuf_create, memfd)
FIELD(udmabuf_create, flags)
FIELD(udmabuf_create, offset)
FIELD(udmabuf_create, size)
