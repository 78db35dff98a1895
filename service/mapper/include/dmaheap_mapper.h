/*
 * The stable-C interface of mapper.dmaheap.so, IMapper version 5, in C.
 *
 * Written for this project from the platform's contract (AOSP hardware/interfaces, graphics/mapper/stable-c, IMapper.h;
 * system/core, cutils/native_handle.h; frameworks/native, android/rect.h; main of March 2025), which also says what each
 * function owes. Clients in an Android tree include the platform's own header; this one is for programs outside of it and
 * for the checks that hold the library's types against C.
 */
#ifndef DMAHEAP_MAPPER_H
#define DMAHEAP_MAPPER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A handle: numFds file descriptors, then numInts ints, in data. version is the size of the head, 12. */
typedef struct native_handle {
    int version;
    int numFds;
    int numInts;
    int data[0];
} native_handle_t;

typedef const native_handle_t *buffer_handle_t;

/* Pixels; right and bottom are exclusive. */
typedef struct ARect {
    int32_t left;
    int32_t top;
    int32_t right;
    int32_t bottom;
} ARect;

typedef uint32_t AIMapper_Version;
#define AIMAPPER_VERSION_5 5

typedef int32_t AIMapper_Error;
#define AIMAPPER_ERROR_NONE 0
#define AIMAPPER_ERROR_BAD_DESCRIPTOR 1
#define AIMAPPER_ERROR_BAD_BUFFER 2
#define AIMAPPER_ERROR_BAD_VALUE 3
#define AIMAPPER_ERROR_NO_RESOURCES 5
#define AIMAPPER_ERROR_UNSUPPORTED 7

/* A type of metadata: whose number, and the number. */
typedef struct AIMapper_MetadataType {
    const char *name;
    int64_t value;
} AIMapper_MetadataType;

typedef struct AIMapper_MetadataTypeDescription {
    AIMapper_MetadataType metadataType;
    const char *description; /* null for standard types */
    bool isGettable;
    bool isSettable;
    uint8_t reserved[32]; /* zero */
} AIMapper_MetadataTypeDescription;

/* Takes one type's value, which lives until it returns. */
typedef void (*AIMapper_DumpBufferCallback)(void *context, AIMapper_MetadataType metadataType, const void *value,
                                            size_t valueSize);

/* Says that another buffer's values follow. */
typedef void (*AIMapper_BeginDumpBufferCallback)(void *context);

typedef struct AIMapperV5 {
    AIMapper_Error (*importBuffer)(const native_handle_t *handle, buffer_handle_t *outBufferHandle);
    AIMapper_Error (*freeBuffer)(buffer_handle_t buffer);
    AIMapper_Error (*getTransportSize)(buffer_handle_t buffer, uint32_t *outNumFds, uint32_t *outNumInts);
    AIMapper_Error (*lock)(buffer_handle_t buffer, uint64_t cpuUsage, ARect accessRegion, int acquireFence,
                           void **outData);
    AIMapper_Error (*unlock)(buffer_handle_t buffer, int *releaseFence);
    AIMapper_Error (*flushLockedBuffer)(buffer_handle_t buffer);
    AIMapper_Error (*rereadLockedBuffer)(buffer_handle_t buffer);
    int32_t (*getMetadata)(buffer_handle_t buffer, AIMapper_MetadataType metadataType, void *destBuffer,
                           size_t destBufferSize);
    int32_t (*getStandardMetadata)(buffer_handle_t buffer, int64_t standardMetadataType, void *destBuffer,
                                   size_t destBufferSize);
    AIMapper_Error (*setMetadata)(buffer_handle_t buffer, AIMapper_MetadataType metadataType, const void *metadata,
                                  size_t metadataSize);
    AIMapper_Error (*setStandardMetadata)(buffer_handle_t buffer, int64_t standardMetadataType, const void *metadata,
                                          size_t metadataSize);
    AIMapper_Error (*listSupportedMetadataTypes)(const AIMapper_MetadataTypeDescription **outDescriptionList,
                                                 size_t *outNumberOfDescriptions);
    AIMapper_Error (*dumpBuffer)(buffer_handle_t buffer, AIMapper_DumpBufferCallback dumpBufferCallback,
                                 void *context);
    AIMapper_Error (*dumpAllBuffers)(AIMapper_BeginDumpBufferCallback beginDumpCallback,
                                     AIMapper_DumpBufferCallback dumpBufferCallback, void *context);
    AIMapper_Error (*getReservedRegion)(buffer_handle_t buffer, void **outReservedRegion, uint64_t *outReservedSize);
} AIMapperV5;

typedef struct AIMapper {
    alignas(max_align_t) AIMapper_Version version;
    AIMapperV5 v5;
} AIMapper;

/* Hands out the interface, the same one every time. */
AIMapper_Error AIMapper_loadIMapper(AIMapper **outImplementation);

/* Both AIMAPPER_VERSION_5. */
extern const uint32_t ANDROID_HAL_MAPPER_VERSION;
extern const uint32_t ANDROID_HAL_STABLEC_VERSION;

#ifdef __cplusplus
}
#endif

#endif /* DMAHEAP_MAPPER_H */
