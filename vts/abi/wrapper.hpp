/* What the checks need of the kernel's headers and of the mapper's, in a form that bindgen evaluates: macros become constants. In C++,
   as the platform's header of the mapper is. */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/fcntl.h> /* O_CLOEXEC, which dma-heap.h uses */
#include <linux/magic.h>
#include <linux/udmabuf.h>
#include <stddef.h>

#include <android/hardware/graphics/mapper/IMapper.h>

#define NUMBER(name) static const long long value_##name = name;
#define TYPE(type) \
    static const unsigned long long size_##type = sizeof(type); \
    static const unsigned long long align_##type = alignof(type);
#define FIELD(type, field) \
    static const unsigned long long offset_##type##_##field = offsetof(type, field); \
    static const unsigned long long size_##type##_##field = sizeof(((type *)0)->field);

/* The kernel's. */
NUMBER(DMA_HEAP_IOCTL_ALLOC)
NUMBER(DMA_HEAP_VALID_FD_FLAGS)
NUMBER(DMA_HEAP_VALID_HEAP_FLAGS)
TYPE(dma_heap_allocation_data)
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
TYPE(dma_buf_sync)
FIELD(dma_buf_sync, flags)

NUMBER(UDMABUF_CREATE)
NUMBER(UDMABUF_FLAGS_CLOEXEC)
TYPE(udmabuf_create)
FIELD(udmabuf_create, memfd)
FIELD(udmabuf_create, flags)
FIELD(udmabuf_create, offset)
FIELD(udmabuf_create, size)

/* The mapper's. */
NUMBER(AIMAPPER_VERSION_5)
NUMBER(AIMAPPER_ERROR_NONE)
NUMBER(AIMAPPER_ERROR_BAD_BUFFER)
NUMBER(AIMAPPER_ERROR_BAD_VALUE)
NUMBER(AIMAPPER_ERROR_NO_RESOURCES)
NUMBER(AIMAPPER_ERROR_UNSUPPORTED)

TYPE(native_handle_t)
FIELD(native_handle_t, version)
FIELD(native_handle_t, numFds)
FIELD(native_handle_t, numInts)
FIELD(native_handle_t, data)

TYPE(ARect)
FIELD(ARect, left)
FIELD(ARect, top)
FIELD(ARect, right)
FIELD(ARect, bottom)

TYPE(AIMapper_MetadataType)
FIELD(AIMapper_MetadataType, name)
FIELD(AIMapper_MetadataType, value)

TYPE(AIMapper_MetadataTypeDescription)
FIELD(AIMapper_MetadataTypeDescription, metadataType)
FIELD(AIMapper_MetadataTypeDescription, description)
FIELD(AIMapper_MetadataTypeDescription, isGettable)
FIELD(AIMapper_MetadataTypeDescription, isSettable)
FIELD(AIMapper_MetadataTypeDescription, reserved)

TYPE(AIMapperV5)
FIELD(AIMapperV5, importBuffer)
FIELD(AIMapperV5, freeBuffer)
FIELD(AIMapperV5, getTransportSize)
FIELD(AIMapperV5, lock)
FIELD(AIMapperV5, unlock)
FIELD(AIMapperV5, flushLockedBuffer)
FIELD(AIMapperV5, rereadLockedBuffer)
FIELD(AIMapperV5, getMetadata)
FIELD(AIMapperV5, getStandardMetadata)
FIELD(AIMapperV5, setMetadata)
FIELD(AIMapperV5, setStandardMetadata)
FIELD(AIMapperV5, listSupportedMetadataTypes)
FIELD(AIMapperV5, dumpBuffer)
FIELD(AIMapperV5, dumpAllBuffers)
FIELD(AIMapperV5, getReservedRegion)

TYPE(AIMapper)
FIELD(AIMapper, version)
FIELD(AIMapper, v5)
