/* Prints where a C compiler puts everything of the header: a line each, a name and a number. */
#include "dmaheap_mapper.h"
#include <stdio.h>

#define SIZE(type) printf("size " #type " %zu\n", sizeof(type))
#define ALIGN(type) printf("align " #type " %zu\n", alignof(type))
#define OFFSET(type, field) printf("offset " #type "." #field " %zu\n", offsetof(type, field))
#define CALLBACK(field) OFFSET(AIMapperV5, field)

int main(void) {
    SIZE(native_handle_t);
    ALIGN(native_handle_t);
    OFFSET(native_handle_t, version);
    OFFSET(native_handle_t, numFds);
    OFFSET(native_handle_t, numInts);
    OFFSET(native_handle_t, data);
    SIZE(ARect);
    OFFSET(ARect, left);
    OFFSET(ARect, top);
    OFFSET(ARect, right);
    OFFSET(ARect, bottom);
    SIZE(AIMapper_MetadataType);
    OFFSET(AIMapper_MetadataType, name);
    OFFSET(AIMapper_MetadataType, value);
    SIZE(AIMapper_MetadataTypeDescription);
    OFFSET(AIMapper_MetadataTypeDescription, metadataType);
    OFFSET(AIMapper_MetadataTypeDescription, description);
    OFFSET(AIMapper_MetadataTypeDescription, isGettable);
    OFFSET(AIMapper_MetadataTypeDescription, isSettable);
    OFFSET(AIMapper_MetadataTypeDescription, reserved);
    SIZE(AIMapper);
    ALIGN(AIMapper);
    OFFSET(AIMapper, version);
    OFFSET(AIMapper, v5);
    SIZE(AIMapperV5);
    CALLBACK(importBuffer);
    CALLBACK(freeBuffer);
    CALLBACK(getTransportSize);
    CALLBACK(lock);
    CALLBACK(unlock);
    CALLBACK(flushLockedBuffer);
    CALLBACK(rereadLockedBuffer);
    CALLBACK(getMetadata);
    CALLBACK(getStandardMetadata);
    CALLBACK(setMetadata);
    CALLBACK(setStandardMetadata);
    CALLBACK(listSupportedMetadataTypes);
    CALLBACK(dumpBuffer);
    CALLBACK(dumpAllBuffers);
    CALLBACK(getReservedRegion);
    return 0;
}
